//! Changing an integration. New settings or secrets are tested before they serve; a name or a limit needs no test.

use super::{
    draft::{Draft, check_limits},
    saved,
    trial::{self, Wish},
};
use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Write},
};
use api::integrations::{IntegrationPatch, IntegrationView, NAME_MAX_CHARS, SecretValues};
use axum::extract::State;
use domain::{
    ids::IntegrationId,
    integration::{Config, Integration},
    principal::Caller,
    secret::Secrets,
};
use runtime::http::{Answer, Json, Path, Query};
use std::{collections::BTreeSet, sync::Arc};
use store::Integrations;

pub(crate) async fn change<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<IntegrationId>,
    Query(wish): Query<Wish>,
    Json(patch): Json<IntegrationPatch>,
) -> Answer<Json<IntegrationView>> {
    let mut changed = apply(&hub, &caller, &id, &patch, wish).await;
    if saved::is_conflict(&changed) {
        // Somebody else was faster: once more on top of theirs.
        changed = apply(&hub, &caller, &id, &patch, wish).await;
    }
    Ok(Json(changed?.into()))
}

async fn apply<P: Place>(
    hub: &Hub<P>,
    caller: &Caller,
    id: &IntegrationId,
    patch: &IntegrationPatch,
    wish: Wish,
) -> Answer<Integration> {
    let stored = saved::find(hub, &caller.scope, id).await?;
    saved::refuse_endpoint(stored.provider, "changed", &format!("PATCH /v1/endpoints/{id}"))?;
    let mut faults = Faults::default();
    let (mut next, mut changed) = with_plain_fields(&stored, patch, &mut faults);
    let touched = touched(hub, caller, &stored, patch, &mut faults).await?;
    faults.finish()?;

    let (mut secret, mut tested) = (None, None);
    if let Some((draft, old)) = &touched {
        let (fields, secrets) = (changed_fields(&stored.config, &draft.config), draft.changed_secrets(old));
        if !fields.is_empty() {
            draft.check_gives(caller)?;
        }
        if !(fields.is_empty() && secrets.is_empty()) {
            tested = trial::passed(hub, draft, wish.for_use(stored.provider, stored.enabled)).await?;
            next.config = draft.config.clone();
            // Settings that were not tested have no newest test, and a campaign waits for one.
            next.last_test.clone_from(&tested);
        }
        if !secrets.is_empty() {
            // The old version stays stored: a sender that read the old revision a moment ago still opens it.
            next.secret_version += 1;
            next.masks = draft.masks();
            let is_new = |name: &str| secrets.iter().any(|it| it.strip_prefix("secrets.") == Some(name));
            secret = Some(saved::sealed(hub, &caller.scope, &next, draft, stored.secret_version, is_new).await?);
        }
        changed.extend(fields);
        changed.extend(secrets);
    }
    if changed.is_empty() {
        return Ok(stored);
    }
    let next = Integration { ..saved::next_revision(hub, caller, &next) };
    let audit = saved::entry(caller, "integration.updated", &next, changed.join(", "));
    hub.store.save_integration(&caller.scope, &next, secret.as_ref(), false, &audit).await?;
    saved::log_test(hub, caller, &next, tested.as_ref()).await;
    Ok(next)
}

/// The integration with what needs no test, and the names of what is different then.
fn with_plain_fields(
    stored: &Integration,
    patch: &IntegrationPatch,
    faults: &mut Faults,
) -> (Integration, Vec<String>) {
    let mut next = stored.clone();
    if let Some(name) = &patch.name {
        faults.check_name(name, NAME_MAX_CHARS);
        name.trim().clone_into(&mut next.name);
    }
    if let Some(limits) = patch.limits {
        check_limits(faults, limits);
        next.limits = limits;
    }
    next.priority = patch.priority.unwrap_or(stored.priority);
    next.retry_policy = patch.retry_policy.unwrap_or(stored.retry_policy);
    next.on_unknown = patch.on_unknown.unwrap_or(stored.on_unknown);
    let different = [
        ("name", next.name != stored.name),
        ("limits", next.limits != stored.limits),
        ("priority", next.priority != stored.priority),
        ("retry_policy", next.retry_policy != stored.retry_policy),
        ("on_unknown", next.on_unknown != stored.on_unknown),
    ];
    let changed = different.into_iter().filter(|(_, different)| *different).map(|(name, _)| name.to_owned()).collect();
    (next, changed)
}

