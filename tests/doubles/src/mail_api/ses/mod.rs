//! What Amazon SES accepts, and what it says to the rest.

mod events;
pub(super) mod server;
mod signature;

pub use events::SesEvent;

use super::{is_address, local_part};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// The secret access key of every access key that the double knows.
pub const SES_SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// The name of the service in a signature.
const SERVICE: &str = "ses";
/// The configuration sets of the double's accounts.
const CONFIGURATION_SETS: [&str; 1] = ["trunkline"];
/// "`SendEmail`", `Headers`, array members.
const HEADERS_MAX: usize = 15;

/// A refusal: status, the error's name and its words.
type Refused = (StatusCode, &'static str, String);

/// What an access key may do, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Good,
    Sandbox,
    Paused,
    Suspended,
    Denied,
    UsedUp,
}

impl Key {
    fn of(id: &str) -> Option<Self> {
        let keys = [
            ("AKIAGOOD", Self::Good),
            ("AKIASANDBOX", Self::Sandbox),
            ("AKIAPAUSED", Self::Paused),
            ("AKIASUSPENDED", Self::Suspended),
            ("AKIADENIED", Self::Denied),
            ("AKIAQUOTA", Self::UsedUp),
        ];
        keys.into_iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, key)| key)
    }
}

fn refused(status: u16, name: &'static str, words: impl Into<String>) -> Refused {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), name, words.into())
}

/// The answer to `GET /v2/email/account`.
fn account(key: Key) -> Result<Value, Refused> {
    if key == Key::Denied {
        return Err(refused(403, "AccessDeniedException", "User is not authorized to perform: ses:GetAccount"));
    }
    Ok(json!({
        "DedicatedIpAutoWarmupEnabled": false,
        "EnforcementStatus": if key == Key::Suspended { "SHUTDOWN" } else { "HEALTHY" },
        "ProductionAccessEnabled": key != Key::Sandbox,
        "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 100.0},
        "SendingEnabled": key != Key::Paused,
        "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}
    }))
}

/// Checks a message together with who sends it.
fn check(key: Key, region: &str, body: &Value) -> Result<(), Refused> {
    check_message(body)?;
    let set = text(body, "/ConfigurationSetName");
    if !set.is_empty() && !CONFIGURATION_SETS.contains(&set) {
        return Err(refused(404, "NotFoundException", format!("Configuration set <{set}> does not exist.")));
    }
    match key {
        Key::Denied => Err(refused(403, "AccessDeniedException", "User is not authorized to perform: ses:SendEmail")),
        Key::Paused => Err(refused(400, "SendingPausedException", "Sending is paused for the account.")),
        Key::Suspended => Err(refused(400, "AccountSuspendedException", "The account is suspended.")),
        Key::UsedUp => Err(refused(400, "LimitExceededException", "Daily message quota exceeded.")),
        Key::Good | Key::Sandbox => {
            let from = sender(text(body, "/FromEmailAddress")).unwrap_or_default();
            let to = text(body, "/Destination/ToAddresses/0");
            if local_part(from) == "unconfirmed" {
                return Err(refused(
                    400,
                    "MailFromDomainNotVerifiedException",
                    "The MAIL FROM domain is not verified.",
                ));
            }
            let mut unverified: Vec<&str> =
                [from].into_iter().filter(|from| local_part(from) == "unverified").collect();
            unverified.extend([to].into_iter().filter(|to| key == Key::Sandbox && !to.starts_with("verified")));
            if unverified.is_empty() {
                return Ok(());
            }
            let (region, identities) = (region.to_uppercase(), unverified.join(", "));
            let words = format!(
                "Email address is not verified. The following identities failed the check in region {region}: {identities}"
            );
            Err(refused(400, "MessageRejected", words))
        }
    }
}

fn check_message(body: &Value) -> Result<(), Refused> {
    let bad = |words: String| refused(400, "BadRequestException", words);
    let wanted = |words: &str| bad(format!("{words} is required"));
    let fields = only(
        body,
        "the request",
        &[
            "ConfigurationSetName",
            "Content",
            "Destination",
            "EmailTags",
            "FeedbackForwardingEmailAddress",
            "FromEmailAddress",
            "ListManagementOptions",
            "ReplyToAddresses",
        ],
    )?;
    if sender(text(body, "/FromEmailAddress")).is_none() {
        return Err(bad("Illegal address in FromEmailAddress".to_owned()));
    }
    let destination = only(&body["Destination"], "Destination", &["ToAddresses", "CcAddresses", "BccAddresses"])?;
    let to = destination.get("ToAddresses").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let replies = fields.get("ReplyToAddresses").map_or(Ok(&[][..]), |list| {
        list.as_array().map(Vec::as_slice).ok_or_else(|| bad("ReplyToAddresses must be a list".to_owned()))
    })?;
    if to.is_empty() {
        return Err(wanted("Destination"));
    }
    if to.iter().chain(replies).any(|address| !address.as_str().is_some_and(is_address)) {
        return Err(bad("Missing final '@domain'".to_owned()));
    }
    only(&body["Content"], "Content", &["Simple"])?;
    let simple = &body["Content"]["Simple"];
    only(simple, "Content.Simple", &["Subject", "Body", "Headers", "Attachments"])?;
    check_text(&simple["Subject"], "Subject")?;
    let parts = only(&simple["Body"], "Body", &["Text", "Html"])?;
    if parts.is_empty() {
        return Err(wanted("Body"));
    }
    for (name, part) in parts {
        check_text(part, name)?;
    }
    check_named(simple.get("Headers"), "Headers", HEADERS_MAX, |name, value| {
        let name_is_fine =
            (1..=126).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        // SES writes these itself.
        let own = ["from", "to", "cc", "bcc", "subject", "reply-to", "return-path", "content-type"];
        let value_is_fine = value.len() <= 870 && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        name_is_fine && value_is_fine && !own.contains(&name.to_lowercase().as_str())
    })?;
    check_named(fields.get("EmailTags"), "EmailTags", usize::MAX, |name, value| {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        [name, value].into_iter().all(|text| (1..=256).contains(&text.len()) && plain(text))
    })
}

