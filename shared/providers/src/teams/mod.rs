//! Microsoft Teams.

pub(crate) mod settings;

use crate::Endpoints;
use domain::{
    failure::{Failure, FailureKind},
    integration::Config,
    secret::Secrets,
};
use guard::Guard;
use std::sync::Arc;

/// A Teams channel.
#[derive(Debug)]
pub struct Teams;

impl Teams {
    pub(crate) fn open(_: &Config, _: &Secrets, _: Arc<Guard>, _: &Endpoints) -> Result<Self, Failure> {
        Err(Failure::new(FailureKind::Permanent, "settings_invalid", "not built yet"))
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        Err(Failure::new(FailureKind::Permanent, "settings_invalid", "not built yet"))
    }

    pub(crate) async fn send(&self, _: &crate::Outgoing<'_>) -> Result<Option<String>, Failure> {
        Err(Failure::new(FailureKind::Permanent, "settings_invalid", "not built yet"))
    }
}
