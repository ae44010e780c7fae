//! The settings of an integration of Microsoft 365 attack simulation.

use super::assertion;
use crate::{
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    fields::{FieldError, Fields},
};
use domain::{channel::Provider, integration::Config, rate::Limits, secret::Secrets, simulation::DURATION_MAX_DAYS};
use guard::Guard;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The longest certificate or private key, in characters: an RSA key of 4,096 bits takes 3,300.
const PEM_MAX_CHARS: usize = 8_000;
/// The longest client secret. Microsoft's have 40 characters.
const SECRET_MAX_CHARS: usize = 400;
const DEFAULT_DURATION_DAYS: u16 = 7;
const NAMES: &[&str] = &[
    "directory_id",
    "client_id",
    "auth",
    "certificate",
    "created_by",
    "payload_id",
    "landing_page_id",
    "login_page_id",
    "attack_technique",
    "duration_days",
];
/// Those of Graph's `simulationAttackTechnique` that need nothing besides payload and pages.
const TECHNIQUES: [&str; 5] =
    ["credentialHarvesting", "attachmentMalware", "driveByUrl", "linkInAttachment", "linkToMalwareFile"];

/// How the app proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Auth {
    /// By a secret that both sides know.
    ClientSecret,
    /// By a key whose certificate Microsoft knows.
    Certificate,
}

impl Auth {
    /// The secret that it needs.
    pub(crate) const fn secret(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::Certificate => "private_key",
        }
    }
}

/// Validated settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) directory_id: String,
    pub(crate) client_id: String,
    pub(crate) auth: Auth,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
    pub(crate) created_by: String,
    pub(crate) payload_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) landing_page_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login_page_id: Option<String>,
    pub(crate) attack_technique: String,
    pub(crate) duration_days: u16,
}

impl Settings {
    /// Reads settings that [`validate`] has made.
    pub(crate) fn read(config: &Config) -> Result<Self, serde_json::Error> {
        Self::deserialize(config)
    }
}

/// Whether a text is a GUID, as Entra names directories and apps.
fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Whether a text may be an id of something at Graph, so that it is safe in a path.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn guid(fields: &mut Fields<'_>, name: &str, hint: &str) -> Option<String> {
    let text = fields.required_text(name, 60, hint)?;
    if is_guid(&text) {
        return Some(text.to_ascii_lowercase());
    }
    fields.fault(name, "invalid", format!("This is not such an id. {hint}"));
    None
}

fn id(fields: &mut Fields<'_>, name: &str, text: Option<String>) -> Option<String> {
    let text = text?;
    if is_id(&text) {
        return Some(text);
    }
    fields.fault(name, "invalid", "Enter an id of the content library, such as 12345678-9abc-def0-1234-56789abcdef0.");
    None
}

pub(crate) fn validate(config: &Config, secrets: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    let mut fields = Fields::new(config, NAMES);
    let directory_id = guid(
        &mut fields,
        "directory_id",
        "Enter the Directory (tenant) ID from the app registration's overview, such as 11111111-2222-3333-4444-555555555555.",
    );
    let client_id = guid(
        &mut fields,
        "client_id",
        "Enter the Application (client) ID from the app registration's overview, such as 11111111-2222-3333-4444-555555555555.",
    );
    let auth = match fields.text("auth", 40).as_deref() {
        None | Some("client_secret") => Auth::ClientSecret,
        Some("certificate") => Auth::Certificate,
        Some(_) => {
            fields.fault("auth", "invalid", "Choose `client_secret` or `certificate`.");
            Auth::ClientSecret
        }
    };
    let certificate = fields.long_text("certificate", PEM_MAX_CHARS);
    match (auth, &certificate) {
        (Auth::ClientSecret, Some(_)) => {
            fields.fault("certificate", "conflict", "A certificate goes with `auth` = `certificate` only.");
        }
        (Auth::Certificate, None) if !fields.has("certificate") => {
            fields.fault(
                "certificate",
                "required",
                "Enter the certificate that was uploaded to the app registration, in PEM.",
            );
        }
        (Auth::Certificate, Some(pem)) => {
            if let Err(why) = assertion::thumbprint(pem) {
                fields.fault("certificate", "invalid", why);
            }
        }
        _ => {}
    }
    let created_by = fields.required_text(
        "created_by",
        254,
        "Enter the e-mail address of the administrator in whose name simulations are created.",
    );
    if let Some(Err(why)) = created_by.as_deref().map(crate::mail::check_address) {
        fields.fault("created_by", "invalid", why);
    }
    let payload_id = fields.required_text(
        "payload_id",
        100,
        "Enter the id of the payload that targets receive, from GET /security/attackSimulation/payloads.",
    );
    let payload_id = id(&mut fields, "payload_id", payload_id);
    let landing_page_id = fields.text("landing_page_id", 100);
    let landing_page_id = id(&mut fields, "landing_page_id", landing_page_id);
    let login_page_id = fields.text("login_page_id", 100);
    let login_page_id = id(&mut fields, "login_page_id", login_page_id);
    let attack_technique = fields.text("attack_technique", 40).unwrap_or_else(|| TECHNIQUES[0].to_owned());
    if !TECHNIQUES.contains(&attack_technique.as_str()) {
        fields.fault("attack_technique", "invalid", format!("Choose one of {}.", TECHNIQUES.join(", ")));
    }
    let duration_days = fields.number("duration_days", 1..=u64::from(DURATION_MAX_DAYS));
    let duration_days = duration_days.and_then(|days| u16::try_from(days).ok()).unwrap_or(DEFAULT_DURATION_DAYS);
    let hint = match auth {
        Auth::ClientSecret => "Enter the value of a client secret from the app's page \"Certificates & secrets\".",
        Auth::Certificate => "Enter the private key that belongs to the certificate, in PEM and without a passphrase.",
    };
    fields.only_secret(secrets, auth.secret(), hint);
    let config = directory_id.zip(client_id).zip(created_by).zip(payload_id).and_then(
        |(((directory_id, client_id), created_by), payload_id)| {
            let settings = Settings {
                directory_id,
                client_id,
                auth,
                certificate,
                created_by,
                payload_id,
                landing_page_id,
                login_page_id,
                attack_technique,
                duration_days,
            };
            match serde_json::to_value(settings) {
                Ok(Value::Object(config)) => Some(config),
                _ => None,
            }
        },
    );
    fields.finish(config)
}

