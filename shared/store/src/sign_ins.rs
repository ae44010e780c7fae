//! Which issuers' tokens are taken, and sign-ins under way, by intent.

use crate::Result;
use domain::{
    sign_in::{Authority, PendingSignIn, SignIn},
    time::Timestamp,
};
use std::future::Future;

/// What is looked up when somebody signs in, before the tenant is known.
///
/// What an enabled integration says of sign-in ([`SignIn::of`]) is written with the integration itself:
/// [`crate::Integrations::save_integration`].
pub trait SignIns: Send + Sync {
    /// Who takes the tokens of this authority for this audience. A moment behind what was saved.
    fn sign_in(&self, authority: &Authority, audience: &str) -> impl Future<Output = Result<Option<SignIn>>> + Send;

    /// Remembers a sign-in that begins, under a hash of its `state`, until it ends or its time is over.
    fn begin_sign_in(&self, state_hash: &str, pending: &PendingSignIn) -> impl Future<Output = Result<()>> + Send;

    /// Ends a sign-in: answers it once, if its time is not over.
    fn end_sign_in(
        &self,
        state_hash: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<PendingSignIn>>> + Send;
}
