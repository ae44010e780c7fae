//! One event posted to an endpoint, and what it answered.

use super::{Post, Reply, Webhook, classify};
use domain::{
    failure::{Failure, FailureKind},
    webhook::{Answer, OutEvent, RESPONSE_MAX_BYTES, transform::Transform},
};
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{Request, Response};
use std::time::{Duration, Instant};

/// The most bytes of an answer's headers that are kept.
const HEADERS_MAX_BYTES: usize = 4 << 10;

/// How long the rest of an answer is waited for once its status is known. The status says it all: what comes later than
/// this is cut off.
const BODY_MAX: Duration = Duration::from_secs(5);

/// A shorter value of a custom header is not looked for in answers: it may stand there by chance.
const SECRET_MIN_BYTES: usize = 6;

/// Posts the event. Whatever happens is told in the reply.
pub(super) async fn post(webhook: &Webhook, post: &Post<'_>) -> Reply {
    let started = Instant::now();
    let mut answer = Answer::default();
    let result = exchange(webhook, post, &mut answer, started).await;
    answer.duration_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
    Reply { answer, result }
}

async fn exchange(webhook: &Webhook, post: &Post<'_>, answer: &mut Answer, started: Instant) -> Result<(), Failure> {
    let body = body(post.event, webhook.transform.as_ref())?;
    let mut request = Request::new(Method::POST, webhook.url.clone());
    *request.timeout_mut() = Some(webhook.timeout);
    *request.headers_mut() = headers(webhook, post, &body)?;
    *request.body_mut() = Some(body.into());
    let response = webhook.guard.execute(request).await.map_err(classify::no_answer)?;

    let status = response.status();
    let elapsed_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(0);
    let after_ms = classify::retry_after_ms(response.headers(), post.at.plus_ms(elapsed_ms));
    answer.status = Some(status.as_u16());
    answer.headers = kept(response.headers());
    answer.body = beginning(response).await;
    webhook.without_secrets(answer);
    classify::answer(status, after_ms, &answer.body)
}

/// `{type, timestamp, data}` (Standard Webhooks, "Payload structure"). The data goes out as the text that came in, unless
/// the endpoint wants it changed.
fn body(event: &OutEvent, transform: Option<&Transform>) -> Result<Vec<u8>, Failure> {
    let changed;
    let data = match transform {
        None => &event.data,
        Some(transform) => {
            let data = serde_json::from_str(&event.data).map_err(|error| unfit(&error.to_string()))?;
            changed = transform.apply(data).to_string();
            &changed
        }
    };
    let (kind, at) = (event.kind.as_str(), event.at.to_rfc3339());
    let mut body = Vec::with_capacity(48 + kind.len() + at.len() + data.len());
    // A type is made of letters, digits, `_` and dots, so it needs no escapes.
    for part in [r#"{"type":""#, kind, r#"","timestamp":""#, &at, r#"","data":"#, data, "}"] {
        body.extend_from_slice(part.as_bytes());
    }
    Ok(body)
}

fn unfit(why: &str) -> Failure {
    Failure::new(FailureKind::Permanent, "poison", why)
}

/// The tenant's headers, and over them ours, which they cannot replace.
fn headers(webhook: &Webhook, post: &Post<'_>, body: &[u8]) -> Result<HeaderMap, Failure> {
    let (id, timestamp_s) = (post.event.id.as_str(), post.at.as_seconds().to_string());
    let text = |text: &str| HeaderValue::from_str(text).map_err(|error| unfit(&error.to_string()));
    let mut headers = webhook.headers.clone();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("webhook-id", text(id)?);
    headers.insert("webhook-signature", text(&webhook.signer.standard(id, &timestamp_s, body, post.at))?);
    headers.insert("webhook-timestamp", text(&timestamp_s)?);
    headers.insert(&webhook.brand.event, text(post.event.kind.as_str())?);
    headers.insert(&webhook.brand.delivery, text(&post.delivery.to_string())?);
    if let Some(signature) = webhook.signer.of_body(body) {
        headers.insert(&webhook.brand.signature, text(&signature)?);
    }
    Ok(headers)
}

/// The headers of an answer that are kept: without cookies, up to a length.
fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut bytes = 0;
    let shown = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "set-cookie" | "set-cookie2"))
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .filter(|(name, value)| {
            bytes += name.len() + value.len();
            bytes <= HEADERS_MAX_BYTES
        });
    shown.collect()
}

