//! Writing a message for `POST /v3/mail/send`.

use super::settings::Settings;
use crate::{Outgoing, mail};
use domain::failure::{Failure, FailureKind};
use serde::Serialize;

#[derive(Serialize)]
struct Body<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Person<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Person<'a>>,
    subject: &'a str,
    content: Vec<Content<'a>>,
    headers: Headers<'a>,
    custom_args: CustomArgs<'a>,
    #[serde(skip_serializing_if = "Tracking::says_nothing")]
    tracking_settings: Tracking,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_settings: Option<MailSettings>,
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [Person<'a>; 1],
}

#[derive(Serialize)]
struct Person<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct Headers<'a> {
    #[serde(rename = "X-Trunkline-Delivery")]
    delivery: &'a str,
    /// Keeps vacation notices and other robots from answering (RFC 3834, section 5).
    #[serde(rename = "Auto-Submitted")]
    auto_submitted: &'static str,
    #[serde(rename = "Content-Language", skip_serializing_if = "Option::is_none")]
    language: Option<&'static str>,
}

/// What every event about the message repeats ("Mail Send", `custom_args`; values must be strings).
#[derive(Serialize)]
struct CustomArgs<'a> {
    #[serde(rename = "trunkline_tenant")]
    tenant: &'a str,
    #[serde(rename = "trunkline_campaign")]
    campaign: &'a str,
    #[serde(rename = "trunkline_delivery")]
    delivery: &'a str,
}

/// The names of [`CustomArgs`], as events have them.
pub(super) const TENANT_ARG: &str = "trunkline_tenant";
pub(super) const CAMPAIGN_ARG: &str = "trunkline_campaign";
pub(super) const DELIVERY_ARG: &str = "trunkline_delivery";

/// Overrides of the account's own tracking settings.
#[derive(Serialize)]
struct Tracking {
    #[serde(skip_serializing_if = "Option::is_none")]
    click_tracking: Option<ClickTracking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_tracking: Option<Switch>,
}

#[derive(Serialize)]
struct ClickTracking {
    enable: bool,
    enable_text: bool,
}

#[derive(Serialize)]
struct Switch {
    enable: bool,
}

#[derive(Serialize)]
struct MailSettings {
    sandbox_mode: Switch,
}

impl Tracking {
    const fn says_nothing(&self) -> bool {
        self.click_tracking.is_none() && self.open_tracking.is_none()
    }
}

