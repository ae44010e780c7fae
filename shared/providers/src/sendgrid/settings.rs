//! The settings of a `SendGrid` integration.

use super::events;
use crate::{
    Endpoints,
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    endpoints,
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

/// The one secret.
pub(crate) const API_KEY: &str = "api_key";
const KEY_HINT: &str = "Enter an API key with the permission Mail Send, from Settings > API Keys; it begins with SG.";
const NAMES: &[&str] = &[
    "region",
    "from_address",
    "from_name",
    "reply_to",
    "track_opens",
    "track_clicks",
    "sandbox",
    "webhook_public_key",
];
/// A key takes 124.
const PUBLIC_KEY_MAX_CHARS: usize = 200;

/// Where the account or subuser lives. A key of one region is not known in the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Region {
    /// Accounts, and subusers without a region.
    #[default]
    Global,
    /// Subusers of the EU region.
    Eu,
}

impl Region {
    /// The base address of the region. A deployment that puts another address in place of `SendGrid` serves both there.
    pub(crate) fn base(self, endpoints: &Endpoints) -> &str {
        match self {
            Self::Eu if endpoints.sendgrid_api == endpoints::SENDGRID => endpoints::SENDGRID_EU,
            Self::Global | Self::Eu => &endpoints.sendgrid_api,
        }
    }
}

/// Validated settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) sender: Sender,
    pub(crate) region: Region,
    /// Absent leaves it to the account's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) track_opens: Option<bool>,
    /// Absent leaves it to the account's own setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) track_clicks: Option<bool>,
    /// Whether messages are only checked, and reach nobody.
    pub(crate) sandbox: bool,
    /// With which the account signs what it reports. Absent: no report is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_public_key: Option<String>,
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
    let region = match fields.text("region", 20).as_deref() {
        Some("eu") => Region::Eu,
        None | Some("global") => Region::Global,
        Some(_) => {
            fields.fault("region", "invalid", "Choose `global` or `eu`.");
            Region::default()
        }
    };
    let (track_opens, track_clicks) = (fields.flag("track_opens"), fields.flag("track_clicks"));
    let sandbox = fields.flag("sandbox").unwrap_or(false);
    let webhook_public_key = fields.text("webhook_public_key", PUBLIC_KEY_MAX_CHARS);
    if webhook_public_key.as_deref().is_some_and(|key| events::public_key(key).is_none()) {
        let hint =
            "Enter the verification key as SendGrid shows it with the Signed Event Webhook; it begins with MFkw.";
        fields.fault("webhook_public_key", "invalid", hint);
    }
    fields.only_secret(secrets, API_KEY, KEY_HINT);
    let settings =
        sender.map(|sender| Settings { sender, region, track_opens, track_clicks, sandbox, webhook_public_key });
    let config = settings.and_then(|settings| match serde_json::to_value(settings) {
        Ok(Value::Object(config)) => Some(config),
        _ => None,
    });
    fields.finish(config)
}

pub(crate) fn validate_secrets(secrets: &Secrets) -> Vec<FieldError> {
    let checked = secrets.get(API_KEY).map(Secret::expose).map(check_key);
    checked.and_then(Result::err).map(|why| FieldError::secret(API_KEY, "invalid", why)).into_iter().collect()
}

/// Whether a text has the form of an API key.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    let plain = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.starts_with("SG.") && plain && (10..=200).contains(&key.len()) {
        return Ok(());
    }
    Err(format!("This is not an API key of SendGrid. {KEY_HINT}"))
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: "email",
        provider: Provider::Sendgrid,
        name: "SendGrid",
        name_ar: "SendGrid",
        description: "E-mail by SendGrid's API, with opens, clicks and bounces reported back.",
        description_ar: "البريد عبر واجهة SendGrid، مع الإبلاغ عن الفتح والنقر والارتداد.",
        schema: schema(),
        secrets: vec![SecretField {
            name: API_KEY,
            title: "API key",
            title_ar: "مفتاح API",
            description: "From Settings > API Keys (begins with SG.). It needs the permission Mail Send and no other.",
            description_ar: "من Settings > API Keys (يبدأ بـ SG.). يحتاج إلى صلاحية Mail Send وحدها.",
            needed: "always",
            needed_ar: "دائمًا",
            required: true,
        }],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "None by default. Set what your plan allows by day; SendGrid's own answers pause the integration.",
            note_ar: "بلا حدود افتراضيًا. حدّد ما تسمح به خطتك في اليوم؛ وردود SendGrid نفسها توقف التكامل مؤقتًا.",
        },
        docs: "docs/providers/sendgrid.md",
    }
}

