//! Changes of an API key. Each is heeded within a minute: for so long an authorizer trusts what it knows of a key.

use crate::handler::{Keys, defect, hash, may_grant, no_such_key, spelled, until};
use api::{
    keys::{KeyCreated, KeyPatch, KeyRegenerate, KeyView, NAME_MAX_CHARS},
    problem::{FieldProblem, Problem, ProblemKind},
};
use axum::extract::State;
use domain::{
    allow_list::{AllowList, ENTRIES_MAX},
    audit::AuditEntry,
    ids::KeyId,
    key::{ApiKey, GRACE_HOURS_MAX, KeyRecord, KeyRefusal, PreviousSecret, Suspension, SuspensionCause},
    principal::{Caller, Scope},
    time::{HOUR_MS, Timestamp},
};
use runtime::{
    caller::Auth,
    entropy,
    http::{Answer, Json, Path},
};
use std::sync::Arc;
use store::{Access, KeyUseConflict, KeyUses};

/// How often the failures of a key are forgotten anew while it is in use.
const ROUNDS: u32 = 5;

/// Changes what the body names.
pub(crate) async fn change<S: Access + KeyUses>(
    State(keys): State<Arc<Keys<S>>>,
    auth: Auth,
    Path(id): Path<KeyId>,
    Json(patch): Json<KeyPatch>,
) -> Answer<Json<KeyView>> {
    let caller = auth.require(Scope::KeysWrite)?;
    let now = keys.clock.now();
    let Changes { name, allow, expires_at } = well_formed(&patch, now)?;
    if let Some(scopes) = &patch.scopes {
        may_grant(&caller, scopes)?;
    }
    let mut key = keys.living(&caller, &id).await?;
    let mut told = Vec::new();
    if let Some(name) = name {
        told.push(format!("name {name}"));
        key.name = name;
    }
    if let Some(scopes) = patch.scopes {
        told.push(format!("scopes {}", spelled(&scopes)));
        key.grants = scopes;
    }
    if let Some(tier) = patch.tier {
        told.push(format!("tier {tier}"));
        key.tier = tier;
    }
    if let Some(allow) = allow {
        told.push(format!("allow [{}]", allow.to_texts().join(" ")));
        key.allow = allow;
    }
    if let Some(expires_at) = expires_at {
        let end = match expires_at {
            Expiry::Never => None,
            Expiry::At(end) => Some(end),
        };
        told.push(format!("expires {}", end.map_or_else(|| "never".to_owned(), Timestamp::to_rfc3339)));
        key.expire(end, now);
    }
    if !told.is_empty() {
        keys.save(&caller, &mut key, "key.changed", told.join("; "), now).await?;
    }
    Ok(Json(keys.view(&key, now).await?))
}

/// Gives it a new secret, shown once.
pub(crate) async fn regenerate<S: Access + KeyUses>(
    State(keys): State<Arc<Keys<S>>>,
    auth: Auth,
    Path(id): Path<KeyId>,
    Json(KeyRegenerate { grace_hours }): Json<KeyRegenerate>,
) -> Answer<Json<KeyCreated>> {
    let caller = auth.require(Scope::KeysWrite)?;
    if grace_hours > GRACE_HOURS_MAX {
        let message = format!("must be 0 to {GRACE_HOURS_MAX}");
        return Err(Problem::invalid_field("grace_hours", "invalid", message).into());
    }
    let now = keys.clock.now();
    let mut key = keys.living(&caller, &id).await?;
    // Whoever makes its secret holds it.
    may_grant(&caller, &key.grants)?;
    let bytes = entropy::bytes::<128>().map_err(defect)?;
    let secret = ApiKey::with_prefix(&key.prefix, &bytes).ok_or_else(|| defect("too few random bytes were usable"))?;
    let bcrypt = hash(secret.whole().clone(), keys.bcrypt_cost).await?;
    key.previous = Some(PreviousSecret {
        bcrypt: std::mem::replace(&mut key.bcrypt, bcrypt),
        mac: key.mac.take(),
        until: now.plus_ms(i64::from(grace_hours) * HOUR_MS),
    });
    let detail = format!("the old secret works for {grace_hours} h more");
    keys.save(&caller, &mut key, "key.regenerated", detail, now).await?;
    Ok(Json(KeyCreated::new(&secret, keys.view(&key, now).await?)))
}

