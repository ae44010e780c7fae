//! E-mail through an SMTP server (RFC 5321).
//!
//! lettre writes the messages and speaks the protocol, but its transport does not tell at which command a send
//! failed, and that decides whether a message may have been taken. So [`session`] drives lettre's connection command
//! by command, and [`classify`] knows the phase.

mod classify;
mod recipe;
mod send;
mod session;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use crate::{Outgoing, mail};
use domain::{
    failure::{Failure, FailureKind},
    integration::Config,
    secret::Secrets,
};
use guard::Guard;
use lettre::message::Mailbox;
use session::Dialer;
use settings::Settings;
use std::{fmt, sync::Arc};

/// How many connections one sender opens to one server. Many servers allow ten per client, and several senders may
/// run at once.
pub(crate) const CONNECTIONS: usize = 4;

/// A mail server with one integration's settings.
pub struct Smtp {
    dialer: Dialer,
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Smtp {
    pub(crate) fn open(config: &Config, secrets: &Secrets, guard: Arc<Guard>) -> Result<Self, Failure> {
        let malformed = |why: &str| Failure::new(FailureKind::Permanent, "settings_invalid", why);
        let settings = Settings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let from = mail::parse_address(&settings.from_address).map_err(|why| malformed(&why))?;
        let reply_to = settings.reply_to.as_deref().map(mail::parse_address).transpose();
        let reply_to = reply_to.map_err(|why| malformed(&why))?.map(|address| Mailbox::new(None, address));
        let from = Mailbox::new(settings.from_name.clone(), from);
        let password = secrets.get("password").cloned();
        Ok(Self { dialer: Dialer::new(settings, password, from.email.domain(), guard), from, reply_to })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::run(&self.dialer).await
    }

    pub(crate) async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        let mail = send::compose(&self.from, self.reply_to.as_ref(), out)?;
        send::deliver(&self.dialer, &mail).await
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("from", &self.from.email).finish_non_exhaustive()
    }
}
