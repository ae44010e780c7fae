//! A tenant, and the proof that some code may act for one.

use crate::{ids::TenantId, time::Timestamp};
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
}

/// The right to read and write one tenant's data. The store takes this and never a bare [`TenantId`], so data of the
/// wrong tenant does not type-check.
///
/// It is made in two places only, which a lint enforces: where a credential was verified (`runtime::caller`) and
/// where trusted machinery names the tenant (our own queue messages, stream records and due index).
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
