//! What all e-mail has in common, whoever carries it: addresses, the sender's settings, subject and text.

use crate::fields::Fields;
use domain::template::SUBJECT_MAX_CHARS;
use lettre::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The header that carries the delivery's id, by which a bounce can be traced.
pub(crate) const DELIVERY_HEADER: &str = "X-Trunkline-Delivery";

/// Who a message comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sender {
    pub(crate) from_address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
}

impl Sender {
    /// The names of its fields in `config`.
    pub(crate) const NAMES: [&str; 3] = ["from_address", "from_name", "reply_to"];

    /// Reads the sender's fields; faults are left in `fields`.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let hint = "Enter the address that messages come from, e.g. news@example.com.";
        let from_address = fields.required_text("from_address", 254, hint);
        let reply_to = fields.text("reply_to", 254);
        for (name, address) in [("from_address", &from_address), ("reply_to", &reply_to)] {
            if let Some(Err(why)) = address.as_deref().map(check_address) {
                fields.fault(name, "invalid", why);
            }
        }
        if from_address.as_ref().is_some_and(|address| !address.is_ascii()) {
            fields.fault("from_address", "invalid", "Use ASCII only; write another script's domain as xn--...");
        }
        let from_name = fields.text("from_name", 100);
        Some(Self { from_address: from_address?, from_name, reply_to })
    }

    /// The JSON Schema of its fields.
    pub(crate) fn schema() -> Map<String, Value> {
        let fields = [
            json!({
                "type": "string", "format": "email", "title": "From address", "x-title-ar": "عنوان المرسل", "maxLength": 254,
                "examples": ["news@example.com"],
                "description": "The address that messages come from. The provider must know it as yours.",
                "x-description-ar": "العنوان الذي تصدر عنه الرسائل. يجب أن يعرف الموفّر أنه لك."
            }),
            json!({
                "type": "string", "title": "From name", "x-title-ar": "اسم المرسل", "maxLength": 100, "examples": ["Acme Security"],
                "description": "The name shown beside the from address, in any script.",
                "x-description-ar": "الاسم الظاهر بجانب عنوان المرسل، بأي كتابة."
            }),
            json!({
                "type": "string", "format": "email", "title": "Reply-to address", "x-title-ar": "عنوان الرد", "maxLength": 254,
                "examples": ["support@example.com"],
                "description": "Where answers go, if not to the from address.",
                "x-description-ar": "إلى أين تذهب الردود، إن لم تكن إلى عنوان المرسل."
            }),
        ];
        Self::NAMES.map(ToOwned::to_owned).into_iter().zip(fields).collect()
    }
}

/// Whether a text is an e-mail address that can be put on an envelope.
pub(crate) fn check_address(address: &str) -> Result<(), String> {
    parse_address(address).map(|_| ())
}

/// An e-mail address as it is put on the envelope.
pub(crate) fn parse_address(address: &str) -> Result<Address, String> {
    if address.len() > 254 {
        return Err("An e-mail address has at most 254 characters (RFC 5321).".to_owned());
    }
    let parsed = address.parse::<Address>().map_err(|error| {
        let why = error.to_string().to_lowercase();
        format!("This is not an e-mail address like name@example.com: {why}.")
    })?;
    // lettre accepts quoted local parts with blanks and literals; no real recipient has them, many typing errors do.
    if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("An e-mail address has no blanks.".to_owned());
    }
    Ok(parsed)
}

/// The address with its domain in ASCII (IDNA), as every server understands it.
pub(crate) fn ascii_address(address: &str) -> Result<Address, String> {
    let parsed = parse_address(address)?;
    if parsed.domain().is_ascii() {
        return Ok(parsed);
    }
    let url = reqwest::Url::parse(&format!("https://{}/", parsed.domain())).ok();
    let domain = url.as_ref().and_then(reqwest::Url::host_str).ok_or("The address's domain is not a valid one.")?;
    Address::new(parsed.user(), domain).map_err(|error| error.to_string())
}

/// The subject on one line; without one, the beginning of the text.
pub(crate) fn subject(subject: Option<&str>, text: &str) -> String {
    let line = subject.filter(|subject| !subject.trim().is_empty());
    let line = line.or_else(|| text.lines().find(|line| !line.trim().is_empty())).unwrap_or_default();
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUBJECT_MAX_CHARS).collect();
    line.trim().to_owned()
}

/// The plain text; the link is added if the text does not have it, so that no reader misses it.
pub(crate) fn text_with_link(text: &str, link: Option<&str>) -> String {
    match link {
        Some(link) if !link.is_empty() && !text.contains(link) => format!("{}\n\n{link}\n", text.trim_end()),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_as_the_envelope_needs_them() {
        for good in ["a@b.example", "first.last+tag@sub.example.com", "info@bücher.example"] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        let long = format!("{}@b.example", "a".repeat(250));
        for bad in
            ["", "a", "a@", "@b.example", "a@b@c.example", "a b@c.example", "a@b.example\r\n", "<a@b.example>", &long]
        {
            assert!(check_address(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn without_a_subject_the_text_begins_it() {
        assert_eq!(subject(None, "\n\n First line \nSecond"), "First line");
        assert_eq!(subject(Some(" "), "text"), "text");
        assert_eq!(subject(Some("a\tb"), "text"), "a b");
    }

    #[test]
    fn the_link_is_in_the_text_exactly_once() {
        assert_eq!(
            text_with_link("Go to https://e.example/x", Some("https://e.example/x")),
            "Go to https://e.example/x"
        );
        assert_eq!(text_with_link("Go.\n", Some("https://e.example/x")), "Go.\n\nhttps://e.example/x\n");
    }

    #[test]
    fn a_domain_in_another_script_is_written_in_ascii() {
        assert_eq!(ascii_address("info@bücher.example").unwrap().to_string(), "info@xn--bcher-kva.example");
    }
}
