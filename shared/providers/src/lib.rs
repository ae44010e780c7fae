//! The providers: for each, its settings, its read-only test, its send, and what its answers mean.
//!
//! One folder per provider with the same rooms: `settings` (typed, with schema and checks), `recipe` (the test),
//! `send`, and `classify` (the only place that turns the provider's answers into a [`Failure`]). The functions here
//! dispatch by [`Provider`]. Nothing in this crate knows the AWS that we run on, the store, or when to retry.
//!
//! To add a provider: a folder with the four rooms, a variant in `domain::channel::Provider`, and the arms that the
//! compiler then asks for in this file and in [`connection`].

mod catalog;
mod connection;
mod endpoints;
mod entra;
mod events;
mod exchange;
mod fields;
mod m365;
mod mail;
pub mod oidc;
mod postmark;
mod sendgrid;
mod ses;
mod slack;
mod smtp;
mod teams;
mod webhook;

pub use catalog::{CatalogEntry, LimitDefaults, SecretField};
pub use connection::{Carry, Connect, Connection, Email, Found};
pub use endpoints::Endpoints;
pub use entra::{Challenge, Entra, Redeem, SignedIn};
pub use events::{Posted, Refused, Report, Reports, events_need_secrets, posts_events, read_events};
pub use fields::FieldError;
pub use m365::{DryRun, Launch, Launched, M365, Step, TargetReport, Tracked};
pub use ses::event as ses_event;
pub use slack::Slack;
pub use teams::Teams;
pub use webhook::{POST_TIMEOUT, Post, Reply, Webhook};

use domain::{
    channel::Provider,
    ids::{CampaignId, DeliveryId, IntegrationId, TenantId},
    integration::Config,
    rate::Limits,
    secret::Secrets,
    template::{Locale, Rendered},
};
use guard::Guard;
use std::collections::BTreeSet;

/// Validates and normalises settings: defaults are filled in, texts trimmed, unknown fields refused. All errors are
/// reported at once. `secrets_present` names the secret fields that are set or being set.
pub fn validate(
    provider: Provider,
    config: &Config,
    secrets_present: &BTreeSet<String>,
) -> Result<Config, Vec<FieldError>> {
    match provider {
        Provider::Smtp => smtp::settings::validate(config, secrets_present),
        Provider::Sendgrid => sendgrid::settings::validate(config, secrets_present),
        Provider::Postmark => postmark::settings::validate(config, secrets_present),
        Provider::Ses => ses::settings::validate(config, secrets_present),
        Provider::Slack => slack::settings::validate(config, secrets_present),
        Provider::Teams => teams::settings::validate(config, secrets_present),
        Provider::M365 => m365::settings::validate(config, secrets_present),
        Provider::Entra => entra::settings::validate(config, secrets_present),
        Provider::Webhook => webhook::settings::validate(config, secrets_present),
    }
}

/// Checks what [`validate`] cannot see: the form of the secret values, and the addresses that the guard refuses
/// without resolving a name. Takes validated settings. Empty means fine.
pub fn validate_secrets(provider: Provider, config: &Config, secrets: &Secrets, guard: &Guard) -> Vec<FieldError> {
    match provider {
        Provider::Smtp => smtp::settings::validate_secrets(config, secrets, guard),
        Provider::Sendgrid => sendgrid::settings::validate_secrets(secrets),
        Provider::Postmark => postmark::settings::validate_secrets(secrets),
        Provider::Ses => ses::settings::validate_secrets(config, secrets, guard),
        Provider::Slack => slack::settings::validate_secrets(config, secrets, guard),
        Provider::Teams => teams::settings::validate_secrets(secrets, guard),
        Provider::M365 => m365::settings::validate_secrets(config, secrets, guard),
        Provider::Entra => entra::settings::validate_secrets(config, secrets, guard),
        Provider::Webhook => webhook::settings::validate_secrets(config, secrets, guard),
    }
}

/// The settings that say to whom the secrets are shown. Everywhere else it is one provider, or the secret itself says it.
#[must_use]
pub const fn destination(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Smtp => &["host"],
        Provider::Entra => &["issuer"],
        Provider::Webhook => &["url"],
        Provider::Sendgrid
        | Provider::Postmark
        | Provider::Ses
        | Provider::Slack
        | Provider::Teams
        | Provider::M365 => &[],
    }
}

/// What can be configured: one entry per provider, with the JSON Schema of its settings.
pub fn catalog() -> Vec<CatalogEntry> {
    Provider::ALL
        .into_iter()
        .map(|provider| match provider {
            Provider::Smtp => smtp::settings::catalog(),
            Provider::Sendgrid => sendgrid::settings::catalog(),
            Provider::Postmark => postmark::settings::catalog(),
            Provider::Ses => ses::settings::catalog(),
            Provider::Slack => slack::settings::catalog(),
            Provider::Teams => teams::settings::catalog(),
            Provider::M365 => m365::settings::catalog(),
            Provider::Entra => entra::settings::catalog(),
            Provider::Webhook => webhook::settings::catalog(),
        })
        .collect()
}

