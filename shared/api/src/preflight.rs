//! Is this campaign allowed to go?

use crate::campaigns::{RecipientBody, SimulationBody, TemplateUse};
use domain::{
    channel::Channel,
    ids::{CampaignId, IntegrationId},
    message::Message,
    preflight::{Check, CheckStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A question whether a campaign may go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreflightRequest {
    /// The caller's name for the campaign.
    #[schema(value_type = String, example = "spring-2026")]
    pub campaign_id: CampaignId,
    /// The channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// The integration; the channel's preferred one when left out.
    #[schema(value_type = Option<String>)]
    pub integration_id: Option<IntegrationId>,
    /// A sample of the recipients, or all of them (at most 1,000).
    pub recipients: Vec<RecipientBody>,
    /// The message, unless a template is given.
    #[schema(value_type = Option<crate::campaigns::MessageBody>)]
    pub message: Option<Message>,
    /// The template, unless a message is given. With neither, the content is not checked.
    pub template: Option<TemplateUse>,
    /// The simulation, on the channel `m365`. Here it needs no `confirm`.
    pub simulation: Option<SimulationBody>,
    /// Whether the campaign will run in sandbox mode.
    #[serde(default)]
    pub sandbox: bool,
}

/// Whether it may go, and every check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreflightAnswer {
    /// Whether no check failed.
    pub ready: bool,
    /// The integration that would send.
    #[schema(value_type = Option<String>)]
    pub integration_id: Option<IntegrationId>,
    /// Every check, passed or not.
    pub checks: Vec<CheckView>,
}

/// One check with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// `settings`, `enabled`, `health`, `capability`, `recipients`, `quota`, `sandbox`, `template` or `suppression`.
    pub check: String,
    /// `pass`, `warn` or `fail`.
    #[schema(value_type = String)]
    pub status: CheckStatus,
    /// A stable code; `ok` when it passed.
    pub code: String,
    /// Why, in English; empty when it passed.
    pub reason: String,
    /// Why, in Arabic; empty when it passed.
    pub reason_ar: String,
    /// What to do, in English; empty when it passed.
    pub fix: String,
    /// What to do, in Arabic; empty when it passed.
    pub fix_ar: String,
    /// How old the evidence is, in seconds; `null` where the check rests on no stored test.
    pub evidence_age_s: Option<i64>,
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        Self {
            check: check.check.to_owned(),
            status: check.status,
            code: check.code,
            reason: check.reason,
            reason_ar: check.reason_ar,
            fix: check.fix,
            fix_ar: check.fix_ar,
            evidence_age_s: check.evidence_age_s,
        }
    }
}
