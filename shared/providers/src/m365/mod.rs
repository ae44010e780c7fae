//! Microsoft 365 attack simulation.

pub(crate) mod settings;

use crate::Endpoints;
use domain::{
    failure::{Failure, FailureKind},
    integration::Config,
    secret::Secrets,
};
use guard::Guard;
use std::sync::Arc;

/// A Microsoft 365 tenant.
#[derive(Debug)]
pub struct M365;

impl M365 {
    pub(crate) fn open(_: &Config, _: &Secrets, _: Arc<Guard>, _: &Endpoints) -> Result<Self, Failure> {
        Err(Failure::new(FailureKind::Permanent, "settings_invalid", "not built yet"))
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        Err(Failure::new(FailureKind::Permanent, "settings_invalid", "not built yet"))
    }
}