/// Why a recipient's address cannot be used with these settings, in plain words.
pub fn check_address(provider: Provider, config: &Config, address: &str) -> Result<(), String> {
    match provider {
        Provider::Smtp | Provider::Sendgrid | Provider::Postmark | Provider::Ses | Provider::M365 => {
            mail::check_address(address)
        }
        Provider::Teams => teams::settings::check_address(address),
        Provider::Entra => Err("this integration signs users in and delivers nothing".to_owned()),
        Provider::Webhook => Err("an endpoint receives events, not campaigns".to_owned()),
        Provider::Slack => slack::settings::check_address(config, address),
    }
}

/// The limits an integration gets when its admin names none: those the provider documents for every customer.
pub fn default_limits(provider: Provider, config: &Config) -> Limits {
    match provider {
        // Every mail server and every plan has its own; none is common to all.
        Provider::Smtp
        | Provider::Sendgrid
        | Provider::Postmark
        | Provider::Ses
        | Provider::M365
        | Provider::Entra
        | Provider::Webhook => Limits::default(),
        Provider::Slack => slack::settings::default_limits(config),
        Provider::Teams => teams::settings::default_limits(),
    }
}

/// One message to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// What goes with the message, so that it can be found again.
    pub tags: Tags<'a>,
    /// Where to: an e-mail address, a Slack channel or member id, or `default` for an integration's own channel.
    pub address: &'a str,
    /// The recipient's language.
    pub locale: Option<Locale>,
    /// What to say.
    pub message: &'a Rendered,
}

/// What a provider keeps with a message and repeats in each event about it, so that the event needs no look-up.
#[derive(Clone, Copy, Debug)]
pub struct Tags<'a> {
    /// The tenant that sends.
    pub tenant: &'a TenantId,
    /// The integration that sends.
    pub integration: &'a IntegrationId,
    /// The campaign.
    pub campaign: &'a CampaignId,
    /// The delivery.
    pub delivery: &'a DeliveryId,
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Tags;
    use domain::ids::{CampaignId, DeliveryId, IntegrationId, TenantId};
    use std::sync::LazyLock;

    static TENANT: LazyLock<TenantId> = LazyLock::new(|| "acme".parse().unwrap());
    static CAMPAIGN: LazyLock<CampaignId> = LazyLock::new(|| "spring".parse().unwrap());
    static INTEGRATION: LazyLock<IntegrationId> = LazyLock::new(|| "int_01JD0000000000000000000000".parse().unwrap());

    /// The tags of a delivery of some campaign.
    pub(crate) fn tags(delivery: &DeliveryId) -> Tags<'_> {
        Tags { tenant: &TENANT, integration: &INTEGRATION, campaign: &CAMPAIGN, delivery }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::failure::{CODES, explain};

    #[test]
    fn the_documentation_explains_every_code_of_its_provider() {
        for (page, prefix) in [
            (include_str!("../../../docs/providers/smtp.md"), "smtp_"),
            (include_str!("../../../docs/providers/sendgrid.md"), "sendgrid_"),
            (include_str!("../../../docs/providers/postmark.md"), "postmark_"),
            (include_str!("../../../docs/providers/ses.md"), "ses_"),
            (include_str!("../../../docs/providers/slack.md"), "slack_"),
            (include_str!("../../../docs/providers/entra.md"), "oidc_"),
            (include_str!("../../../docs/providers/entra.md"), "entra_"),
            (include_str!("../../../docs/providers/m365.md"), "m365_"),
            (include_str!("../../../docs/providers/teams.md"), "teams_"),
            (include_str!("../../../docs/providers/webhook.md"), "endpoint_"),
        ] {
            let table = page.split("## Errors").nth(1).unwrap();
            for code in CODES.iter().filter(|code| code.starts_with(prefix)) {
                assert!(table.contains(&format!("| `{code}` |")), "{code} is not documented");
            }
            for row in table.lines().filter(|line| line.starts_with("| `")) {
                let codes = row.split('|').nth(1).unwrap();
                for code in codes.split('`').skip(1).step_by(2) {
                    assert!(explain(code).is_some(), "{code} is documented and does not exist");
                }
            }
        }
    }

    #[test]
    fn the_catalog_describes_every_provider_and_its_fields() {
        let catalog = catalog();
        assert_eq!(catalog.len(), Provider::ALL.len());
        for entry in catalog {
            assert_eq!(
                (entry.kind, entry.docs),
                (entry.provider.kind().as_str(), format!("docs/providers/{}.md", entry.provider).as_str())
            );
            for (name, field) in entry.schema["properties"].as_object().unwrap() {
                for word in ["type", "title", "description", "examples"] {
                    assert!(field.get(word).is_some(), "{}: {name} lacks {word}", entry.provider);
                }
            }
        }
    }
}
