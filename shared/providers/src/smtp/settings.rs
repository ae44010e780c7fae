//! The settings of an SMTP server.

use crate::{
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    fields::{FieldError, Fields},
    mail::Sender,
};
use domain::{channel::Provider, integration::Config, rate::Limits, secret::Secrets};
use guard::{Guard, Refusal};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The submission port with STARTTLS (RFC 6409).
const SUBMISSION: u16 = 587;
/// The submission port with TLS from the start (RFC 8314, section 7.3).
const SUBMISSIONS: u16 = 465;
/// The relay port, which never speaks TLS from the start.
const RELAY: u16 = 25;

/// Seconds that one step of the conversation may take unless the settings say otherwise.
const TIMEOUT_S: u64 = 15;
const TIMEOUT_RANGE_S: std::ops::RangeInclusive<u64> = 5..=30;
const CA_MAX_CHARS: usize = 20_000;
const NAMES: &[&str] =
    &["host", "port", "security", "username", "from_address", "from_name", "reply_to", "ca_certificate", "timeout_s"];

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Security {
    /// Plain at first, then STARTTLS; refused if the server does not offer it.
    Starttls,
    /// TLS from the start.
    Tls,
    /// No encryption. Only when chosen, and never with a login.
    None,
}

/// Validated settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    pub(crate) from_address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_certificate: Option<String>,
    pub(crate) timeout_s: u64,
}

impl Settings {
    /// Reads settings that [`validate`] has made.
    pub(crate) fn read(config: &Config) -> Result<Self, serde_json::Error> {
        Self::deserialize(config)
    }
}

pub(crate) fn validate(config: &Config, secrets: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    let mut fields = Fields::new(config, NAMES);
    let host = fields.required_text("host", 253, "Enter the mail server's host name, e.g. smtp.example.com.");
    if host.as_ref().is_some_and(|host| host.contains("://") || host.contains('/') || host.contains('@')) {
        fields.fault("host", "invalid", "Enter the host name only, e.g. smtp.example.com.");
    } else if host.as_ref().is_some_and(|host| host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err()) {
        fields.fault("host", "invalid", "Enter the host name only; the port has its own field.");
    }
    let security = security(&mut fields);
    let port = fields.number("port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
    let port = if fields.has("port") {
        port
    } else {
        Some(if security == Some(Some(Security::Tls)) { SUBMISSIONS } else { SUBMISSION })
    };
    let security = security
        .map(|chosen| chosen.unwrap_or(if port == Some(SUBMISSIONS) { Security::Tls } else { Security::Starttls }));
    if let (Some(port), Some(security)) = (port, security) {
        check_combination(&mut fields, port, security);
    }
    let username = fields.text("username", 320);
    check_login(&mut fields, username.as_deref(), security, secrets);
    let sender = Sender::read(&mut fields);
    let ca_certificate = fields.long_text("ca_certificate", CA_MAX_CHARS);
    if let Some(Err(why)) = ca_certificate.as_deref().map(read_authorities) {
        fields.fault("ca_certificate", "invalid", why);
    }
    let timeout_s = fields.number("timeout_s", TIMEOUT_RANGE_S).unwrap_or(TIMEOUT_S);

    let settings = || {
        let Sender { from_address, from_name, reply_to } = sender?;
        Some(Settings {
            host: host?.trim_end_matches('.').to_ascii_lowercase(),
            port: port?,
            security: security?,
            username,
            from_address,
            from_name,
            reply_to,
            ca_certificate,
            timeout_s,
        })
    };
    let config = settings().and_then(|settings| match serde_json::to_value(settings) {
        Ok(Value::Object(config)) => Some(config),
        _ => None,
    });
    fields.finish(config)
}

/// `None` after a fault, `Some(None)` when absent.
#[expect(clippy::option_option, reason = "absent and wrong differ: only the first has a default")]
fn security(fields: &mut Fields<'_>) -> Option<Option<Security>> {
    if !fields.has("security") {
        return Some(None);
    }
    let security = match fields.text("security", 20)?.as_str() {
        "starttls" => Security::Starttls,
        "tls" => Security::Tls,
        "none" => Security::None,
        _ => {
            fields.fault("security", "invalid", "Choose `starttls` (port 587), `tls` (port 465) or `none`.");
            return None;
        }
    };
    Some(Some(security))
}

fn check_combination(fields: &mut Fields<'_>, port: u16, security: Security) {
    let words = match (port, security) {
        (SUBMISSIONS, Security::Starttls) => {
            "Port 465 speaks TLS from the start: choose security `tls`, or port 587 with `starttls`."
        }
        (SUBMISSIONS, Security::None) => "Port 465 speaks TLS from the start: choose security `tls`.",
        (SUBMISSION, Security::Tls) => {
            "Port 587 begins in plain text: choose security `starttls`, or port 465 with `tls`."
        }
        (RELAY, Security::Tls) => {
            "Port 25 begins in plain text: choose security `starttls` or `none`, or port 465 with `tls`."
        }
        _ => return,
    };
    fields.fault("security", "conflict", words);
}

fn check_login(
    fields: &mut Fields<'_>,
    username: Option<&str>,
    security: Option<Security>,
    secrets: &BTreeSet<String>,
) {
    fields.known_secrets(secrets, &["password"]);
    let password = secrets.contains("password");
    if username.is_some() && security == Some(Security::None) {
        let words = "A password must not travel unencrypted: choose `starttls` or `tls`, or remove the user name.";
        fields.fault("security", "conflict", words);
    }
    if username.is_some() && !password {
        fields.push(FieldError::secret("password", "required", "Enter the password that belongs to the user name."));
    }
    if username.is_none() && password && !fields.has("username") {
        fields.fault("username", "required", "Enter the user name that belongs to the password.");
    }
}

pub(crate) fn validate_secrets(config: &Config, secrets: &Secrets, guard: &Guard) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(password) = secrets.get("password") {
        let text = password.expose();
        if text.is_empty() {
            errors.push(FieldError::secret("password", "required", "Enter the password."));
        } else if text.contains('\0') || text.len() > 1_000 {
            errors.push(FieldError::secret("password", "invalid", "Enter at most 1,000 bytes, without NUL."));
        }
    }
    if let Ok(settings) = Settings::read(config)
        && let Err(refusal) = guard.check_server(&settings.host, settings.port)
    {
        let field = if matches!(refusal, Refusal::Port(_)) { "port" } else { "host" };
        errors.push(FieldError::config(field, "not_allowed", format!("Not allowed: {refusal}.")));
    }
    errors
}

