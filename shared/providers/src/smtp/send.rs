//! Writing a message and handing it to the server.

use super::{
    classify::{Fault, Phase, Trouble},
    session::{Dialer, Session, within},
};
use crate::{Outgoing, mail};
use domain::failure::{Failure, FailureKind};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        commands::{Data, Mail, Rcpt, Rset},
        extension::{Extension, MailParameter},
        response::Response,
    },
};
use std::time::Duration;

/// How long a server may think about a message it has been given. RFC 5321 (section 4.5.3.2.6) would grant ten
/// minutes; a sender has less than one.
const CONTENT_TIMEOUT: Duration = Duration::from_secs(25);
/// On a kept connection the first command fails fast, because a fresh one can take over.
const STALE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest provider id, in characters.
const ID_MAX_CHARS: usize = 100;

const DELIVERY: HeaderName = HeaderName::new_from_ascii_str(mail::DELIVERY_HEADER);
/// Keeps vacation notices and other robots from answering (RFC 3834, section 5).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
const CONTENT_LANGUAGE: HeaderName = HeaderName::new_from_ascii_str("Content-Language");

/// A message on its envelope.
pub(super) struct Letter {
    from: Address,
    to: Address,
    content: Vec<u8>,
}

/// Writes the message. Its `Message-ID` is the delivery's id, so a message that is sent twice is the same message to
/// a server or reader that looks.
pub(super) fn compose(from: &Mailbox, reply_to: Option<&Mailbox>, out: &Outgoing<'_>) -> Result<Letter, Failure> {
    let permanent = |code, why: &str| Failure::new(FailureKind::Permanent, code, why);
    let to = mail::ascii_address(out.address).map_err(|why| permanent("address_invalid", &why))?;
    let message = out.message;
    let mut builder = Message::builder()
        .message_id(Some(format!("<{}@{}>", out.tags.delivery, from.email.domain())))
        .date_now()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(mail::subject(message.subject.as_deref(), &message.text))
        .raw_header(HeaderValue::new(DELIVERY, out.tags.delivery.to_string()))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()));
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    if let Some(locale) = out.locale {
        builder = builder.raw_header(HeaderValue::new(CONTENT_LANGUAGE, locale.as_str().to_owned()));
    }
    let text = mail::text_with_link(&message.text, message.link.as_deref());
    let written = match &message.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(text, html.clone())),
        None => builder.singlepart(SinglePart::plain(text)),
    };
    let written = written.map_err(|error| permanent("smtp_message_refused", &error.to_string()))?;
    Ok(Letter { from: from.email.clone(), to, content: written.formatted() })
}

/// Hands a letter to the server. Answers the server's id for it.
pub(super) async fn deliver(dialer: &Dialer, letter: &Letter) -> Result<Option<String>, Failure> {
    let mut session = dialer.take().await?;
    let kept = session.messages > 0;
    let mut outcome = hand_over(&mut session, letter).await;
    if kept && outcome.as_ref().is_err_and(Trouble::is_stale) {
        session = dialer.open().await?;
        outcome = hand_over(&mut session, letter).await;
    }
    let reusable = match &outcome {
        Ok(_) => true,
        // After a refusal the server still holds the envelope.
        Err(trouble) if !trouble.ends_session() => {
            within(Phase::Check, session.timeout, session.connection.command(Rset)).await.is_ok()
        }
        Err(_) => false,
    };
    if reusable {
        dialer.put(session).await;
    }
    Ok(provider_id(&outcome?))
}

