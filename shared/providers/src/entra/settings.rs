//! The settings of a sign-in integration.

use crate::{
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    fields::{FieldError, Fields},
};
use domain::{
    channel::Provider,
    integration::Config,
    rate::Limits,
    secret::{Secret, Secrets},
    sign_in::{SignInSettings, is_guid},
};
use guard::Guard;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The one secret.
pub(crate) const CLIENT_SECRET: &str = "client_secret";
const SECRET_HINT: &str =
    "Enter the value of a client secret of the application; in Entra the column Value, not the Secret ID.";
const DIRECTORY_HINT: &str =
    "Enter the directory (tenant) id from the overview of the app registration, a GUID; or an `issuer`.";
const NAMES: &[&str] = &[
    "directory_id",
    "issuer",
    "client_id",
    "audience",
    "roles_claim",
    "capabilities_claim",
    "admin_roles",
    "operator_roles",
    "viewer_roles",
];
const NAME_MAX_CHARS: usize = 250;
const ROLES_MAX: usize = 20;
/// Hosts of Entra, whose directories are named by their id: with `directory_id` the token's `tid` is pinned too.
const ENTRA_HOSTS: [&str; 3] = ["login.microsoftonline.com", "sts.windows.net", "login.windows.net"];

pub(crate) fn validate(config: &Config, secrets: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    let mut fields = Fields::new(config, NAMES);
    let (directory_id, issuer) = authority(&mut fields);
    let client_id = fields.required_text("client_id", NAME_MAX_CHARS, "Enter the application (client) id.");
    let audience = fields.text("audience", NAME_MAX_CHARS).or_else(|| client_id.clone());
    let roles_claim = fields.text("roles_claim", NAME_MAX_CHARS).unwrap_or_else(|| "roles".to_owned());
    let capabilities_claim = fields.text("capabilities_claim", NAME_MAX_CHARS);
    let mut roles = |name, default: &str| roles(&mut fields, config, name, default);
    let admin_roles = roles("admin_roles", "Trunkline.Admin");
    let operator_roles = roles("operator_roles", "Trunkline.Operator");
    let viewer_roles = roles("viewer_roles", "Trunkline.Viewer");
    fields.only_secret(secrets, CLIENT_SECRET, SECRET_HINT);
    let settings = client_id.zip(audience).map(|(client_id, audience)| SignInSettings {
        directory_id,
        issuer,
        client_id,
        audience,
        roles_claim,
        capabilities_claim,
        admin_roles,
        operator_roles,
        viewer_roles,
    });
    let config = settings.and_then(|settings| match serde_json::to_value(settings) {
        Ok(Value::Object(config)) => Some(config),
        _ => None,
    });
    fields.finish(config)
}

/// The directory or the issuer, of which there must be one.
fn authority(fields: &mut Fields<'_>) -> (Option<String>, Option<String>) {
    let directory = fields.text("directory_id", NAME_MAX_CHARS).map(|text| text.to_ascii_lowercase());
    let issuer = fields.text("issuer", NAME_MAX_CHARS);
    match (&directory, &issuer) {
        (None, None) if !fields.has("directory_id") && !fields.has("issuer") => {
            fields.fault("directory_id", "required", DIRECTORY_HINT);
        }
        (Some(_), Some(_)) => {
            let words = "Enter a `directory_id` for Microsoft Entra or an `issuer` for any other provider, not both.";
            fields.fault("issuer", "conflict", words);
        }
        _ => {}
    }
    if directory.as_deref().is_some_and(|directory| !is_guid(directory)) {
        fields.fault("directory_id", "invalid", DIRECTORY_HINT);
    }
    if let Some(issuer) = &issuer {
        match reqwest::Url::parse(issuer) {
            Ok(url) if url.host_str().is_some_and(|host| ENTRA_HOSTS.contains(&host)) => {
                let words =
                    "For Microsoft Entra enter the `directory_id` instead: then other directories are kept out.";
                fields.fault("issuer", "conflict", words);
            }
            Ok(url)
                if matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none() => {}
            _ => {
                let words =
                    "Enter the issuer's URL as its discovery document spells it, such as https://id.example.com.";
                fields.fault("issuer", "invalid", words);
            }
        }
    }
    (directory, issuer)
}