pub(crate) fn validate_secrets(config: &Config, secrets: &Secrets, _: &Guard) -> Vec<FieldError> {
    let Ok(settings) = Settings::read(config) else { return Vec::new() };
    let name = settings.auth.secret();
    let Some(secret) = secrets.get(name) else { return Vec::new() };
    let checked = match settings.auth {
        Auth::ClientSecret => check_client_secret(secret.expose()),
        Auth::Certificate => assertion::check_key(secret.expose()),
    };
    checked.err().map(|why| FieldError::secret(name, "invalid", why)).into_iter().collect()
}

fn check_client_secret(secret: &str) -> Result<(), String> {
    let printable = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable || secret.len() > SECRET_MAX_CHARS {
        return Err("This is no client secret. Enter the value from \"Certificates & secrets\", without spaces.".into());
    }
    if is_guid(secret) {
        return Err("This is the secret's id. Enter its value, which is shown only when the secret is created.".into());
    }
    Ok(())
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: Provider::M365.kind().as_str(),
        provider: Provider::M365,
        name: "Microsoft 365 attack simulation",
        name_ar: "محاكاة الهجمات في Microsoft 365",
        description: "Phishing simulations that Microsoft 365 runs (Attack simulation training), with the results of every target.",
        description_ar: "محاكاة التصيّد التي يديرها Microsoft 365 (التدريب على محاكاة الهجمات)، مع نتائج كل مستهدف.",
        schema: schema(),
        secrets: vec![
            SecretField {
                name: "client_secret",
                title: "Client secret",
                title_ar: "سر التطبيق",
                description: "The value of a client secret from the app's page \"Certificates & secrets\". It is shown only when it is created.",
                description_ar: "قيمة سر من صفحة «Certificates & secrets» للتطبيق. لا تُعرض إلا عند إنشائه.",
                needed: "when `auth` is `client_secret`",
                needed_ar: "إن كان `auth` هو `client_secret`",
                required: false,
            },
            SecretField {
                name: "private_key",
                title: "Private key",
                title_ar: "المفتاح الخاص",
                description: "The RSA private key of the certificate, in PEM (PKCS#8 or PKCS#1) and without a passphrase.",
                description_ar: "مفتاح RSA الخاص بالشهادة، بصيغة PEM ‏(PKCS#8 أو PKCS#1) ومن دون عبارة مرور.",
                needed: "when `auth` is `certificate`",
                needed_ar: "إن كان `auth` هو `certificate`",
                required: false,
            },
        ],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "A request is one simulation, however many targets it has, and Microsoft Graph's own answers pause the integration. `per_day` counts simulations.",
            note_ar: "كل طلب محاكاة واحدة مهما كثر مستهدفوها، وردود Microsoft Graph نفسها توقف التكامل مؤقتًا. يعدّ `per_day` المحاكاة.",
        },
        docs: "docs/providers/m365.md",
    }
}

