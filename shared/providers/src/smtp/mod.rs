//! E-mail through an SMTP server (RFC 5321).

pub(crate) mod settings;

use crate::Outgoing;
use domain::{
    failure::{Failure, FailureKind},
    integration::Config,
    secret::Secrets,
};
use guard::Guard;
use std::sync::Arc;

/// How many connections one sender opens to one server. Many servers allow ten or more per client; several senders
/// may run at once.
pub(crate) const CONNECTIONS: usize = 4;

/// A mail server with one integration's settings.
#[derive(Debug)]
pub struct Smtp;

impl Smtp {
    pub(crate) fn open(_config: &Config, _secrets: &Secrets, _guard: Arc<Guard>) -> Result<Self, Failure> {
        Err(Failure::new(FailureKind::Permanent, "provider_protocol", "not ready yet"))
    }
    pub(crate) async fn test(&self) -> Result<String, Failure> {
        Ok(String::new())
    }
    pub(crate) async fn send(&self, _out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}