/// A list of role names; the default where there is none. An empty list gives the role to nobody.
fn roles(fields: &mut Fields<'_>, config: &Config, name: &str, default: &str) -> Vec<String> {
    let items = match config.get(name) {
        None | Some(Value::Null) => return vec![default.to_owned()],
        Some(Value::Array(items)) => items,
        Some(_) => {
            fields.fault(name, "wrong_type", "Enter a list of role names.");
            return Vec::new();
        }
    };
    let names: Vec<String> = items.iter().filter_map(Value::as_str).map(|name| name.trim().to_owned()).collect();
    let fine = |name: &String| (1..=120).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if names.len() != items.len() || !names.iter().all(fine) {
        fields.fault(name, "invalid", "Enter role names of 1 to 120 characters.");
    } else if names.len() > ROLES_MAX {
        fields.fault(name, "out_of_range", format!("Enter at most {ROLES_MAX} roles."));
    }
    names
}

pub(crate) fn validate_secrets(config: &Config, secrets: &Secrets, guard: &Guard) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(issuer) = config.get("issuer").and_then(Value::as_str)
        && let Err(refusal) = guard.check_url(issuer)
    {
        errors.push(FieldError::config("issuer", "not_allowed", format!("{refusal}.")));
    }
    let secret = secrets.get(CLIENT_SECRET).map(Secret::expose).map(check_secret);
    errors.extend(secret.and_then(Result::err).map(|why| FieldError::secret(CLIENT_SECRET, "invalid", why)));
    errors
}

/// Whether a text may be a client secret: RFC 6749, appendix A.2, allows visible ASCII and spaces.
pub(crate) fn check_secret(secret: &str) -> Result<(), String> {
    if secret.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && secret.trim() == secret {
        return Ok(());
    }
    Err(format!("This is not a client secret. {SECRET_HINT}"))
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: Provider::Entra.kind().as_str(),
        provider: Provider::Entra,
        name: "Microsoft Entra ID",
        name_ar: "Microsoft Entra ID",
        description: "Sign-in: the API takes the tokens of the company's own users, from Entra or any provider of OpenID Connect.",
        description_ar: "تسجيل الدخول: تقبل الواجهة رموز مستخدمي الشركة أنفسهم، من Entra أو من أي موفّر OpenID Connect.",
        schema: schema(),
        secrets: vec![SecretField {
            name: CLIENT_SECRET,
            title: "Client secret",
            title_ar: "سر التطبيق",
            description: "From the page Certificates & secrets of the app registration: the value, not the secret id.",
            description_ar: "من صفحة Certificates & secrets في تسجيل التطبيق: القيمة نفسها لا معرّف السر.",
            needed: "always",
            needed_ar: "دائمًا",
            required: true,
        }],
        limits: LimitDefaults {
            limits: Limits::default(),
            note: "It delivers nothing, so there is nothing to limit.",
            note_ar: "لا يُسلّم شيئًا، فلا شيء يُحدّ.",
        },
        docs: "docs/providers/entra.md",
    }
}