/// The new settings and secrets with the old secrets, if the patch is about either.
async fn touched<P: Place>(
    hub: &Hub<P>,
    caller: &Caller,
    stored: &Integration,
    patch: &IntegrationPatch,
    faults: &mut Faults,
) -> Answer<Option<(Draft, Arc<Secrets>)>> {
    if patch.config.is_none() && patch.secrets.is_none() {
        return Ok(None);
    }
    let old = saved::opened(hub, &caller.scope, stored).await?;
    let config = patch.config.as_ref().unwrap_or(&stored.config);
    let new = patch.secrets.clone().unwrap_or_default();
    let draft = Draft::over(stored.provider, config, &old, &new, &hub.guard, faults);
    if let Some(draft) = &draft {
        check_destination(stored, draft, &new, faults);
    }
    Ok(draft.map(|draft| (draft, old)))
}

/// A saved secret is shown to nobody, so it is not sent to anybody else either: whoever names another server gives its
/// secret too.
fn check_destination(stored: &Integration, draft: &Draft, new: &SecretValues, faults: &mut Faults) {
    let moved = |name: &&&str| stored.config.get(**name) != draft.config.get(**name);
    let Some(moved) = providers::destination(stored.provider).iter().find(moved) else { return };
    for name in draft.secrets.keys().filter(|name| !new.contains_key(*name)) {
        let message = format!("Enter this again: with another `{moved}` it would go to somebody else.");
        faults.add(format!("secrets.{name}"), "required", message);
    }
}

/// The names of the settings that are not what they were.
fn changed_fields(old: &Config, new: &Config) -> Vec<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter(|name| old.get(*name) != new.get(*name)).map(|name| format!("config.{name}")).collect()
}

#[cfg(test)]
mod tests {
    use crate::stage::{MailServer, Stage, TOKEN, acme};
    use serde_json::{Value, json};
    use store::{Integrations, StoreError};

