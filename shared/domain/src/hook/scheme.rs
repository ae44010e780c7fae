//! How a hook's caller proves itself.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! names {
    ($($name:ident = $text:literal, $title:literal;)*) => {
        /// The name of a scheme.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum SchemeName {
            $(#[doc = concat!("`", $title, "`")] #[serde(rename = $text)] $name,)*
        }

        impl SchemeName {
            /// Every scheme.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The name for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

names! {
    Hmac = "hmac", "Generic HMAC";
    StandardWebhooks = "standard_webhooks", "Standard Webhooks";
    Slack = "slack", "Slack";
    Github = "github", "GitHub";
    Stripe = "stripe", "Stripe";
    Shopify = "shopify", "Shopify";
    Twilio = "twilio", "Twilio";
    Sendgrid = "sendgrid", "SendGrid";
    Graph = "graph", "Microsoft Graph";
    Greenhouse = "greenhouse", "Greenhouse";
    Bamboohr = "bamboohr", "BambooHR";
    Checkr = "checkr", "Checkr";
    Jira = "jira", "Jira";
}

impl SchemeName {
    /// Whether the secret is ours to make: the tenant enters it at the provider. The others' is made by the provider.
    #[must_use]
    pub const fn secret_is_ours(self) -> bool {
        matches!(self, Self::Hmac | Self::StandardWebhooks | Self::Github | Self::Graph | Self::Greenhouse | Self::Jira)
    }
}

impl fmt::Display for SchemeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SchemeName {
    type Err = crate::channel::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|name| name.as_str() == text).ok_or(crate::channel::UnknownName)
    }
}

/// How a hook's caller proves itself, with the settings that this takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Scheme {
    /// HMAC as the tenant describes it.
    Hmac(HmacSettings),
    /// The specification of standardwebhooks.com.
    StandardWebhooks,
    /// Slack's Events API, commands and interactions.
    Slack,
    /// GitHub.
    Github,
    /// Stripe.
    Stripe,
    /// Shopify.
    Shopify,
    /// Twilio, which signs the address that it calls.
    Twilio {
        /// The address as it was entered at Twilio, where that is not the one that calls arrive at: behind a proxy.
        public_url: Option<String>,
    },
    /// SendGrid's event webhook.
    Sendgrid,
    /// Change notifications of Microsoft Graph.
    Graph,
    /// Greenhouse.
    Greenhouse,
    /// `BambooHR`.
    Bamboohr,
    /// Checkr.
    Checkr,
    /// Jira and Confluence Cloud.
    Jira,
}

impl Scheme {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> SchemeName {
        match self {
            Self::Hmac(_) => SchemeName::Hmac,
            Self::StandardWebhooks => SchemeName::StandardWebhooks,
            Self::Slack => SchemeName::Slack,
            Self::Github => SchemeName::Github,
            Self::Stripe => SchemeName::Stripe,
            Self::Shopify => SchemeName::Shopify,
            Self::Twilio { .. } => SchemeName::Twilio,
            Self::Sendgrid => SchemeName::Sendgrid,
            Self::Graph => SchemeName::Graph,
            Self::Greenhouse => SchemeName::Greenhouse,
            Self::Bamboohr => SchemeName::Bamboohr,
            Self::Checkr => SchemeName::Checkr,
            Self::Jira => SchemeName::Jira,
        }
    }

