//! What a receiver that follows Standard Webhooks asks of a post, with arithmetic of its own.

use super::Setup;
use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{hmac, signature};
use serde_json::Value;

/// How far a timestamp may be off, in seconds.
const TOLERANCE_S: i64 = 300;

/// Why a post is not right: the status and the reason.
pub(super) type Refusal = (u16, String);

/// What a post that is right says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) body: Value,
    /// The keys, by number, that some signature fits.
    pub(super) proven_by: Vec<usize>,
}

/// Reads a post as it came at `now_s` (seconds since 1970).
pub(super) fn read(setup: &Setup, headers: &HeaderMap, body: &[u8], now_s: i64) -> Result<Read, Refusal> {
    let bad = |why: String| (400, why);
    let text = |name: &str| -> Result<&str, Refusal> {
        let mut values = headers.get_all(name).iter();
        let value = values.next().ok_or_else(|| bad(format!("there is no header {name}")))?;
        if values.next().is_some() {
            return Err(bad(format!("the header {name} stands twice")));
        }
        value.to_str().map_err(|_| bad(format!("the header {name} is not ASCII")))
    };
    if text("content-type")?.split(';').next().map(str::trim) != Some("application/json") {
        return Err((415, "the content type is not application/json".to_owned()));
    }
    let id = text("webhook-id")?;
    if !id.strip_prefix("msg_").is_some_and(|tail| tail.len() >= 26 && tail.bytes().all(is_word)) {
        return Err(bad(format!("webhook-id is not a message id: {id}")));
    }
    let timestamp = text("webhook-timestamp")?;
    let seconds: i64 =
        timestamp.parse().map_err(|_| bad(format!("webhook-timestamp is not in seconds: {timestamp}")))?;
    if (now_s - seconds).abs() > TOLERANCE_S {
        return Err((401, format!("webhook-timestamp is {} s off", now_s - seconds)));
    }
    let signatures = text("webhook-signature")?;
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let mut proven_by = Vec::new();
    for (number, key) in setup.keys.iter().enumerate() {
        let key = Key::parse(key).ok_or_else(|| (500, format!("the double was told a key that is none: {key}")))?;
        if signatures.split(' ').any(|part| key.signed(part, &content)) {
            proven_by.push(number);
        }
    }
    if proven_by.is_empty() && !setup.keys.is_empty() {
        return Err((401, format!("no signature fits a key of mine: {signatures}")));
    }
    let (kind, body_value) = read_body(body).map_err(bad)?;
    own_headers(setup, &text, &kind, body, &proven_by)?;
    Ok(Read { id: id.to_owned(), kind, body: body_value, proven_by })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A body is exactly `{type, timestamp, data}`.
fn read_body(body: &[u8]) -> Result<(String, Value), String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let object = value.as_object().ok_or("the body is not an object")?;
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    if names != ["data", "timestamp", "type"] {
        return Err(format!("the body has other fields than type, timestamp and data: {names:?}"));
    }
    let kind = value["type"].as_str().ok_or("the type is not text")?.to_owned();
    let timestamp = value["timestamp"].as_str().unwrap_or_default();
    timestamp.parse::<jiff::Timestamp>().map_err(|_| format!("the timestamp is not of RFC 3339: {timestamp}"))?;
    Ok((kind, value))
}

/// The headers of our own beside those of the standard say the same.
fn own_headers<'a>(
    setup: &Setup,
    text: &impl Fn(&str) -> Result<&'a str, Refusal>,
    kind: &str,
    body: &[u8],
    proven_by: &[usize],
) -> Result<(), Refusal> {
    let prefix = setup.prefix.as_deref().unwrap_or("X-Trunkline");
    let named = |name: &str| text(&format!("{prefix}-{name}"));
    if named("Event")? != kind {
        return Err((400, format!("{prefix}-Event is not the event's type {kind}")));
    }
    if !named("Delivery-ID")?.starts_with("dlv_") {
        return Err((400, format!("{prefix}-Delivery-ID is not a delivery's id")));
    }
    let shared: Vec<Key> = proven_by
        .iter()
        .filter_map(|it| Key::parse(&setup.keys[*it]))
        .filter(|it| matches!(it, Key::Shared(_)))
        .collect();
    if shared.is_empty() {
        return Ok(());
    }
    let given = named("Signature")?;
    if shared.iter().any(|key| key.hex_of(body).is_some_and(|hex| given == format!("sha256={hex}"))) {
        return Ok(());
    }
    Err((401, format!("{prefix}-Signature fits no key of mine: {given}")))
}

/// What signatures are checked with.
enum Key {
    /// `v1`: HMAC-SHA256.
    Shared(hmac::Key),
    /// `v1a`: Ed25519.
    Public(Vec<u8>),
}