    #[tokio::test]
    async fn a_name_and_limits_need_no_test() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.slack.reset();
        let wanted = json!({
            "name": " Crew ", "limits": {"per_second": 3}, "priority": 1, "retry_policy": "manual", "on_unknown": "hold",
        });
        let answer = stage.patch(&path, wanted).await;
        let body = &answer.body;
        assert_eq!((answer.status, &body["rev"], &body["name"]), (200, &json!(2), &json!("Crew")));
        assert_eq!((&body["limits"], &body["priority"]), (&json!({"per_second": 3}), &json!(1)));
        assert_eq!((&body["retry_policy"], &body["on_unknown"]), (&json!("manual"), &json!("hold")));
        assert_eq!(body["last_test"]["status"], "ok", "its settings are still those that were tested");
        assert_eq!(stage.slack.requests(), []);
        assert_eq!(stage.audited().await[1], "integration.updated name, limits, priority, retry_policy, on_unknown");
        assert_eq!(stage.get(&path).await.body, *body);
    }

    #[tokio::test]
    async fn new_settings_are_tested_before_they_serve() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let before = stage.stored().await;
        let refused = stage.patch(&path, json!({"secrets": {"bot_token": "xoxb-revoked-1"}, "name": "New"})).await;
        assert_eq!((refused.status, &refused.body["code"]), (422, &json!("connection_test_failed")));
        assert_eq!(refused.body["errors"][0]["field"], "secrets.bot_token");
        assert_eq!(stage.stored().await, before, "all as it was");

        let wanted = json!({
            "config": {"mode": "bot_token", "link_text": "Go"}, "secrets": {"bot_token": "xoxb-good-second"},
        });
        let changed = stage.patch(&path, wanted).await;
        assert_eq!((changed.status, &changed.body["secret_version"]), (200, &json!(2)));
        assert_eq!(changed.body["secrets"], json!({"bot_token": "••••••••cond"}));
        assert_eq!(changed.body["config"], json!({"mode": "bot_token", "link_text": "Go"}));
        let detail = "integration.updated config.channel, config.link_text, secrets.bot_token";
        assert_eq!(stage.audited().await[1..], [detail]);
        let id = &before[0].id;
        assert!(stage.store.secret(&acme(), id, 1).await.unwrap().is_some(), "the old version stays");
    }

    #[tokio::test]
    async fn settings_saved_without_a_test_wait_for_one() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let answer = stage.patch(&format!("{path}?test=false"), json!({"config": {"mode": "bot_token"}})).await;
        assert_eq!((answer.status, &answer.body["last_test"]), (200, &Value::Null));
        assert_eq!(answer.body["secret_version"], 1, "secrets that did not change are not sealed again");
    }

    #[tokio::test]
    async fn the_secret_of_a_mode_that_was_left_goes() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let mode = json!({"mode": "incoming_webhook"});
        let incomplete = stage.patch(&path, json!({"config": mode})).await;
        assert_eq!(incomplete.body["errors"].as_array().unwrap().len(), 1, "{}", incomplete.body);
        assert_eq!(incomplete.body["errors"][0]["field"], "secrets.webhook_url");
        let url = stage.slack.webhook_url("B0CREW");
        let answer = stage.patch(&path, json!({"config": mode, "secrets": {"webhook_url": url}})).await;
        assert_eq!(
            (answer.status, &answer.body["secrets"]),
            (200, &json!({"webhook_url": "••••••••uvwx"})),
            "{}",
            answer.body
        );
        assert!(stage.audited().await[1].ends_with("secrets.bot_token, secrets.webhook_url"));
    }

    #[tokio::test]
    async fn a_saved_secret_goes_to_no_other_server() {
        let (stage, mail) = (Stage::new().await, MailServer::start().await);
        let path = stage.post("/v1/integrations", mail.body()).await.headers["location"].clone();
        let saved = stage.get(&path).await.body;
        let mut config = saved["config"].clone();
        for (name, value) in [("host", json!("other.example")), ("port", json!(587)), ("security", json!("starttls"))] {
            config[name] = value;
        }
        for query in ["", "?test=false"] {
            let refused = stage.patch(&format!("{path}{query}"), json!({"config": config})).await;
            let error = &refused.body["errors"][0];
            assert_eq!((refused.status, &error["field"]), (422, &json!("secrets.password")), "{}", refused.body);
        }
        assert_eq!(stage.get(&path).await.body, saved);
        let whole = json!({"config": config, "secrets": {"password": "of the other"}});
        assert_eq!(stage.patch(&format!("{path}?test=false"), whole).await.status, 200);
    }

    #[tokio::test]
    async fn what_is_as_it_was_is_no_change() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let config = json!({"mode": "bot_token", "channel": " C0123ABCD "});
        for wanted in
            [json!({}), json!({"name": "Team Slack", "config": config}), json!({"secrets": {"bot_token": TOKEN}})]
        {
            let answer = stage.patch(&path, wanted).await;
            assert_eq!((answer.status, &answer.body["rev"]), (200, &json!(1)));
        }
        assert_eq!(stage.store.calls("save_integration"), 1);
    }

    #[tokio::test]
    async fn whatever_is_wrong_is_named_and_nothing_changes() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        for (wanted, fields) in [
            (json!({"name": "", "limits": {"per_day": 0}}), vec!["name", "limits.per_day"]),
            (json!({"config": {"mode": "telepathy", "channel": "x"}}), vec!["config.mode", "config.channel"]),
            (json!({"secrets": {"bot_token": ""}}), vec!["secrets.bot_token"]),
            (json!({"secrets": {"password": "x"}}), vec!["secrets.password"]),
            (json!({"enabled": false}), vec!["enabled"]),
            (json!({"retry_policy": "never"}), vec!["retry_policy"]),
        ] {
            let answer = stage.patch(&path, wanted).await;
            let errors = answer.body["errors"].as_array().unwrap();
            assert_eq!(answer.status, 422);
            assert_eq!(errors.iter().map(|error| &error["field"]).collect::<Vec<_>>(), fields, "{}", answer.body);
        }
        assert_eq!(stage.store.calls("save_integration"), 1);
    }

    #[tokio::test]
    async fn whoever_is_second_changes_what_the_first_left() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.store.fail_next("save_integration", StoreError::Conflict);
        assert_eq!(stage.patch(&path, json!({"name": "A"})).await.body["rev"], 2);
        stage.store.fail_next("save_integration", StoreError::Conflict);
        stage.store.fail_next("save_integration", StoreError::Conflict);
        let answer = stage.patch(&path, json!({"name": "B"})).await;
        assert_eq!((answer.status, &answer.body["code"]), (409, &json!("conflict")));
    }

    #[tokio::test]
    async fn two_at_the_same_time_both_count() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let (first, second) =
            tokio::join!(stage.patch(&path, json!({"name": "A"})), stage.patch(&path, json!({"priority": 7})));
        assert_eq!((first.status, second.status), (200, 200));
        let stored = stage.get(&path).await.body;
        assert_eq!((&stored["name"], &stored["priority"], &stored["rev"]), (&json!("A"), &json!(7), &json!(3)));
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_opened_can_be_entered_again() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.clock.advance_ms(domain::time::HOUR_MS);
        stage.kms.set_away(true);
        let wanted = json!({"secrets": {"bot_token": "xoxb-good-2"}});
        assert_eq!(stage.patch(&path, wanted.clone()).await.status, 503, "away for a moment is another matter");
        stage.kms.set_away(false);
        let mut broken = stage.stored().await.remove(0);
        broken.rev += 1;
        broken.secret_version = 9;
        let audit = super::saved::entry(&crate::stage::caller(), "integration.updated", &broken, String::new());
        stage.store.save_integration(&acme(), &broken, None, false, &audit).await.unwrap();
        let answer = stage.patch(&path, wanted).await;
        assert_eq!((answer.status, &answer.body["secret_version"]), (200, &json!(10)), "{}", answer.body);
    }
}
