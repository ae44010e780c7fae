//! Rotating secrets: the new ones are tested first, and until they pass the old ones serve. And what is known of them:
//! when each field was last given, and the versions that are kept.

use super::{
    draft::Draft,
    saved,
    trial::{self, Wish},
};
use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Read, Write},
};
use api::integrations::{IntegrationView, SecretFieldView, SecretValues, SecretVersionView, SecretsPut, SecretsView};
use axum::extract::State;
use domain::{ids::IntegrationId, integration::Integration, principal::Caller, time::Timestamp};
use runtime::http::{Answer, Json, Path};
use std::sync::Arc;
use store::Integrations;

pub(crate) async fn rotate<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<IntegrationId>,
    Json(SecretsPut { secrets }): Json<SecretsPut>,
) -> Answer<Json<IntegrationView>> {
    let mut rotated = apply(&hub, &caller, &id, &secrets).await;
    if saved::is_conflict(&rotated) {
        // Somebody else was faster: once more on top of theirs.
        rotated = apply(&hub, &caller, &id, &secrets).await;
    }
    Ok(Json(rotated?.into()))
}

/// The log of rotations. Names and times only: nothing here could be a value.
pub(crate) async fn log<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<SecretsView>> {
    let integration = saved::find(&hub, &caller.scope, &id).await?;
    let kept = hub.store.secrets(&caller.scope, &id).await?;
    let known = kept.iter().find(|(version, _)| *version == integration.secret_version);
    let given = |name: &str| known.and_then(|(_, sealed)| sealed.fields.get(name).copied());
    let fields = integration.masks.iter().map(|(name, mask)| SecretFieldView::new(name, mask, given(name)));
    let mut until = None;
    let mut versions = Vec::with_capacity(kept.len());
    for (version, sealed) in &kept {
        let is_new = |(name, at): (&String, &Timestamp)| (*at == sealed.created_at).then(|| name.clone());
        versions.push(SecretVersionView {
            version: *version,
            created_at: sealed.created_at.to_rfc3339(),
            by: sealed.by.as_ref().map(ToString::to_string),
            changed: sealed.fields.iter().filter_map(is_new).collect(),
            serves: *version == integration.secret_version,
            served_until: until.map(Timestamp::to_rfc3339),
            re_encrypted_at: sealed.re_encrypted_at.map(Timestamp::to_rfc3339),
        });
        // A version serves until the next one does.
        until = Some(sealed.created_at);
    }
    Ok(Json(SecretsView { fields: fields.collect(), versions }))
}

async fn apply<P: Place>(hub: &Hub<P>, caller: &Caller, id: &IntegrationId, new: &SecretValues) -> Answer<Integration> {
    let stored = saved::find(hub, &caller.scope, id).await?;
    let route = format!("POST /v1/endpoints/{id}/rotate-secret");
    saved::refuse_endpoint(stored.provider, "given a new secret", &route)?;
    let draft = draft(hub, caller, &stored, new).await?;
    let tested = trial::passed(hub, &draft, Wish::ALWAYS).await?;
    let next = Integration {
        secret_version: stored.secret_version + 1,
        masks: draft.masks(),
        last_test: tested.clone(),
        ..saved::next_revision(hub, caller, &stored)
    };
    let is_new = |name: &str| new.contains_key(name);
    let secret = saved::sealed(hub, &caller.scope, &next, &draft, stored.secret_version, is_new).await?;
    let names: Vec<&str> = new.keys().map(String::as_str).collect();
    let audit = saved::entry(caller, "integration.secrets_rotated", &next, names.join(", "));
    hub.store.save_integration(&caller.scope, &next, Some(&secret), false, &audit).await?;
    saved::log_test(hub, caller, &next, tested.as_ref()).await;
    Ok(next)
}

