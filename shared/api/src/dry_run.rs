//! Trying out all that a phishing simulation needs, without any being scheduled.

use domain::failure::{Failure, explain};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most targets of a dry run: as many as a tenant has test users.
pub const DRY_RUN_TARGETS_MAX: usize = 20;

/// What to try out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunRequest {
    /// Addresses on the tenant's list of test users (`sandbox.m365` in the settings), 1 to 20.
    #[schema(example = json!(["sara@contoso.com"]))]
    pub recipients: Vec<String>,
    /// Also create a draft at the provider, look at it and delete it: only so it shows whether the app may create
    /// simulations.
    #[serde(default)]
    pub draft: bool,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRunAnswer {
    /// Whether every step passed.
    pub ready: bool,
    /// Every step, in order.
    pub steps: Vec<DryRunStep>,
}

/// One step of a dry run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRunStep {
    /// `recipients`, `token`, `simulations`, `payload`, `pages`, `draft_created`, `draft_read` or `draft_deleted`.
    pub step: String,
    /// `pass`, `fail`, or `skipped` after a failure.
    pub status: String,
    /// A stable code; `ok` unless it failed.
    pub code: String,
    /// What was found, or the provider's words.
    pub detail: String,
    /// Why it failed, in English.
    pub reason: String,
    /// Why it failed, in Arabic.
    pub reason_ar: String,
    /// What to do, in English.
    pub fix: String,
    /// What to do, in Arabic.
    pub fix_ar: String,
}

impl DryRunStep {
    /// A step with what came of it; `None` where an earlier failure kept it from being tried.
    #[must_use]
    pub fn new(step: &str, outcome: Option<Result<String, Failure>>) -> Self {
        let told = |status: &str, code: &str, detail: String| Self {
            step: step.to_owned(),
            status: status.to_owned(),
            code: code.to_owned(),
            detail,
            reason: String::new(),
            reason_ar: String::new(),
            fix: String::new(),
            fix_ar: String::new(),
        };
        match outcome {
            None => told("skipped", "ok", String::new()),
            Some(Ok(detail)) => told("pass", "ok", detail),
            Some(Err(failure)) => {
                let words = explain(failure.code);
                let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
                Self {
                    reason: text(words.map(|words| words.en)),
                    reason_ar: text(words.map(|words| words.ar)),
                    fix: text(words.map(|words| words.fix_en)),
                    fix_ar: text(words.map(|words| words.fix_ar)),
                    ..told("fail", failure.code, failure.detail)
                }
            }
        }
    }
}
