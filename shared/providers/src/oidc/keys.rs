//! The keys of issuers, remembered for a while.

use super::{Refused, Token, discover, jwks::KeySet, token::Claims};
use crate::oidc::token::Expected;
use domain::{
    failure::Failure,
    time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp},
};
use guard::Guard;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Mutex;

/// After this time keys are fetched again, in milliseconds: a key that the issuer took back works no longer.
const FRESH_MS: i64 = HOUR_MS;
/// How long keys serve that cannot be fetched again, in milliseconds: an issuer that is away keeps nobody out who has a
/// token, but not for ever.
const STALE_MS: i64 = 24 * HOUR_MS;
/// The pause between two fetches of one issuer's keys, in milliseconds: tokens with made-up key ids do not make us ask
/// more often.
const PAUSE_MS: i64 = MINUTE_MS;
/// The same after a fetch that failed while there are no keys at all, in milliseconds. Everybody who asks meanwhile is told
/// at once that they cannot be judged: an issuer that answers slowly costs seconds every half minute, not all the time.
const PAUSE_EMPTY_MS: i64 = 30 * SECOND_MS;
/// How many issuers are remembered.
const ISSUERS: usize = 500;

/// There are no keys to verify with: the issuer cannot be reached, or what it answers is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoKeys(pub Failure);

/// Why a token was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// It is no good.
    Refused(Refused),
    /// It could not be judged.
    NoKeys(NoKeys),
}

/// The keys of issuers, fetched through the guard and remembered.
pub struct IssuerKeys {
    guard: Arc<Guard>,
    issuers: Mutex<HashMap<String, Known>>,
}

struct Known {
    keys: Result<Arc<KeySet>, Failure>,
    /// When `keys` were fetched.
    fetched_at: Timestamp,
    /// When a fetch was tried last.
    tried_at: Timestamp,
}

impl Known {
    fn age_ms(&self, now: Timestamp) -> i64 {
        // A clock that was set back makes nothing young again.
        now.since_ms(self.fetched_at).unsigned_abs().try_into().unwrap_or(i64::MAX)
    }

    /// Whether keys that were found wanting may be fetched.
    fn may_ask(&self, now: Timestamp) -> bool {
        let pause = if self.keys.is_ok() { PAUSE_MS } else { PAUSE_EMPTY_MS };
        !(0..pause).contains(&now.since_ms(self.tried_at))
    }
}

impl IssuerKeys {
    /// No keys yet.
    #[must_use]
    pub fn new(guard: Arc<Guard>) -> Self {
        Self { guard, issuers: Mutex::default() }
    }

    /// Verifies a token with the keys of the issuer that is expected, but for its time.
    pub async fn verify(&self, token: Token<'_>, expected: Expected<'_>, now: Timestamp) -> Result<Claims, Unverified> {
        let keys = self.keys(expected.issuer, token.key_id().unwrap_or_default(), now).await;
        let keys = keys.map_err(|failure| Unverified::NoKeys(NoKeys(failure)))?;
        token.verify(&keys, expected).map_err(Unverified::Refused)
    }

    /// The keys of an issuer, with the one of this id if the issuer has it.
    async fn keys(&self, issuer: &str, id: &str, now: Timestamp) -> Result<Arc<KeySet>, Failure> {
        // Held while fetching: whoever comes meanwhile waits for the same answer instead of asking too.
        let mut issuers = self.issuers.lock().await;
        if let Some(known) = issuers.get(issuer) {
            let wanting = match &known.keys {
                Ok(keys) => known.age_ms(now) >= FRESH_MS || !keys.has(id),
                Err(_) => true,
            };
            if !(wanting && known.may_ask(now)) {
                return known.keys.clone();
            }
        }
        let fetched = self.fetch(issuer).await;
        if let Err(failure) = &fetched {
            tracing::warn!(issuer, code = failure.code, detail = failure.detail, "the keys of an issuer cannot be had");
        }
        if issuers.len() >= ISSUERS && !issuers.contains_key(issuer) {
            issuers.retain(|_, known| known.age_ms(now) < FRESH_MS);
            if issuers.len() >= ISSUERS {
                issuers.clear();
            }
        }
        let known = issuers.entry(issuer.to_owned()).or_insert_with(|| Known {
            keys: fetched.clone().map(Arc::new),
            fetched_at: now,
            tried_at: now,
        });
        known.tried_at = now;
        match fetched {
            Ok(keys) => {
                known.keys = Ok(Arc::new(keys));
                known.fetched_at = now;
            }
            Err(failure) if known.keys.is_err() || known.age_ms(now) >= STALE_MS => known.keys = Err(failure),
            Err(_) => {}
        }
        known.keys.clone()
    }

    async fn fetch(&self, issuer: &str) -> Result<KeySet, Failure> {
        let discovery = discover(&self.guard, issuer).await?;
        KeySet::fetch(&self.guard, &discovery.jwks_uri).await
    }
}
