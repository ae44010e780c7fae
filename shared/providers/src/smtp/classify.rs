//! What the answers of a mail server mean. The only place that knows SMTP's reply codes.

use domain::failure::{Failure, FailureKind};
use guard::tls;
use lettre::transport::smtp::Error;
use std::{error::Error as _, io};

/// How far a conversation had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connecting, the greeting and EHLO; with TLS from the start also the handshake.
    Connect,
    /// STARTTLS, the handshake and the second EHLO.
    Secure,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before any of the message was sent.
    Data,
    /// The message itself: from here on the server may have taken it.
    Content,
    /// NOOP, in the test.
    Check,
}

const CLOSED: &str = "the server closed the connection";

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server said no.
    Reply {
        /// The reply code, 400 to 599.
        code: u16,
        /// The code and the server's words.
        words: String,
    },
    /// No answer in time.
    Slow,
    /// No connection, or it broke.
    Broken(String),
    /// The TLS handshake failed.
    Tls(Failure),
    /// The server offers no STARTTLS.
    NoStarttls,
    /// The server offers no way to log in that we know.
    NoLogin,
    /// The server says something that is not SMTP.
    Protocol(String),
}

/// A fault and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) phase: Phase,
    pub(super) fault: Fault,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        if let Some(code) = error.status() {
            return Self::Reply { code: code.into(), words: format!("{code} {words}") };
        }
        if let Some(failure) = tls::failure(&error) {
            return Self::Tls(failure);
        }
        if let Some(error) = tls::find::<io::Error>(&error) {
            return Self::Broken(match error.kind() {
                // lettre's own time limit is the one of the TCP connection.
                io::ErrorKind::TimedOut => "the connection was not accepted in time".to_owned(),
                io::ErrorKind::UnexpectedEof => CLOSED.to_owned(),
                _ => tls::innermost(error),
            });
        }
        // lettre's word for an end of file where a reply was due (client/async_connection.rs, read_response).
        if words == "incomplete response" {
            return Self::Broken(CLOSED.to_owned());
        }
        if error.is_response() {
            return Self::Protocol(words);
        }
        Self::Broken(tls::innermost(&error))
    }
}

impl Trouble {
    pub(super) fn new(phase: Phase, fault: impl Into<Fault>) -> Self {
        Self { phase, fault: fault.into() }
    }

    /// Whether the connection is of no more use.
    pub(super) const fn ends_session(&self) -> bool {
        match self.fault {
            // 421: "service not available, closing transmission channel" (RFC 5321, section 4.2.3).
            Fault::Reply { code, .. } => code == 421,
            _ => true,
        }
    }

    /// Whether this is what a kept connection shows when the server has closed it in the meantime, before it was given
    /// anything: a fresh one may do.
    pub(super) const fn is_stale(&self) -> bool {
        matches!(self.phase, Phase::Sender) && self.ends_session()
    }

    /// Whether another address of the same host is worth a try.
    pub(super) const fn is_unreachable(&self) -> bool {
        matches!(self.phase, Phase::Connect) && matches!(self.fault, Fault::Slow | Fault::Broken(_))
    }
}

/// Reply codes that speak of the login, whatever the command (RFC 4954, section 6).
const LOGIN_CODES: [u16; 4] = [530, 534, 535, 538];

impl From<Trouble> for Failure {
    fn from(Trouble { phase, fault }: Trouble) -> Self {
        const LATER: FailureKind = FailureKind::Transient { after_ms: None };
        let content = phase == Phase::Content;
        let (kind, code, words) = match &fault {
            Fault::Reply { code: 400..=499, words } => (LATER, "smtp_try_later", words.as_str()),
            Fault::Reply { code, words } => {
                let (kind, code) = refused(phase, *code);
                (kind, code, words.as_str())
            }
            Fault::Slow if content => (FailureKind::Unknown, "timeout", "no answer to the message in time"),
            Fault::Slow if phase == Phase::Connect => {
                let words = "connected, but the server did not greet in time (port 465 waits for TLS: choose `tls`)";
                (LATER, "unreachable", words)
            }
            Fault::Slow => (LATER, "unreachable", "no answer in time"),
            Fault::Broken(words) if content => (FailureKind::Unknown, "connection_lost", words.as_str()),
            Fault::Broken(words) => (LATER, "unreachable", words.as_str()),
            Fault::Tls(failure) if content => (FailureKind::Unknown, "connection_lost", failure.detail.as_str()),
            Fault::Tls(failure) => return failure.clone(),
            Fault::NoStarttls => (LATER, "tls_failed", "the server does not offer STARTTLS on this port"),
            Fault::NoLogin => {
                (FailureKind::Unauthorized, "smtp_login_refused", "the server offers no login (AUTH PLAIN or LOGIN)")
            }
            Fault::Protocol(words) if content => (FailureKind::Unknown, "smtp_protocol", words.as_str()),
            Fault::Protocol(words) => (LATER, "smtp_protocol", words.as_str()),
        };
        Self::new(kind, code, words)
    }
}

/// What a 5xx means at each command.
fn refused(phase: Phase, code: u16) -> (FailureKind, &'static str) {
    const LATER: FailureKind = FailureKind::Transient { after_ms: None };
    let sending = matches!(phase, Phase::Sender | Phase::Recipient | Phase::Data);
    if phase == Phase::Login || (sending && LOGIN_CODES.contains(&code)) {
        return (FailureKind::Unauthorized, "smtp_login_refused");
    }
    match phase {
        // An admin or the server's operator can mend these, and then the same message goes through.
        Phase::Connect | Phase::Check | Phase::Login => (LATER, "smtp_service_refused"),
        Phase::Secure => (LATER, "tls_failed"),
        Phase::Sender => (FailureKind::Unauthorized, "smtp_sender_refused"),
        Phase::Recipient => (FailureKind::Permanent, "smtp_recipient_refused"),
        Phase::Data | Phase::Content => (FailureKind::Permanent, "smtp_message_refused"),
    }
}