    /// The headers that tell something about an event and are kept with it. No signature is among them.
    pub(super) fn told_headers(&self) -> Vec<&str> {
        match self {
            Self::Hmac(settings) => {
                let all = [&settings.id_header, &settings.timestamp_header, &settings.event_header];
                all.into_iter().flatten().map(String::as_str).collect()
            }
            Self::StandardWebhooks => vec!["webhook-id", "webhook-timestamp"],
            Self::Slack => vec!["x-slack-request-timestamp", "x-slack-retry-num", "x-slack-retry-reason"],
            Self::Github => vec!["x-github-event", "x-github-delivery", "x-github-hook-id"],
            Self::Shopify => vec![
                "x-shopify-topic",
                "x-shopify-shop-domain",
                "x-shopify-api-version",
                "x-shopify-webhook-id",
                "x-shopify-event-id",
                "x-shopify-triggered-at",
            ],
            Self::Twilio { .. } => vec!["i-twilio-idempotency-token"],
            Self::Sendgrid => vec!["x-twilio-email-event-webhook-timestamp"],
            Self::Greenhouse => vec!["greenhouse-event-id"],
            Self::Bamboohr => vec!["x-bamboohr-timestamp"],
            Self::Jira => {
                vec!["x-atlassian-webhook-identifier", "x-atlassian-webhook-flow", "x-atlassian-webhook-retry"]
            }
            Self::Stripe | Self::Graph | Self::Checkr => vec![],
        }
    }

    /// What is wrong with the settings: the field and what would be right.
    #[must_use]
    pub fn faults(&self) -> Vec<SettingFault> {
        match self {
            Self::Hmac(settings) => settings.faults(),
            Self::Twilio { public_url: Some(url) } if !is_web_address(url) => {
                vec![("public_url", "must be the https address that is entered at Twilio, without a query")]
            }
            _ => vec![],
        }
    }
}

/// A field and what would be right in it.
pub type SettingFault = (&'static str, &'static str);

fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && url.len() <= 500
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'<' | b'>'))
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// SHA-1, for what has nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits.
    Hex,
    /// Base 64 with padding.
    Base64,
}

/// An HMAC as the tenant describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HmacSettings {
    /// The header with the signature.
    pub header: String,
    /// What stands before the signature in its header, e.g. `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// The hash.
    #[serde(default = "sha256")]
    pub algorithm: Algorithm,
    /// How the signature is written.
    #[serde(default = "hex")]
    pub encoding: Encoding,
    /// What is signed, with `{body}` and, where they are signed, `{timestamp}` and `{id}` in their places:
    /// `{timestamp}.{body}`.
    #[serde(default = "body_alone")]
    pub template: String,
    /// The header with the time of signing, in seconds since 1970. Asked for with `{timestamp}`, and only then.
    #[serde(default)]
    pub timestamp_header: Option<String>,
    /// The header with the event's id. Signed ones (`{id}` in the template) tell repeats from new events; others are
    /// only shown.
    #[serde(default)]
    pub id_header: Option<String>,
    /// The header with the event's name, for the filter.
    #[serde(default)]
    pub event_header: Option<String>,
    /// Where in a JSON body the event's name stands, as a JSON pointer: `/event/type`.
    #[serde(default)]
    pub event_pointer: Option<String>,
}

const fn sha256() -> Algorithm {
    Algorithm::Sha256
}

const fn hex() -> Encoding {
    Encoding::Hex
}

fn body_alone() -> String {
    "{body}".into()
}

