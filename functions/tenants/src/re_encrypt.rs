//! Encrypting the data keys of a tenant's secrets anew, under the key that the deployment has today. The key service does
//! it by itself: neither a secret nor its data key is seen here.

use crate::handler::Tenants;
use api::{
    problem::Problem,
    tenants::{NotReEncrypted, ReEncrypt, ReEncryption},
};
use axum::extract::State;
use domain::{audit::AuditEntry, ids::TenantId, principal::Principal, tenant::TenantScope, time::Timestamp};
use futures::stream::{self, StreamExt as _};
use runtime::{
    caller::Operator,
    http::{Answer, Json, Path},
    vault::{Kms, VaultError},
};
use std::sync::Arc;
use store::{Access, Audit, Erasure, Integrations, SealedSecret, SecretName, StoreError};

/// How many versions one request takes.
const A_REQUEST: usize = 100;
/// How many of them at a time: far below what KMS takes in a second.
const AT_ONCE: usize = 8;

/// What became of one version.
enum Outcome {
    ReEncrypted,
    /// It was rotated away, or somebody else re-encrypted it.
    Overtaken,
    Failed(&'static str),
}

pub(crate) async fn re_encrypt<S: Access + Audit + Erasure + Integrations, K: Kms>(
    State(tenants): State<Arc<Tenants<S, K>>>,
    _: Operator,
    Path(id): Path<TenantId>,
    Json(wanted): Json<ReEncrypt>,
) -> Answer<Json<ReEncryption>> {
    let now = tenants.clock.now();
    let (before, after) = well_formed(&wanted, now)?;
    let tenant = tenants.store.tenant(&id).await?.filter(|tenant| tenant.erasing_since.is_none());
    tenant.ok_or_else(|| Problem::not_found("tenant"))?;
    let scope = crate::handler::of_operator(&id);
    let mut old: Vec<_> = tenants.store.all_secrets(&scope).await?;
    old.retain(|(name, sealed)| sealed.wrapped_at() < before && Some(name) > after.as_ref());
    let rest = old.split_off(old.len().min(A_REQUEST));
    let next = if rest.is_empty() { None } else { old.last().map(|(name, _)| cursor(name)) };

    let outcomes: Vec<(SecretName, Outcome)> = stream::iter(old)
        .map(|(name, sealed)| one(&tenants, &scope, name, sealed, now))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect::<Answer<_>>()?;
    let re_encrypted = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::ReEncrypted)).count();
    if re_encrypted > 0 {
        let audit = AuditEntry {
            principal: Principal::Operator,
            action: "secrets.re_encrypted",
            target: id.to_string(),
            detail: format!("{re_encrypted} {}", if re_encrypted == 1 { "version" } else { "versions" }),
            at: now,
        };
        tenants.store.append_audit(&scope, &audit).await?;
    }
    let failed = outcomes.into_iter().filter_map(|(name, outcome)| match outcome {
        Outcome::Failed(reason) => {
            Some(NotReEncrypted { integration_id: name.owner, version: name.version, reason: reason.to_owned() })
        }
        Outcome::ReEncrypted | Outcome::Overtaken => None,
    });
    Ok(Json(ReEncryption { re_encrypted, failed: failed.collect(), left: rest.len(), next }))
}

/// Re-encrypts one version. What cannot be read is told and passed over; a key service that is away ends the request, and
/// what was done until then is found done by the next.
async fn one<S: Integrations, K: Kms>(
    tenants: &Tenants<S, K>,
    scope: &TenantScope,
    name: SecretName,
    sealed: SealedSecret,
    now: Timestamp,
) -> Answer<(SecretName, Outcome)> {
    let data_key = match tenants.vault.rewrap(scope, &name.owner, name.version, &sealed).await {
        Ok(data_key) => data_key,
        Err(VaultError::Unreadable(reason)) => {
            tracing::error!(owner = %name.owner, version = name.version, reason, "a secret cannot be re-encrypted");
            return Ok((name, Outcome::Failed(reason)));
        }
        Err(away @ VaultError::Unavailable(_)) => return Err(away.into()),
    };
    let replaced = tenants.store.rewrap_secret(scope, &name, &sealed, &data_key, now).await?;
    Ok((name, if replaced { Outcome::ReEncrypted } else { Outcome::Overtaken }))
}

fn cursor(name: &SecretName) -> String {
    format!("{}.{}", name.owner, name.version)
}

/// Before when a data key must have been encrypted to be encrypted anew, and after which version to go on.
fn well_formed(wanted: &ReEncrypt, now: Timestamp) -> Answer<(Timestamp, Option<SecretName>)> {
    let before = match wanted.older_than.as_deref().map(Timestamp::parse) {
        None => now,
        Some(Some(before)) if before <= now => before,
        Some(_) => {
            let message = "must be a time like 2027-01-01T00:00:00Z, and not in the future";
            return Err(Problem::invalid_field("older_than", "invalid", message).into());
        }
    };
    let after = wanted.cursor.as_deref().map(|cursor| {
        let (owner, version) = cursor.split_once('.')?;
        Some(SecretName { owner: owner.parse().ok()?, version: version.parse().ok()? })
    });
    match after {
        Some(None) => Err(StoreError::InvalidCursor.into()),
        after => Ok((before, after.flatten())),
    }
}

#[cfg(test)]
mod tests {
    use super::A_REQUEST;
    use crate::stage::Stage;
    use axum::http::Method;
    use domain::time::MINUTE_MS;
    use runtime::testing::START;
    use serde_json::{Value, json};
    use store::{Audit, Integrations};