/// Text whose characters its charset has.
fn check_text(part: &Value, name: &str) -> Result<(), Refused> {
    only(part, name, &["Data", "Charset"])?;
    let Some(data) = part.get("Data").and_then(Value::as_str) else {
        return Err(refused(400, "BadRequestException", format!("{name}.Data is required")));
    };
    match part.get("Charset").map(|charset| charset.as_str().unwrap_or_default()) {
        Some("UTF-8") => Ok(()),
        None if data.is_ascii() => Ok(()),
        _ => Err(refused(400, "BadRequestException", format!("{name} does not fit its charset"))),
    }
}

/// A list of names and values.
fn check_named(
    list: Option<&Value>,
    what: &str,
    most: usize,
    fine: impl Fn(&str, &str) -> bool,
) -> Result<(), Refused> {
    let Some(list) = list else { return Ok(()) };
    let bad = || refused(400, "BadRequestException", format!("{what} must be a list of Name and Value as documented"));
    let list = list.as_array().filter(|list| list.len() <= most).ok_or_else(bad)?;
    for pair in list {
        only(pair, what, &["Name", "Value"])?;
        let (name, value) = pair["Name"].as_str().zip(pair["Value"].as_str()).ok_or_else(bad)?;
        if !fine(name, value) {
            return Err(bad());
        }
    }
    Ok(())
}

/// The fields of an object, if it has no others than these.
fn only<'a>(value: &'a Value, what: &str, known: &[&str]) -> Result<&'a Map<String, Value>, Refused> {
    let bad = |words: String| refused(400, "BadRequestException", words);
    let fields = value.as_object().ok_or_else(|| bad(format!("{what} must be an object")))?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(bad(format!("{what} has no field {unknown}"))),
        None => Ok(fields),
    }
}

/// The address of `address`, `"name" <address>` or encoded words before `<address>`.
fn sender(text: &str) -> Option<&str> {
    let bare = match text.strip_suffix('>') {
        None => text,
        Some(rest) => {
            let (name, bare) = rest.rsplit_once(" <")?;
            let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
            let escaped = |name: &str| !name.replace("\\\\", "").replace("\\\"", "").contains(['"', '\\']);
            let encoded = |word: &str| word.len() <= 75 && word.starts_with("=?UTF-8?B?") && word.ends_with("?=");
            if !name.is_ascii() || !quoted.map_or_else(|| name.split(' ').all(encoded), escaped) {
                return None;
            }
            bare
        }
    };
    is_address(bare).then_some(bare)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The value of a tag of a message.
fn tag<'a>(body: &'a Value, name: &str) -> &'a str {
    let tags = body["EmailTags"].as_array().into_iter().flatten();
    tags.into_iter().find(|tag| tag["Name"] == name).map_or("", |tag| text(tag, "/Value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Value {
        json!({
            "FromEmailAddress": "\"Acme, \\\"Inc.\\\"\" <news@example.com>",
            "Destination": {"ToAddresses": ["sara@example.org"]},
            "Content": {"Simple": {
                "Subject": {"Data": "مرحبا", "Charset": "UTF-8"},
                "Body": {"Text": {"Data": "Hi"}, "Html": {"Data": "<p>Hi", "Charset": "UTF-8"}},
                "Headers": [{"Name": "X-A", "Value": "b"}]
            }},
            "EmailTags": [{"Name": "trunkline_delivery", "Value": "dlv_1"}]
        })
    }

    #[test]
    fn malformed_messages_are_refused() {
        assert_eq!(check(Key::Good, "eu-central-1", &message()), Ok(()));
        for (at, value) in [
            ("/FromEmailAddress", json!("Acme, Inc. <news@example.com>")),
            ("/FromEmailAddress", json!("\"أكمي\" <news@example.com>")),
            ("/Destination", json!({"ToAddresses": []})),
            ("/Destination", json!({"To": ["sara@example.org"]})),
            ("/Destination/ToAddresses/0", json!("a@b.c, d@e.f")),
            ("/Content", json!({"Raw": {"Data": "x"}})),
            ("/Content/Simple/Subject", json!({"Data": "مرحبا"})),
            ("/Content/Simple/Subject", json!("Hi")),
            ("/Content/Simple/Body", json!({})),
            ("/Content/Simple/Headers/0/Name", json!("X A")),
            ("/Content/Simple/Headers/0/Name", json!("Subject")),
            ("/Content/Simple/Headers/0/Value", json!("a\r\nb: c")),
            ("/EmailTags/0/Value", json!("spring.1")),
            ("/EmailTags/0/Value", json!("")),
            ("/EmailTags/0/Value", json!("x".repeat(257))),
            ("/EmailTags", json!({"trunkline_delivery": "dlv_1"})),
        ] {
            let mut body = message();
            *body.pointer_mut(at).unwrap() = value;
            assert_eq!(check(Key::Good, "eu-central-1", &body).unwrap_err().1, "BadRequestException", "{body}");
        }
        let mut body = message();
        body["ConfigurationSetName"] = json!("nowhere");
        assert_eq!(check(Key::Good, "eu-central-1", &body).unwrap_err().0, StatusCode::NOT_FOUND);
        body["ConfigurationSetNam"] = json!("trunkline");
        assert_eq!(check(Key::Good, "eu-central-1", &body).unwrap_err().1, "BadRequestException");
    }
}
