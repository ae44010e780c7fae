//! The settings of a Slack integration.

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

/// Hosts of incoming webhooks: Slack, and Slack for government.
const WEBHOOK_HOSTS: [&str; 2] = ["hooks.slack.com", "hooks.slack-gov.com"];
/// The address that means the integration's own channel.
pub(crate) const DEFAULT_ADDRESS: &str = "default";
/// The longest text of a button (Block Kit reference, button element).
const LINK_TEXT_MAX_CHARS: usize = 75;
const NAMES: &[&str] = &["mode", "channel", "link_text"];

/// How messages get into Slack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// An app's bot token: any channel or person.
    BotToken,
    /// An incoming webhook: the one channel it was made for.
    IncomingWebhook,
}

impl Mode {
    /// The secret that the mode needs.
    pub(crate) const fn secret(self) -> &'static str {
        match self {
            Self::BotToken => "bot_token",
            Self::IncomingWebhook => "webhook_url",
        }
    }
}

/// Validated settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
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
    let mode = fields.required_text("mode", 40, "Choose `bot_token` or `incoming_webhook`.");
    let mode = match mode.as_deref() {
        Some("bot_token") => Some(Mode::BotToken),
        Some("incoming_webhook") => Some(Mode::IncomingWebhook),
        Some(_) => {
            fields.fault("mode", "invalid", "Choose `bot_token` or `incoming_webhook`.");
            None
        }
        None => None,
    };
    let channel = fields.text("channel", 80);
    if let Some(Err(why)) = channel.as_deref().map(check_id) {
        fields.fault("channel", "invalid", why);
    }
    let link_text = fields.text("link_text", LINK_TEXT_MAX_CHARS);
    if let Some(mode) = mode {
        fields.known_secrets(secrets, &[mode.secret()]);
        if !secrets.contains(mode.secret()) {
            let words = match mode {
                Mode::BotToken => "Enter the app's Bot User OAuth Token; it begins with xoxb-.",
                Mode::IncomingWebhook => "Enter the webhook's URL; it begins with https://hooks.slack.com/services/.",
            };
            fields.push(FieldError::secret(mode.secret(), "required", words));
        }
    }
    let config =
        mode.map(|mode| Settings { mode, channel, link_text }).and_then(|settings| {
            match serde_json::to_value(settings) {
                Ok(Value::Object(config)) => Some(config),
                _ => None,
            }
        });
    fields.finish(config)
}

pub(crate) fn validate_secrets(config: &Config, secrets: &Secrets, guard: &Guard) -> Vec<FieldError> {
    let Ok(settings) = Settings::read(config) else { return Vec::new() };
    let name = settings.mode.secret();
    let Some(secret) = secrets.get(name) else { return Vec::new() };
    let checked = match settings.mode {
        Mode::BotToken => check_token(secret.expose()),
        Mode::IncomingWebhook => check_webhook(secret.expose(), guard).map(|_| ()),
    };
    checked.err().map(|why| FieldError::secret(name, "invalid", why)).into_iter().collect()
}

/// Whether a text is a bot token. Other kinds of token are named, because people mix them up.
pub(crate) fn check_token(token: &str) -> Result<(), String> {
    let kind = match token.get(..5) {
        Some("xoxb-") if token.len() > 9 && token.bytes().all(|byte| byte.is_ascii_graphic()) => return Ok(()),
        Some("xoxp-") => "This is a user token.",
        Some("xapp-") => "This is an app-level token.",
        Some("xoxe." | "xoxe-") => "This is a token of token rotation, which is not supported.",
        _ => "This is not a bot token.",
    };
    Err(format!(
        "{kind} Enter the Bot User OAuth Token from the app's page \"OAuth & Permissions\"; it begins with xoxb-."
    ))
}

/// Parses an incoming webhook's URL. Another host than Slack's is accepted only if the deployment lets it through.
pub(crate) fn check_webhook(text: &str, guard: &Guard) -> Result<Url, String> {
    const WANTED: &str = "Enter the URL of an incoming webhook: https://hooks.slack.com/services/T.../B.../...";
    // The refusal's words may repeat parts of the URL, and the URL is a secret.
    let url = guard.check_url(text).map_err(|_| WANTED.to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if !WEBHOOK_HOSTS.contains(&host) && !guard.is_exception(host.trim_matches(['[', ']']), port) {
        return Err(WANTED.to_owned());
    }
    let mut parts = url.path().strip_prefix("/services/").unwrap_or_default().split('/');
    let team = parts.next().is_some_and(|part| part.starts_with('T') && is_plain(part));
    let hook = parts.next().is_some_and(|part| part.starts_with('B') && is_plain(part));
    let key = parts.next().is_some_and(is_plain);
    if !(team && hook && key && parts.next().is_none() && url.query().is_none() && url.fragment().is_none()) {
        return Err(WANTED.to_owned());
    }
    Ok(url)
}

fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a text is the id of a channel (C, G), a direct message (D) or a person (U, W).
fn check_id(text: &str) -> Result<(), String> {
    let mut bytes = text.bytes();
    let kind = bytes.next().is_some_and(|first| b"CGDUW".contains(&first));
    if kind && (2..=30).contains(&bytes.len()) && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
        return Ok(());
    }
    Err("Enter a Slack channel or member id such as C0123ABCD or U0123ABCD: in Slack, open the channel's or \
         person's details and copy the id at the end. Names like #general do not work."
        .to_owned())
}