/// Suspends it. One that is suspended stays so, for the reason that it was.
pub(crate) async fn suspend<S: Access + KeyUses>(
    State(keys): State<Arc<Keys<S>>>,
    auth: Auth,
    Path(id): Path<KeyId>,
) -> Answer<Json<KeyView>> {
    let caller = auth.require(Scope::KeysWrite)?;
    let now = keys.clock.now();
    let mut key = keys.living(&caller, &id).await?;
    if key.suspended.is_none() {
        key.suspended = Some(Suspension { at: now, cause: SuspensionCause::Asked });
        keys.save(&caller, &mut key, "key.suspended", String::new(), now).await?;
    }
    Ok(Json(keys.view(&key, now).await?))
}

/// Lets it work again.
pub(crate) async fn activate<S: Access + KeyUses>(
    State(keys): State<Arc<Keys<S>>>,
    auth: Auth,
    Path(id): Path<KeyId>,
) -> Answer<Json<KeyView>> {
    let caller = auth.require(Scope::KeysWrite)?;
    let now = keys.clock.now();
    let mut key = keys.living(&caller, &id).await?;
    if key.suspended.take().is_some() {
        // First, so that one more wrong secret does not suspend it again.
        keys.forgive(&key).await?;
        keys.save(&caller, &mut key, "key.activated", String::new(), now).await?;
    }
    Ok(Json(keys.view(&key, now).await?))
}

impl<S: Access + KeyUses> Keys<S> {
    /// A key that was not revoked: nothing brings that one back.
    async fn living(&self, caller: &Caller, id: &KeyId) -> Answer<KeyRecord> {
        let key = self.store.key(&caller.scope, id).await?.ok_or_else(no_such_key)?;
        if key.check(self.clock.now()) == Err(KeyRefusal::Revoked) {
            return Err(Problem::new(ProblemKind::Conflict, "This API key was revoked. Create a new one.").into());
        }
        Ok(key)
    }

    async fn save(
        &self,
        caller: &Caller,
        key: &mut KeyRecord,
        action: &'static str,
        detail: String,
        at: Timestamp,
    ) -> Answer<()> {
        key.rev += 1;
        let audit = AuditEntry { principal: caller.principal.clone(), action, target: key.id.to_string(), detail, at };
        Ok(self.store.save_key(&caller.scope, key, Some(&audit)).await?)
    }

    async fn forgive(&self, key: &KeyRecord) -> Answer<()> {
        let mut stored = self.store.key_use(&key.prefix).await?;
        for _ in 0..ROUNDS {
            if stored.failures == 0 {
                return Ok(());
            }
            match self.store.save_key_use(&key.tenant, &key.prefix, &stored.forgiven()).await {
                Ok(()) => return Ok(()),
                Err(KeyUseConflict::Newer(newer)) => stored = *newer,
                Err(KeyUseConflict::Store(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// What a body changes, checked.
struct Changes {
    name: Option<String>,
    allow: Option<AllowList>,
    expires_at: Option<Expiry>,
}

#[derive(Clone, Copy)]
enum Expiry {
    Never,
    At(Timestamp),
}

fn well_formed(patch: &KeyPatch, now: Timestamp) -> Answer<Changes> {
    let mut errors = Vec::new();
    let mut fault = |field: &str, code: &str, message: String| {
        errors.push(FieldProblem { field: field.into(), code: code.into(), message });
    };
    let name = patch.name.as_ref().map(|name| name.trim().to_owned());
    if name.as_ref().is_some_and(|name| name.is_empty() || name.chars().count() > NAME_MAX_CHARS) {
        fault("name", "invalid", format!("must be 1 to {NAME_MAX_CHARS} characters"));
    }
    if patch.scopes.as_ref().is_some_and(Vec::is_empty) {
        fault("scopes", "required", "give at least one, e.g. `campaigns:*`".into());
    }
    let allow = patch.allow.clone().map(AllowList::new);
    if allow == Some(None) {
        fault("allow", "invalid", format!("must be at most {ENTRIES_MAX} networks"));
    }
    let expires_at = match patch.expires_at.as_deref() {
        None => None,
        Some("never") => Some(Expiry::Never),
        Some(text) => match until(text, now) {
            Ok(end) => Some(Expiry::At(end)),
            Err(message) => {
                fault("expires_at", "invalid", message.to_owned());
                None
            }
        },
    };
    if errors.is_empty() {
        Ok(Changes { name, allow: allow.flatten(), expires_at })
    } else {
        Err(Problem::invalid(errors).into())
    }
}