impl HmacSettings {
    fn faults(&self) -> Vec<SettingFault> {
        const HEADER: &str = "must be the name of a header: letters, digits, `-`, at most 100";
        let mut faults = Vec::new();
        let is_header = |name: &str| {
            !name.is_empty()
                && name.len() <= 100
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_header(&self.header) {
            faults.push(("hmac.header", HEADER));
        }
        let others = [
            ("hmac.timestamp_header", &self.timestamp_header),
            ("hmac.id_header", &self.id_header),
            ("hmac.event_header", &self.event_header),
        ];
        for (field, _) in others.into_iter().filter(|(_, name)| name.as_deref().is_some_and(|name| !is_header(name))) {
            faults.push((field, HEADER));
        }
        if self.prefix.len() > 50 || !self.prefix.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            faults.push(("hmac.prefix", "must be at most 50 printable characters"));
        }
        if self.template.len() > 200 || self.template.matches("{body}").count() != 1 {
            faults.push(("hmac.template", "must hold `{body}` once and be at most 200 bytes"));
        }
        let placed = |name: &str| self.template.contains(name);
        let unknown =
            ["{body}", "{timestamp}", "{id}"].iter().fold(self.template.clone(), |rest, name| rest.replace(name, ""));
        if unknown.contains(['{', '}']) {
            faults.push(("hmac.template", "may hold no other placeholders than `{body}`, `{timestamp}` and `{id}`"));
        }
        if placed("{timestamp}") != self.timestamp_header.is_some() {
            faults.push((
                "hmac.timestamp_header",
                "belongs together with `{timestamp}` in the template: a time that is not signed proves nothing",
            ));
        }
        if placed("{id}") && self.id_header.is_none() {
            faults.push(("hmac.id_header", "must be given, because the template holds `{id}`"));
        }
        if self.event_pointer.as_deref().is_some_and(|pointer| !pointer.starts_with('/') || pointer.len() > 200) {
            faults.push(("hmac.event_pointer", "must be a JSON pointer such as `/event/type`"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hmac(settings: serde_json::Value) -> HmacSettings {
        serde_json::from_value(settings).unwrap()
    }

    #[test]
    fn every_scheme_is_stored_and_read_back_under_its_name() {
        let all = [
            Scheme::Hmac(hmac(json!({"header": "X-Signature"}))),
            Scheme::StandardWebhooks,
            Scheme::Slack,
            Scheme::Github,
            Scheme::Stripe,
            Scheme::Shopify,
            Scheme::Twilio { public_url: None },
            Scheme::Sendgrid,
            Scheme::Graph,
            Scheme::Greenhouse,
            Scheme::Bamboohr,
            Scheme::Checkr,
            Scheme::Jira,
        ];
        assert_eq!(all.len(), SchemeName::ALL.len());
        for scheme in all {
            let stored = serde_json::to_value(&scheme).unwrap();
            assert_eq!(stored["type"], scheme.name().as_str());
            assert_eq!(serde_json::from_value::<Scheme>(stored).unwrap(), scheme);
            assert_eq!(scheme.faults(), []);
            let told = scheme.told_headers().join(" ").to_lowercase();
            assert!(!told.contains("signature") && !told.contains("hmac"), "{told}");
        }
    }

    #[test]
    fn an_hmac_that_would_prove_nothing_is_refused() {
        let fields = |settings| hmac(settings).faults().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
        assert_eq!(
            fields(json!({"header": "X-Sig", "template": "{timestamp}.{body}", "timestamp_header": "X-Time"})),
            [""; 0]
        );
        for (settings, field) in [
            (json!({"header": "no header"}), "hmac.header"),
            (json!({"header": "X", "template": "constant"}), "hmac.template"),
            (json!({"header": "X", "template": "{body}{body}"}), "hmac.template"),
            (json!({"header": "X", "template": "{url}{body}"}), "hmac.template"),
            (json!({"header": "X", "timestamp_header": "T"}), "hmac.timestamp_header"),
            (json!({"header": "X", "template": "{timestamp}{body}"}), "hmac.timestamp_header"),
            (json!({"header": "X", "template": "{id}{body}"}), "hmac.id_header"),
            (json!({"header": "X", "event_pointer": "type"}), "hmac.event_pointer"),
            (json!({"header": "X", "prefix": "\n"}), "hmac.prefix"),
        ] {
            assert_eq!(fields(settings), [field]);
        }
    }

    #[test]
    fn twilios_address_has_no_query() {
        let faults = |url: &str| Scheme::Twilio { public_url: Some(url.into()) }.faults().len();
        assert_eq!(faults("https://hooks.acme.example/v1/hooks/x/in"), 0);
        for bad in ["", "hooks.acme.example", "https://", "https:///x", "https://a/?b", "https://a/ b"] {
            assert_eq!(faults(bad), 1, "{bad}");
        }
    }
}
