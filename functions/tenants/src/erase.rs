//! Erasing a tenant, a piece at a time: whoever asks does so again until it is done. Every piece may be repeated, so an
//! erasure that was interrupted goes on wherever it was.

use crate::handler::Tenants;
use api::{
    problem::Problem,
    tenants::{ErasureStep, ErasureView},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    audit::AuditEntry,
    ids::TenantId,
    principal::Principal,
    tenant::{Tenant, TenantScope},
    time::Timestamp,
};
use runtime::{
    caller::Operator,
    http::{Answer, Json, Path, Query},
    vault::Kms,
};
use serde::Deserialize;
use std::sync::Arc;
use store::{Access, Audit, Erasure, Integrations};

/// How many records one request deletes: some seconds of work.
const AT_ONCE: usize = 1_000;

/// The operator says twice which tenant it means.
#[derive(Debug, Deserialize)]
pub(crate) struct Confirmation {
    #[serde(default)]
    confirm: String,
}

pub(crate) async fn erase<S: Access + Audit + Erasure + Integrations, K: Kms>(
    State(tenants): State<Arc<Tenants<S, K>>>,
    _: Operator,
    Path(id): Path<TenantId>,
    Query(Confirmation { confirm }): Query<Confirmation>,
) -> Answer<Response> {
    if confirm != id.as_str() {
        let message = format!("must be `{id}`, to confirm that this tenant with all its data is to be erased for good");
        return Err(Problem::invalid_field("confirm", "required", message).into());
    }
    let (store, now) = (&*tenants.store, tenants.clock.now());
    let scope = crate::handler::of_operator(&id);
    let begun = store.begin_erasure(&scope, &entry(&id, "tenant.erasure_begun", now)).await?;
    let tenant = begun.ok_or_else(|| Problem::not_found("tenant"))?;
    let view = if tenant.erased_at.is_some() {
        view(store, &scope, tenant, ErasureStep::Erased, 0).await?
    } else {
        piece(store, &scope, tenant, now).await?
    };
    let status = if view.done { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(view)).into_response())
}

/// The next piece: what anything could begin with, then, when all is quiet, everything else, and the end.
async fn piece(
    store: &(impl Access + Audit + Erasure),
    scope: &TenantScope,
    tenant: Tenant,
    now: Timestamp,
) -> Answer<ErasureView> {
    let erased = store.erase_access(scope, AT_ONCE).await?;
    if erased == AT_ONCE {
        return view(store, scope, tenant, ErasureStep::TakingAccess, erased).await;
    }
    if tenant.quiet_at().is_none_or(|quiet_at| now < quiet_at) {
        return view(store, scope, tenant, ErasureStep::Waiting, erased).await;
    }
    let data = store.erase_data(scope, AT_ONCE).await?;
    if data > 0 {
        return view(store, scope, tenant, ErasureStep::Deleting, erased + data).await;
    }
    let tombstone = store.end_erasure(scope, &entry(scope.tenant(), "tenant.erased", now)).await?;
    tracing::info!(tenant = %scope.tenant(), "a tenant was erased");
    view(store, scope, tombstone, ErasureStep::Erased, erased).await
}

fn entry(id: &TenantId, action: &'static str, at: Timestamp) -> AuditEntry {
    AuditEntry { principal: Principal::Operator, action, target: id.to_string(), detail: String::new(), at }
}

