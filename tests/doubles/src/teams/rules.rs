//! What workflows and Teams accept.

use serde_json::{Map, Value};

/// The largest message.
pub(super) const MESSAGE_MAX_BYTES: usize = 28 * 1024;
const VERSIONS: [&str; 6] = ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"];
const ELEMENTS_MAX: usize = 200;
const ACTIONS_MAX: usize = 6;

/// The fields that may stand somewhere, with what their value has to be.
type Fields = [(&'static str, Is)];

#[derive(Clone, Copy)]
enum Is {
    Text,
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Checked elsewhere.
    Anything,
}

const MESSAGE: &Fields = &[("type", Is::OneOf(&["message"])), ("attachments", Is::Anything)];
const ATTACHMENT: &Fields = &[
    ("contentType", Is::OneOf(&["application/vnd.microsoft.card.adaptive"])),
    ("contentUrl", Is::Anything),
    ("content", Is::Anything),
];
const CARD: &Fields = &[
    ("$schema", Is::OneOf(&["http://adaptivecards.io/schemas/adaptive-card.json"])),
    ("type", Is::OneOf(&["AdaptiveCard"])),
    ("version", Is::OneOf(&VERSIONS)),
    ("lang", Is::OneOf(&["ar", "en"])),
    ("rtl", Is::Flag),
    ("fallbackText", Is::Text),
    ("speak", Is::Text),
    ("msteams", Is::Anything),
    ("body", Is::Anything),
    ("actions", Is::Anything),
];
const SPACINGS: Is = Is::OneOf(&["Default", "None", "Small", "Medium", "Large", "ExtraLarge", "Padding"]);
const TEXT_BLOCK: &Fields = &[
    ("type", Is::Text),
    ("text", Is::Text),
    ("wrap", Is::Flag),
    ("size", Is::OneOf(&["Default", "Small", "Medium", "Large", "ExtraLarge"])),
    ("weight", Is::OneOf(&["Default", "Lighter", "Bolder"])),
    ("style", Is::OneOf(&["default", "heading"])),
    ("color", Is::OneOf(&["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"])),
    ("spacing", SPACINGS),
    ("separator", Is::Flag),
    ("isSubtle", Is::Flag),
];
const CONTAINER: &Fields = &[
    ("type", Is::Text),
    ("items", Is::Anything),
    ("style", Is::OneOf(&["default", "emphasis", "good", "attention", "warning", "accent"])),
    ("bleed", Is::Flag),
    ("spacing", SPACINGS),
    ("rtl", Is::Flag),
];
const OPEN_URL: &Fields = &[
    ("type", Is::OneOf(&["Action.OpenUrl"])),
    ("title", Is::Text),
    ("url", Is::Text),
    ("style", Is::OneOf(&["default", "positive", "destructive"])),
];

fn fields<'a>(value: &'a Value, place: &str, known: &Fields) -> Result<&'a Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| format!("{place} is not an object"))?;
    for (name, value) in object {
        let is = known.iter().find(|(known, _)| known == name).map(|(_, is)| is);
        let right = match is.ok_or_else(|| format!("{place} has no field {name}"))? {
            Is::Text => value.is_string(),
            Is::Flag => value.is_boolean(),
            Is::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Is::Anything => true,
        };
        if !right {
            return Err(format!("{place}/{name} may not be {value}"));
        }
    }
    Ok(object)
}

fn needed<'a>(object: &'a Map<String, Value>, place: &str, name: &str) -> Result<&'a Value, String> {
    object.get(name).ok_or_else(|| format!("{place} lacks {name}"))
}

fn list<'a>(object: &'a Map<String, Value>, place: &str, name: &str, most: usize) -> Result<&'a [Value], String> {
    let items = needed(object, place, name)?.as_array().map(Vec::as_slice);
    items.filter(|items| (1..=most).contains(&items.len())).ok_or_else(|| format!("{place}/{name} has not 1 to {most}"))
}

/// Checks a message; says what is wrong.
pub(super) fn check_message(body: &Value) -> Result<(), String> {
    let message = fields(body, "", MESSAGE)?;
    needed(message, "", "type")?;
    for attachment in list(message, "", "attachments", 10)? {
        let attachment = fields(attachment, "/attachments", ATTACHMENT)?;
        needed(attachment, "/attachments", "contentType")?;
        if !needed(attachment, "/attachments", "contentUrl")?.is_null() {
            return Err("/attachments/contentUrl must be null".to_owned());
        }
        check_card(needed(attachment, "/attachments", "content")?)?;
    }
    Ok(())
}

