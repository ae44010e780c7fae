//! Judging what is wanted of a hook; everything wrong is told at once.

use api::{
    hooks::NAME_MAX_CHARS,
    problem::{FieldProblem, Problem, ProblemKind},
};
use domain::{
    hook::{
        EventPattern, HmacSettings, PATTERNS_MAX, REPLAY_WINDOWS_S, Scheme, SchemeName, check_secret, fresh_secret,
    },
    secret::Secret,
};
use runtime::{entropy, http::Answer};

/// The fields at fault so far.
#[derive(Default)]
pub(crate) struct Faults(Vec<FieldProblem>);

impl Faults {
    pub(crate) fn add(&mut self, field: &str, code: &str, message: impl Into<String>) {
        self.0.push(FieldProblem { field: field.into(), code: code.into(), message: message.into() });
    }

    pub(crate) fn check_name(&mut self, name: &str) {
        let length = name.trim().chars().count();
        if length == 0 || length > NAME_MAX_CHARS || name.chars().any(char::is_control) {
            self.add("name", "invalid", format!("must be one line of 1 to {NAME_MAX_CHARS} characters"));
        }
    }

    pub(crate) fn check_window(&mut self, seconds: u32) {
        if !REPLAY_WINDOWS_S.contains(&seconds) {
            let (least, most) = (REPLAY_WINDOWS_S.start(), REPLAY_WINDOWS_S.end());
            self.add("replay_window_s", "out_of_range", format!("must be {least} to {most} seconds"));
        }
    }

    pub(crate) fn check_events(&mut self, events: &[EventPattern]) {
        if events.len() > PATTERNS_MAX {
            self.add("events", "out_of_range", format!("may hold at most {PATTERNS_MAX} names"));
        }
    }

    /// 422 with everything found, if anything was.
    pub(crate) fn finish(self) -> Answer<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0).into()) }
    }
}

/// The scheme with its settings, which must be its own.
pub(crate) fn scheme(
    faults: &mut Faults,
    name: SchemeName,
    hmac: Option<HmacSettings>,
    public_url: Option<String>,
) -> Option<Scheme> {
    if hmac.is_some() && name != SchemeName::Hmac {
        faults.add("hmac", "unknown", format!("belongs to the scheme `hmac`; {} needs no settings", name.title()));
    }
    if public_url.is_some() && name != SchemeName::Twilio {
        faults.add("public_url", "unknown", "belongs to the scheme `twilio` only");
    }
    let scheme = match name {
        SchemeName::Hmac => {
            let Some(settings) = hmac else {
                faults.add("hmac", "required", "must be given: at least `{\"header\": \"X-Signature\"}`");
                return None;
            };
            Scheme::Hmac(settings)
        }
        SchemeName::StandardWebhooks => Scheme::StandardWebhooks,
        SchemeName::Slack => Scheme::Slack,
        SchemeName::Github => Scheme::Github,
        SchemeName::Stripe => Scheme::Stripe,
        SchemeName::Shopify => Scheme::Shopify,
        SchemeName::Twilio => Scheme::Twilio { public_url: public_url.filter(|url| !url.is_empty()) },
        SchemeName::Sendgrid => Scheme::Sendgrid,
        SchemeName::Graph => Scheme::Graph,
        SchemeName::Greenhouse => Scheme::Greenhouse,
        SchemeName::Bamboohr => Scheme::Bamboohr,
        SchemeName::Checkr => Scheme::Checkr,
        SchemeName::Jira => Scheme::Jira,
    };
    for (field, message) in scheme.faults() {
        faults.add(field, "invalid", message);
    }
    Some(scheme)
}

/// The secret to be stored, and whether it was made here and is to be shown.
pub(crate) struct Chosen {
    pub(crate) secret: Secret,
    pub(crate) made: bool,
}

/// The secret that was given, or a fresh one where that is ours to make.
pub(crate) fn secret(faults: &mut Faults, scheme: SchemeName, given: Option<String>) -> Answer<Option<Chosen>> {
    match given {
        Some(given) => {
            let given = Secret::new(given);
            match check_secret(scheme, given.expose()) {
                Ok(()) => Ok(Some(Chosen { secret: given, made: false })),
                Err(message) => {
                    faults.add("secret", "invalid", message);
                    Ok(None)
                }
            }
        }
        None if scheme.secret_is_ours() => {
            let random = entropy::bytes::<32>().map_err(|error| {
                tracing::error!(%error, "no secret could be made");
                Problem::new(ProblemKind::Internal, "No secret could be made. Try again.")
            })?;
            Ok(Some(Chosen { secret: fresh_secret(scheme, &random), made: true }))
        }
        None => {
            let message = format!("must be given: {} makes it and shows it", scheme.title());
            faults.add("secret", "required", message);
            Ok(None)
        }
    }
}
