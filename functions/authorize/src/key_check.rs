//! Says whose API key this is. Used for every request of the API, and where somebody signs in to the console with one.

use crate::{
    failures::Failures,
    proof::{Proof, prove},
    verified::Verified,
};
use api::problem::ProblemKind;
use domain::{
    key::{ApiKey, KeyRecord},
    time::Timestamp,
};
use runtime::{
    caller::problem_of,
    entropy::NoEntropy,
    lazy::Lazy,
    secrets::{Rotating, SecretSource},
};
use std::net::IpAddr;
use store::{Access, KeyUses, StoreError};

/// A key that was verified. Whether it works, [`Holder::refusal`] tells.
#[derive(Clone, Debug)]
pub struct Holder {
    record: KeyRecord,
    /// Until when its secret works, if that has a successor.
    until: Option<Timestamp>,
}

impl Holder {
    /// What is kept of the key.
    #[must_use]
    pub const fn record(&self) -> &KeyRecord {
        &self.record
    }

    /// Whether it has the secret of the record, and not the one before.
    #[must_use]
    pub const fn is_current(&self) -> bool {
        self.until.is_none()
    }

    /// Why it does not work now, for a caller at that address.
    #[must_use]
    pub fn refusal(&self, source: Option<IpAddr>, now: Timestamp) -> Option<ProblemKind> {
        refusal(&self.record, source, now)
            .or_else(|| self.until.is_some_and(|until| until <= now).then_some(ProblemKind::KeyRevoked))
    }
}

/// Why a key does not work now, for a caller at that address.
#[must_use]
pub fn refusal(record: &KeyRecord, source: Option<IpAddr>, now: Timestamp) -> Option<ProblemKind> {
    match record.check(now) {
        Err(refusal) => Some(problem_of(refusal)),
        Ok(()) => (!record.allow.permits(source)).then_some(ProblemKind::AddressNotAllowed),
    }
}

/// Verifies API keys, and remembers for less than a minute which were good.
pub struct KeyCheck<S, P> {
    /// Where the keys are.
    pub store: Lazy<S>,
    /// What their keyed hashes are made with.
    pub pepper: Rotating<P>,
    verified: Verified<Holder>,
    failures: Failures,
}

impl<S: Access + KeyUses, P: SecretSource> KeyCheck<S, P> {
    /// One that has seen no key yet.
    pub fn new(store: Lazy<S>, pepper: Rotating<P>) -> Result<Self, NoEntropy> {
        Ok(Self { store, pepper, verified: Verified::new()?, failures: Failures::default() })
    }

    /// The holder of a key that was presented from that address; `None` for one that nobody has.
    pub async fn holder(
        &self,
        key: &ApiKey,
        source: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Holder>, StoreError> {
        if let Some(holder) = self.verified.get(key.whole().expose(), now) {
            return Ok(Some(holder));
        }
        let Some(record) = self.store.key_by_prefix(key.prefix()).await? else { return Ok(None) };
        let until = match prove(key, &record, &self.pepper).await {
            Proof::Wrong => {
                self.failed(&record, source, now).await;
                return Ok(None);
            }
            Proof::Before(until) => Some(until),
            Proof::Right(None) => None,
            Proof::Right(Some(mac)) => {
                // Only the next cold start would gain by it: this request goes on either way.
                if let Err(error) = self.store.remember_mac(key.prefix(), &record.bcrypt, &mac).await {
                    tracing::warn!(%error, "the keyed hash was not remembered");
                }
                None
            }
        };
        let holder = Holder { record, until };
        self.verified.insert(key.whole().expose(), holder.clone(), now);
        Ok(Some(holder))
    }

    /// A wrong secret was presented. Whoever may not use the key anyway cannot have it suspended.
    async fn failed(&self, record: &KeyRecord, source: Option<IpAddr>, now: Timestamp) {
        if !record.allow.permits(source) {
            return;
        }
        if let Err(error) = self.failures.note(&*self.store, record, now).await {
            tracing::warn!(%error, key = %record.id, "wrong secrets were not counted");
        }
    }
}