fn check_card(card: &Value) -> Result<(), String> {
    let card = fields(card, "/content", CARD)?;
    needed(card, "/content", "type")?;
    let version = needed(card, "/content", "version")?;
    if card.contains_key("rtl") && version != "1.5" {
        return Err("/content/rtl needs version 1.5".to_owned());
    }
    if card.get("lang").is_some_and(|lang| lang == "ar") != card.get("rtl").is_some_and(|rtl| rtl == true) {
        return Err("/content: Arabic, and nothing else, goes from right to left".to_owned());
    }
    for element in list(card, "/content", "body", ELEMENTS_MAX)? {
        check_element(element)?;
    }
    if card.contains_key("actions") {
        for action in list(card, "/content", "actions", ACTIONS_MAX)? {
            let action = fields(action, "/actions", OPEN_URL)?;
            needed(action, "/actions", "type")?;
            needed(action, "/actions", "title")?;
            let url = needed(action, "/actions", "url")?.as_str().unwrap_or_default();
            if !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(char::is_whitespace) {
                return Err("/actions/url is not a web address".to_owned());
            }
        }
    }
    Ok(())
}

fn check_element(element: &Value) -> Result<(), String> {
    match element.get("type").and_then(Value::as_str) {
        Some("TextBlock") => {
            let block = fields(element, "/body", TEXT_BLOCK)?;
            let text = needed(block, "/body", "text")?.as_str().unwrap_or_default();
            // Most clients show no line break there but between the items of a list.
            if text.trim().is_empty() || text.contains('\n') {
                return Err("/body/text is empty or has a line break".to_owned());
            }
            Ok(())
        }
        Some("Container") => {
            let container = fields(element, "/body", CONTAINER)?;
            list(container, "/body", "items", ELEMENTS_MAX)?.iter().try_for_each(check_element)
        }
        other => Err(format!("/body: the double knows no element {other:?}")),
    }
}

/// Whether the content type is JSON in UTF-8.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

/// What a workflow does, by its id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Accept,
    /// Answers so, to whatever method.
    Refuse(u16, &'static str, &'static str),
    /// Answers so to messages.
    RefuseMessage(u16, &'static str, &'static str),
    /// Answers 429 with these seconds to the first message.
    LimitOnce(u64),
    /// Answers 502 to the first message and each so manieth after it.
    FailEach(u64),
    Down,
    Hang,
    Lost,
}

pub(super) fn behaviour(workflow: &str) -> Behaviour {
    let number = |word: &str| -> Option<Option<u64>> {
        let (_, tail) = workflow.split_once(word)?;
        Some(tail.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()))
    };
    let off = "WorkflowTriggerIsNotEnabled";
    if let Some(seconds) = number("rate") {
        return Behaviour::LimitOnce(seconds.unwrap_or(1));
    }
    if let Some(each) = number("flaky") {
        return Behaviour::FailEach(each.unwrap_or(u64::MAX));
    }
    let known = [
        ("gone", Behaviour::Refuse(404, "WorkflowNotFound", "The workflow could not be found.")),
        ("deleted", Behaviour::Refuse(400, off, "Could not execute workflow trigger 'manual' with state 'Deleted'.")),
        ("off", Behaviour::Refuse(400, off, "Could not execute workflow trigger 'manual' with state 'Disabled'.")),
        ("schema", Behaviour::RefuseMessage(400, "TriggerInputSchemaMismatch", "The input body did not match.")),
        ("down", Behaviour::Down),
        ("hang", Behaviour::Hang),
        ("lost", Behaviour::Lost),
    ];
    known.into_iter().find(|(word, _)| workflow.contains(word)).map_or(Behaviour::Accept, |(_, behaviour)| behaviour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(content: &Value) -> Value {
        json!({"type": "message", "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": content
        }]})
    }

    #[test]
    fn the_workflow_chooses() {
        assert_eq!(behaviour("a-rate30"), Behaviour::LimitOnce(30));
        assert_eq!(behaviour("a-flaky"), Behaviour::FailEach(u64::MAX));
        assert_eq!(behaviour("a-flaky200"), Behaviour::FailEach(200));
        assert_eq!(behaviour("7e2c2dc8cc4a"), Behaviour::Accept);
    }

    #[test]
    fn malformed_cards_are_refused() {
        let block = json!({"type": "TextBlock", "text": "x"});
        let good = json!({"type": "AdaptiveCard", "version": "1.5", "body": [block]});
        assert_eq!(check_message(&message(&good)), Ok(()));
        let with = |name: &str, value: Value| {
            let mut card = good.clone();
            card[name] = value;
            message(&card)
        };
        for (body, words) in [
            (good.clone(), "has no field"),
            (json!({"type": "message", "attachments": []}), "/attachments has not 1"),
            (with("version", json!("1.6")), "version"),
            (with("title", json!("x")), "no field title"),
            (with("rtl", json!(true)), "Arabic"),
            (with("body", json!([])), "/body has not"),
            (with("body", json!([{"type": "TextBlock", "text": " "}])), "empty"),
            (with("body", json!([{"type": "TextBlock", "text": "a\nb"}])), "line break"),
            (with("body", json!([{"type": "TextBlock", "text": "a", "weight": "bold"}])), "weight"),
            (with("body", json!([{"type": "Input.Text", "id": "x"}])), "no element"),
            (with("actions", json!([{"type": "Action.OpenUrl", "title": "x", "url": "javascript:1"}])), "web address"),
            (with("actions", json!([{"type": "Action.Submit", "title": "x"}])), "type"),
        ] {
            let why = check_message(&body).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
