//! Writing a message for `POST /v2/email/outbound-emails`.

use super::{
    settings::Settings,
    tags::{self, ProofKey},
};
use crate::{
    Outgoing,
    mail::{self, Sender},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::failure::{Failure, FailureKind};
use serde::Serialize;

/// An encoded word has at most 75 characters, 12 of them are not data, and 4 of data are 3 bytes (RFC 2047, section 2).
const WORD_MAX_BYTES: usize = 45;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mail<'a> {
    from_email_address: &'a str,
    destination: Destination<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to_addresses: Option<[&'a str; 1]>,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_set_name: Option<&'a str>,
    email_tags: [Named<'a>; 5],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Destination<'a> {
    to_addresses: [&'a str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content<'a> {
    simple: Simple<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Simple<'a> {
    subject: Text<'a>,
    body: Body<'a>,
    headers: Vec<Named<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    text: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Text<'a> {
    data: &'a str,
    /// Without it SES takes the text for ASCII ("Content").
    charset: &'static str,
}

/// A header or a tag.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    name: &'static str,
    value: &'a str,
}

const fn utf8(data: &str) -> Text<'_> {
    Text { data, charset: "UTF-8" }
}

/// The sender in one text. SES takes it as a header as it stands, so a name beyond ASCII comes in encoded words
/// ("`SendEmail`", `FromEmailAddress`).
pub(super) fn mailbox(Sender { from_address, from_name, .. }: &Sender) -> String {
    match from_name {
        None => from_address.clone(),
        Some(name) if name.is_ascii() => {
            format!("\"{}\" <{from_address}>", name.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Some(name) => format!("{} <{from_address}>", encoded_words(name)),
    }
}

/// A text in encoded words, none of which parts a character.
fn encoded_words(text: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    for next in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + next.len_utf8() <= WORD_MAX_BYTES => word.push(next),
            _ => words.push(next.to_string()),
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join(" ")
}

pub(super) fn compose(
    settings: &Settings,
    from: &str,
    proof_key: &ProofKey,
    out: &Outgoing<'_>,
) -> Result<Vec<u8>, Failure> {
    let permanent = |code, why: &str| Failure::new(FailureKind::Permanent, code, why);
    let to = mail::ascii_address(out.address).map_err(|why| permanent("address_invalid", &why))?;
    let message = out.message;
    let delivery = out.tags.delivery.to_string();
    let language = out.locale.map(|locale| Named { name: "Content-Language", value: locale.as_str() });
    let headers = [
        Named { name: mail::DELIVERY_HEADER, value: &delivery },
        // Keeps vacation notices and other robots from answering (RFC 3834, section 5).
        Named { name: "Auto-Submitted", value: "auto-generated" },
    ];
    let tags = tags::written(&out.tags, proof_key);
    let subject = mail::subject(message.subject.as_deref(), &message.text);
    let text = mail::text_with_link(&message.text, message.link.as_deref());
    let written = Mail {
        from_email_address: from,
        destination: Destination { to_addresses: [to.as_ref()] },
        reply_to_addresses: settings.sender.reply_to.as_deref().map(|address| [address]),
        content: Content {
            simple: Simple {
                subject: utf8(&subject),
                body: Body {
                    text: utf8(&text),
                    html: message.html.as_deref().filter(|html| !html.is_empty()).map(utf8),
                },
                headers: headers.into_iter().chain(language).collect(),
            },
        },
        configuration_set_name: settings.configuration_set.as_deref(),
        email_tags: tags.each_ref().map(|(name, value)| Named { name, value }),
    };
    serde_json::to_vec(&written).map_err(|error| permanent("ses_message_refused", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tags;
    use domain::{
        ids::DeliveryId,
        secret::Secret,
        template::{Locale, Rendered},
    };
    use serde_json::{Value, json};

    const DELIVERY: &str = "dlv_01JD0000000000000000000000";

    fn settings() -> Settings {
        Settings {
            sender: Sender { from_address: "news@example.com".into(), from_name: None, reply_to: None },
            region: "eu-central-1".into(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            configuration_set: None,
        }
    }

    fn composed(settings: &Settings, address: &str, locale: Option<Locale>, html: Option<&str>) -> Value {
        let delivery: DeliveryId = DELIVERY.parse().unwrap();
        let html = html.map(ToOwned::to_owned);
        let message = Rendered { subject: None, text: "Go".into(), html, link: Some("https://e.example/x".into()) };
        let out = Outgoing { tags: tags(&delivery), address, locale, message: &message };
        let key = ProofKey::of(&Secret::new("secret".into()));
        serde_json::from_slice(&compose(settings, &mailbox(&settings.sender), &key, &out).unwrap()).unwrap()
    }

    #[test]
    fn a_message_says_no_more_than_it_must() {
        let mut written = composed(&settings(), "sara@example.org", None, None);
        let tags = written["EmailTags"].take();
        assert_eq!(
            written,
            json!({
                "FromEmailAddress": "news@example.com",
                "Destination": {"ToAddresses": ["sara@example.org"]},
                "Content": {"Simple": {
                    "Subject": {"Data": "Go", "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": "Go\n\nhttps://e.example/x\n", "Charset": "UTF-8"}},
                    "Headers": [
                        {"Name": "X-Trunkline-Delivery", "Value": DELIVERY},
                        {"Name": "Auto-Submitted", "Value": "auto-generated"}
                    ]
                }},
                "EmailTags": null
            })
        );
        let tag = |at: usize| (tags[at]["Name"].as_str().unwrap(), tags[at]["Value"].as_str().unwrap());
        assert_eq!(
            [0, 1, 2, 3].map(tag),
            [
                ("trunkline_tenant", "acme"),
                ("trunkline_integration", "int_01JD0000000000000000000000"),
                ("trunkline_campaign", "spring"),
                ("trunkline_delivery", DELIVERY)
            ]
        );
        assert_eq!((tag(4).0, tag(4).1.len()), ("trunkline_proof", 32));
    }

    #[test]
    fn what_is_set_is_said() {
        let settings = Settings {
            sender: Sender { reply_to: Some("support@example.com".into()), ..settings().sender },
            configuration_set: Some("trunkline".into()),
            ..settings()
        };
        let written = composed(&settings, "info@bücher.example", Some(Locale::Ar), Some("<p>مرحبا"));
        assert_eq!(written["Destination"]["ToAddresses"], json!(["info@xn--bcher-kva.example"]));
        assert_eq!(written["ReplyToAddresses"], json!(["support@example.com"]));
        assert_eq!(written["ConfigurationSetName"], "trunkline");
        let simple = &written["Content"]["Simple"];
        assert_eq!(simple["Body"]["Html"], json!({"Data": "<p>مرحبا", "Charset": "UTF-8"}));
        assert_eq!(simple["Headers"][2], json!({"Name": "Content-Language", "Value": "ar"}));
    }

    #[test]
    fn a_name_is_quoted_or_comes_in_encoded_words() {
        let mailbox = |name: &str| mailbox(&Sender { from_name: Some(name.into()), ..settings().sender });
        assert_eq!(mailbox("Acme, \"Inc.\""), r#""Acme, \"Inc.\"" <news@example.com>"#);
        assert_eq!(mailbox("أكمي"), "=?UTF-8?B?2KPZg9mF2Yo=?= <news@example.com>");
        let long = mailbox(&"أكمي ".repeat(20));
        let words: Vec<&str> = long.split(' ').collect();
        assert!(words.len() > 3 && words.iter().all(|word| word.len() <= 75), "{long}");
        for word in &words[..words.len() - 1] {
            let data = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
            assert!(String::from_utf8(STANDARD.decode(data).unwrap()).is_ok(), "{word} parts a character");
        }
    }

    #[test]
    fn an_address_that_is_none_is_not_sent_to() {
        let delivery: DeliveryId = DELIVERY.parse().unwrap();
        let message = Rendered { subject: None, text: "Go".into(), html: None, link: None };
        let out = Outgoing { tags: tags(&delivery), address: "sara@", locale: None, message: &message };
        let key = ProofKey::of(&Secret::new("secret".into()));
        assert_eq!(compose(&settings(), "x", &key, &out).unwrap_err().code, "address_invalid");
    }
}
