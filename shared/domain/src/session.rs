//! Sessions of people at the console: how long they last and what ends them.
//!
//! A session is found by a hash of its id, which 256 random bits make and only the person's browser holds. It says who
//! signed in; what they may do is asked anew on each request of the key, or the roles, that they signed in with.

#[cfg(doc)]
use crate::sign_in::SignInSettings;
use crate::{
    digest,
    ids::{IntegrationId, TenantId},
    key::KeyRecord,
    principal::{Grant, Principal},
    sign_in::SignIn,
    time::{HOUR_MS, MINUTE_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How long a session lasts at most, in milliseconds: a working day.
pub const SESSION_MS: i64 = 8 * HOUR_MS;
/// How long a session lasts while nobody uses it, in milliseconds.
pub const IDLE_MS: i64 = 30 * MINUTE_MS;
/// How old the note of its last use may be before it is renewed, in milliseconds: a write a minute, not a request.
pub const SEEN_EVERY_MS: i64 = MINUTE_MS;

/// With what somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// An API key.
    Key {
        /// The part that finds its record.
        prefix: String,
        /// A digest of what is kept of its secret, so that a session ends when the secret is replaced.
        secret: String,
    },
    /// The tenant's own provider of identities.
    Provider(ByProvider),
}

/// What a provider of identities said of somebody when they signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByProvider {
    /// The sign-in integration: the session ends with it.
    pub integration: IntegrationId,
    /// How the roles were found ([`SignInSettings::source`]): the session ends when that changes.
    pub source: String,
    /// The roles. What they permit is asked anew on each request.
    pub roles: BTreeSet<String>,
    /// What the provider calls the person, for them to read.
    pub name: String,
}

impl ByProvider {
    /// What the person may do by the integration as it is now; nothing where that no longer lets them in.
    #[must_use]
    pub fn grants(&self, sign_in: &SignIn) -> Vec<Grant> {
        if sign_in.integration != self.integration || sign_in.settings.source() != self.source {
            return Vec::new();
        }
        sign_in.settings.grants(&self.roles)
    }
}

impl Credential {
    /// The key that this record tells of.
    #[must_use]
    pub fn of_key(record: &KeyRecord) -> Self {
        Self::Key { prefix: record.prefix.clone(), secret: digest::hex_of_parts([record.bcrypt.as_bytes()]) }
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The tenant that they may act for.
    pub tenant: TenantId,
    /// Who they are.
    pub principal: Principal,
    /// With what they signed in.
    pub credential: Credential,
    /// When they signed in.
    pub created_at: Timestamp,
    /// When they were last seen, to within [`SEEN_EVERY_MS`].
    pub seen_at: Timestamp,
}

impl Session {
    /// When it ends if nobody uses it any more.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.seen_at.plus_ms(IDLE_MS).min(self.created_at.plus_ms(SESSION_MS))
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends_at()
    }

    /// Whether its last use should be noted.
    #[must_use]
    pub fn should_be_seen(&self, now: Timestamp) -> bool {
        now.since_ms(self.seen_at) >= SEEN_EVERY_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            tenant: "acme".parse().unwrap(),
            principal: Principal::System,
            credential: Credential::Key { prefix: String::new(), secret: String::new() },
            created_at: Timestamp(0),
            seen_at: Timestamp(0),
        }
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it() {
        let session = session();
        assert!(!session.is_over(Timestamp(IDLE_MS - 1)));
        assert!(session.is_over(Timestamp(IDLE_MS)));
        let seen = Session { seen_at: Timestamp(IDLE_MS - 1), ..session };
        assert!(!seen.is_over(Timestamp(IDLE_MS)));
    }

    #[test]
    fn a_session_ends_with_the_day_however_much_it_is_used() {
        let busy = Session { seen_at: Timestamp(SESSION_MS - 1), ..session() };
        assert!(!busy.is_over(Timestamp(SESSION_MS - 1)));
        assert!(busy.is_over(Timestamp(SESSION_MS)));
    }

    #[test]
    fn its_use_is_noted_once_a_minute() {
        assert!(!session().should_be_seen(Timestamp(SEEN_EVERY_MS - 1)));
        assert!(session().should_be_seen(Timestamp(SEEN_EVERY_MS)));
    }
}