fn schema() -> Value {
    let mut properties = Sender::schema();
    let own = json!({
        "region": {
            "type": "string", "title": "Region", "x-title-ar": "المنطقة", "enum": ["global", "eu"],
            "x-enum-titles": ["Global", "European Union"],
            "x-enum-titles-ar": ["عالمية", "الاتحاد الأوروبي"],
                "default": "global", "examples": ["eu"],
            "description": "`eu` for a subuser of the EU region; its keys are not known elsewhere.",
            "x-description-ar": "`eu` لمستخدم فرعي في منطقة الاتحاد الأوروبي؛ ولا تُعرف مفاتيحه في غيرها."
        },
        "track_opens": {
            "type": "boolean", "title": "Track opens", "x-title-ar": "تتبّع الفتح", "examples": [true],
            "description": "Whether SendGrid adds its pixel to HTML messages. Left out, the account's own setting decides.",
            "x-description-ar": "هل يضيف SendGrid بكسل التتبّع إلى رسائل HTML. إن لم يُحدَّد فإعداد الحساب هو الحَكَم."
        },
        "track_clicks": {
            "type": "boolean", "title": "Track clicks", "x-title-ar": "تتبّع النقر", "examples": [true],
            "description": "Whether SendGrid leads links over its own address, in HTML and plain text. Left out, the account's own setting decides.",
            "x-description-ar": "هل يمرّر SendGrid الروابط عبر عنوانه، في HTML والنص العادي. إن لم يُحدَّد فإعداد الحساب هو الحَكَم."
        },
        "sandbox": {
            "type": "boolean", "title": "Sandbox", "x-title-ar": "وضع التجربة", "default": false, "examples": [false],
            "description": "SendGrid checks each message and delivers none.",
            "x-description-ar": "يفحص SendGrid كل رسالة ولا يسلّم أيًّا منها."
        },
        "webhook_public_key": {
            "type": "string", "title": "Verification key", "x-title-ar": "مفتاح التحقق", "maxLength": PUBLIC_KEY_MAX_CHARS,
            "examples": ["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="],
            "description": "The public key of the Signed Event Webhook, from Settings > Mail Settings > Event Webhooks. Not a secret. Without it, what SendGrid reports is refused.",
            "x-description-ar": "المفتاح العام لـ Signed Event Webhook، من Settings > Mail Settings > Event Webhooks. ليس سرًّا. من دونه يُرفض ما يبلّغ به SendGrid."
        }
    });
    if let Value::Object(own) = own {
        properties.extend(own);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SendGrid", "x-title-ar": "SendGrid",
        "type": "object",
        "additionalProperties": false,
        "required": ["from_address"],
        "properties": properties
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";

    fn validated(config: Value, secrets: &[&str]) -> Result<Value, Vec<(String, &'static str)>> {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let Value::Object(config) = config else { panic!("{config} is not an object") };
        validate(&config, &secrets)
            .map(Value::Object)
            .map_err(|errors| errors.into_iter().map(|error| (error.field, error.code)).collect())
    }

    #[test]
    fn a_sender_and_a_key_are_enough() {
        let config = json!({"from_address": " news@example.com ", "track_opens": null, "from_name": ""});
        let expected = json!({"from_address": "news@example.com", "region": "global", "sandbox": false});
        assert_eq!(validated(config, &[API_KEY]), Ok(expected));
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let config = json!({
            "from_address": "news@example.com", "from_name": "أكمي", "reply_to": "support@example.com",
            "region": "eu", "track_opens": true, "track_clicks": false, "sandbox": true,
            "webhook_public_key": PUBLIC_KEY
        });
        let Ok(Value::Object(stored)) = validated(config.clone(), &[API_KEY]) else { panic!("refused") };
        assert_eq!(serde_json::to_value(Settings::read(&stored).unwrap()).unwrap(), config);
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let config = json!({
            "from_address": "news@", "reply_to": "x", "region": "us", "track_opens": "yes", "sandbox": 1, "host": "x",
            "webhook_public_key": "MFkw"
        });
        let faults: BTreeSet<_> = validated(config, &["password"]).unwrap_err().into_iter().collect();
        let expected = [
            ("config.from_address", "invalid"),
            ("config.host", "unknown_field"),
            ("config.region", "invalid"),
            ("config.reply_to", "invalid"),
            ("config.sandbox", "wrong_type"),
            ("config.track_opens", "wrong_type"),
            ("config.webhook_public_key", "invalid"),
            ("secrets.api_key", "required"),
            ("secrets.password", "unknown_field"),
        ];
        assert_eq!(faults, expected.map(|(field, code)| (field.to_owned(), code)).into());
    }

    #[test]
    fn a_key_begins_with_sg() {
        assert_eq!(check_key("SG.abcdefgh.0123"), Ok(()));
        for key in ["", "SG.", "xoxb-123-456", "SG.abc defgh", "SG.abcdefgh\r\nX: y"] {
            assert!(check_key(key).is_err(), "{key}");
        }
    }

    #[test]
    fn the_region_decides_the_address_unless_the_deployment_does() {
        let real = Endpoints::default();
        assert_eq!(Region::Global.base(&real), "https://api.sendgrid.com");
        assert_eq!(Region::Eu.base(&real), "https://api.eu.sendgrid.com");
        let double = Endpoints { sendgrid_api: "http://127.0.0.1:1/sendgrid".into(), ..real };
        assert_eq!(Region::Eu.base(&double), "http://127.0.0.1:1/sendgrid");
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, NAMES.iter().copied().collect());
    }
}
