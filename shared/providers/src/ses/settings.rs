//! The settings of an integration of Amazon SES.

use crate::{
    Endpoints,
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
use guard::Guard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The one secret.
pub(crate) const SECRET_ACCESS_KEY: &str = "secret_access_key";
const SECRET_HINT: &str = "Enter the secret access key that belongs to the access key id.";
const REGION_HINT: &str = "Enter the code of the region in which the sender is verified, e.g. eu-central-1.";
const KEY_HINT: &str = "Enter the access key id of an IAM user that may send, e.g. AKIAIOSFODNN7EXAMPLE.";
const REGION_MAX_CHARS: usize = 25;
/// "Using configuration sets": letters, digits, underscores and dashes.
const SET_MAX_CHARS: usize = 64;
const NAMES: &[&str] = &["region", "access_key_id", "configuration_set", "from_address", "from_name", "reply_to"];

/// Validated settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    #[serde(flatten)]
    pub(crate) sender: Sender,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    /// Absent leaves it to the default of the verified identity. Without any, SES reports nothing back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration_set: Option<String>,
}

impl Settings {
    /// Reads settings that [`validate`] has made.
    pub(crate) fn read(config: &Config) -> Result<Self, serde_json::Error> {
        Self::deserialize(config)
    }

    /// The base address of the region's API. A deployment that puts an address without `{region}` in its place serves
    /// every region there.
    pub(crate) fn base(&self, endpoints: &Endpoints) -> String {
        endpoints.ses_api.replace("{region}", &self.region)
    }
}

pub(crate) fn validate(config: &Config, secrets: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    let mut fields = Fields::new(config, NAMES);
    let sender = Sender::read(&mut fields);
    let region = fields.required_text("region", REGION_MAX_CHARS, REGION_HINT);
    if region.as_deref().is_some_and(|region| !is_region(region)) {
        fields.fault("region", "invalid", REGION_HINT);
    }
    let access_key_id = fields.required_text("access_key_id", 128, KEY_HINT);
    if let Some(Err(why)) = access_key_id.as_deref().map(check_key_id) {
        fields.fault("access_key_id", "invalid", why);
    }
    let configuration_set = fields.text("configuration_set", SET_MAX_CHARS);
    let plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if configuration_set.as_ref().is_some_and(|name| !plain(name)) {
        let words = "Enter the name of the configuration set: letters, digits, underscores and hyphens.";
        fields.fault("configuration_set", "invalid", words);
    }
    fields.only_secret(secrets, SECRET_ACCESS_KEY, SECRET_HINT);
    let settings = sender.zip(region).zip(access_key_id);
    let settings =
        settings.map(|((sender, region), access_key_id)| Settings { sender, region, access_key_id, configuration_set });
    let config = settings.and_then(|settings| match serde_json::to_value(settings) {
        Ok(Value::Object(config)) => Some(config),
        _ => None,
    });
    fields.finish(config)
}

/// Whether a text has the form of a region's code. It becomes a part of a host name, so nothing else may pass.
fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().is_some_and(|part| part.len() == 2);
    let middle = text.matches('-').count() >= 2;
    let number = text.rsplit('-').next().is_some_and(|part| part.len() == 1 && part.as_bytes()[0].is_ascii_digit());
    let plain = text
        .split('-')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()));
    first && middle && number && plain
}

/// Whether a text has the form of a lasting access key's id ("IAM identifiers").
fn check_key_id(id: &str) -> Result<(), String> {
    if id.starts_with("ASIA") {
        return Err(format!("This is a temporary key, which stops working within hours. {KEY_HINT}"));
    }
    let plain = id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if plain && id.len() >= 16 { Ok(()) } else { Err(KEY_HINT.to_owned()) }
}

pub(crate) fn validate_secrets(_: &Config, secrets: &Secrets, _: &Guard) -> Vec<FieldError> {
    let checked = secrets.get(SECRET_ACCESS_KEY).map(Secret::expose).map(check_secret);
    checked.and_then(Result::err).map(|why| FieldError::secret(SECRET_ACCESS_KEY, "invalid", why)).into_iter().collect()
}

/// Whether a text may be a secret access key. AWS documents no form of it.
pub(crate) fn check_secret(secret: &str) -> Result<(), String> {
    if (20..=128).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(format!("This is not a secret access key of AWS. {SECRET_HINT}"))
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: Provider::Ses.kind().as_str(),
        provider: Provider::Ses,
        name: "Amazon SES",
        name_ar: "Amazon SES",
        description: "E-mail by Amazon SES in an AWS account of yours, with opens, clicks and bounces reported back.",
        description_ar: "البريد عبر Amazon SES في حساب AWS خاص بك، مع الإبلاغ عن الفتح والنقر والارتداد.",
        schema: schema(),
        secrets: vec![SecretField {
            name: SECRET_ACCESS_KEY,
            title: "Secret access key",
            title_ar: "مفتاح الوصول السري",
            description: "Of the access key. AWS shows it once, when the key is created.",
            description_ar: "الخاص بمفتاح الوصول. تعرضه AWS مرة واحدة عند إنشاء المفتاح.",
            needed: "always",
            needed_ar: "دائمًا",
            required: true,
        }],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "None by default. Set the account's maximum send rate and daily quota; SES's own answers pause the integration.",
            note_ar: "بلا حدود افتراضيًا. حدّد أقصى معدل إرسال للحساب وحصته اليومية؛ وردود SES نفسها توقف التكامل مؤقتًا.",
        },
        docs: "docs/providers/ses.md",
    }
}

