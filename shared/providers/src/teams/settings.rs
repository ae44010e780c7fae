//! The settings of a Teams integration.

use crate::{
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    fields::{FieldError, Fields},
};
use domain::{channel::Provider, integration::Config, rate::Limits, secret::Secrets};
use guard::Guard;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The secret: the workflow's URL with its signature.
pub(crate) const WEBHOOK_URL: &str = "webhook_url";
/// The address that means the channel or chat that the workflow posts to.
const DEFAULT_ADDRESS: &str = "default";
/// Below which the URLs of workflows are: Logic Apps, and since November 2025 Power Platform with its environments;
/// the latter also for the clouds of the US government.
const HOSTS: [&str; 7] = [
    ".logic.azure.com",
    ".api.powerplatform.com",
    ".powerautomate.com",
    ".flow.microsoft.com",
    ".logic.azure.us",
    ".api.powerplatform.us",
    ".flow.microsoft.us",
];
/// The longest title and the longest text of a button. Teams cuts longer ones; the documentation names no figure.
const TITLE_MAX_CHARS: usize = 150;
const LINK_TEXT_MAX_CHARS: usize = 75;
/// More than four requests a second are throttled ("Create an Incoming Webhook").
const PER_SECOND: u32 = 4;
const NAMES: &[&str] = &["title", "theme", "link_text"];

/// The colour of the band behind the heading: the styles of a container in Adaptive Cards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    /// As the card.
    #[default]
    Default,
    Emphasis,
    Accent,
    Good,
    Warning,
    Attention,
}

/// Validated settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) theme: Theme,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link_text: Option<String>,
}

impl Settings {
    /// Reads settings that [`validate`] has made.
    pub(crate) fn read(config: &Config) -> Result<Self, serde_json::Error> {
        Self::deserialize(config)
    }
}

pub(crate) fn validate(config: &Config, secrets: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    let mut fields = Fields::new(config, NAMES);
    fields.only_secret(secrets, WEBHOOK_URL, "Enter the URL of the workflow that posts to the channel.");
    let title = fields.text("title", TITLE_MAX_CHARS);
    let link_text = fields.text("link_text", LINK_TEXT_MAX_CHARS);
    let theme = fields.text("theme", 40).map_or(Ok(Theme::default()), |theme| Theme::deserialize(Value::from(theme)));
    let theme = theme.unwrap_or_else(|_| {
        fields.fault("theme", "invalid", "Choose `default`, `emphasis`, `accent`, `good`, `warning` or `attention`.");
        Theme::default()
    });
    let config = match serde_json::to_value(Settings { title, theme, link_text }) {
        Ok(Value::Object(config)) => Some(config),
        _ => None,
    };
    fields.finish(config)
}

pub(crate) fn validate_secrets(secrets: &Secrets, guard: &Guard) -> Vec<FieldError> {
    let Some(secret) = secrets.get(WEBHOOK_URL) else { return Vec::new() };
    let checked = check_webhook(secret.expose(), guard);
    checked.err().map(|why| FieldError::secret(WEBHOOK_URL, "invalid", why)).into_iter().collect()
}

/// Parses a workflow's URL. Another host than Microsoft's is accepted only if the deployment lets it through. The
/// reasons never repeat the URL, which is a secret.
pub(crate) fn check_webhook(text: &str, guard: &Guard) -> Result<Url, String> {
    const WANTED: &str = "Enter the whole URL that the workflow shows under \"When a Teams webhook request is received\": \
                          https://...powerplatform.com/.../triggers/manual/paths/invoke?api-version=...&sig=...";
    let url = guard.check_url(text.trim()).map_err(|_| WANTED.to_owned())?;
    let host = url.host_str().unwrap_or_default();
    if host.ends_with(".webhook.office.com") || host == "outlook.office.com" {
        return Err(
            "This is the URL of an Office 365 connector, which Microsoft has retired. In Teams create a workflow \
                    \"Send webhook alerts to a channel\" and enter its URL."
                .to_owned(),
        );
    }
    let port = url.port_or_known_default().unwrap_or_default();
    let known = HOSTS.iter().any(|domain| host.ends_with(domain));
    if !known && !guard.is_exception(host.trim_matches(['[', ']']), port) {
        return Err(WANTED.to_owned());
    }
    let path = url.path();
    if !path.contains("/workflows/") || !path.contains("/triggers/") || !path.ends_with("/paths/invoke") {
        return Err(WANTED.to_owned());
    }
    let has = |name: &str| url.query_pairs().any(|(key, value)| key == name && !value.is_empty());
    if !has("sig") {
        return Err(
            "The URL has no signature (`sig=`). Let anyone trigger the workflow (\"Who can trigger the flow?\"), \
                    save it, and copy all of its URL."
                .to_owned(),
        );
    }
    if !has("api-version") || url.fragment().is_some() {
        return Err(WANTED.to_owned());
    }
    Ok(url)
}