    async fn re_encrypt(stage: &Stage, body: Value) -> Value {
        let answer = stage.call(Method::POST, "/v1/tenants/acme/re-encrypt", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    #[tokio::test]
    async fn every_data_key_is_encrypted_anew_and_every_secret_opens_as_before() {
        let stage = Stage::new();
        let (acme, other) = (stage.tenant("acme").await, stage.tenant("other").await);
        for password in ["one", "two"] {
            stage.integration(&acme, password).await;
        }
        stage.integration(&other, "theirs").await;
        let (before, theirs) = (stage.store.all_secrets(&acme).await.unwrap(), stage.store.all_secrets(&other).await);
        stage.clock.advance_ms(MINUTE_MS);
        let done = re_encrypt(&stage, json!({})).await;
        assert_eq!(done, json!({"re_encrypted": 2, "failed": [], "left": 0, "next": null}));
        let after = stage.store.all_secrets(&acme).await.unwrap();
        for ((name, old), (_, new)) in before.iter().zip(&after) {
            assert_ne!(old.data_key, new.data_key);
            assert_eq!((&old.ciphertext, new.re_encrypted_at), (&new.ciphertext, Some(START.plus_ms(MINUTE_MS))));
            let opened = stage.vault.open(&acme, &name.owner, name.version, new).await.unwrap();
            assert!(["one", "two"].contains(&opened["password"].expose()));
        }
        assert_eq!(stage.store.all_secrets(&other).await, theirs, "of another tenant none");
        let told = stage.store.audit(&acme, None, 10).await.unwrap().items.pop().unwrap();
        assert_eq!((told.action.as_str(), told.detail.as_str()), ("secrets.re_encrypted", "2 versions"));
    }

    #[tokio::test]
    async fn a_walk_that_was_left_goes_on_with_what_is_older_than_its_beginning() {
        let stage = Stage::new();
        let acme = stage.tenant("acme").await;
        for number in 0..=A_REQUEST {
            stage.integration(&acme, &number.to_string()).await;
        }
        stage.clock.advance_ms(MINUTE_MS);
        let older = json!({"older_than": "2025-11-20T12:01:00Z"});
        let first = re_encrypt(&stage, older.clone()).await;
        assert_eq!((&first["re_encrypted"], &first["left"]), (&json!(A_REQUEST), &json!(1)));
        assert!(first["next"].is_string());
        let rest = re_encrypt(&stage, older.clone()).await;
        assert_eq!((&rest["re_encrypted"], &rest["left"], &rest["next"]), (&json!(1), &json!(0), &Value::Null));
        let calls = stage.kms.calls();
        assert_eq!(re_encrypt(&stage, older).await["re_encrypted"], 0);
        assert_eq!(stage.kms.calls(), calls, "nothing is done twice");
        assert_eq!(re_encrypt(&stage, json!({"older_than": "2025-11-20T11:00:00Z"})).await["re_encrypted"], 0);
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_is_named_and_holds_no_other_up() {
        let stage = Stage::new();
        let acme = stage.tenant("acme").await;
        stage.integration(&acme, "good").await;
        let broken = stage.integration(&acme, "bad").await;
        let secrets = stage.store.all_secrets(&acme).await.unwrap();
        let (name, sealed) = secrets.iter().find(|(name, _)| name.owner == (&broken.id).into()).unwrap();
        assert_eq!(stage.store.rewrap_secret(&acme, name, sealed, "AAAA", START).await, Ok(true));
        stage.clock.advance_ms(MINUTE_MS);
        let done = re_encrypt(&stage, json!({})).await;
        assert_eq!((&done["re_encrypted"], &done["failed"][0]["version"]), (&json!(1), &json!(1)));
        assert_eq!(done["failed"][0]["integration_id"], broken.id.as_str());
    }

    #[tokio::test]
    async fn of_two_at_the_same_time_one_is_counted_and_the_secret_opens() {
        let stage = Stage::new();
        let acme = stage.tenant("acme").await;
        let integration = stage.integration(&acme, "p").await;
        stage.clock.advance_ms(MINUTE_MS);
        let (one, other) = tokio::join!(re_encrypt(&stage, json!({})), re_encrypt(&stage, json!({})));
        assert_eq!(stage.store.calls("rewrap_secret"), 2, "both had read it before either wrote");
        let count = |answer: &Value| answer["re_encrypted"].as_u64().unwrap();
        assert_eq!((count(&one) + count(&other), &one["failed"], &other["failed"]), (1, &json!([]), &json!([])));
        let sealed = stage.store.secret(&acme, &integration.id, 1).await.unwrap().unwrap();
        let opened = stage.vault.open(&acme, &integration.id, 1, &sealed).await.unwrap();
        assert_eq!(opened["password"].expose(), "p");
    }

    #[tokio::test]
    async fn a_key_service_that_is_away_ends_the_request_and_wrong_fields_are_named() {
        let stage = Stage::new();
        let acme = stage.tenant("acme").await;
        stage.integration(&acme, "p").await;
        stage.clock.advance_ms(MINUTE_MS);
        let call = async |id: &str, body: Value| {
            let answer = stage.call(Method::POST, &format!("/v1/tenants/{id}/re-encrypt"), body).await;
            (answer.status, answer.body["errors"][0]["field"].clone())
        };
        stage.kms.throttle_next(1);
        assert_eq!(call("acme", json!({})).await.0, 503);
        for wrong in ["yesterday", "2999-01-01T00:00:00Z"] {
            assert_eq!(call("acme", json!({"older_than": wrong})).await, (422, json!("older_than")));
        }
        assert_eq!(call("acme", json!({"cursor": "x"})).await, (422, json!("cursor")));
        assert_eq!(call("nobody", json!({})).await.0, 404);
        assert_eq!(re_encrypt(&stage, json!({})).await["re_encrypted"], 1, "nothing was lost by that");
    }
}