fn schema() -> Value {
    let guid = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
    let id = "^[A-Za-z0-9_-]{1,100}$";
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Microsoft 365 attack simulation", "x-title-ar": "محاكاة الهجمات في Microsoft 365",
        "type": "object",
        "additionalProperties": false,
        "required": ["directory_id", "client_id", "created_by", "payload_id"],
        "properties": {
            "directory_id": {
                "type": "string", "title": "Directory (tenant) ID", "x-title-ar": "معرّف الدليل (المستأجر)", "pattern": guid,
                "examples": ["11111111-2222-3333-4444-555555555555"],
                "description": "From the app registration's overview in the Microsoft Entra admin center.",
                "x-description-ar": "من صفحة النظرة العامة لتسجيل التطبيق في مركز إدارة Microsoft Entra."
            },
            "client_id": {
                "type": "string", "title": "Application (client) ID", "x-title-ar": "معرّف التطبيق (العميل)", "pattern": guid,
                "examples": ["66666666-7777-8888-9999-000000000000"],
                "description": "From the app registration's overview.",
                "x-description-ar": "من صفحة النظرة العامة لتسجيل التطبيق."
            },
            "auth": {
                "type": "string", "title": "How the app signs in", "x-title-ar": "طريقة دخول التطبيق", "enum": ["client_secret", "certificate"],
                "x-enum-titles": ["Client secret", "Certificate"],
                "x-enum-titles-ar": ["سر التطبيق", "شهادة"],
                "default": "client_secret", "examples": ["certificate"],
                "description": "`certificate` needs `certificate` and the secret `private_key`; `client_secret` the secret of that name.",
                "x-description-ar": "يحتاج `certificate` إلى الحقل `certificate` والسر `private_key`؛ ويحتاج `client_secret` إلى السر بالاسم نفسه."
            },
            "certificate": {
                "type": "string", "title": "Certificate", "x-title-ar": "الشهادة", "maxLength": PEM_MAX_CHARS,
                "examples": ["-----BEGIN CERTIFICATE-----\n..."],
                "description": "The certificate that was uploaded to the app registration, in PEM.",
                "x-description-ar": "الشهادة التي رُفعت إلى تسجيل التطبيق، بصيغة PEM."
            },
            "created_by": {
                "type": "string", "title": "Created by", "x-title-ar": "أنشأها", "format": "email", "examples": ["secops@contoso.com"],
                "description": "The administrator whom Microsoft 365 shows as the author of simulations.",
                "x-description-ar": "المدير الذي يظهر في Microsoft 365 منشئًا للمحاكاة."
            },
            "payload_id": {
                "type": "string", "title": "Payload", "x-title-ar": "الحمولة", "pattern": id, "examples": ["12345678-9abc-def0-1234-56789abcdef0"],
                "description": "What targets receive: the id of a payload in the content library. A request may name another.",
                "x-description-ar": "ما يتلقاه المستهدفون: معرّف حمولة في مكتبة المحتوى. ويجوز للطلب أن يسمّي غيرها."
            },
            "landing_page_id": {
                "type": "string", "title": "Landing page", "x-title-ar": "صفحة الوصول", "pattern": id, "examples": ["1c345678-9abc-def0-1234-56789abcdef0"],
                "description": "What a target who falls for it sees. Optional.",
                "x-description-ar": "ما يراه من وقع في الفخ. اختياري."
            },
            "login_page_id": {
                "type": "string", "title": "Login page", "x-title-ar": "صفحة الدخول", "pattern": id, "examples": ["1a345678-9abc-def0-1234-56789abcdef0"],
                "description": "Where a target is asked for credentials, if the payload names none. Optional.",
                "x-description-ar": "أين تُطلب من المستهدف بيانات دخوله، إن لم تسمّها الحمولة. اختياري."
            },
            "attack_technique": {
                "type": "string", "title": "Attack technique", "x-title-ar": "أسلوب الهجوم", "enum": TECHNIQUES, "default": TECHNIQUES[0],
                "x-enum-titles": ["Credential harvesting", "Malware attachment", "Drive-by URL", "Link in attachment", "Link to malware"],
                "x-enum-titles-ar": ["سرقة بيانات الدخول", "مرفق خبيث", "رابط يُنزّل تلقائيًا", "رابط داخل مرفق", "رابط إلى برنامج خبيث"],
                "examples": [TECHNIQUES[0]],
                "description": "The technique that the payload was made for.",
                "x-description-ar": "الأسلوب الذي صُنعت له الحمولة."
            },
            "duration_days": {
                "type": "integer", "title": "Duration in days", "x-title-ar": "المدة بالأيام", "minimum": 1, "maximum": DURATION_MAX_DAYS,
                "default": DEFAULT_DURATION_DAYS, "examples": [DEFAULT_DURATION_DAYS],
                "description": "How long a simulation runs. A request may say otherwise.",
                "x-description-ar": "كم تدوم المحاكاة. ويجوز للطلب أن يحدّد غير ذلك."
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(value: Value) -> Config {
        let Value::Object(config) = value else { panic!("{value} is not an object") };
        config
    }

    fn good() -> Value {
        json!({
            "directory_id": "11111111-2222-3333-4444-55555555555A",
            "client_id": "66666666-7777-8888-9999-000000000000",
            "created_by": "secops@contoso.com",
            "payload_id": "12345678-9abc-def0-123456789a",
        })
    }

    fn with(changes: &[(&str, Value)]) -> Config {
        let mut settings = config(good());
        for (name, value) in changes {
            settings.insert((*name).to_owned(), value.clone());
        }
        settings
    }

    fn secrets(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn faults(changes: &[(&str, Value)], names: &[&str]) -> Vec<(String, &'static str)> {
        let errors = validate(&with(changes), &secrets(names)).unwrap_err();
        errors.into_iter().map(|error| (error.field, error.code)).collect()
    }

    #[test]
    fn defaults_are_filled_in() {
        let settings = validate(&config(good()), &secrets(&["client_secret"])).unwrap();
        assert_eq!(
            Value::Object(settings.clone()),
            json!({
                "directory_id": "11111111-2222-3333-4444-55555555555a",
                "client_id": "66666666-7777-8888-9999-000000000000",
                "auth": "client_secret",
                "created_by": "secops@contoso.com",
                "payload_id": "12345678-9abc-def0-123456789a",
                "attack_technique": "credentialHarvesting",
                "duration_days": 7,
            })
        );
        assert_eq!(validate(&settings, &secrets(&["client_secret"])), Ok(settings), "what was saved stays valid");
    }

    #[test]
    fn every_fault_is_told_with_its_field() {
        let changes = [
            ("directory_id", json!("contoso.onmicrosoft.com")),
            ("client_id", json!(7)),
            ("created_by", json!("nobody")),
            ("payload_id", json!("../payloads")),
            ("landing_page_id", json!("a b")),
            ("attack_technique", json!("oAuthConsentGrant")),
            ("duration_days", json!(31)),
            ("surprise", json!(1)),
        ];
        assert_eq!(
            faults(&changes, &["private_key"]),
            [
                ("config.surprise", "unknown_field"),
                ("config.directory_id", "invalid"),
                ("config.client_id", "wrong_type"),
                ("config.created_by", "invalid"),
                ("config.payload_id", "invalid"),
                ("config.landing_page_id", "invalid"),
                ("config.attack_technique", "invalid"),
                ("config.duration_days", "out_of_range"),
                ("secrets.private_key", "unknown_field"),
                ("secrets.client_secret", "required"),
            ]
            .map(|(field, code)| (field.to_owned(), code))
        );
    }

    #[test]
    fn a_certificate_goes_with_its_own_way_of_signing_in() {
        let certificate = ("certificate", json!(doubles::graph::CERTIFICATE));
        let auth = ("auth", json!("certificate"));
        assert!(validate(&with(&[auth.clone(), certificate.clone()]), &secrets(&["private_key"])).is_ok());
        let fault = |code| vec![("config.certificate".to_owned(), code)];
        assert_eq!(faults(std::slice::from_ref(&auth), &["private_key"]), fault("required"));
        assert_eq!(faults(&[certificate], &["client_secret"]), fault("conflict"));
        let key = ("certificate", json!(doubles::graph::PRIVATE_KEY));
        assert_eq!(faults(&[auth, key], &["private_key"]), fault("invalid"));
    }

    #[test]
    fn a_secrets_id_is_not_its_value() {
        assert!(check_client_secret("wJ8~q.verysecret").is_ok());
        for bad in ["", "with space", "11111111-2222-3333-4444-555555555555"] {
            assert!(check_client_secret(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_for_an_id_is_safe_in_a_path(text in "[A-Za-z0-9_-]{0,101}|\\PC{0,20}") {
            if !is_id(&text) {
                return Ok(());
            }
            let url = reqwest::Url::parse(&format!("https://graph.example/v1.0/x/{text}/y")).unwrap();
            prop_assert_eq!(url.path(), format!("/v1.0/x/{text}/y"));
        }
    }
}
