//! Writing a message as an Adaptive Card.
//!
//! The text is the Markdown that the template's author wrote; values were escaped when the template was rendered. The
//! subject and the settings are plain text and are escaped here.

use super::settings::{Settings, Theme};
use crate::Outgoing;
use domain::{
    failure::{Failure, FailureKind},
    template::{Locale, escape_markdown},
};
use serde::Serialize;

/// The largest message ("Create an Incoming Webhook" and the Teams connector's "Message size limit"), its JSON included.
const MESSAGE_MAX_BYTES: usize = 28 * 1024;

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    attachments: [Attachment<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment<'a> {
    content_type: &'static str,
    /// Always null, and always there: so the documentation shows it.
    content_url: Option<&'static str>,
    content: Card<'a>,
}

#[derive(Serialize)]
struct Card<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    /// What screen readers speak.
    #[serde(skip_serializing_if = "Option::is_none")]
    lang: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rtl: bool,
    body: Vec<Element>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<OpenUrl<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Element {
    /// A band across the card in the colour of the theme.
    Container { style: Theme, bleed: bool, items: [Heading; 1] },
    TextBlock {
        text: String,
        wrap: bool,
        /// Lines of one paragraph stand close together.
        #[serde(skip_serializing_if = "Option::is_none")]
        spacing: Option<&'static str>,
    },
}

#[derive(Serialize)]
struct Heading {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
    wrap: bool,
    size: &'static str,
    weight: &'static str,
    style: &'static str,
}

#[derive(Serialize)]
struct OpenUrl<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    url: &'a str,
}

pub(super) fn compose(settings: &Settings, out: &Outgoing<'_>) -> Result<Vec<u8>, Failure> {
    let refused = |code, why: &str| Failure::new(FailureKind::Permanent, code, why);
    let mut body = Vec::new();
    let subject = out.message.subject.as_deref().filter(|subject| !subject.trim().is_empty());
    if let Some(title) = subject.or(settings.title.as_deref()) {
        body.push(Element::Container { style: settings.theme, bleed: true, items: [heading(title)] });
    }
    body.extend(blocks(&out.message.text));
    let mut actions = Vec::new();
    if let Some(url) = out.message.link.as_deref().filter(|link| !link.is_empty()) {
        // The workflow would take the card, and Teams would refuse it where nobody hears of it.
        if !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(char::is_whitespace) {
            return Err(refused("teams_rejected", "the link is not a web address"));
        }
        let title = settings.link_text.as_deref().unwrap_or(match out.locale {
            Some(Locale::Ar) => "فتح",
            Some(Locale::En) | None => "Open",
        });
        actions.push(OpenUrl { kind: "Action.OpenUrl", title, url });
    }
    if body.is_empty() && actions.is_empty() {
        return Err(refused("teams_rejected", "the message is empty"));
    }
    let content = Card {
        schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        kind: "AdaptiveCard",
        version: "1.5",
        lang: out.locale.map(Locale::as_str),
        rtl: out.locale == Some(Locale::Ar),
        body,
        actions,
    };
    let attachment = Attachment { content_type: "application/vnd.microsoft.card.adaptive", content_url: None, content };
    let message = serde_json::to_vec(&Message { kind: "message", attachments: [attachment] })
        .map_err(|error| refused("teams_rejected", &error.to_string()))?;
    if message.len() > MESSAGE_MAX_BYTES {
        let words = format!("the message has {} bytes, and Teams takes {MESSAGE_MAX_BYTES}", message.len());
        return Err(refused("teams_message_too_large", &words));
    }
    Ok(message)
}

fn heading(text: &str) -> Heading {
    let text = escape_markdown(text);
    Heading { kind: "TextBlock", text, wrap: true, size: "Large", weight: "Bolder", style: "heading" }
}

/// A block a line. Within one block a line break is no more than a space in most clients; only the items of a list are
/// kept apart, so those stay together.
fn blocks(text: &str) -> Vec<Element> {
    let mut blocks: Vec<(bool, bool, String)> = Vec::new();
    let mut paragraph_begins = true;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            paragraph_begins = true;
            continue;
        }
        let item = is_list_item(line);
        match blocks.last_mut() {
            Some((_, true, list)) if item && !paragraph_begins => {
                list.push('\r');
                list.push_str(line);
            }
            _ => blocks.push((paragraph_begins, item, line.to_owned())),
        }
        paragraph_begins = false;
    }
    let element = |(begins, _, text): (bool, bool, String)| Element::TextBlock {
        text,
        wrap: true,
        spacing: (!begins).then_some("None"),
    };
    blocks.into_iter().map(element).collect()
}

