//! A tenant, and the proof that some code may act for one.

use crate::{
    ids::TenantId,
    time::{MINUTE_MS, Timestamp},
};
use serde::{Deserialize, Serialize};

/// A customer of the team that runs this hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name in every key and URL.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when it is being erased.
    #[serde(default)]
    pub erasing_since: Option<Timestamp>,
    /// When nothing was left of it but its identifier, which is never given again, and its audit trail.
    #[serde(default)]
    pub erased_at: Option<Timestamp>,
}

/// How long after the beginning of an erasure the tenant's data is deleted, in milliseconds. Whatever was under way then
/// has ended: a key is trusted for 50 s by whoever verified it, a function of the API runs for 29 s, what it queued is sent
/// within another 60 s (and what watches simulations, which nobody calls, runs for 120 s), and two clocks may be two
/// minutes apart. So nothing is written behind the erasure's back.
pub const ERASURE_QUIET_MS: i64 = 5 * MINUTE_MS;

/// Where a tenant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    /// It works.
    Active,
    /// It is being erased: its keys are gone, its data is going.
    Erasing,
    /// Nothing is left of it but its identifier and its audit trail.
    Erased,
}

impl TenantState {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Erasing => "erasing",
            Self::Erased => "erased",
        }
    }
}

impl Tenant {
    /// A tenant that was just made.
    #[must_use]
    pub const fn new(id: TenantId, name: String, created_at: Timestamp) -> Self {
        Self { id, name, created_at, erasing_since: None, erased_at: None }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> TenantState {
        match (self.erasing_since, self.erased_at) {
            (_, Some(_)) => TenantState::Erased,
            (Some(_), None) => TenantState::Erasing,
            (None, None) => TenantState::Active,
        }
    }

    /// From when on its data may be deleted; `None` while it is not being erased.
    #[must_use]
    pub fn quiet_at(&self) -> Option<Timestamp> {
        self.erasing_since.map(|since| since.plus_ms(ERASURE_QUIET_MS))
    }

    /// What stays of it when it was erased at that time: no word that people chose.
    #[must_use]
    pub fn erased(&self, at: Timestamp) -> Self {
        Self { name: String::new(), erased_at: Some(at), ..self.clone() }
    }
}

/// The right to read and write one tenant's data. The store takes this and never a bare [`TenantId`], so data of the
/// wrong tenant does not type-check.
///
/// It is made in these places only, which a lint enforces: where a credential was verified (`runtime::caller`, and for the
/// sessions that began with it `functions/console`), where
/// trusted machinery names the tenant (our own queue messages, stream records and due index), and where a provider's
/// report names it or its call a webhook, which reads no more than its proof needs until that is given (`functions/track`,
/// `functions/receive`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TenantScope(TenantId);

impl TenantScope {
    /// Asserts that the caller has established the right to act for `tenant`. See the type's text for who may.
    #[must_use]
    pub const fn established(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_goes_quiet_before_its_data_does_and_leaves_no_name() {
        let active = Tenant::new("acme".parse().unwrap(), "Acme Ltd.".into(), Timestamp(1));
        assert_eq!((active.state(), active.quiet_at()), (TenantState::Active, None));
        let erasing = Tenant { erasing_since: Some(Timestamp(2)), ..active };
        assert_eq!((erasing.state(), erasing.quiet_at()), (TenantState::Erasing, Some(Timestamp(300_002))));
        let erased = erasing.erased(Timestamp(400_000));
        assert_eq!((erased.state(), erased.name.as_str()), (TenantState::Erased, ""));
    }

    #[test]
    fn a_record_from_before_there_was_erasure_is_an_active_tenant() {
        let stored: Tenant = serde_json::from_str(r#"{"id": "acme", "name": "Acme", "created_at": 7}"#).unwrap();
        assert_eq!(stored, Tenant::new("acme".parse().unwrap(), "Acme".into(), Timestamp(7)));
    }
}
