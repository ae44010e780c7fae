//! Tenants, as the operator sees them.

use crate::audit::HeadView;
use domain::{
    ids::TenantId,
    secret::SecretOwner,
    tenant::{Tenant, TenantState},
    time::Timestamp,
};
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
    /// Its name for people; empty when it was erased.
    pub name: String,
    /// `active`, `erasing` or `erased`.
    #[schema(value_type = String, example = "active")]
    pub state: TenantState,
    /// When it was created.
    pub created_at: String,
    /// When it was erased; `null` if it was not.
    pub erased_at: Option<String>,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.clone(),
            name: tenant.name.clone(),
            state: tenant.state(),
            created_at: tenant.created_at.to_rfc3339(),
            erased_at: tenant.erased_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// How far the erasure of a tenant is. Ask again until it is `done`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureView {
    /// The tenant.
    #[schema(value_type = String)]
    pub id: TenantId,
    /// Whether nothing is left of it but its identifier, which is never given again, and its audit trail.
    pub done: bool,
    /// What this request did.
    pub step: ErasureStep,
    /// How many records this request deleted.
    pub erased: usize,
    /// From when on its data is deleted, RFC 3339: when everything that was under way has ended. `null` when it is done.
    pub deletes_from: Option<String>,
    /// The last record of its audit trail, once it is done. Keep it: the trail proves what was done, and this proves the
    /// trail.
    pub proof: Option<HeadView>,
}

/// A step of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureStep {
    /// Keys, secrets, integrations and settings go.
    TakingAccess,
    /// They are gone; what was under way comes to its end.
    Waiting,
    /// Everything else goes.
    Deleting,
    /// It is done.
    Erased,
}

/// Which secrets to encrypt anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReEncrypt {
    /// `next` of the answer before.
    pub cursor: Option<String>,
    /// Only those whose data key was last encrypted before this time, RFC 3339; now unless said otherwise. The same time
    /// in every request makes a walk that can be left and taken up again.
    pub older_than: Option<String>,
}

/// What was encrypted anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReEncryption {
    /// How many versions of secrets by this request.
    pub re_encrypted: usize,
    /// Those that could not be.
    pub failed: Vec<NotReEncrypted>,
    /// How many are left to be.
    pub left: usize,
    /// Give it as `cursor` for the rest; `null` at the end.
    pub next: Option<String>,
}

/// A version of secrets that could not be encrypted anew. It can be entered anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotReEncrypted {
    /// The integration, or the inbound webhook.
    #[schema(value_type = String)]
    pub integration_id: SecretOwner,
    /// The version.
    pub version: u32,
    /// Why.
    pub reason: String,
}