fn is_list_item(line: &str) -> bool {
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ") || line.starts_with("* ") || (number.len() < line.len() && number.starts_with(". "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tags;
    use domain::{ids::DeliveryId, template::Rendered};
    use serde_json::{Value, json};

    fn composed(settings: &Settings, locale: Option<Locale>, message: &Rendered) -> Result<Value, Failure> {
        let delivery: DeliveryId = "dlv_01JD0000000000000000000000".parse().unwrap();
        let out = Outgoing { tags: tags(&delivery), address: "default", locale, message };
        Ok(serde_json::from_slice(&compose(settings, &out)?).unwrap())
    }

    fn rendered(subject: Option<&str>, text: &str, link: Option<&str>) -> Rendered {
        Rendered { subject: subject.map(Into::into), text: text.into(), html: None, link: link.map(Into::into) }
    }

    fn card(message: &Value) -> &Value {
        &message["attachments"][0]["content"]
    }

    #[test]
    fn a_message_is_a_card_with_heading_text_and_button() {
        let message = rendered(Some("Spring *2026*"), "Hello\n\n**Bold**", Some("https://e.example/x"));
        assert_eq!(
            composed(&Settings::default(), Some(Locale::Ar), &message).unwrap(),
            json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.5",
                        "lang": "ar",
                        "rtl": true,
                        "body": [
                            {"type": "Container", "style": "default", "bleed": true, "items": [{
                                "type": "TextBlock", "text": r"Spring \*2026\*", "wrap": true, "size": "Large",
                                "weight": "Bolder", "style": "heading"
                            }]},
                            {"type": "TextBlock", "text": "Hello", "wrap": true},
                            {"type": "TextBlock", "text": "**Bold**", "wrap": true}
                        ],
                        "actions": [{"type": "Action.OpenUrl", "title": "فتح", "url": "https://e.example/x"}]
                    }
                }]
            })
        );
    }

    #[test]
    fn english_goes_left_to_right_and_the_title_stands_in_for_a_subject() {
        let settings = Settings {
            title: Some("Acme [Security]".into()),
            theme: Theme::Attention,
            link_text: Some("Start".into()),
        };
        let message = composed(&settings, Some(Locale::En), &rendered(None, "Hi", Some("https://e.example")));
        let message = message.unwrap();
        let card = card(&message);
        assert_eq!((&card["lang"], card.get("rtl")), (&json!("en"), None));
        assert_eq!(card["body"][0]["style"], "attention");
        assert_eq!(card["body"][0]["items"][0]["text"], r"Acme \[Security\]");
        assert_eq!(card["actions"][0]["title"], "Start");
    }

    #[test]
    fn lines_stay_lines_and_lists_stay_lists() {
        let text = "Hello,\nplease do:\n- this\n- that\n\n1. one\n2. two\nBye";
        let message = composed(&Settings::default(), None, &rendered(None, text, None)).unwrap();
        let blocks: Vec<_> = card(&message)["body"]
            .as_array()
            .unwrap()
            .iter()
            .map(|block| (block["text"].as_str().unwrap(), block["spacing"].as_str()))
            .collect();
        let close = Some("None");
        assert_eq!(
            blocks,
            [
                ("Hello,", None),
                ("please do:", close),
                ("- this\r- that", close),
                ("1. one\r2. two", None),
                ("Bye", close)
            ]
        );
    }

    #[test]
    fn what_teams_would_drop_in_silence_is_refused() {
        let failed = |message: &Rendered| {
            let failure = composed(&Settings::default(), None, message).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Permanent);
            failure.code
        };
        let arabic = "ع".repeat(MESSAGE_MAX_BYTES / 2);
        assert_eq!(failed(&rendered(None, &arabic, None)), "teams_message_too_large");
        assert_eq!(failed(&rendered(None, "x", Some("javascript:alert(1)"))), "teams_rejected");
        assert_eq!(failed(&rendered(None, " \n", None)), "teams_rejected");
        assert!(composed(&Settings::default(), None, &rendered(None, &"x".repeat(27_000), None)).is_ok());
    }
}
