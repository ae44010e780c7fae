//! Tenants, as the operator sees them.

use domain::{ids::TenantId, tenant::Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest name, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// A new tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantCreate {
    /// Its identifier for good: 1 to 48 lowercase letters, digits and hyphens.
    #[schema(value_type = String, example = "acme")]
    pub id: TenantId,
    /// Its name for people, at most 100 characters.
    #[schema(example = "Acme Ltd.")]
    pub name: String,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// When it was created.
    pub created_at: String,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self { id: tenant.id.clone(), name: tenant.name.clone(), created_at: tenant.created_at.to_rfc3339() }
    }
}