async fn view(
    store: &impl Audit,
    scope: &TenantScope,
    tenant: Tenant,
    step: ErasureStep,
    erased: usize,
) -> Answer<ErasureView> {
    let done = step == ErasureStep::Erased;
    let proof = if done { store.audit_head(scope).await?.map(Into::into) } else { None };
    let deletes_from = tenant.quiet_at().filter(|_| !done).map(Timestamp::to_rfc3339);
    Ok(ErasureView { id: tenant.id, done, step, erased, deletes_from, proof })
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, audit, scope};
    use axum::http::Method;
    use domain::{tenant::ERASURE_QUIET_MS, time::MINUTE_MS};
    use serde_json::{Value, json};
    use store::{Campaigns, Integrations, StoreError};

    const PATH: &str = "/v1/tenants/acme?confirm=acme";

    async fn erase(stage: &Stage) -> (u16, Value) {
        let answer = stage.call(Method::DELETE, PATH, Value::Null).await;
        (answer.status, answer.body)
    }

    #[tokio::test]
    async fn it_takes_access_waits_deletes_and_ends_with_the_proof() {
        let stage = Stage::new();
        let (acme, other) = (stage.tenant("acme").await, stage.tenant("acme-2").await);
        stage.integration(&acme, "p").await;
        let kept = stage.integration(&other, "p").await;
        stage.store.ensure_campaign(&acme, &"spring".parse().unwrap(), &audit("campaign.launched")).await.unwrap();

        let (status, begun) = erase(&stage).await;
        let deletes_from = "2025-11-20T12:05:00.000Z";
        let waiting = |erased: usize| json!({"id": "acme", "done": false, "step": "waiting", "erased": erased, "deletes_from": deletes_from, "proof": null});
        assert_eq!((status, begun), (202, waiting(2)), "the integration and its secret");
        assert_eq!(stage.store.integrations(&acme).await, Ok(vec![]));
        let listed = stage.call(Method::GET, "/v1/tenants", Value::Null).await.body;
        assert_eq!((&listed["items"][0]["state"], &listed["items"][1]["state"]), (&json!("erasing"), &json!("active")));
        stage.clock.advance_ms(ERASURE_QUIET_MS - 1);
        assert_eq!(erase(&stage).await, (202, waiting(0)), "what was under way may still write");
        assert_eq!(stage.store.campaigns(&acme, None, 9).await.unwrap().items.len(), 1);

        stage.clock.advance_ms(1);
        let (status, deleted) = erase(&stage).await;
        assert_eq!((status, &deleted["step"], &deleted["erased"]), (202, &json!("deleting"), &json!(1)));
        let (status, erased) = erase(&stage).await;
        assert_eq!((status, &erased["done"], &erased["step"]), (200, &json!(true), &json!("erased")));
        assert_eq!(erased["proof"]["seq"], 5);
        stage.clock.advance_ms(MINUTE_MS);
        let (status, again) = erase(&stage).await;
        assert_eq!((status, &again["proof"]), (200, &erased["proof"]), "and stays so");

        let verdict = stage.call(Method::GET, "/v1/tenants/acme/audit/verify", Value::Null).await.body;
        let whole = json!({"ok": true, "records": 5, "head": erased["proof"], "broken": null, "next": null});
        assert_eq!(verdict, whole);
        let trail = stage.call(Method::GET, "/v1/tenants/acme/audit", Value::Null).await.body;
        let actions: Vec<_> = trail["items"].as_array().unwrap().iter().map(|it| it["action"].clone()).collect();
        let expected =
            ["tenant.created", "integration.created", "campaign.launched", "tenant.erasure_begun", "tenant.erased"];
        assert_eq!(actions, expected);
        let listed = stage.call(Method::GET, "/v1/tenants", Value::Null).await.body;
        assert_eq!((&listed["items"][0]["state"], &listed["items"][0]["name"]), (&json!("erased"), &json!("")));
        let anew = stage.call(Method::POST, "/v1/tenants", json!({"id": "acme", "name": "Acme"})).await;
        assert_eq!(anew.status, 409, "its identifier is never given again");
        assert_eq!(stage.store.integrations(&other).await, Ok(vec![kept]));
    }

    #[tokio::test]
    async fn a_failure_in_the_middle_of_any_step_is_made_up_for_by_the_next_request() {
        for step in ["begin_erasure", "erase_access", "erase_data", "end_erasure", "audit_head"] {
            let stage = Stage::new();
            let acme = stage.tenant("acme").await;
            stage.integration(&acme, "p").await;
            stage.store.lose_next_answer(step);
            let mut failed = 0;
            let mut last = Value::Null;
            for _ in 0..9 {
                let (status, body) = erase(&stage).await;
                failed += usize::from(status == 503);
                stage.clock.advance_ms(ERASURE_QUIET_MS);
                last = body;
            }
            assert_eq!((failed, &last["done"]), (1, &json!(true)), "{step}");
            let trail = stage.call(Method::GET, "/v1/tenants/acme/audit", Value::Null).await.body;
            assert_eq!(trail["items"].as_array().unwrap().len(), 4, "{step}: nothing is told twice");
        }
    }

    #[tokio::test]
    async fn nothing_is_erased_by_mistake() {
        let stage = Stage::new();
        let acme = stage.tenant("acme").await;
        let integration = stage.integration(&acme, "p").await;
        for (path, status) in [
            ("/v1/tenants/acme", 422),
            ("/v1/tenants/acme?confirm=acme-2", 422),
            ("/v1/tenants/acme?confirm=yes", 422),
            ("/v1/tenants/nobody?confirm=nobody", 404),
        ] {
            assert_eq!(stage.call(Method::DELETE, path, Value::Null).await.status, status, "{path}");
        }
        assert_eq!(stage.store.integrations(&acme).await, Ok(vec![integration]));
        let verdict = stage.call(Method::GET, "/v1/tenants/nobody/audit/verify", Value::Null).await;
        assert_eq!(verdict.status, 404);
    }

    #[tokio::test]
    async fn what_was_under_way_cannot_bring_anything_back() {
        let stage = Stage::new();
        let acme = stage.tenant("acme").await;
        let mut changed = stage.integration(&acme, "p").await;
        erase(&stage).await;
        changed.rev += 1;
        let saved = stage.store.save_integration(&acme, &changed, None, false, &audit("integration.updated")).await;
        assert_eq!(saved, Err(StoreError::Erased));
        assert_eq!(stage.store.integrations(&scope("acme")).await, Ok(vec![]));
    }
}
