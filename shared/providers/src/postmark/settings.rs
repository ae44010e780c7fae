//! The settings of a Postmark integration.

use crate::{
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    fields::{FieldError, Fields},
    mail::Sender,
};
use domain::{
    channel::Provider,
    integration::Config,
    rate::Limits,
    secret::{Secret, Secrets},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What it sends with.
pub(crate) const SERVER_TOKEN: &str = "server_token";
/// What Postmark knocks with when it reports. Absent: no report is believed.
pub(crate) const WEBHOOK_PASSWORD: &str = "webhook_password";
const TOKEN_HINT: &str =
    "Enter a server API token, from the page API Tokens of the server; an account token cannot send.";
/// The transactional stream that every server has ("Email API", `MessageStream`).
const DEFAULT_STREAM: &str = "outbound";
const STREAM_MAX_CHARS: usize = 50;
const NAMES: &[&str] = &["from_address", "from_name", "reply_to", "message_stream", "track_opens", "track_clicks"];

/// Validated settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) sender: Sender,
    pub(crate) message_stream: String,
    /// Absent leaves it to the server's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) track_opens: Option<bool>,
    /// Absent leaves it to the server's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) track_clicks: Option<bool>,
}

impl Settings {
    /// Reads settings that [`validate`] has made.
    pub(crate) fn read(config: &Config) -> Result<Self, serde_json::Error> {
        Self::deserialize(config)
    }
}

pub(crate) fn validate(config: &Config, secrets: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    let mut fields = Fields::new(config, NAMES);
    let sender = Sender::read(&mut fields);
    let stream = fields.text("message_stream", STREAM_MAX_CHARS);
    if stream.as_ref().is_some_and(|id| id.bytes().any(|byte| !byte.is_ascii_alphanumeric() && !b"-_".contains(&byte)))
    {
        fields.fault("message_stream", "invalid", "Enter the stream's id, not its name: letters, digits and hyphens.");
    }
    let message_stream = stream.unwrap_or_else(|| DEFAULT_STREAM.to_owned());
    let (track_opens, track_clicks) = (fields.flag("track_opens"), fields.flag("track_clicks"));
    fields.known_secrets(secrets, &[SERVER_TOKEN, WEBHOOK_PASSWORD]);
    if !secrets.contains(SERVER_TOKEN) {
        fields.push(FieldError::secret(SERVER_TOKEN, "required", TOKEN_HINT));
    }
    let settings = sender.map(|sender| Settings { sender, message_stream, track_opens, track_clicks });
    let config = settings.and_then(|settings| match serde_json::to_value(settings) {
        Ok(Value::Object(config)) => Some(config),
        _ => None,
    });
    fields.finish(config)
}

pub(crate) fn validate_secrets(secrets: &Secrets) -> Vec<FieldError> {
    let exposed = |name| secrets.get(name).map(Secret::expose);
    let checked = [
        (SERVER_TOKEN, exposed(SERVER_TOKEN).map(check_token)),
        (WEBHOOK_PASSWORD, exposed(WEBHOOK_PASSWORD).map(check_password)),
    ];
    checked
        .into_iter()
        .filter_map(|(name, checked)| Some(FieldError::secret(name, "invalid", checked?.err()?)))
        .collect()
}

/// A word that a URL can carry as it is, too long to be guessed.
fn check_password(password: &str) -> Result<(), String> {
    let plain = password.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if plain && (16..=100).contains(&password.len()) {
        return Ok(());
    }
    Err("Choose 16 to 100 letters, digits, `-`, `.`, `_` or `~`, at random.".to_owned())
}

/// Whether a text may be a token. Postmark documents no form of it, so only what no header can carry is refused.
pub(crate) fn check_token(token: &str) -> Result<(), String> {
    if (8..=100).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(format!("This is not a token of Postmark. {TOKEN_HINT}"))
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: "email",
        provider: Provider::Postmark,
        name: "Postmark",
        name_ar: "Postmark",
        description: "E-mail by Postmark's API, with opens, clicks and bounces reported back.",
        description_ar: "البريد عبر واجهة Postmark، مع الإبلاغ عن الفتح والنقر والارتداد.",
        schema: schema(),
        secrets: vec![
            SecretField {
                name: SERVER_TOKEN,
                title: "Server API token",
                title_ar: "رمز API للخادم",
                description: "From the page API Tokens of the Postmark server that sends. Not an account token.",
                description_ar: "من صفحة API Tokens لخادم Postmark المرسِل، وليس رمز الحساب.",
                needed: "always",
                needed_ar: "دائمًا",
                required: true,
            },
            SecretField {
                name: WEBHOOK_PASSWORD,
                title: "Webhook password",
                title_ar: "كلمة مرور الويب هوك",
                description: "A random word of your own that stands in the address of Postmark's webhooks. Without it, what Postmark reports is refused.",
                description_ar: "كلمة عشوائية تختارها وتوضع في عنوان الويب هوك لدى Postmark. من دونها يُرفض ما يبلّغ به Postmark.",
                needed: "when Postmark reports deliveries, opens and bounces back",
                needed_ar: "إن كان Postmark يبلّغ عن التسليم والفتح والارتداد",
                required: false,
            },
        ],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "None by default. Set what your plan allows; Postmark's own answers pause the integration.",
            note_ar: "بلا حدود افتراضيًا. حدّد ما تسمح به خطتك؛ وردود Postmark نفسها توقف التكامل مؤقتًا.",
        },
        docs: "docs/providers/postmark.md",
    }
}