fn schema() -> Value {
    let roles = |[title, title_ar]: [&str; 2], [who, who_ar]: [&str; 2], default: &str| {
        json!({
            "type": "array", "title": title, "x-title-ar": title_ar, "maxItems": ROLES_MAX, "default": [default], "examples": [[default]],
            "items": {"type": "string", "minLength": 1, "maxLength": 120},
            "description": format!("The roles of those who {who}. An empty list gives it to nobody."),
            "x-description-ar": format!("أدوار من {who_ar}. القائمة الفارغة لا تعطي ذلك لأحد.")
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Microsoft Entra ID", "x-title-ar": "Microsoft Entra ID",
        "type": "object",
        "additionalProperties": false,
        "required": ["client_id"],
        "oneOf": [{"required": ["directory_id"]}, {"required": ["issuer"]}],
        "properties": {
            "directory_id": {
                "type": "string", "format": "uuid", "title": "Directory (tenant) id", "x-title-ar": "معرّف الدليل (المستأجر)",
                "examples": ["11111111-2222-3333-4444-555555555555"],
                "description": "The Entra directory whose users sign in. Tokens of any other directory are refused.",
                "x-description-ar": "دليل Entra الذي يدخل مستخدموه. وتُرفض رموز أي دليل آخر."
            },
            "issuer": {
                "type": "string", "format": "uri", "title": "Issuer", "x-title-ar": "المُصدِر", "maxLength": NAME_MAX_CHARS,
                "examples": ["https://id.example.com"],
                "description": "Instead of a directory: the issuer of any other provider of OpenID Connect, spelled as its discovery document spells it.",
                "x-description-ar": "بدلًا من الدليل: مُصدِر أي موفّر OpenID Connect آخر، بالكتابة نفسها التي في وثيقة الاستكشاف لديه."
            },
            "client_id": {
                "type": "string", "title": "Application (client) id", "x-title-ar": "معرّف التطبيق (العميل)", "maxLength": NAME_MAX_CHARS,
                "examples": ["66666666-7777-8888-9999-000000000000"],
                "description": "The application that is registered for this hub.",
                "x-description-ar": "التطبيق المسجّل لهذه المنصة."
            },
            "audience": {
                "type": "string", "title": "Audience", "x-title-ar": "الجمهور المقصود", "maxLength": NAME_MAX_CHARS,
                "examples": ["api://66666666-7777-8888-9999-000000000000"],
                "description": "What access tokens for this API say in `aud`. The client id unless said otherwise.",
                "x-description-ar": "ما تقوله رموز الوصول إلى هذه الواجهة في `aud`. وهو معرّف التطبيق ما لم يُحدَّد غيره."
            },
            "roles_claim": {
                "type": "string", "title": "Claim with roles", "x-title-ar": "مطالبة الأدوار", "maxLength": NAME_MAX_CHARS, "default": "roles",
                "examples": ["roles", "realm_access.roles"],
                "description": "The claim of the access token that holds the user's roles: a list, or words in a text. A dot leads into a claim.",
                "x-description-ar": "مطالبة رمز الوصول التي تحوي أدوار المستخدم: قائمة، أو كلمات في نص. والنقطة تقود إلى داخل المطالبة."
            },
            "capabilities_claim": {
                "type": "string", "title": "Claim with capabilities", "x-title-ar": "مطالبة القدرات", "maxLength": NAME_MAX_CHARS,
                "examples": ["capabilities"],
                "description": "Another claim that may hold the capability `integrations.configure`, which is also looked for among the roles.",
                "x-description-ar": "مطالبة أخرى قد تحوي القدرة `integrations.configure`، التي يُبحث عنها بين الأدوار أيضًا."
            },
            "admin_roles": roles(["Roles of admins", "أدوار المديرين"], ["may do everything", "لهم كل الصلاحيات"], "Trunkline.Admin"),
            "operator_roles": roles(
                ["Roles of operators", "أدوار المشغّلين"],
                ["run campaigns, test, pause and send again, and see what viewers see", "يديرون الحملات ويختبرون ويوقفون ويعيدون الإرسال، ويرون ما يراه المطّلعون"],
                "Trunkline.Operator"
            ),
            "viewer_roles": roles(
                ["Roles of viewers", "أدوار المطّلعين"],
                ["see all but API keys, suppressed addresses and the audit trail", "يرون كل شيء عدا مفاتيح API والعناوين المحجوبة وسجل التدقيق"],
                "Trunkline.Viewer"
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use guard::Egress;

    const DIRECTORY: &str = "11111111-2222-3333-4444-55555555abcd";

    fn validated(config: Value, secrets: &[&str]) -> Result<Value, Vec<(String, &'static str)>> {
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let Value::Object(config) = config else { panic!("{config} is not an object") };
        validate(&config, &secrets)
            .map(Value::Object)
            .map_err(|errors| errors.into_iter().map(|error| (error.field, error.code)).collect())
    }

    #[test]
    fn a_directory_and_an_application_are_enough() {
        let config = json!({"directory_id": DIRECTORY.to_uppercase(), "client_id": "app"});
        let expected = json!({
            "directory_id": DIRECTORY, "client_id": "app", "audience": "app", "roles_claim": "roles",
            "admin_roles": ["Trunkline.Admin"], "operator_roles": ["Trunkline.Operator"],
            "viewer_roles": ["Trunkline.Viewer"],
        });
        assert_eq!(validated(config, &[CLIENT_SECRET]), Ok(expected));
    }

    #[test]
    fn settings_are_read_as_they_were_written() {
        let config = json!({
            "issuer": "https://id.example.com/realms/acme", "client_id": "app", "audience": "https://hub.example",
            "roles_claim": "realm_access.roles", "capabilities_claim": "caps", "admin_roles": ["boss"],
            "operator_roles": [], "viewer_roles": ["قارئ"],
        });
        let Ok(Value::Object(stored)) = validated(config.clone(), &[CLIENT_SECRET]) else { panic!("refused") };
        assert_eq!(serde_json::to_value(SignInSettings::read(&stored).unwrap()).unwrap(), config);
    }

    #[test]
    fn every_fault_is_found_at_once() {
        for (config, expected) in [
            (
                json!({}),
                vec!["config.client_id required", "config.directory_id required", "secrets.client_secret required"],
            ),
            (
                json!({"directory_id": "acme.onmicrosoft.com", "client_id": 7, "admin_roles": "boss", "viewer_roles": [1]}),
                vec![
                    "config.admin_roles wrong_type",
                    "config.client_id wrong_type",
                    "config.directory_id invalid",
                    "config.viewer_roles invalid",
                    "secrets.client_secret required",
                ],
            ),
            (
                json!({"directory_id": DIRECTORY, "issuer": "https://id.example", "client_id": "a", "scope": "x"}),
                vec!["config.issuer conflict", "config.scope unknown_field", "secrets.client_secret required"],
            ),
            (
                json!({"issuer": format!("https://login.microsoftonline.com/{DIRECTORY}/v2.0"), "client_id": "a"}),
                vec!["config.issuer conflict", "secrets.client_secret required"],
            ),
            (
                json!({"issuer": "https://id.example?x=1", "client_id": "a", "viewer_roles": vec!["r"; 21]}),
                vec!["config.issuer invalid", "config.viewer_roles out_of_range", "secrets.client_secret required"],
            ),
        ] {
            let faults: BTreeSet<_> = validated(config.clone(), &[]).unwrap_err().into_iter().collect();
            let faults: Vec<_> = faults.into_iter().map(|(field, code)| format!("{field} {code}")).collect();
            assert_eq!(faults, expected, "{config}");
        }
    }

    #[test]
    fn an_issuer_is_a_public_address_over_https() {
        let guard = Guard::new(Egress::parse("").unwrap());
        for issuer in
            ["http://id.example", "https://127.0.0.1", "https://169.254.169.254/latest", "https://id.example:8443"]
        {
            let config = Config::from_iter([("issuer".to_owned(), issuer.into())]);
            let errors = validate_secrets(&config, &Secrets::new(), &guard);
            assert_eq!(
                errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(),
                ["config.issuer"],
                "{issuer}"
            );
        }
        let secrets = Secrets::from([(CLIENT_SECRET.to_owned(), Secret::new("line\nbreak".into()))]);
        assert_eq!(validate_secrets(&Config::new(), &secrets, &guard).len(), 1);
    }

    #[test]
    fn the_schema_knows_exactly_the_fields_that_are_read() {
        let schema = schema();
        let known: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(known, NAMES.iter().copied().collect());
    }
}
