//! What a tenant has chosen for all its campaigns.

use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Read, Write},
};
use api::settings::{SANDBOX_RECIPIENTS_MAX, SettingsPatch, SettingsView};
use axum::extract::State;
use domain::{audit::AuditEntry, channel::Provider, integration::Config, principal::Caller, settings::TenantSettings};
use runtime::http::{Answer, Json};
use std::sync::Arc;
use store::{Settings, StoreError};

pub(crate) async fn read<P: Place>(State(hub): State<Arc<Hub<P>>>, caller: May<Read>) -> Answer<Json<SettingsView>> {
    Ok(Json(hub.store.settings(&caller.scope).await?.into()))
}

pub(crate) async fn change<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Json(patch): Json<SettingsPatch>,
) -> Answer<Json<SettingsView>> {
    let patch = checked(patch)?;
    let changed = match apply(&hub, &caller, &patch).await {
        // Somebody else was faster: once more on top of theirs.
        Err(StoreError::Conflict) => apply(&hub, &caller, &patch).await,
        done => done,
    };
    Ok(Json(changed?.into()))
}

async fn apply<P: Place>(hub: &Hub<P>, caller: &Caller, patch: &SettingsPatch) -> Result<TenantSettings, StoreError> {
    let stored = hub.store.settings(&caller.scope).await?;
    let mut next = stored.clone();
    let mut changed = Vec::new();
    if let Some(sandbox) = &patch.sandbox {
        let lists = [
            ("sandbox.email", &sandbox.email, &mut next.sandbox.email),
            ("sandbox.slack", &sandbox.slack, &mut next.sandbox.slack),
            ("sandbox.teams", &sandbox.teams, &mut next.sandbox.teams),
            ("sandbox.m365", &sandbox.m365, &mut next.sandbox.m365),
        ];
        for (field, new, old) in lists {
            if let Some(new) = new.as_ref().filter(|new| *new != old) {
                new.clone_into(old);
                changed.push(field);
            }
        }
    }
    if changed.is_empty() {
        return Ok(stored);
    }
    next.rev += 1;
    let audit = AuditEntry {
        principal: caller.principal.clone(),
        action: "settings.updated",
        target: "settings".into(),
        detail: changed.join(", "),
        at: hub.now(),
    };
    hub.store.save_settings(&caller.scope, &next, &audit).await?;
    Ok(next)
}

/// The patch with its addresses trimmed, if each can be written to.
fn checked(mut patch: SettingsPatch) -> Answer<SettingsPatch> {
    let mut faults = Faults::default();
    if let Some(sandbox) = &mut patch.sandbox {
        check_list(&mut faults, "sandbox.email", &mut sandbox.email, |address| {
            providers::check_address(Provider::Smtp, &Config::new(), address)
        });
        check_list(&mut faults, "sandbox.slack", &mut sandbox.slack, |address| {
            // `default` is an address of integrations that have a channel of their own; which one will send is not
            // known yet.
            if address == "default" {
                return Ok(());
            }
            providers::check_address(Provider::Slack, &Config::new(), address)
        });
        check_list(&mut faults, "sandbox.teams", &mut sandbox.teams, |address| {
            providers::check_address(Provider::Teams, &Config::new(), address)
        });
        check_list(&mut faults, "sandbox.m365", &mut sandbox.m365, |address| {
            providers::check_address(Provider::M365, &Config::new(), address)
        });
    }
    faults.finish()?;
    Ok(patch)
}

fn check_list(
    faults: &mut Faults,
    field: &str,
    addresses: &mut Option<Vec<String>>,
    check: impl Fn(&str) -> Result<(), String>,
) {
    let Some(addresses) = addresses else { return };
    if addresses.len() > SANDBOX_RECIPIENTS_MAX {
        faults.add(field, "out_of_range", format!("Name at most {SANDBOX_RECIPIENTS_MAX} test recipients."));
        return;
    }
    for (number, address) in addresses.iter_mut().enumerate() {
        *address = address.trim().to_owned();
        if let Err(why) = check(address) {
            faults.add(format!("{field}[{number}]"), "address_invalid", why);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use serde_json::{Value, json};
    use store::StoreError;

    #[tokio::test]
    async fn a_list_that_is_left_out_stays() {
        let stage = Stage::new().await;
        let nobody = json!({"email": [], "slack": [], "teams": [], "m365": []});
        assert_eq!(stage.get("/v1/settings").await.body, json!({"sandbox": nobody, "rev": 0}));
        let change = |sandbox: Value| json!({"sandbox": sandbox});
        stage.patch("/v1/settings", change(json!({"email": [" qa@example.com "]}))).await;
        let both = stage.patch("/v1/settings", change(json!({"slack": ["U0123ABCD", "default"]}))).await;
        let expected = json!({
            "sandbox": {"email": ["qa@example.com"], "slack": ["U0123ABCD", "default"], "teams": [], "m365": []}, "rev": 2,
        });
        assert_eq!((both.status, &both.body), (200, &expected));
        let same = stage.patch("/v1/settings", change(json!({"email": ["qa@example.com"]}))).await;
        assert_eq!(same.body["rev"], 2, "nothing was different");
        assert_eq!(stage.get("/v1/settings").await.body, expected);
        assert_eq!(stage.audited().await, ["settings.updated sandbox.email", "settings.updated sandbox.slack"]);
    }

    #[tokio::test]
    async fn every_address_that_cannot_be_written_to_is_named() {
        let stage = Stage::new().await;
        let body = json!({"sandbox": {"email": ["qa@example.com", "qa@", ""], "slack": ["#general"], "teams": ["default", "General"]}});
        let answer = stage.patch("/v1/settings", body).await;
        let fields: Vec<_> = answer.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(answer.status, 422);
        assert_eq!(fields, ["sandbox.email[1]", "sandbox.email[2]", "sandbox.slack[0]", "sandbox.teams[1]"]);
        let many = json!({"sandbox": {"email": vec!["qa@example.com"; 21]}});
        let answer = stage.patch("/v1/settings", many).await;
        assert_eq!(answer.body["errors"][0]["code"], "out_of_range");
        assert_eq!(stage.store.calls("save_settings"), 0);
    }

    #[tokio::test]
    async fn whoever_is_second_writes_on_top_of_the_first() {
        let stage = Stage::new().await;
        let body = json!({"sandbox": {"email": ["qa@example.com"]}});
        stage.store.fail_next("save_settings", StoreError::Conflict);
        assert_eq!(stage.patch("/v1/settings", body.clone()).await.body["rev"], 1);
        let body = json!({"sandbox": {"email": ["qa2@example.com"]}});
        stage.store.fail_next("save_settings", StoreError::Conflict);
        stage.store.fail_next("save_settings", StoreError::Conflict);
        assert_eq!(stage.patch("/v1/settings", body).await.status, 409);
    }
}
