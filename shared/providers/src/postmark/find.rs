//! Asking Postmark whether it took a message.
//!
//! "Custom metadata FAQ" and "Messages API", Outbound message search: messages are listed from the moment that Postmark has
//! queued them, and can be searched by one field of their metadata. Nothing is promised about how soon the search
//! sees one. The hub asks half a minute after an attempt at the earliest; a message that is not found is looked for once
//! more after a pause, and only then said to be none.

use super::Postmark;
use crate::{Found, Outgoing, exchange::read, mail};
use serde::Deserialize;
use std::{borrow::Cow, time::Duration};

/// The longest answer that is read; one message's summary is about 1 KB.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// How long the search may take to see a message that was just queued.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Search<'a> {
    total_count: u64,
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message<'a> {
    #[serde(borrow, rename = "MessageID")]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    recipients: Vec<Cow<'a, str>>,
}

pub(super) async fn find(postmark: &Postmark, out: &Outgoing<'_>) -> Found {
    match ask(postmark, out).await {
        Found::NotTaken => {
            tokio::time::sleep(PAUSE).await;
            ask(postmark, out).await
        }
        found => found,
    }
}

async fn ask(postmark: &Postmark, out: &Outgoing<'_>) -> Found {
    let Ok(to) = mail::ascii_address(out.address) else { return Found::CannotTell };
    let mut url = postmark.search_url.clone();
    let delivery = out.tags.delivery.to_string();
    url.query_pairs_mut()
        .append_pair("count", "1")
        .append_pair("offset", "0")
        .append_pair("metadata_delivery", &delivery);
    let Ok(response) = postmark.api.get(&url).await else { return Found::CannotTell };
    match read(response, ANSWER_MAX_BYTES).await {
        Ok((status, _, body)) if status.is_success() => understood(&body, to.as_ref()),
        _ => Found::CannotTell,
    }
}

/// What an answer says. A message to somebody else means that Postmark did not search for what we asked.
fn understood(body: &[u8], to: &str) -> Found {
    match serde_json::from_slice::<Search<'_>>(body) {
        Ok(Search { total_count: 0, messages }) if messages.is_empty() => Found::NotTaken,
        Ok(Search { total_count: 1.., messages }) => match messages.first() {
            Some(message) if message.recipients.iter().any(|recipient| recipient.eq_ignore_ascii_case(to)) => {
                Found::Taken { provider_id: Some(message.message_id.clone().into_owned()) }
            }
            _ => Found::CannotTell,
        },
        _ => Found::CannotTell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_is_understood_counts() {
        let message = r#"{"MessageID":"b7bc2f4a","Recipients":["Sara@example.org"],"Status":"Queued"}"#;
        let taken = Found::Taken { provider_id: Some("b7bc2f4a".to_owned()) };
        for (body, to, found) in [
            (format!(r#"{{"TotalCount":1,"Messages":[{message}]}}"#), "sara@example.org", taken),
            (format!(r#"{{"TotalCount":1,"Messages":[{message}]}}"#), "adam@example.org", Found::CannotTell),
            (r#"{"TotalCount":0,"Messages":[]}"#.to_owned(), "sara@example.org", Found::NotTaken),
            (r#"{"TotalCount":3,"Messages":[]}"#.to_owned(), "sara@example.org", Found::CannotTell),
            (format!(r#"{{"TotalCount":0,"Messages":[{message}]}}"#), "sara@example.org", Found::CannotTell),
            ("{}".to_owned(), "sara@example.org", Found::CannotTell),
            ("<html>".to_owned(), "sara@example.org", Found::CannotTell),
        ] {
            assert_eq!(understood(body.as_bytes(), to), found, "{body} {to}");
        }
    }
}
