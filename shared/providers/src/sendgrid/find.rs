//! Asking SendGrid whether it took a message.
//!
//! "Email Activity", Filter all messages, and "Getting Started with the Email Activity Feed API", Query reference: the feed
//! can be searched by a custom argument of a message. It is an add-on that an account has to buy and a key has to be
//! allowed (`email_activity.read`), it takes 6 requests a minute, and nothing is said of how soon a message shows in it. So
//! a message that is there was taken, and one that is not there says nothing.

use super::Sendgrid;
use crate::{Found, Outgoing, exchange::read, mail};
use http::StatusCode;
use serde::Deserialize;
use std::borrow::Cow;

/// The longest answer that is read; one message's summary is less than 1 KB.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Feed<'a> {
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    msg_id: Cow<'a, str>,
    #[serde(borrow)]
    to_email: Cow<'a, str>,
}

pub(super) async fn find(sendgrid: &Sendgrid, out: &Outgoing<'_>) -> Found {
    let Ok(to) = mail::ascii_address(out.address) else { return Found::CannotTell };
    let mut url = sendgrid.activity_url.clone();
    let query = format!(r#"(unique_args['trunkline_delivery']="{}")"#, out.tags.delivery);
    url.query_pairs_mut().append_pair("limit", "1").append_pair("query", &query);
    let Ok(response) = sendgrid.api.get(&url).await else { return Found::CannotTell };
    match read(response, ANSWER_MAX_BYTES).await {
        Ok((StatusCode::OK, _, body)) => understood(&body, to.as_ref()),
        _ => Found::CannotTell,
    }
}

/// What an answer says. A message to somebody else means that SendGrid did not search for what we asked.
fn understood(body: &[u8], to: &str) -> Found {
    let Ok(Feed { messages }) = serde_json::from_slice::<Feed<'_>>(body) else { return Found::CannotTell };
    match messages.first() {
        Some(Message { msg_id, to_email }) if to_email.eq_ignore_ascii_case(to) => {
            // The feed's id is `X-Message-Id`, by which we know messages, with a `.` and more behind it.
            let id = msg_id.split('.').next().filter(|id| !id.is_empty());
            Found::Taken { provider_id: id.map(ToOwned::to_owned) }
        }
        _ => Found::CannotTell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_there_says_nothing() {
        let message =
            r#"{"msg_id":"4FJexAkcT7-5mYJw.recvd-canary-1","to_email":"Sara@example.org","status":"processed"}"#;
        let taken = Found::Taken { provider_id: Some("4FJexAkcT7-5mYJw".to_owned()) };
        for (body, to, found) in [
            (format!(r#"{{"messages":[{message}]}}"#), "sara@example.org", taken),
            (format!(r#"{{"messages":[{message}]}}"#), "adam@example.org", Found::CannotTell),
            (r#"{"messages":[]}"#.to_owned(), "sara@example.org", Found::CannotTell),
            ("{}".to_owned(), "sara@example.org", Found::CannotTell),
            ("<html>".to_owned(), "sara@example.org", Found::CannotTell),
        ] {
            assert_eq!(understood(body.as_bytes(), to), found, "{body} {to}");
        }
    }
}
