//! Writing a message for `POST /email`.

use super::settings::Settings;
use crate::{
    Outgoing,
    mail::{self, Sender},
};
use domain::failure::{Failure, FailureKind};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mail<'a> {
    from: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<&'a str>,
    subject: &'a str,
    text_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_body: Option<&'a str>,
    message_stream: &'a str,
    metadata: Metadata<'a>,
    headers: Vec<Header<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_opens: Option<bool>,
    /// `None`, `HtmlAndText`, `HtmlOnly` or `TextOnly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    track_links: Option<&'static str>,
}

/// What every event about the message repeats ("Email API", `Metadata`).
#[derive(Serialize)]
struct Metadata<'a> {
    tenant: &'a str,
    campaign: &'a str,
    delivery: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'a> {
    name: &'static str,
    value: &'a str,
}

/// The sender in one text. A name is always quoted, because Postmark wants that of one with punctuation ("What does
/// Error Code: '300' mean?").
pub(super) fn mailbox(Sender { from_address, from_name, .. }: &Sender) -> String {
    match from_name {
        Some(name) => format!("\"{}\" <{from_address}>", name.replace('\\', "\\\\").replace('"', "\\\"")),
        None => from_address.clone(),
    }
}

pub(super) fn compose(settings: &Settings, from: &str, out: &Outgoing<'_>) -> Result<Vec<u8>, Failure> {
    let permanent = |code, why: &str| Failure::new(FailureKind::Permanent, code, why);
    let to = mail::ascii_address(out.address).map_err(|why| permanent("address_invalid", &why))?;
    let message = out.message;
    let delivery = out.tags.delivery.to_string();
    let language = out.locale.map(|locale| Header { name: "Content-Language", value: locale.as_str() });
    let headers = [
        Header { name: mail::DELIVERY_HEADER, value: &delivery },
        // Keeps vacation notices and other robots from answering (RFC 3834, section 5).
        Header { name: "Auto-Submitted", value: "auto-generated" },
    ];
    let written = Mail {
        from,
        to: to.as_ref(),
        reply_to: settings.sender.reply_to.as_deref(),
        subject: &mail::subject(message.subject.as_deref(), &message.text),
        text_body: &mail::text_with_link(&message.text, message.link.as_deref()),
        html_body: message.html.as_deref().filter(|html| !html.is_empty()),
        message_stream: &settings.message_stream,
        metadata: Metadata {
            tenant: out.tags.tenant.as_str(),
            campaign: out.tags.campaign.as_str(),
            delivery: &delivery,
        },
        headers: headers.into_iter().chain(language).collect(),
        track_opens: settings.track_opens,
        track_links: settings.track_clicks.map(|track| if track { "HtmlAndText" } else { "None" }),
    };
    serde_json::to_vec(&written).map_err(|error| permanent("postmark_message_refused", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tags;
    use domain::{
        ids::DeliveryId,
        template::{Locale, Rendered},
    };
    use serde_json::{Value, json};

    const DELIVERY: &str = "dlv_01JD0000000000000000000000";

    fn settings() -> Settings {
        let sender = Sender { from_address: "news@example.com".into(), from_name: None, reply_to: None };
        Settings { sender, message_stream: "outbound".into(), track_opens: None, track_clicks: None }
    }

    fn composed(settings: &Settings, address: &str, locale: Option<Locale>, html: Option<&str>) -> Value {
        let delivery: DeliveryId = DELIVERY.parse().unwrap();
        let html = html.map(ToOwned::to_owned);
        let message = Rendered { subject: None, text: "Go".into(), html, link: Some("https://e.example/x".into()) };
        let out = Outgoing { tags: tags(&delivery), address, locale, message: &message };
        serde_json::from_slice(&compose(settings, &mailbox(&settings.sender), &out).unwrap()).unwrap()
    }

    #[test]
    fn a_message_says_no_more_than_it_must() {
        assert_eq!(
            composed(&settings(), "sara@example.org", None, None),
            json!({
                "From": "news@example.com",
                "To": "sara@example.org",
                "Subject": "Go",
                "TextBody": "Go\n\nhttps://e.example/x\n",
                "MessageStream": "outbound",
                "Metadata": {"tenant": "acme", "campaign": "spring", "delivery": DELIVERY},
                "Headers": [
                    {"Name": "X-Trunkline-Delivery", "Value": DELIVERY},
                    {"Name": "Auto-Submitted", "Value": "auto-generated"}
                ]
            })
        );
    }

    #[test]
    fn settings_show_in_the_message() {
        let sender = Sender {
            from_name: Some("أكمي, \"Security\"".into()),
            reply_to: Some("support@example.com".into()),
            ..settings().sender
        };
        let settings =
            Settings { sender, message_stream: "broadcast".into(), track_opens: Some(true), track_clicks: Some(true) };
        let body = composed(&settings, "info@bücher.example", Some(Locale::Ar), Some("<p>Go</p>"));
        for (field, value) in [
            ("From", json!("\"أكمي, \\\"Security\\\"\" <news@example.com>")),
            ("To", json!("info@xn--bcher-kva.example")),
            ("ReplyTo", json!("support@example.com")),
            ("HtmlBody", json!("<p>Go</p>")),
            ("MessageStream", json!("broadcast")),
            ("TrackOpens", json!(true)),
            ("TrackLinks", json!("HtmlAndText")),
        ] {
            assert_eq!(body[field], value, "{field}");
        }
        assert_eq!(body["Headers"][2], json!({"Name": "Content-Language", "Value": "ar"}));
        let silent = Settings { track_clicks: Some(false), ..settings };
        assert_eq!(composed(&silent, "sara@example.org", None, None)["TrackLinks"], "None");
    }
}