/// The beginning of an answer's body. What lies beyond is dropped with its connection, and so is what is compressed, which
/// was not asked for: nothing here can be made to swell.
async fn beginning(mut response: Response) -> String {
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return String::new();
    }
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = RESPONSE_MAX_BYTES - body.len();
            body.extend_from_slice(&chunk[..room.min(chunk.len())]);
            if chunk.len() > room {
                break;
            }
        }
    };
    // However it ends, what was read until then is kept.
    let _ = tokio::time::timeout(BODY_MAX, read).await;
    lossy(&body)
}

/// As text of at most [`RESPONSE_MAX_BYTES`]: a replaced byte takes three, and a cut character counts as one.
fn lossy(body: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    if text.len() > RESPONSE_MAX_BYTES {
        let end = (0..=RESPONSE_MAX_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

impl Webhook {
    /// Takes the values of custom headers out of an answer that repeats them, as echo services do, and as those do who say
    /// which token they do not know.
    fn without_secrets(&self, answer: &mut Answer) {
        for secret in self.headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok())
        {
            for shape in shapes_of(secret).iter().filter(|shape| shape.len() >= SECRET_MIN_BYTES) {
                let texts = answer.headers.iter_mut().map(|(_, value)| value).chain(std::iter::once(&mut answer.body));
                for text in texts.filter(|text| text.contains(shape.as_str())) {
                    *text = text.replace(shape, "***");
                }
                if answer.body.len() >= RESPONSE_MAX_BYTES {
                    cut_off(&mut answer.body, shape);
                }
            }
        }
    }
}

/// How a header's value may come back: whole, as a text of JSON, and what follows its scheme (`Bearer ...`) alone. The
/// longer ones first.
fn shapes_of(value: &str) -> Vec<String> {
    let quoted = |text: &str| {
        let json = serde_json::Value::from(text).to_string();
        json.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(text).to_owned()
    };
    let bare = value.split_once(' ').map(|(_, credential)| credential.trim());
    let mut shapes: Vec<String> =
        [Some(value), bare].into_iter().flatten().flat_map(|it| [quoted(it), it.to_owned()]).collect();
    shapes.dedup();
    shapes
}

/// Takes away the beginning of a secret at the end of what was kept: the rest of it was not read.
fn cut_off(text: &mut String, secret: &str) {
    let longest =
        (SECRET_MIN_BYTES..secret.len()).rev().find(|len| secret.get(..*len).is_some_and(|it| text.ends_with(it)));
    if let Some(len) = longest {
        text.truncate(text.len() - len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use serde_json::{Value, json};

    fn event(data: &str) -> OutEvent {
        OutEvent {
            id: "msg_01JD0000000000000000000000".parse().unwrap(),
            kind: "order.created".parse().unwrap(),
            at: Timestamp(1_763_640_000_000),
            data: data.to_owned(),
            key: None,
        }
    }

    #[test]
    fn data_goes_out_as_it_came_in() {
        let data = r#"{ "b":1.10, "a":12345678901234567890123 }"#;
        let body = String::from_utf8(body(&event(data), None).unwrap()).unwrap();
        assert_eq!(body, format!(r#"{{"type":"order.created","timestamp":"2025-11-20T12:00:00.000Z","data":{data}}}"#));
    }

    #[test]
    fn data_is_changed_where_that_is_wanted() {
        let transform = Transform { pick: vec!["a".into()], ..Transform::default() };
        let body = body(&event(r#"{"a":1,"b":2}"#), Some(&transform)).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["data"], json!({"a": 1}));
        assert_eq!(super::body(&event("{"), Some(&transform)).unwrap_err().code, "poison");
    }

    #[test]
    fn a_secret_is_found_in_whatever_shape_it_comes_back() {
        let shapes = |value: &str| shapes_of(value);
        assert_eq!(shapes("Bearer opensesame"), ["Bearer opensesame", "opensesame"]);
        assert_eq!(shapes(r#"opensesame""#), [r#"opensesame\""#, r#"opensesame""#]);
        let mut cut = "unknown token opensesa".to_owned();
        cut_off(&mut cut, "opensesame");
        assert_eq!(cut, "unknown token ");
        cut_off(&mut cut, "token opensesame");
        assert_eq!(cut, "unknown ");
    }

    #[test]
    fn a_text_is_never_longer_than_what_is_kept() {
        assert_eq!(lossy(&[0xff; 4]), "\u{fffd}".repeat(4));
        let text = lossy(&vec![0xff; RESPONSE_MAX_BYTES]);
        assert!(text.len() <= RESPONSE_MAX_BYTES && text.len() > RESPONSE_MAX_BYTES - 3);
    }
}