fn schema() -> Value {
    let mut properties = Sender::schema();
    let own = json!({
        "message_stream": {
            "type": "string", "title": "Message stream", "x-title-ar": "مسار الرسائل", "maxLength": STREAM_MAX_CHARS, "default": DEFAULT_STREAM,
            "pattern": "^[A-Za-z0-9_-]+$", "examples": [DEFAULT_STREAM, "broadcast"],
            "description": "The id of the server's stream that messages go through; a broadcast stream for bulk mail.",
            "x-description-ar": "معرّف مسار الخادم الذي تمر به الرسائل؛ ومسار بثّ للبريد الجماعي."
        },
        "track_opens": {
            "type": "boolean", "title": "Track opens", "x-title-ar": "تتبّع الفتح", "examples": [true],
            "description": "Whether Postmark adds its pixel to HTML messages. Left out, the server's own setting decides; false cannot switch off what the server has on.",
            "x-description-ar": "هل يضيف Postmark بكسل التتبّع إلى رسائل HTML. إن لم يُحدَّد فإعداد الخادم هو الحَكَم؛ ولا يُعطَّل هنا ما فُعّل في الخادم."
        },
        "track_clicks": {
            "type": "boolean", "title": "Track clicks", "x-title-ar": "تتبّع النقر", "examples": [true],
            "description": "Whether Postmark leads links over its own address, in HTML and plain text. Left out, the server's own setting decides.",
            "x-description-ar": "هل يمرّر Postmark الروابط عبر عنوانه، في HTML والنص العادي. إن لم يُحدَّد فإعداد الخادم هو الحَكَم."
        }
    });
    if let Value::Object(own) = own {
        properties.extend(own);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Postmark", "x-title-ar": "Postmark",
        "type": "object",
        "additionalProperties": false,
        "required": ["from_address"],
        "properties": properties
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(config: Value, secrets: &[&str]) -> Result<Value, Vec<(String, &'static str)>> {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let Value::Object(config) = config else { panic!("{config} is not an object") };
        validate(&config, &secrets)
            .map(Value::Object)
            .map_err(|errors| errors.into_iter().map(|error| (error.field, error.code)).collect())
    }

    #[test]
    fn a_sender_and_a_token_are_enough() {
        let config = json!({"from_address": "news@example.com"});
        let expected = json!({"from_address": "news@example.com", "message_stream": "outbound"});
        assert_eq!(validated(config, &[SERVER_TOKEN]), Ok(expected));
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let config = json!({
            "from_address": "news@example.com", "from_name": "أكمي", "reply_to": "support@example.com",
            "message_stream": "training-2026", "track_opens": true, "track_clicks": false
        });
        let Ok(Value::Object(stored)) = validated(config.clone(), &[SERVER_TOKEN]) else { panic!("refused") };
        assert_eq!(serde_json::to_value(Settings::read(&stored).unwrap()).unwrap(), config);
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let config =
            json!({"reply_to": "x", "message_stream": "My stream", "track_clicks": "HtmlOnly", "region": "eu"});
        let faults: BTreeSet<_> = validated(config, &["api_key"]).unwrap_err().into_iter().collect();
        let expected = [
            ("config.from_address", "required"),
            ("config.message_stream", "invalid"),
            ("config.region", "unknown_field"),
            ("config.reply_to", "invalid"),
            ("config.track_clicks", "wrong_type"),
            ("secrets.api_key", "unknown_field"),
            ("secrets.server_token", "required"),
        ];
        assert_eq!(faults, expected.map(|(field, code)| (field.to_owned(), code)).into());
    }

    #[test]
    fn a_token_is_one_word() {
        assert_eq!(check_token("11111111-2222-3333-4444-555555555555"), Ok(()));
        for password in ["", "short", "with spaces in between", "with@signs-and:more"] {
            assert!(check_password(password).is_err(), "{password}");
        }
        assert_eq!(check_password("0123456789-abcdef_~."), Ok(()));
        for token in ["", "short", "two words here", "good-token\r\nX: y"] {
            assert!(check_token(token).is_err(), "{token}");
        }
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, NAMES.iter().copied().collect());
    }
}
