//! Microsoft Graph ("Receive change notifications through webhooks"): nothing is signed. Every notification repeats the
//! `clientState` of its subscription, and before a subscription is made, Graph asks this address to repeat a token.

use super::{Handshake, Judged, Verified, masked, text_at};
use crate::hook::{Cause, Refusal};
use std::borrow::Cow;
use subtle::ConstantTimeEq as _;

const TOKEN: &str = "validationToken";
/// Graph's tokens have some 200 characters.
const TOKEN_MAX_CHARS: usize = 1_000;

pub(super) fn verify(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    if let Some(token) = judged.call.query(TOKEN) {
        return Ok(Verified { handshake: Some(Handshake::ValidationToken(checked(token)?)), ..Verified::default() });
    }
    let body = judged.json();
    let notifications = body.pointer("/value").and_then(serde_json::Value::as_array);
    let notifications = notifications.filter(|all| !all.is_empty());
    let notifications = notifications.ok_or_else(|| Refusal::of(Cause::BodyMalformed, "value"))?;
    for (place, notification) in notifications.iter().enumerate() {
        let field = format!("value[{place}].clientState");
        let state =
            text_at(notification, "/clientState").ok_or_else(|| Refusal::of(Cause::ClientStateMissing, &field))?;
        if !judged.any_secret(|secret| secret.expose().as_bytes().ct_eq(state.as_bytes()).into()) {
            return Err(Refusal::of(Cause::ClientStateMismatch, &field));
        }
    }
    let name = |notification| text_at(notification, "/lifecycleEvent").or_else(|| text_at(notification, "/changeType"));
    let first = name(&notifications[0]);
    let alike = notifications.iter().all(|notification| name(notification) == first);
    let ids: Option<Vec<String>> = notifications.iter().map(|notification| text_at(notification, "/id")).collect();
    let states: Vec<Cow<'_, str>> =
        (0..notifications.len()).map(|place| Cow::Owned(format!("/value/{place}/clientState"))).collect();
    // Two changes of one thing may be told in the very same words, and both must be heard. Only ids tell a repeat.
    let fingerprint = ids.as_ref().and_then(|ids| {
        let parts: Vec<&[u8]> = ids.iter().map(String::as_bytes).collect();
        judged.fingerprint(&parts)
    });
    Ok(Verified {
        event: if alike { first } else { Some("batch".to_owned()) },
        provider_id: ids.and_then(|ids| ids.into_iter().next()),
        fingerprint,
        redacted: masked(body.clone(), &states),
        ..Verified::default()
    })
}

/// The token, if it can be repeated without harm to anybody: no line break and no markup, whoever sent it.
fn checked(token: String) -> Result<String, Refusal> {
    let harmless = |c: char| !c.is_control() && !matches!(c, '<' | '>' | '"' | '\'' | '`' | '&' | '\\');
    let fine = !token.is_empty() && token.chars().count() <= TOKEN_MAX_CHARS && token.chars().all(harmless);
    if fine { Ok(token) } else { Err(Refusal::of(Cause::ValidationTokenInvalid, TOKEN)) }
}