/// A workflow posts to one place, so a recipient can only be that place: what is meant for one person must not land in
/// a channel by mistake.
pub(crate) fn check_address(address: &str) -> Result<(), String> {
    match address {
        DEFAULT_ADDRESS | "" => Ok(()),
        _ => Err(format!(
            "A workflow posts to the one channel or chat it was made for: use the address `{DEFAULT_ADDRESS}`."
        )),
    }
}

pub(crate) fn default_limits() -> Limits {
    Limits { per_second: Some(PER_SECOND), ..Limits::default() }
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: "teams",
        provider: Provider::Teams,
        name: "Microsoft Teams",
        name_ar: "Microsoft Teams",
        description: "Teams messages to one channel or chat, as Adaptive Cards, through a workflow's webhook.",
        description_ar: "رسائل Teams إلى قناة أو محادثة واحدة، على هيئة بطاقات تكيّفية، عبر ويب هوك لسير عمل.",
        schema: schema(),
        secrets: vec![SecretField {
            name: WEBHOOK_URL,
            title: "Workflow URL",
            title_ar: "عنوان سير العمل",
            description: "The URL that the workflow shows under \"When a Teams webhook request is received\". Whoever has it can post.",
            description_ar: "العنوان الذي يعرضه سير العمل تحت «When a Teams webhook request is received». كل من يملكه يستطيع النشر.",
            needed: "always",
            needed_ar: "دائمًا",
            required: true,
        }],
        limits: LimitDefaults {
            limits: default_limits(),
            note: "Teams throttles more than four requests a second to one webhook. Workflows have daily limits of their own, by the licence of their owner.",
            note_ar: "يقيّد Teams ما زاد على أربعة طلبات في الثانية إلى ويب هوك واحد. ولمسارات العمل حدود يومية خاصة بحسب ترخيص مالكها.",
        },
        docs: "docs/providers/teams.md",
    }
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Microsoft Teams", "x-title-ar": "Microsoft Teams",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "title": {
                "type": "string", "title": "Title", "x-title-ar": "العنوان", "maxLength": TITLE_MAX_CHARS, "examples": ["Acme Security"],
                "description": "The heading of messages that have no subject. By default they have none.",
                "x-description-ar": "عنوان الرسائل التي لا موضوع لها. افتراضيًا لا عنوان لها."
            },
            "theme": {
                "type": "string", "title": "Theme", "x-title-ar": "اللون", "default": "default",
                "enum": ["default", "emphasis", "accent", "good", "warning", "attention"],
                "x-enum-titles": ["Default", "Emphasis", "Accent", "Good", "Warning", "Attention"],
                "x-enum-titles-ar": ["افتراضي", "تأكيد", "مميّز", "إيجابي", "تحذير", "تنبيه"],
                "examples": ["accent"],
                "description": "The colour behind the heading.",
                "x-description-ar": "اللون خلف العنوان."
            },
            "link_text": {
                "type": "string", "title": "Button text", "x-title-ar": "نص الزر", "maxLength": LINK_TEXT_MAX_CHARS, "examples": ["Start now"],
                "description": "The words on the button that opens a message's link. By default \"Open\", in the recipient's language.",
                "x-description-ar": "الكلمات على الزر الذي يفتح رابط الرسالة. الافتراضي «فتح» بلغة المستلم."
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::secret::Secret;
    use guard::Egress;

    const LOGIC_APPS: &str = "https://prod-11.southeastasia.logic.azure.com:443/workflows/7e2c2dc8cc4a4678b1113ede1d55d5a1/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=c-3iiB_canary";
    const POWER_PLATFORM: &str = "https://default0123456789abcdef0123456789abc.de.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/7e2c2dc8cc4a4678b1113ede1d55d5a1/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=c-3iiB_canary";

    fn faults(config: Value, secrets: &[&str]) -> BTreeSet<(String, &'static str)> {
        let Value::Object(config) = config else { panic!("{config} is not an object") };
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let errors = validate(&config, &secrets).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.field, error.code)).collect()
    }

    fn check(url: &str) -> Vec<FieldError> {
        let secrets = Secrets::from([(WEBHOOK_URL.to_owned(), Secret::new(url.to_owned()))]);
        validate_secrets(&secrets, &Guard::new(Egress::default()))
    }

    #[test]
    fn every_fault_is_found_at_once() {
        assert_eq!(faults(json!({}), &[WEBHOOK_URL]), BTreeSet::new());
        let config = json!({"title": "x".repeat(151), "theme": "pink", "link_text": "x".repeat(76), "channel": "x"});
        let expected = [
            ("config.title", "out_of_range"),
            ("config.theme", "invalid"),
            ("config.link_text", "out_of_range"),
            ("config.channel", "unknown_field"),
            ("secrets.bot_token", "unknown_field"),
            ("secrets.webhook_url", "required"),
        ];
        assert_eq!(faults(config, &["bot_token"]), expected.map(|(field, code)| (field.to_owned(), code)).into());
    }

    #[test]
    fn defaults_are_filled_in() {
        let config = validate(&Config::new(), &BTreeSet::from([WEBHOOK_URL.to_owned()])).unwrap();
        assert_eq!(Value::Object(config), json!({"theme": "default"}));
    }

    #[test]
    fn the_urls_of_workflows_are_taken_and_errors_do_not_repeat_them() {
        assert_eq!(check(LOGIC_APPS), []);
        assert_eq!(check(POWER_PLATFORM), []);
        for url in [
            LOGIC_APPS.replace("https", "http"),
            LOGIC_APPS.replace("logic.azure.com", "logic.azure.com.evil.example"),
            LOGIC_APPS.replace("prod-11.southeastasia.logic", "evil.example/logic"),
            LOGIC_APPS.replace("prod-11.southeastasia.logic.azure.com", "127.0.0.1"),
            LOGIC_APPS.replace("prod-11.", "user@prod-11."),
            LOGIC_APPS.replace(":443", ":444"),
            LOGIC_APPS.replace("/triggers/manual", ""),
            LOGIC_APPS.replace("/paths/invoke", "/run"),
            LOGIC_APPS.replace("api-version", "version"),
            LOGIC_APPS.replace("sig=", "sign="),
            LOGIC_APPS.replace("sig=c-3iiB_canary", "sig="),
            format!("{POWER_PLATFORM}#canary"),
            "https://acme.webhook.office.com/webhookb2/canary/IncomingWebhook/x/y".to_owned(),
            String::new(),
        ] {
            let errors = check(&url);
            assert_eq!(errors.len(), 1, "{url}");
            assert_eq!((errors[0].field.as_str(), errors[0].code), ("secrets.webhook_url", "invalid"));
            assert!(!errors[0].message.contains("canary"), "{}", errors[0].message);
        }
        assert!(check("https://acme.webhook.office.com/webhookb2/x")[0].message.contains("retired"));
        assert!(check(&LOGIC_APPS.replace("sig=", "sign="))[0].message.contains("Who can trigger"));
    }

    #[test]
    fn the_only_recipient_is_the_workflows_own_channel() {
        assert_eq!(check_address("default"), Ok(()));
        for address in ["sara@example.com", "19:abc@thread.tacv2", "General"] {
            assert!(check_address(address).unwrap_err().contains("`default`"), "{address}");
        }
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, NAMES.iter().copied().collect());
    }
}
