//! The audit trail of any tenant, for the operator: of one that is erased it is all that is left, and no key of its own
//! is there to read it with.

use crate::handler::{Tenants, of_operator};
use api::{
    audit::{AuditVerdict, AuditView},
    page::{List, PageQuery},
    problem::Problem,
};
use axum::extract::State;
use domain::{audit::Head, ids::TenantId, tenant::TenantScope};
use runtime::{
    caller::Operator,
    http::{Answer, Json, Path, Query},
    vault::Kms,
};
use std::sync::Arc;
use store::{Access, Audit, Erasure, Integrations, StoreError, check_chain};

/// How many records one request checks, as for the tenant itself.
const CHECKED_AT_ONCE: usize = 10_000;

pub(crate) async fn list<S: Access + Audit + Erasure + Integrations, K: Kms>(
    State(tenants): State<Arc<Tenants<S, K>>>,
    _: Operator,
    Path(id): Path<TenantId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<AuditView>>> {
    let scope = known(&*tenants.store, &id).await?;
    let records = tenants.store.audit(&scope, page.cursor.as_deref(), page.limit()).await?;
    Ok(Json(List { items: records.items.into_iter().map(AuditView::from).collect(), next: records.next }))
}

pub(crate) async fn verify<S: Access + Audit + Erasure + Integrations, K: Kms>(
    State(tenants): State<Arc<Tenants<S, K>>>,
    _: Operator,
    Path(id): Path<TenantId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<AuditVerdict>> {
    let scope = known(&*tenants.store, &id).await?;
    let from: Head = match &page.cursor {
        None => Head::default(),
        Some(cursor) => cursor.parse().map_err(|_| StoreError::InvalidCursor)?,
    };
    let limit = page.limit.unwrap_or(CHECKED_AT_ONCE).clamp(1, CHECKED_AT_ONCE);
    let check = check_chain(&*tenants.store, &scope, from, limit).await?;
    Ok(Json(AuditVerdict {
        ok: check.broken.is_none() && !check.more,
        records: check.checked.seq,
        head: check.head.map(Into::into),
        broken: check.broken.map(Into::into),
        next: check.more.then(|| check.checked.to_string()),
    }))
}

async fn known(store: &impl Access, id: &TenantId) -> Answer<TenantScope> {
    store.tenant(id).await?.ok_or_else(|| Problem::not_found("tenant"))?;
    Ok(of_operator(id))
}