pub(crate) fn check_address(config: &Config, address: &str) -> Result<(), String> {
    let channel = config.get("channel").and_then(Value::as_str);
    let webhook = config.get("mode").and_then(Value::as_str) == Some("incoming_webhook");
    match (webhook, address) {
        (true, DEFAULT_ADDRESS | "") => Ok(()),
        (true, address) if channel == Some(address) => Ok(()),
        (true, _) => Err(format!(
            "An incoming webhook posts to the one channel it was made for: use the address `{DEFAULT_ADDRESS}`, or an \
             integration with a bot token."
        )),
        (false, DEFAULT_ADDRESS | "") if channel.is_some() => Ok(()),
        (false, DEFAULT_ADDRESS | "") => {
            Err("The integration has no default channel: give a channel or member id.".to_owned())
        }
        (false, address) => check_id(address),
    }
}

pub(crate) fn default_limits(config: &Config) -> Limits {
    let webhook = config.get("mode").and_then(Value::as_str) == Some("incoming_webhook");
    // "In general, apps may post no more than one message per second per channel" (Slack, rate limits). A webhook has
    // one channel. A bot's recipients usually are many channels, which one rate cannot express; the answers decide.
    Limits { per_second: webhook.then_some(1), ..Limits::default() }
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: "slack",
        provider: Provider::Slack,
        name: "Slack",
        name_ar: "Slack",
        description: "Slack messages: to any channel or person with an app's bot token, or to one channel with an incoming webhook.",
        description_ar: "رسائل Slack: إلى أي قناة أو شخص برمز بوت لتطبيق، أو إلى قناة واحدة بويب هوك وارد.",
        schema: schema(),
        secrets: vec![
            SecretField {
                name: "bot_token",
                title: "Bot token",
                title_ar: "رمز البوت",
                description: "The Bot User OAuth Token from the app's page \"OAuth & Permissions\" (begins with xoxb-). The app needs the scope chat:write.",
                description_ar: "رمز Bot User OAuth Token من صفحة «OAuth & Permissions» للتطبيق (يبدأ بـ xoxb-). يحتاج التطبيق إلى النطاق chat:write.",
                needed: "when `mode` is `bot_token`",
                needed_ar: "إن كان `mode` هو `bot_token`",
                required: false,
            },
            SecretField {
                name: "webhook_url",
                title: "Webhook URL",
                title_ar: "عنوان الويب هوك",
                description: "The URL from the app's page \"Incoming Webhooks\" (begins with https://hooks.slack.com/services/).",
                description_ar: "العنوان من صفحة «Incoming Webhooks» للتطبيق (يبدأ بـ https://hooks.slack.com/services/).",
                needed: "when `mode` is `incoming_webhook`",
                needed_ar: "إن كان `mode` هو `incoming_webhook`",
                required: false,
            },
        ],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "Slack takes one message per second and channel. An incoming webhook, which has one channel, gets per_second = 1; a bot token gets none, and Slack's own answers pause it.",
            note_ar: "يقبل Slack رسالة واحدة في الثانية لكل قناة. للويب هوك الوارد قناة واحدة، فحدّه per_second = 1؛ ولا حدّ لرمز البوت، وردود Slack نفسها توقفه مؤقتًا.",
        },
        docs: "docs/providers/slack.md",
    }
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Slack", "x-title-ar": "Slack",
        "type": "object",
        "additionalProperties": false,
        "required": ["mode"],
        "properties": {
            "mode": {
                "type": "string", "title": "Mode", "x-title-ar": "الوضع", "enum": ["bot_token", "incoming_webhook"],
                "x-enum-titles": ["Bot token", "Incoming webhook"],
                "x-enum-titles-ar": ["رمز البوت", "ويب هوك وارد"],
                "examples": ["bot_token"],
                "description": "`bot_token` reaches any channel or person; `incoming_webhook` the one channel it was made for.",
                "x-description-ar": "يصل `bot_token` إلى أي قناة أو شخص؛ و`incoming_webhook` إلى القناة التي أُنشئ لها فقط."
            },
            "channel": {
                "type": "string", "title": "Default channel", "x-title-ar": "القناة الافتراضية", "pattern": "^[CGDUW][A-Z0-9]{2,30}$",
                "examples": ["C0123ABCD"],
                "description": "The channel or member id for recipients whose address is `default`. Optional.",
                "x-description-ar": "معرّف القناة أو العضو للمستلمين الذين عنوانهم `default`. اختياري."
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

    const HOOK: &str = "https://hooks.slack.com/services/T0ABC/B0DEF/x1Y2z3";

    fn faults(config: Value, secrets: &[&str]) -> Vec<(String, &'static str)> {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let errors = validate(&self::config(config), &secrets).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.field, error.code)).collect()
    }

    fn config(value: Value) -> Config {
        let Value::Object(config) = value else { panic!("{value} is not an object") };
        config
    }

    #[test]
    fn each_mode_needs_its_own_secret_and_no_other() {
        assert_eq!(faults(json!({"mode": "bot_token"}), &["bot_token"]), []);
        assert_eq!(faults(json!({"mode": "incoming_webhook"}), &["webhook_url"]), []);
        assert_eq!(faults(json!({"mode": "bot_token"}), &[]), [("secrets.bot_token".to_owned(), "required")]);
        assert_eq!(
            faults(json!({"mode": "incoming_webhook"}), &["bot_token"]),
            [("secrets.bot_token".to_owned(), "unknown_field"), ("secrets.webhook_url".to_owned(), "required")]
        );
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let config = json!({"mode": "webhook", "channel": "#general", "link_text": "x".repeat(76), "token": "x"});
        let faults: BTreeSet<_> = faults(config, &[]).into_iter().collect();
        let expected = [
            ("config.channel", "invalid"),
            ("config.link_text", "out_of_range"),
            ("config.mode", "invalid"),
            ("config.token", "unknown_field"),
        ];
        assert_eq!(faults, expected.map(|(field, code)| (field.to_owned(), code)).into());
        assert_eq!(self::faults(json!({}), &[]), [("config.mode".to_owned(), "required")]);
    }

    #[test]
    fn tokens_of_other_kinds_are_named() {
        assert_eq!(check_token("xoxb-123-456-abc"), Ok(()));
        for (token, words) in [
            ("xoxp-123-456", "a user token"),
            ("xapp-1-A1-2", "an app-level token"),
            ("xoxe.xoxp-1-abc", "token rotation"),
            ("xoxb-", "not a bot token"),
            ("xoxb-123 456", "not a bot token"),
            ("xoxb-123\r\nx: y", "not a bot token"),
            ("", "not a bot token"),
        ] {
            let why = check_token(token).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn only_slacks_own_webhooks_are_taken_and_errors_do_not_repeat_them() {
        let guard = Guard::new(Egress::default());
        let check = |url: &str| {
            let secrets = Secrets::from([("webhook_url".to_owned(), Secret::new(url.to_owned()))]);
            validate_secrets(&config(json!({"mode": "incoming_webhook"})), &secrets, &guard)
        };
        assert_eq!(check(HOOK), []);
        assert_eq!(check(&HOOK.replace("slack.com", "slack-gov.com")), []);
        for url in [
            HOOK.replace("https", "http"),
            HOOK.replace("hooks.slack.com", "hooks.slack.com.evil.example"),
            HOOK.replace("hooks.slack.com", "hooks.slack.com@evil.example"),
            HOOK.replace("hooks.slack.com", "127.0.0.1"),
            HOOK.replace("hooks.slack.com", "hooks.slack.com:444"),
            HOOK.replace("/services", "/workflows"),
            HOOK.replace("/T0ABC", "/X0ABC"),
            HOOK.replace("/x1Y2z3", ""),
            HOOK.replace("/x1Y2z3", "/x1/y"),
            format!("{HOOK}?x=1"),
            format!("{HOOK}#x"),
            String::new(),
        ] {
            let errors = check(&url);
            assert_eq!(errors.len(), 1, "{url}");
            assert_eq!((errors[0].field.as_str(), errors[0].code), ("secrets.webhook_url", "invalid"));
            assert!(!errors[0].message.contains("x1Y2z3"), "{}", errors[0].message);
        }
    }

    #[test]
    fn a_recipient_is_a_channel_or_person_that_the_mode_can_reach() {
        let bot = config(json!({"mode": "bot_token"}));
        let with_channel = config(json!({"mode": "bot_token", "channel": "C0MAIN"}));
        let hook = config(json!({"mode": "incoming_webhook"}));
        for good in ["C0123ABCD", "G0123ABCD", "D0123ABCD", "U0123ABCD", "W0123ABCD"] {
            assert_eq!(check_address(&bot, good), Ok(()));
        }
        for bad in ["#general", "@sara", "general", "c0123", "C", "C0123-1", "sara@example.com", "default", ""] {
            assert!(check_address(&bot, bad).is_err(), "{bad}");
        }
        assert_eq!(check_address(&with_channel, "default"), Ok(()));
        assert_eq!(check_address(&hook, "default"), Ok(()));
        assert!(check_address(&hook, "U0123ABCD").unwrap_err().contains("`default`"), "it would go to everybody");
    }

    #[test]
    fn a_webhook_is_limited_as_slack_documents() {
        assert_eq!(default_limits(&config(json!({"mode": "incoming_webhook"}))).per_second, Some(1));
        assert_eq!(default_limits(&config(json!({"mode": "bot_token"}))), Limits::default());
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let mut known: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut names = NAMES.to_vec();
        known.sort_unstable();
        names.sort_unstable();
        assert_eq!(known, names);
    }
}
