//! Slack messages by an app's bot token or an incoming webhook.

pub(crate) mod settings;

use crate::{Endpoints, Outgoing};
use domain::{
    failure::{Failure, FailureKind},
    integration::Config,
    secret::Secrets,
};
use guard::Guard;
use std::sync::Arc;

/// A Slack workspace with one integration's settings.
#[derive(Debug)]
pub struct Slack;

impl Slack {
    pub(crate) fn open(_: &Config, _: &Secrets, _: Arc<Guard>, _: &Endpoints) -> Result<Self, Failure> {
        Err(Failure::new(FailureKind::Permanent, "provider_protocol", "not ready yet"))
    }
    pub(crate) async fn test(&self) -> Result<String, Failure> {
        Ok(String::new())
    }
    pub(crate) async fn send(&self, _out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        Ok(None)
    }
    pub(crate) fn concurrency(&self) -> usize {
        8
    }
}