/// The saved settings with the new secrets over the old ones.
async fn draft<P: Place>(hub: &Hub<P>, caller: &Caller, stored: &Integration, new: &SecretValues) -> Answer<Draft> {
    let old = saved::opened(hub, &caller.scope, stored).await?;
    let mut faults = Faults::default();
    if new.is_empty() {
        faults.add("secrets", "required", "Give at least one secret field with its new value.");
    }
    let draft = Draft::over(stored.provider, &stored.config, &old, new, &hub.guard, &mut faults);
    faults.finish()?;
    // Without a fault there is a draft.
    Ok(draft.ok_or_else(|| api::problem::Problem::not_found("integration"))?)
}

#[cfg(test)]
mod tests {
    use crate::stage::{MailServer, Stage, TOKEN, acme, with};
    use domain::time::MINUTE_MS;
    use serde_json::json;
    use store::{Integrations, StoreError};

    #[tokio::test]
    async fn the_new_version_serves_once_it_passed() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let rotated =
            stage.put(&format!("{path}/secrets"), json!({"secrets": {"bot_token": "xoxb-good-second"}})).await;
        let body = &rotated.body;
        assert_eq!((rotated.status, &body["secret_version"], &body["rev"]), (200, &json!(2), &json!(2)));
        assert_eq!(body["secrets"]["bot_token"], "••••••••cond");
        let id = &stage.stored().await[0].id;
        for (version, token) in [(1, TOKEN), (2, "xoxb-good-second")] {
            let sealed = stage.store.secret(&acme(), id, version).await.unwrap().unwrap();
            let opened = stage.vault.open(&acme(), id, version, &sealed).await.unwrap();
            assert_eq!(opened["bot_token"].expose(), token);
        }
        assert_eq!(stage.audited().await[1], "integration.secrets_rotated bot_token");
    }

    #[tokio::test]
    async fn the_old_version_serves_on_when_the_new_one_fails() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let before = stage.stored().await;
        let refused = stage.put(&format!("{path}/secrets"), json!({"secrets": {"bot_token": "xoxb-revoked-9"}})).await;
        assert_eq!((refused.status, &refused.body["code"]), (422, &json!("connection_test_failed")));
        assert_eq!(stage.stored().await, before);
        assert_eq!(stage.store.secret(&acme(), &before[0].id, 2).await.unwrap(), None);
        let test = stage.post(&format!("{path}/test"), json!(null)).await;
        assert_eq!(test.body["status"], "ok", "with the old token");
    }

    #[tokio::test]
    async fn of_a_mail_server_too() {
        let (stage, mail) = (Stage::new().await, MailServer::start().await);
        let body = with(mail.body(), &[("secrets.password", json!("outdated"))]);
        let path = stage.post("/v1/integrations?test=false", body).await.headers["location"].clone();
        let put = |password: &str| json!({"secrets": {"password": password}});
        assert_eq!(stage.put(&format!("{path}/secrets"), put("also wrong")).await.status, 422);
        let rotated = stage.put(&format!("{path}/secrets"), put(crate::stage::PASSWORD)).await;
        assert_eq!((rotated.status, &rotated.body["last_test"]["status"]), (200, &json!("ok")));
    }

    #[tokio::test]
    async fn whatever_is_wrong_is_named() {
        let stage = Stage::new().await;
        let path = format!("{}/secrets", stage.slack_integration().await);
        for (secrets, field) in [
            (json!({}), "secrets"),
            (json!({"bot_token": ""}), "secrets.bot_token"),
            (json!({"bot_token": "xapp-1"}), "secrets.bot_token"),
            (json!({"bot_token": TOKEN, "pin": "1"}), "secrets.pin"),
        ] {
            let answer = stage.put(&path, json!({"secrets": secrets})).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!(field)));
        }
        assert_eq!(stage.stored().await[0].rev, 1);
    }

    #[tokio::test]
    async fn the_log_tells_who_gave_which_field_when_and_what_served_until_when() {
        let (stage, mail) = (Stage::new().await, MailServer::start().await);
        let path = stage.post("/v1/integrations?test=false", mail.body()).await.headers["location"].clone();
        let put = |password: &str| json!({"secrets": {"password": password}});
        for password in [crate::stage::PASSWORD, "wrong", crate::stage::PASSWORD] {
            stage.clock.advance_ms(MINUTE_MS);
            stage.put(&format!("{path}/secrets"), put(password)).await;
        }
        let log = stage.get(&format!("{path}/secrets")).await;
        assert_eq!(log.status, 200);
        let by = log.body["versions"][0]["by"].as_str().unwrap();
        assert!(by.starts_with("api_key:key_"), "{by}");
        let version = |version: u32, minute: u32, until: Option<u32>| {
            let at = |minute: u32| format!("2025-11-20T12:{minute:02}:00.000Z");
            json!({
                "version": version, "created_at": at(minute), "by": by, "changed": ["password"],
                "serves": until.is_none(), "served_until": until.map(at), "re_encrypted_at": null,
            })
        };
        // The one in the second minute did not pass its test.
        let versions = json!([version(3, 3, None), version(2, 1, Some(3)), version(1, 0, Some(1))]);
        assert_eq!(log.body["versions"], versions);
        let field = &log.body["fields"][0];
        assert_eq!((&field["name"], &field["changed_at"]), (&json!("password"), &json!("2025-11-20T12:03:00.000Z")));
        assert_eq!(field["mask"], stage.get(&path).await.body["secrets"]["password"]);
        assert!(!log.body.to_string().contains(crate::stage::PASSWORD));
    }

    #[tokio::test]
    async fn a_change_of_one_field_leaves_the_time_of_the_others() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let url = stage.slack.webhook_url("B0CREW");
        stage.clock.advance_ms(MINUTE_MS);
        let mode = json!({"config": {"mode": "incoming_webhook"}, "secrets": {"webhook_url": url}});
        assert_eq!(stage.patch(&path, mode).await.status, 200);
        let log = stage.get(&format!("{path}/secrets")).await.body;
        assert_eq!(log["versions"][0]["changed"], json!(["webhook_url"]));
        assert_eq!(log["fields"].as_array().unwrap().len(), 1, "the token went with its mode");
        assert_eq!(log["fields"][0]["changed_at"], "2025-11-20T12:01:00.000Z");
    }

    #[tokio::test]
    async fn of_a_version_from_before_there_was_a_log_only_its_time_is_known() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let mut stored = stage.stored().await.remove(0);
        let old = stage.store.secret(&acme(), &stored.id, 1).await.unwrap().unwrap();
        let old = store::SealedSecret { by: None, fields: std::collections::BTreeMap::new(), ..old };
        stored.rev += 1;
        let audit = super::saved::entry(&crate::stage::caller(), "integration.updated", &stored, String::new());
        stage.store.save_integration(&acme(), &stored, Some(&old), false, &audit).await.unwrap();
        let log = stage.get(&format!("{path}/secrets")).await.body;
        let version = &log["versions"][0];
        assert_eq!((&version["by"], &version["changed"], &version["serves"]), (&json!(null), &json!([]), &json!(true)));
        assert_eq!(log["fields"][0]["changed_at"], json!(null));
    }

    #[tokio::test]
    async fn two_rotations_at_the_same_time_make_two_versions() {
        let stage = Stage::new().await;
        let path = format!("{}/secrets", stage.slack_integration().await);
        let put = |token: &str| json!({"secrets": {"bot_token": token}});
        let (one, other) =
            tokio::join!(stage.put(&path, put("xoxb-good-aaaa")), stage.put(&path, put("xoxb-good-bbbb")));
        assert_eq!((one.status, other.status), (200, 200));
        let stored = &stage.stored().await[0];
        assert_eq!((stored.secret_version, stored.rev), (3, 3));
        stage.store.fail_next("save_integration", StoreError::Conflict);
        stage.store.fail_next("save_integration", StoreError::Conflict);
        assert_eq!(stage.put(&path, put("xoxb-good-cccc")).await.status, 409);
    }
}