impl Key {
    fn parse(text: &str) -> Option<Self> {
        if let Some(encoded) = text.strip_prefix("whsec_") {
            let bytes = STANDARD.decode(encoded).ok().filter(|it| (24..=64).contains(&it.len()))?;
            return Some(Self::Shared(hmac::Key::new(hmac::HMAC_SHA256, &bytes)));
        }
        let bytes = STANDARD.decode(text.strip_prefix("whpk_")?).ok()?;
        (bytes.len() == 32).then_some(Self::Public(bytes))
    }

    /// Whether `part` of a signature header is this key's over `content`.
    fn signed(&self, part: &str, content: &[u8]) -> bool {
        let decoded = |version: &str| STANDARD.decode(part.strip_prefix(version)?).ok();
        match self {
            Self::Shared(key) => decoded("v1,").is_some_and(|it| hmac::verify(key, content, &it).is_ok()),
            Self::Public(key) => decoded("v1a,").is_some_and(|it| {
                signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(content, &it).is_ok()
            }),
        }
    }

    /// The HMAC in hex; a public key makes none.
    fn hex_of(&self, content: &[u8]) -> Option<String> {
        let Self::Shared(key) = self else { return None };
        let digits =
            hmac::sign(key, content).as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]).collect::<Vec<_>>();
        digits.into_iter().map(|digit| char::from_digit(u32::from(digit), 16)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    /// The example that the specification's own libraries are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NOW_S: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"type":"ping","timestamp":"2021-02-25T15:02:10Z","data":1}"#;
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek12";

    fn headers(secret: &str, body: &[u8]) -> HeaderMap {
        let Some(Key::Shared(key)) = Key::parse(secret) else { panic!("not shared") };
        let signed = hmac::sign(&key, &[format!("{ID}.{NOW_S}.").as_bytes(), body].concat());
        let hex = Key::Shared(key).hex_of(body).unwrap();
        [
            ("content-type", "application/json".to_owned()),
            ("webhook-id", ID.to_owned()),
            ("webhook-timestamp", NOW_S.to_string()),
            ("webhook-signature", format!("v1a,AAAA v1,{}", STANDARD.encode(signed))),
            ("x-trunkline-event", "ping".to_owned()),
            ("x-trunkline-delivery-id", "dlv_1".to_owned()),
            ("x-trunkline-signature", format!("sha256={hex}")),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap()))
        .collect()
    }

    fn knows(keys: &[&str]) -> Setup {
        Setup { keys: keys.iter().map(|it| (*it).to_owned()).collect(), ..Setup::default() }
    }

    #[test]
    fn the_example_of_the_specification_is_verified() {
        let key = Key::parse(SECRET).unwrap();
        let content = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        assert!(key.signed("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", content));
    }

    #[test]
    fn what_is_signed_with_a_known_key_is_taken() {
        let other = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB";
        let read = read(&knows(&[other, SECRET]), &headers(SECRET, BODY), BODY, NOW_S).unwrap();
        assert_eq!((read.id.as_str(), read.kind.as_str(), read.proven_by.as_slice()), (ID, "ping", [1].as_slice()));
    }

    #[test]
    fn a_receiver_without_keys_takes_what_nobody_proves() {
        let read = read(&knows(&[]), &headers(SECRET, BODY), BODY, NOW_S).unwrap();
        assert_eq!(read.proven_by, [] as [usize; 0]);
    }

    #[test]
    fn whatever_is_not_right_is_refused_by_name() {
        let judge = |change: &dyn Fn(&mut HeaderMap), body: &[u8], now_s| {
            let mut headers = headers(SECRET, BODY);
            change(&mut headers);
            read(&knows(&[SECRET]), &headers, body, now_s).unwrap_err()
        };
        let set = |name: &'static str, value: &'static str| {
            move |headers: &mut HeaderMap| {
                headers.insert(name, HeaderValue::from_static(value));
            }
        };
        assert_eq!(judge(&|_| {}, BODY, NOW_S + 301).0, 401);
        assert_eq!(judge(&|_| {}, &[BODY, b" "].concat(), NOW_S).0, 401);
        for (change, words) in [
            (set("content-type", "text/plain"), "content type"),
            (set("webhook-id", "1"), "message id"),
            (set("webhook-timestamp", "2021-02-25T15:02:10Z"), "in seconds"),
            (set("webhook-signature", "v2,AAAA"), "no signature"),
            (set("x-trunkline-event", "pong"), "-Event"),
            (set("x-trunkline-delivery-id", "1"), "-Delivery-ID"),
            (set("x-trunkline-signature", "sha256=00"), "-Signature"),
        ] {
            let (_, why) = judge(&change, BODY, NOW_S);
            assert!(why.contains(words), "{why}");
        }
        for (body, words) in [
            (br"[]".as_slice(), "not an object"),
            (br#"{"type":"ping","timestamp":"2021-02-25T15:02:10Z","data":1,"more":2}"#, "other fields"),
            (br#"{"type":"ping","timestamp":"yesterday","data":1}"#, "RFC 3339"),
        ] {
            let (_, why) = read(&knows(&[SECRET]), &headers(SECRET, body), body, NOW_S).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