/// The certificates of a PEM text, each of which must be usable as an authority.
pub(crate) fn read_authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("This is not a certificate in PEM form: {error:?}."))?;
    if certificates.is_empty() {
        return Err("Paste the authority's certificate in PEM form, from -----BEGIN CERTIFICATE----- on.".to_owned());
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| format!("The certificate cannot be used: {error}."))?;
    }
    Ok(certificates)
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: "email",
        provider: Provider::Smtp,
        name: "SMTP",
        name_ar: "SMTP",
        description: "E-mail through any SMTP server: your own, or your provider's submission server.",
        description_ar: "البريد عبر أي خادم SMTP: خادمك أو خادم الإرسال لدى مزوّدك.",
        schema: schema(),
        secrets: vec![SecretField {
            name: "password",
            title: "Password",
            title_ar: "كلمة المرور",
            description: "The password of the user name; an app password if the account uses two-factor sign-in.",
            description_ar: "كلمة مرور اسم المستخدم؛ أو كلمة مرور تطبيق إن كان الحساب يستخدم التحقق بخطوتين.",
            needed: "when `username` is set",
            needed_ar: "عند تحديد `username`",
            required: false,
        }],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "None by default. Set the hourly and daily limits of your mail provider.",
            note_ar: "بلا حدود افتراضيًا. حدّد الحدود بالساعة واليوم لدى مزوّد بريدك.",
        },
        docs: "docs/providers/smtp.md",
    }
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "SMTP server", "x-title-ar": "خادم SMTP",
        "type": "object",
        "additionalProperties": false,
        "required": ["host", "from_address"],
        "properties": {
            "host": {
                "type": "string", "title": "Host", "x-title-ar": "المضيف", "maxLength": 253, "examples": ["smtp.example.com"],
                "description": "The mail server's host name. It must resolve to public addresses.",
                "x-description-ar": "اسم مضيف خادم البريد. يجب أن يشير إلى عناوين عامة."
            },
            "port": {
                "type": "integer", "title": "Port", "x-title-ar": "المنفذ", "minimum": 1, "maximum": 65535, "default": SUBMISSION,
                "examples": [587, 465, 2525, 25],
                "description": "587 with STARTTLS, 465 with TLS. Only 25, 465, 587 and 2525 are allowed.",
                "x-description-ar": "587 مع STARTTLS، و465 مع TLS. يُسمح بالمنافذ 25 و465 و587 و2525 فقط."
            },
            "security": {
                "type": "string", "title": "Security", "x-title-ar": "التأمين", "enum": ["starttls", "tls", "none"],
                "x-enum-titles": ["STARTTLS", "TLS", "No encryption"],
                "x-enum-titles-ar": ["STARTTLS", "TLS", "بلا تشفير"],
                "default": "starttls",
                "examples": ["starttls"],
                "description": "`starttls` for port 587, `tls` for port 465. `none` sends in plain text and excludes a login.",
                "x-description-ar": "`starttls` للمنفذ 587، و`tls` للمنفذ 465. أما `none` فيرسل بلا تشفير ولا يسمح بتسجيل الدخول."
            },
            "username": {
                "type": "string", "title": "User name", "x-title-ar": "اسم المستخدم", "maxLength": 320, "examples": ["news@example.com"],
                "description": "Leave empty if the server takes mail without a login.",
                "x-description-ar": "اتركه فارغًا إن كان الخادم يقبل البريد بلا تسجيل دخول."
            },
            "from_address": {
                "type": "string", "format": "email", "title": "From address", "x-title-ar": "عنوان المرسل", "maxLength": 254,
                "examples": ["news@example.com"],
                "description": "The address that messages come from. The server must allow the account to use it.",
                "x-description-ar": "العنوان الذي تصدر عنه الرسائل. يجب أن يسمح الخادم للحساب باستخدامه."
            },
            "from_name": {
                "type": "string", "title": "From name", "x-title-ar": "اسم المرسل", "maxLength": 100, "examples": ["Acme Security"],
                "description": "The name shown beside the from address, in any script.",
                "x-description-ar": "الاسم الظاهر بجانب عنوان المرسل، بأي كتابة."
            },
            "reply_to": {
                "type": "string", "format": "email", "title": "Reply-to address", "x-title-ar": "عنوان الرد", "maxLength": 254,
                "examples": ["support@example.com"],
                "description": "Where answers go, if not to the from address.",
                "x-description-ar": "إلى أين تذهب الردود، إن لم تكن إلى عنوان المرسل."
            },
            "ca_certificate": {
                "type": "string", "title": "Authority's certificate", "x-title-ar": "شهادة الجهة المُصدِرة", "maxLength": CA_MAX_CHARS,
                "examples": ["-----BEGIN CERTIFICATE-----\n..."],
                "description": "PEM. Only for a server whose certificate comes from a private authority; the public authorities stay trusted.",
                "x-description-ar": "بصيغة PEM. فقط لخادم شهادته من جهة خاصة؛ وتبقى الجهات العامة موثوقة."
            },
            "timeout_s": {
                "type": "integer", "title": "Timeout in seconds", "x-title-ar": "المهلة بالثواني", "default": TIMEOUT_S,
                "minimum": TIMEOUT_RANGE_S.start(), "maximum": TIMEOUT_RANGE_S.end(), "examples": [TIMEOUT_S],
                "description": "How long one step of the conversation with the server may take.",
                "x-description-ar": "أطول مدة لخطوة واحدة من التخاطب مع الخادم."
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::secret::Secret;
    use guard::Egress;

    fn validated(config: Value, secrets: &[&str]) -> Result<Value, Vec<(String, &'static str)>> {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let Value::Object(config) = config else { panic!("{config} is not an object") };
        validate(&config, &secrets)
            .map(Value::Object)
            .map_err(|errors| errors.into_iter().map(|error| (error.field, error.code)).collect())
    }

    fn faults(config: Value, secrets: &[&str]) -> Vec<(String, &'static str)> {
        validated(config, secrets).unwrap_err()
    }

    #[test]
    fn the_least_one_can_enter_is_completed() {
        let config = validated(json!({"host": " SMTP.Example.com. ", "from_address": "news@example.com"}), &[]);
        assert_eq!(
            config.unwrap(),
            json!({
                "host": "smtp.example.com", "port": 587, "security": "starttls",
                "from_address": "news@example.com", "timeout_s": 15
            })
        );
    }

    #[test]
    fn validated_settings_stay_as_they_are() {
        let config = json!({
            "host": "smtp.example.com", "port": 465, "security": "tls", "username": "news", "from_name": "أكمي",
            "from_address": "news@example.com", "reply_to": "help@example.com", "timeout_s": 20
        });
        assert_eq!(validated(config.clone(), &["password"]).unwrap(), config);
    }

    #[test]
    fn port_and_security_complete_each_other() {
        for (given, port, security) in [
            (json!({"port": 465}), 465, "tls"),
            (json!({"security": "tls"}), 465, "tls"),
            (json!({"port": 2525}), 2525, "starttls"),
            (json!({"port": 25, "security": "none"}), 25, "none"),
        ] {
            let mut config = json!({"host": "a.example", "from_address": "a@b.example"});
            config.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
            let config = validated(config, &[]).unwrap();
            assert_eq!((config["port"].as_u64(), config["security"].as_str()), (Some(port), Some(security)));
        }
    }

    #[test]
    fn a_wrong_pair_of_port_and_security_names_the_right_one() {
        for (port, security, fix) in [
            (465, "starttls", "choose security `tls`, or port 587"),
            (587, "tls", "choose security `starttls`, or port 465"),
            (465, "none", "choose security `tls`"),
            (25, "tls", "or port 465"),
        ] {
            let config =
                json!({"host": "a.example", "from_address": "a@b.example", "port": port, "security": security});
            let errors = validate(config.as_object().unwrap(), &BTreeSet::new()).unwrap_err();
            assert_eq!((errors.len(), errors[0].field.as_str(), errors[0].code), (1, "config.security", "conflict"));
            assert!(errors[0].message.contains(fix), "{}", errors[0].message);
        }
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let config = json!({
            "host": "https://smtp.example.com/", "port": 70_000, "security": "ssl", "username": 5,
            "from_address": "news", "reply_to": "a\r\nBcc: b@c.d", "ca_certificate": "no certificate",
            "timeout_s": 1, "password": "x"
        });
        let faults: BTreeSet<_> = faults(config, &["pasword"]).into_iter().collect();
        let expected = [
            ("config.ca_certificate", "invalid"),
            ("config.from_address", "invalid"),
            ("config.host", "invalid"),
            ("config.password", "unknown_field"),
            ("config.port", "out_of_range"),
            ("config.reply_to", "invalid"),
            ("config.security", "invalid"),
            ("config.timeout_s", "out_of_range"),
            ("config.username", "wrong_type"),
            ("secrets.pasword", "unknown_field"),
        ];
        assert_eq!(faults, expected.map(|(field, code)| (field.to_owned(), code)).into());
        assert_eq!(
            self::faults(json!({}), &[]),
            [("config.host".to_owned(), "required"), ("config.from_address".to_owned(), "required")]
        );
        assert_eq!(
            self::faults(json!({"host": "a.example", "port": "587", "from_address": "a@b.example"}), &[]),
            [("config.port".to_owned(), "wrong_type")]
        );
    }

    #[test]
    fn user_name_and_password_come_together_and_never_in_plain_text() {
        let config = |more: Value| {
            let mut config = json!({"host": "a.example", "from_address": "a@b.example"});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            config
        };
        assert_eq!(faults(config(json!({"username": "a"})), &[]), [("secrets.password".to_owned(), "required")]);
        assert_eq!(faults(config(json!({})), &["password"]), [("config.username".to_owned(), "required")]);
        assert_eq!(
            faults(config(json!({"username": "a", "security": "none", "port": 25})), &["password"]),
            [("config.security".to_owned(), "conflict")]
        );
    }

    #[test]
    fn what_the_guard_refuses_is_said_at_its_field() {
        let guard = Guard::new(Egress::default());
        let secrets = Secrets::from([("password".to_owned(), Secret::new(String::new()))]);
        let config = |host: &str, port: u16| {
            let config = json!({"host": host, "port": port, "from_address": "a@b.example"});
            validate(config.as_object().unwrap(), &BTreeSet::new()).unwrap()
        };
        let fields = |config: &Config, secrets: &Secrets| -> Vec<String> {
            validate_secrets(config, secrets, &guard).into_iter().map(|error| error.field).collect()
        };
        assert_eq!(fields(&config("169.254.169.254", 587), &Secrets::new()), ["config.host"]);
        assert_eq!(fields(&config("0x7f.1", 587), &Secrets::new()), ["config.host"]);
        assert_eq!(fields(&config("smtp.example.com", 22), &secrets), ["secrets.password", "config.port"]);
        assert_eq!(fields(&config("smtp.example.com", 587), &Secrets::new()), [""; 0]);
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let mut known: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let mut names: Vec<_> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        known.sort();
        names.sort();
        assert_eq!(known, names);
        assert_eq!(schema["properties"]["timeout_s"]["maximum"], 30);
    }
}
