//! Writing a message and posting it.
//!
//! `text` is Slack's mrkdwn, written by the template's author, so it is passed on as it is: escaping it here would
//! break the author's own links. Values that come from outside are escaped where they enter the text, which is when
//! the template is rendered.

use super::{Slack, classify, settings::DEFAULT_ADDRESS, settings::Mode};
use crate::Outgoing;
use domain::{
    failure::{Failure, FailureKind},
    template::Locale,
};
use serde::Serialize;
use std::borrow::Cow;

/// The longest `text` of a message (chat.postMessage, "Truncating content").
const TEXT_MAX_CHARS: usize = 40_000;
/// The longest text of one section (Block Kit reference, section).
const SECTION_MAX_CHARS: usize = 3_000;
/// The longest URL of a button (Block Kit reference, button element).
const LINK_MAX_CHARS: usize = 3_000;

#[derive(Serialize)]
struct Post<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    /// What notifications show; also the message itself when there are no blocks.
    text: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Section { text: Text<'a> },
    Actions { elements: [Button<'a>; 1] },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Text<'a> {
    Mrkdwn { text: &'a str },
    PlainText { text: &'a str },
}

#[derive(Serialize)]
struct Button<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: Text<'a>,
    url: &'a str,
}

/// Message metadata: with it the app can find the delivery of a message in Slack again.
#[derive(Serialize)]
struct Metadata<'a> {
    event_type: &'static str,
    event_payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    delivery: &'a str,
}

pub(super) async fn send(slack: &Slack, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
    let body =
        compose(slack.settings.mode, slack.settings.channel.as_deref(), slack.settings.link_text.as_deref(), out)?;
    let response = slack.post(&slack.post_url, body).await?;
    match slack.settings.mode {
        Mode::BotToken => classify::posted(response).await,
        Mode::IncomingWebhook => classify::hooked(response).await,
    }
}

fn compose(mode: Mode, channel: Option<&str>, link_text: Option<&str>, out: &Outgoing<'_>) -> Result<Vec<u8>, Failure> {
    let permanent = |code, why: &str| Failure::new(FailureKind::Permanent, code, why);
    let channel = match (mode, out.address) {
        (Mode::IncomingWebhook, _) => None,
        (Mode::BotToken, "" | DEFAULT_ADDRESS) => {
            Some(channel.ok_or_else(|| permanent("address_invalid", "the integration has no default channel"))?)
        }
        (Mode::BotToken, address) => Some(address),
    };
    let text = text(out);
    if text.chars().count() > TEXT_MAX_CHARS {
        return Err(permanent("slack_rejected", "the text is longer than 40,000 characters"));
    }
    let link = out.message.link.as_deref().filter(|link| !link.is_empty());
    let mut blocks = Vec::new();
    if let Some(link) = link {
        if link.chars().count() > LINK_MAX_CHARS {
            return Err(permanent("slack_rejected", "the link is longer than 3,000 characters"));
        }
        blocks.extend(sections(&text).map(|text| Block::Section { text: Text::Mrkdwn { text } }));
        let words = link_text.unwrap_or(match out.locale {
            Some(Locale::Ar) => "فتح",
            Some(Locale::En) | None => "Open",
        });
        let button = Button { kind: "button", text: Text::PlainText { text: words }, url: link };
        blocks.push(Block::Actions { elements: [button] });
    }
    let delivery = match mode {
        Mode::BotToken => Some(out.tags.delivery.to_string()),
        Mode::IncomingWebhook => None,
    };
    let metadata = delivery
        .as_deref()
        .map(|delivery| Metadata { event_type: "trunkline_delivery", event_payload: Payload { delivery } });
    serde_json::to_vec(&Post { channel, text: &text, blocks, metadata })
        .map_err(|error| permanent("slack_rejected", &error.to_string()))
}

/// The text, under the subject in bold where there is one.
fn text<'a>(out: &Outgoing<'a>) -> Cow<'a, str> {
    match out.message.subject.as_deref().filter(|subject| !subject.is_empty()) {
        None => Cow::Borrowed(out.message.text.as_str()),
        Some(subject) => Cow::Owned(format!("*{}*\n{}", escape(subject), out.message.text)),
    }
}

/// Escapes the three characters that are special in mrkdwn (Slack, "Formatting text for app surfaces").
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Pieces of at most [`SECTION_MAX_CHARS`], cut after a line or word where there is one.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().nth(SECTION_MAX_CHARS).map_or(rest.len(), |(end, _)| {
            let head = &rest[..end];
            head.rfind('\n').or_else(|| head.rfind(' ')).filter(|at| *at > 0).unwrap_or(end)
        });
        let (piece, tail) = rest.split_at(end);
        rest = tail.trim_start();
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tags;
    use domain::{ids::DeliveryId, template::Rendered};
    use serde_json::{Value, json};

    fn out<'a>(delivery: &'a DeliveryId, address: &'a str, message: &'a Rendered) -> Outgoing<'a> {
        Outgoing { tags: tags(delivery), address, locale: Some(Locale::Ar), message }
    }

    fn delivery() -> DeliveryId {
        "dlv_01JD0000000000000000000000".parse().unwrap()
    }

    fn rendered(text: &str, link: Option<&str>) -> Rendered {
        Rendered { subject: None, text: text.into(), html: None, link: link.map(Into::into) }
    }

    fn composed(mode: Mode, channel: Option<&str>, address: &str, message: &Rendered) -> Result<Value, Failure> {
        let body = compose(mode, channel, None, &out(&delivery(), address, message))?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn a_link_becomes_a_button_in_the_recipients_language() {
        let body = composed(Mode::BotToken, None, "U0SARA", &rendered("Hi <@U0SARA>", Some("https://e.example/x")));
        assert_eq!(
            body.unwrap(),
            json!({
                "channel": "U0SARA",
                "text": "Hi <@U0SARA>",
                "blocks": [
                    {"type": "section", "text": {"type": "mrkdwn", "text": "Hi <@U0SARA>"}},
                    {"type": "actions", "elements": [{
                        "type": "button", "text": {"type": "plain_text", "text": "فتح"}, "url": "https://e.example/x"
                    }]}
                ],
                "metadata": {
                    "event_type": "trunkline_delivery",
                    "event_payload": {"delivery": "dlv_01JD0000000000000000000000"}
                }
            })
        );
    }

    #[test]
    fn a_webhook_gets_neither_channel_nor_metadata() {
        let body = composed(Mode::IncomingWebhook, None, "default", &rendered("Hi", None)).unwrap();
        assert_eq!(body, json!({"text": "Hi"}));
    }

    #[test]
    fn the_default_address_is_the_integrations_channel() {
        let body = composed(Mode::BotToken, Some("C0MAIN"), "default", &rendered("Hi", None)).unwrap();
        assert_eq!(body["channel"], "C0MAIN");
        let failure = composed(Mode::BotToken, None, "default", &rendered("Hi", None)).unwrap_err();
        assert_eq!(failure.code, "address_invalid");
    }

    #[test]
    fn a_subject_goes_first_in_bold_and_cannot_mention_anybody() {
        let message = Rendered { subject: Some("<!channel> & co".into()), ..rendered("Hi", None) };
        let body = composed(Mode::BotToken, None, "C0MAIN", &message).unwrap();
        assert_eq!(body["text"], "*&lt;!channel&gt; &amp; co*\nHi");
    }

    #[test]
    fn long_texts_are_cut_into_sections_between_words() {
        let text = "عربي ".repeat(1_500);
        let pieces: Vec<_> = sections(&text).collect();
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.chars().count() <= SECTION_MAX_CHARS));
        assert_eq!(pieces.concat().matches("عربي").count(), 1_500);
        assert_eq!(sections(&"x".repeat(3_001)).map(str::len).collect::<Vec<_>>(), [3_000, 1]);
        assert_eq!(sections(" \n").count(), 0);
    }

    #[test]
    fn what_slack_would_cut_off_is_refused() {
        for message in [rendered(&"x".repeat(40_001), None), rendered("x", Some(&"x".repeat(3_001)))] {
            let failure = composed(Mode::BotToken, None, "C0MAIN", &message).unwrap_err();
            assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, "slack_rejected"));
        }
    }
}
