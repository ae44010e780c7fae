//! Settings as somebody wants them saved, judged by the provider before anything is done with them.

use crate::{
    endpoints::{Endpoints, Place},
    faults::Faults,
};
use api::{
    endpoints::{HEADER, HeaderValues, PREVIOUS_SECRET, SIGNING_SECRET},
    integrations::TestView,
    problem::{FieldProblem, Problem, ProblemKind},
};
use domain::{
    channel::Provider,
    health::{HealthStatus, TestReport},
    integration::Config,
    secret::{Secret, Secrets},
    webhook::{
        Signing,
        secret::{RANDOM_BYTES, SigningKey, generate},
    },
};
use guard::Guard;
use runtime::{entropy, http::Answer};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Settings and secrets that fit together.
pub(crate) struct Draft {
    pub(crate) config: Config,
    pub(crate) secrets: Secrets,
}

impl Draft {
    /// The settings as the provider normalises them. What is wrong goes to `faults`, and the answer is `None`.
    pub(crate) fn judged(self, guard: &Guard, faults: &mut Faults) -> Option<Self> {
        let present: BTreeSet<String> = self.secrets.keys().cloned().collect();
        let validated = providers::validate(Provider::Webhook, &self.config, &present);
        // Where the settings are wrong, what can be said about the secrets is said all the same.
        let config = validated.as_ref().unwrap_or(&self.config);
        let more = providers::validate_secrets(Provider::Webhook, config, &self.secrets, guard);
        let sound = more.is_empty();
        let config = validated.map_err(|errors| faults.extend(errors)).ok();
        faults.extend(more);
        config.filter(|_| sound).map(|config| Self { config, ..self })
    }

    /// What may be shown of each secret: of a private key, its public half.
    pub(crate) fn masks(&self) -> BTreeMap<String, String> {
        let mask = |secret: &Secret| {
            SigningKey::parse(secret.expose()).ok().and_then(|key| key.public_key()).unwrap_or_else(|| secret.mask())
        };
        let one = |(name, secret): (&String, &Secret)| {
            let signs = matches!(name.as_str(), SIGNING_SECRET | PREVIOUS_SECRET);
            (name.clone(), if signs { mask(secret) } else { secret.mask() })
        };
        self.secrets.iter().map(one).collect()
    }
}

/// Puts a setting where it belongs, or takes it out where it says nothing.
pub(crate) fn set(config: &mut Config, name: &str, value: Value) {
    let nothing = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if nothing {
        config.remove(name);
    } else {
        config.insert(name.to_owned(), value);
    }
}

/// Puts headers over those that are there. An empty value takes one away. Names mean the same in any case.
pub(crate) fn put_headers(secrets: &mut Secrets, headers: &HeaderValues) {
    let given = |known: &str| headers.keys().any(|name| name.eq_ignore_ascii_case(known));
    secrets.retain(|name, _| !name.strip_prefix(HEADER).is_some_and(given));
    let named = |(name, value): (&String, &String)| (format!("{HEADER}{name}"), Secret::new(value.clone()));
    secrets.extend(headers.iter().filter(|(_, value)| !value.is_empty()).map(named));
}

/// A signing secret, and whether it was made here and is to be shown.
pub(crate) struct Chosen {
    pub(crate) secret: Secret,
    made: bool,
}

impl Chosen {
    /// What is shown of it, once. A private key is nobody's to have: receivers need its public half.
    pub(crate) fn shown(&self, signing: Signing) -> Option<String> {
        (self.made && signing == Signing::Hmac).then(|| self.secret.expose().to_owned())
    }
}

/// The secret that was given, or a fresh one.
pub(crate) fn choose(signing: Signing, given: Option<String>) -> Answer<Chosen> {
    if let Some(given) = given {
        return Ok(Chosen { secret: Secret::new(given), made: false });
    }
    let random = entropy::bytes::<RANDOM_BYTES>().ok();
    let made = random.and_then(|random| generate(signing, &random)).ok_or_else(|| {
        tracing::error!("no secret could be made");
        Problem::new(ProblemKind::Internal, "No secret could be made. Try again.")
    })?;
    Ok(Chosen { secret: made, made: true })
}

/// Whether the caller wants the test: yes, unless it says `?test=false`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    test: Option<bool>,
}

/// Tests a draft if that is wished. A test that fails is 422: nothing may be saved then.
pub(crate) async fn passed<P: Place>(hub: &Endpoints<P>, draft: &Draft, wish: Wish) -> Answer<Option<TestReport>> {
    if !wish.test.unwrap_or(true) {
        return Ok(None);
    }
    let report = hub.connections.try_out(Provider::Webhook, &draft.config, &draft.secrets).await;
    if report.status == HealthStatus::Fail { Err(refusal(&report).into()) } else { Ok(Some(report)) }
}

fn refusal(report: &TestReport) -> Problem {
    let test = TestView::from(report);
    let message = match test.detail.as_str() {
        "" => format!("{} {}", test.reason, test.fix),
        words => format!("{} {} What it said: {words}", test.reason, test.fix),
    };
    let detail = format!("{} {} Nothing was saved.", test.reason, test.fix);
    let errors = vec![FieldProblem { field: "url".to_owned(), code: report.code.clone(), message }];
    let problem = Problem { errors, ..Problem::new(ProblemKind::ConnectionTestFailed, detail) };
    problem.with_test(serde_json::json!(test))
}
