//! What the two handlers work with.

use crate::{begin, callback};
use ::hub::sign_in::Flow;
use axum::{
    Router,
    routing::{get, post},
};
use domain::{failure::Failure, health::TestReport, time::Timestamp};
use runtime::vault::Kms;
use std::sync::Arc;
use store::{Integrations, SignIns};

/// Where the provider sends a person back to, below the API's address.
pub(crate) const CALLBACK: &str = "/v1/sign-in/callback";

/// What the handlers work with.
pub struct Hub<S, K> {
    /// The way to the provider and back.
    pub flow: Flow<S, K>,
    /// Where the API is reached, where that is not the address that the gateway was called by.
    pub public_url: Option<String>,
}

/// The routes of this function.
pub fn router<S: Integrations + SignIns + 'static, K: Kms + 'static>(hub: Hub<S, K>) -> Router {
    Router::new()
        .route("/v1/integrations/{id}/sign-in-test", post(begin::begin::<S, K>))
        .route(CALLBACK, get(callback::callback::<S, K>))
        .with_state(Arc::new(hub))
}

impl<S: Integrations + SignIns, K: Kms> Hub<S, K> {
    /// What a step that began at `started` found wrong.
    pub(crate) fn failed(&self, started: Timestamp, failure: &Failure) -> TestReport {
        let now = self.flow.now();
        TestReport::failed(failure, u64::try_from(now.since_ms(started)).unwrap_or(0), now)
    }
}