pub(super) fn compose(settings: &Settings, out: &Outgoing<'_>) -> Result<Vec<u8>, Failure> {
    let permanent = |code, why: &str| Failure::new(FailureKind::Permanent, code, why);
    let to = mail::ascii_address(out.address).map_err(|why| permanent("address_invalid", &why))?;
    let message = out.message;
    let text = mail::text_with_link(&message.text, message.link.as_deref());
    let delivery = out.tags.delivery.to_string();
    // Plain text first, as SendGrid demands, and no empty part, as it refuses those.
    let parts = [("text/plain", Some(text.as_str())), ("text/html", message.html.as_deref())];
    let parts = parts.into_iter().filter_map(|(kind, value)| Some(Content { kind, value: value? }));
    let person = |email| Person { email, name: None };
    let written = Body {
        personalizations: [Personalization { to: [person(to.as_ref())] }],
        from: Person { name: settings.sender.from_name.as_deref(), ..person(&settings.sender.from_address) },
        reply_to: settings.sender.reply_to.as_deref().map(person),
        subject: &mail::subject(message.subject.as_deref(), &message.text),
        content: parts.filter(|part| !part.value.is_empty()).collect(),
        headers: Headers {
            delivery: &delivery,
            auto_submitted: "auto-generated",
            language: out.locale.map(domain::template::Locale::as_str),
        },
        custom_args: CustomArgs {
            tenant: out.tags.tenant.as_str(),
            campaign: out.tags.campaign.as_str(),
            delivery: &delivery,
        },
        tracking_settings: Tracking {
            click_tracking: settings.track_clicks.map(|enable| ClickTracking { enable, enable_text: enable }),
            open_tracking: settings.track_opens.map(|enable| Switch { enable }),
        },
        mail_settings: settings.sandbox.then_some(MailSettings { sandbox_mode: Switch { enable: true } }),
    };
    serde_json::to_vec(&written).map_err(|error| permanent("sendgrid_message_refused", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tags;
    use crate::{mail::Sender, sendgrid::settings::Region};
    use domain::{
        ids::DeliveryId,
        template::{Locale, Rendered},
    };
    use serde_json::{Value, json};

    const DELIVERY: &str = "dlv_01JD0000000000000000000000";

    fn settings() -> Settings {
        let sender = Sender { from_address: "news@example.com".into(), from_name: None, reply_to: None };
        Settings {
            sender,
            region: Region::Global,
            track_opens: None,
            track_clicks: None,
            sandbox: false,
            webhook_public_key: None,
        }
    }

    fn composed(settings: &Settings, address: &str, locale: Option<Locale>, html: Option<&str>) -> Value {
        let delivery: DeliveryId = DELIVERY.parse().unwrap();
        let html = html.map(ToOwned::to_owned);
        let message = Rendered {
            subject: Some("تدريبك".into()),
            text: "Go".into(),
            html,
            link: Some("https://e.example/x".into()),
        };
        let out = Outgoing { tags: tags(&delivery), address, locale, message: &message };
        serde_json::from_slice(&compose(settings, &out).unwrap()).unwrap()
    }

    #[test]
    fn a_message_says_no_more_than_it_must() {
        assert_eq!(
            composed(&settings(), "sara@example.org", None, None),
            json!({
                "personalizations": [{"to": [{"email": "sara@example.org"}]}],
                "from": {"email": "news@example.com"},
                "subject": "تدريبك",
                "content": [{"type": "text/plain", "value": "Go\n\nhttps://e.example/x\n"}],
                "headers": {"X-Trunkline-Delivery": DELIVERY, "Auto-Submitted": "auto-generated"},
                "custom_args": {TENANT_ARG: "acme", CAMPAIGN_ARG: "spring", DELIVERY_ARG: DELIVERY}
            })
        );
    }

    #[test]
    fn settings_show_in_the_message() {
        let sender = Sender {
            from_name: Some("أكمي \"Security\"".into()),
            reply_to: Some("support@example.com".into()),
            ..settings().sender
        };
        let settings =
            Settings { sender, track_opens: Some(true), track_clicks: Some(false), sandbox: true, ..settings() };
        let body = composed(&settings, "info@bücher.example", Some(Locale::Ar), Some("<p>Go</p>"));
        assert_eq!(body["personalizations"][0]["to"][0]["email"], "info@xn--bcher-kva.example");
        assert_eq!(body["from"], json!({"email": "news@example.com", "name": "أكمي \"Security\""}));
        assert_eq!(body["reply_to"], json!({"email": "support@example.com"}));
        assert_eq!(body["content"][1], json!({"type": "text/html", "value": "<p>Go</p>"}));
        assert_eq!(body["headers"]["Content-Language"], "ar");
        let tracking = json!({
            "click_tracking": {"enable": false, "enable_text": false}, "open_tracking": {"enable": true}
        });
        assert_eq!(body["tracking_settings"], tracking);
        assert_eq!(body["mail_settings"], json!({"sandbox_mode": {"enable": true}}));
    }

    #[test]
    fn an_address_that_is_none_is_not_sent() {
        let (delivery, message) =
            (DELIVERY.parse().unwrap(), Rendered { subject: None, text: "x".into(), html: None, link: None });
        let out = Outgoing { tags: tags(&delivery), address: "a@b.c,x@y.z", locale: None, message: &message };
        let failure = compose(&settings(), &out).unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, "address_invalid"));
    }
}