fn schema() -> Value {
    let mut properties = Sender::schema();
    let own = json!({
        "region": {
            "type": "string", "title": "Region", "x-title-ar": "المنطقة", "maxLength": REGION_MAX_CHARS, "examples": ["eu-central-1"],
            "pattern": "^[a-z]{2}(-[a-z0-9]+)+-[0-9]$",
            "description": "The AWS region in which the sender is verified. Quotas and the sandbox are per region.",
            "x-description-ar": "منطقة AWS التي وُثّق فيها المرسل. الحصص ووضع التجربة لكل منطقة على حدة."
        },
        "access_key_id": {
            "type": "string", "title": "Access key id", "x-title-ar": "معرّف مفتاح الوصول", "minLength": 16, "maxLength": 128, "pattern": "^[A-Z0-9]+$",
            "examples": ["AKIAIOSFODNN7EXAMPLE"],
            "description": "Of an IAM user with the permissions ses:SendEmail and ses:GetAccount and no other.",
            "x-description-ar": "لمستخدم IAM له الصلاحيتان ses:SendEmail وses:GetAccount وحدهما."
        },
        "configuration_set": {
            "type": "string", "title": "Configuration set", "x-title-ar": "مجموعة الإعدادات", "maxLength": SET_MAX_CHARS, "pattern": "^[A-Za-z0-9_-]+$",
            "examples": ["trunkline"],
            "description": "The configuration set whose event destination reports back. Left out, the default of the verified identity decides.",
            "x-description-ar": "مجموعة الإعدادات التي تبلّغ وجهة أحداثها إلينا. إن لم تُحدَّد فالافتراضية للهوية الموثّقة."
        }
    });
    if let Value::Object(own) = own {
        properties.extend(own);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Amazon SES", "x-title-ar": "Amazon SES",
        "type": "object",
        "additionalProperties": false,
        "required": ["from_address", "region", "access_key_id"],
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
    fn settings_are_read_as_they_were_written() {
        let config = json!({
            "from_address": "news@example.com", "from_name": "أكمي", "reply_to": "support@example.com",
            "region": "eu-central-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "configuration_set": "trunkline"
        });
        let Ok(Value::Object(stored)) = validated(config.clone(), &[SECRET_ACCESS_KEY]) else { panic!("refused") };
        assert_eq!(serde_json::to_value(Settings::read(&stored).unwrap()).unwrap(), config);
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let config = json!({
            "from_address": "news@", "region": "eu", "access_key_id": "ASIAIOSFODNN7EXAMPLE",
            "configuration_set": "my set", "session_token": "x"
        });
        let faults: BTreeSet<_> = validated(config, &["password"]).unwrap_err().into_iter().collect();
        let expected = [
            ("config.access_key_id", "invalid"),
            ("config.configuration_set", "invalid"),
            ("config.from_address", "invalid"),
            ("config.region", "invalid"),
            ("config.session_token", "unknown_field"),
            ("secrets.password", "unknown_field"),
            ("secrets.secret_access_key", "required"),
        ];
        assert_eq!(faults, expected.map(|(field, code)| (field.to_owned(), code)).into());
        let faults: BTreeSet<_> = validated(json!({}), &[SECRET_ACCESS_KEY]).unwrap_err().into_iter().collect();
        let expected = ["config.access_key_id", "config.from_address", "config.region"];
        assert_eq!(faults, expected.map(|field| (field.to_owned(), "required")).into());
    }

    #[test]
    fn a_region_is_a_part_of_a_host_name_and_nothing_else() {
        for region in ["eu-central-1", "us-gov-west-1", "ap-southeast-2", "il-central-1"] {
            assert!(is_region(region), "{region}");
        }
        for text in [
            "",
            "eu",
            "eu-1",
            "EU-central-1",
            "eu-central-1.evil",
            "eu-central-",
            "eu--1",
            "x/y-central-1",
            "eu-central-12",
        ] {
            assert!(!is_region(text), "{text}");
        }
    }

    #[test]
    fn keys_have_their_form() {
        assert_eq!(check_key_id("AKIAIOSFODNN7EXAMPLE"), Ok(()));
        for id in ["AKIA", "akiaiosfodnn7example", "AKIAIOSFODNN7 EXAMPLE", "ASIAIOSFODNN7EXAMPLE"] {
            assert!(check_key_id(id).is_err(), "{id}");
        }
        assert_eq!(check_secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Ok(()));
        for secret in ["", "short", "wJalrXUtnFEMI K7MDENG bPxRfiCYEXAMPLEKEY", &"x".repeat(129)] {
            assert!(check_secret(secret).is_err(), "{secret}");
        }
    }

    #[test]
    fn the_region_decides_the_address_unless_the_deployment_does() {
        let sender = Sender { from_address: "news@example.com".into(), from_name: None, reply_to: None };
        let region = "eu-central-1".to_owned();
        let settings = Settings { sender, region, access_key_id: String::new(), configuration_set: None };
        let real = Endpoints::default();
        assert_eq!(settings.base(&real), "https://email.eu-central-1.amazonaws.com");
        let double = Endpoints { ses_api: "http://127.0.0.1:1/ses".into(), ..real };
        assert_eq!(settings.base(&double), "http://127.0.0.1:1/ses");
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, NAMES.iter().copied().collect());
    }
}