async fn hand_over(session: &mut Session, letter: &Letter) -> Result<Response, Trouble> {
    let Session { connection, timeout, messages, .. } = session;
    let first = if *messages > 0 { STALE_TIMEOUT.min(*timeout) } else { *timeout };
    *messages += 1;
    let mut parameters = Vec::new();
    if !letter.to.user().is_ascii() {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let words = "550 the server takes only addresses in ASCII (it does not offer SMTPUTF8)".to_owned();
            return Err(Trouble::new(Phase::Recipient, Fault::Reply { code: 550, words }));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    within(Phase::Sender, first, connection.command(Mail::new(Some(letter.from.clone()), parameters))).await?;
    within(Phase::Recipient, *timeout, connection.command(Rcpt::new(letter.to.clone(), Vec::new()))).await?;
    let go = within(Phase::Data, *timeout, connection.command(Data)).await?;
    if !go.has_code(354) {
        let words = format!("{} in answer to DATA", go.code());
        return Err(Trouble::new(Phase::Data, Fault::Protocol(words)));
    }
    within(Phase::Content, CONTENT_TIMEOUT, connection.message(&letter.content)).await
}

/// The server's own id for a message: what follows `queued as` (Postfix and many others) or `id=` (Exim), else the
/// first line of its answer.
fn provider_id(response: &Response) -> Option<String> {
    let line = response.message().find(|line| !line.trim().is_empty())?;
    let word_after = |mark: &str| {
        let at = line.to_ascii_lowercase().find(mark)? + mark.len();
        let word = line.get(at..)?.trim_start().split([' ', ';', ',', ')']).next()?.trim_end_matches('.');
        (!word.is_empty()).then(|| word.to_owned())
    };
    let id = word_after("queued as ").or_else(|| word_after(" id=")).unwrap_or_else(|| line.trim().to_owned());
    Some(id.chars().take(ID_MAX_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tags;
    use domain::{
        ids::{DeliveryId, RequestId},
        template::{Locale, Rendered},
    };

    fn delivery() -> DeliveryId {
        DeliveryId { request: "01JD0000000000000000000000".parse::<RequestId>().unwrap(), place: None }
    }

    fn rendered(subject: Option<&str>, text: &str, html: Option<&str>, link: Option<&str>) -> Rendered {
        let own = |text: &str| text.to_owned();
        Rendered { subject: subject.map(own), text: own(text), html: html.map(own), link: link.map(own) }
    }

    fn from() -> Mailbox {
        Mailbox::new(Some("أكمي \"Security\"".into()), "news@example.com".parse().unwrap())
    }

    fn composed(address: &str, locale: Option<Locale>, message: &Rendered) -> Result<String, Failure> {
        let reply_to = Mailbox::new(None, "support@example.com".parse().unwrap());
        let delivery = delivery();
        let out = Outgoing { tags: tags(&delivery), address, locale, message };
        compose(&from(), Some(&reply_to), &out).map(|letter| String::from_utf8(letter.content).unwrap())
    }

    #[test]
    fn a_message_has_a_stable_id_and_says_that_a_machine_wrote_it() {
        let mail = composed("sara@example.org", Some(Locale::Ar), &rendered(Some("Hi"), "Hello", None, None)).unwrap();
        for header in [
            "Message-ID: <dlv_01JD0000000000000000000000@example.com>\r\n",
            "X-Trunkline-Delivery: dlv_01JD0000000000000000000000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Language: ar\r\n",
            "Reply-To: support@example.com\r\n",
            "To: sara@example.org\r\n",
            "Subject: Hi\r\n",
            "\r\nDate: ",
        ] {
            assert!(mail.contains(header), "{header} is missing in {mail}");
        }
    }

    #[test]
    fn arabic_and_html_go_as_ascii_on_the_wire() {
        let message = rendered(Some("تدريبك جاهز"), "مرحبا", Some("<p dir=rtl>مرحبا</p>"), None);
        let mail = composed("sara@example.org", None, &message).unwrap();
        assert!(mail.is_ascii() && mail.contains("Subject: =?utf-8?b?"), "{mail}");
        assert!(mail.contains("Content-Type: multipart/alternative") && mail.contains("text/html; charset=utf-8"));
    }

    #[test]
    fn nothing_can_add_a_header() {
        let message = rendered(Some("Hi\r\nBcc: all@example.net"), "x", None, None);
        let mail = composed("sara@example.org", None, &message).unwrap();
        assert!(!mail.contains("\r\nBcc:"), "{mail}");
        for address in ["a@b.c\r\nBcc: x@y.z", "a@b.c>, <x@y.z", "", "plain", "a b@c.d"] {
            let failure = composed(address, None, &message).unwrap_err();
            assert_eq!((failure.kind, failure.code), (FailureKind::Permanent, "address_invalid"), "{address}");
        }
    }

    #[test]
    fn the_servers_id_is_found_in_its_answer() {
        for (answer, id) in [
            ("250 2.0.0 Ok: queued as 4Y1tQz3kYJz9sV0\r\n", "4Y1tQz3kYJz9sV0"),
            ("250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: Queued as AB12.\r\n", "AB12"),
            ("250 OK id=1tDfGh-0003Xy-2A\r\n", "1tDfGh-0003Xy-2A"),
            ("250-first\r\n250 second\r\n", "first"),
            ("250 Ok 0102018f3c-6a\r\n", "Ok 0102018f3c-6a"),
        ] {
            assert_eq!(provider_id(&answer.parse().unwrap()).as_deref(), Some(id), "{answer}");
        }
        assert_eq!(provider_id(&"250 \r\n".parse().unwrap()), None);
        let long = format!("250 {}\r\n", "x".repeat(400));
        assert_eq!(provider_id(&long.parse().unwrap()).unwrap().len(), ID_MAX_CHARS);
    }
}
