//! `POST /v1/integrations/{id}/dry-run`: tries out all that a phishing simulation needs. Nothing is ever scheduled.

use super::saved;
use crate::{
    hub::{Hub, Place},
    may::{May, Test},
};
use api::{
    dry_run::{DRY_RUN_TARGETS_MAX, DryRunAnswer, DryRunRequest, DryRunStep},
    problem::{FieldProblem, Problem, ProblemKind},
};
use axum::extract::State;
use domain::{
    channel::Channel,
    failure::{Failure, FailureKind},
    ids::{IntegrationId, RequestId},
    integration::Integration,
    principal::Caller,
};
use providers::{Connection, DryRun, M365};
use runtime::http::{Answer, Json, Path};
use std::{collections::HashSet, sync::Arc, time::Duration};
use store::{Audit as _, Settings as _};

/// The longest a dry run may take: the gateway gives up after 30 s, and a draft must not be left behind.
const LIMIT: Duration = Duration::from_secs(25);

pub(crate) async fn dry_run<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Test>,
    Path(id): Path<IntegrationId>,
    Json(body): Json<DryRunRequest>,
) -> Answer<Json<DryRunAnswer>> {
    let integration = saved::find(&hub, &caller.scope, &id).await?;
    if integration.channel() != Some(Channel::M365) {
        let detail = "Only an integration of Microsoft 365 attack simulation has a dry run. Use its test.";
        return Err(Problem::new(ProblemKind::Conflict, detail).into());
    }
    let targets = targets(&integration, &body.recipients)?;
    let test_users = hub.store.settings(&caller.scope).await?.sandbox.m365;
    let recipients = only_test_users(&targets, &test_users);
    let allowed = recipients.is_ok();
    let mut steps = vec![DryRunStep::new("recipients", Some(recipients))];
    if allowed {
        steps.extend(tried(&hub, &caller, &integration, &targets, body.draft).await?);
    }
    Ok(Json(DryRunAnswer { ready: steps.iter().all(|step| step.status == "pass"), steps }))
}

/// The targets, each once; otherwise every one that is wrong.
fn targets(integration: &Integration, recipients: &[String]) -> Answer<Vec<String>> {
    if recipients.is_empty() || recipients.len() > DRY_RUN_TARGETS_MAX {
        let message = format!("give 1 to {DRY_RUN_TARGETS_MAX} addresses");
        return Err(Problem::invalid_field("recipients", "out_of_range", message).into());
    }
    let check = |address: &str| providers::check_address(integration.provider, &integration.config, address);
    let wrong: Vec<FieldProblem> = recipients
        .iter()
        .enumerate()
        .filter_map(|(number, address)| Some((number, check(address.trim()).err()?)))
        .map(|(number, message)| FieldProblem {
            field: format!("recipients[{number}]"),
            code: "address_invalid".into(),
            message,
        })
        .collect();
    if !wrong.is_empty() {
        return Err(Problem::invalid(wrong).into());
    }
    let mut seen = HashSet::new();
    let distinct =
        recipients.iter().map(|address| address.trim()).filter(|address| seen.insert(address.to_lowercase()));
    Ok(distinct.map(str::to_owned).collect())
}

/// A dry run names nobody who has not agreed to be named.
fn only_test_users(targets: &[String], test_users: &[String]) -> Result<String, Failure> {
    let strangers: Vec<&str> = targets
        .iter()
        .filter(|target| !test_users.iter().any(|user| user.trim().to_lowercase() == target.to_lowercase()))
        .map(String::as_str)
        .collect();
    if strangers.is_empty() {
        return Ok(format!("{} of the tenant's test users", targets.len()));
    }
    Err(Failure::new(FailureKind::Permanent, "m365_target_not_allowed", &strangers.join(", ")))
}

async fn tried<P: Place>(
    hub: &Hub<P>,
    caller: &Caller,
    integration: &Integration,
    targets: &[String],
    draft: bool,
) -> Answer<Vec<DryRunStep>> {
    let line = match hub.connections.line(&caller.scope, integration).await {
        Ok(line) => line,
        Err(failure) if matches!(failure.kind, FailureKind::Transient { .. }) => {
            return Err(saved::away(integration, &failure).into());
        }
        Err(failure) => return Ok(vec![DryRunStep::new("token", Some(Err(failure)))]),
    };
    let Connection::M365(m365) = &*line else { return Ok(Vec::new()) };
    let label = draft.then(|| format!("Trunkline dry run [{}]", RequestId::generate()));
    if let Some(label) = &label {
        // Something is created in the tenant's Microsoft 365, if only for a moment: who did that is to be known.
        let mut entry = saved::entry(caller, "integration.dry_run", integration, format!("draft \"{label}\""));
        entry.at = hub.now();
        hub.store.append_audit(&caller.scope, &entry).await?;
    }
    let steps = run(m365, &DryRun { targets, draft: label.as_deref() }).await;
    Ok(steps.into_iter().map(|step| DryRunStep::new(step.step, step.outcome)).collect())
}

async fn run(m365: &M365, dry_run: &DryRun<'_>) -> Vec<providers::Step> {
    tokio::time::timeout(LIMIT, m365.dry_run(dry_run)).await.unwrap_or_else(|_| {
        let words = match dry_run.draft {
            Some(label) => {
                format!("no end within {} s; delete \"{label}\" in the portal if it is there", LIMIT.as_secs())
            }
            None => format!("no end within {} s", LIMIT.as_secs()),
        };
        let failure = Failure::new(FailureKind::Transient { after_ms: None }, "unreachable", &words);
        vec![providers::Step { step: "token", outcome: Some(Err(failure)) }]
    })
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use doubles::graph::{GraphDouble, Options};
    use serde_json::{Value, json};

    const DIRECTORY: &str = "11111111-2222-3333-4444-555555555555";

    fn body(secret: &str) -> Value {
        json!({
            "provider": "m365", "name": "Phishing simulation",
            "config": {
                "directory_id": DIRECTORY, "client_id": "66666666-7777-8888-9999-000000000000",
                "created_by": "secops@contoso.com", "payload_id": "12345678-9abc",
            },
            "secrets": {"client_secret": secret},
        })
    }

    async fn stage() -> (Stage, GraphDouble) {
        let graph = GraphDouble::start(Options::default()).await.unwrap();
        (Stage::with_graph(&graph).await, graph)
    }

    fn statuses(answer: &Value) -> Vec<(&str, &str, &str)> {
        answer["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| {
                let text = |name: &str| step[name].as_str().unwrap();
                (text("step"), text("status"), text("code"))
            })
            .collect()
    }

    #[tokio::test]
    async fn every_step_passes_and_nothing_is_ever_scheduled() {
        let (stage, graph) = stage().await;
        let path = stage.post("/v1/integrations", body("good-CANARY")).await.headers["location"].clone();
        stage.patch("/v1/settings", json!({"sandbox": {"m365": ["Sara@contoso.com"]}})).await;
        for draft in [false, true] {
            let wish = json!({"recipients": ["sara@contoso.com", "SARA@contoso.com"], "draft": draft});
            let answer = stage.post(&format!("{path}/dry-run"), wish).await;
            assert_eq!((answer.status, &answer.body["ready"]), (200, &json!(true)), "{}", answer.body);
            assert_eq!(answer.body["steps"].as_array().unwrap().len(), if draft { 8 } else { 5 });
        }
        let record = graph.record();
        assert_eq!((record.simulations.len(), record.deleted.len(), record.strays.len()), (1, 1, 0));
        assert!(record.requests.iter().all(|call| !format!("{call:?}").contains("scheduled")), "{:?}", record.requests);
        let audited = stage.audited().await;
        assert!(audited.last().unwrap().starts_with("integration.dry_run draft \"Trunkline dry run ["), "{audited:?}");
    }

    #[tokio::test]
    async fn nobody_but_a_test_user_is_ever_named() {
        let (stage, graph) = stage().await;
        let path = stage.post("/v1/integrations", body("good")).await.headers["location"].clone();
        let before = graph.record().requests.len();
        let wish = json!({"recipients": ["ceo@contoso.com"], "draft": true});
        let answer = stage.post(&format!("{path}/dry-run"), wish).await;
        assert_eq!(answer.body["ready"], false);
        assert_eq!(statuses(&answer.body), [("recipients", "fail", "m365_target_not_allowed")]);
        let step = &answer.body["steps"][0];
        assert!(step["detail"] == "ceo@contoso.com" && !step["fix_ar"].as_str().unwrap().is_empty(), "{step}");
        assert_eq!(graph.record().requests.len(), before, "nothing was asked of Microsoft");
        for wrong in [json!([]), json!(["nobody"]), json!(vec!["a@contoso.com"; 21])] {
            let answer = stage.post(&format!("{path}/dry-run"), json!({"recipients": wrong})).await;
            assert_eq!(answer.status, 422, "{}", answer.body);
        }
        let slack = stage.slack_integration().await;
        let wish = json!({"recipients": ["sara@contoso.com"]});
        assert_eq!(stage.post(&format!("{slack}/dry-run"), wish).await.status, 409);
    }

    #[tokio::test]
    async fn a_missing_permission_shows_when_a_draft_is_created() {
        let (stage, _graph) = stage().await;
        let path = stage.post("/v1/integrations", body("readonly")).await.headers["location"].clone();
        stage.patch("/v1/settings", json!({"sandbox": {"m365": ["sara@contoso.com"]}})).await;
        let wish = json!({"recipients": ["sara@contoso.com"], "draft": true});
        let answer = stage.post(&format!("{path}/dry-run"), wish).await.body;
        assert_eq!(
            statuses(&answer)[5..],
            [
                ("draft_created", "fail", "m365_permission_missing"),
                ("draft_read", "skipped", "ok"),
                ("draft_deleted", "skipped", "ok")
            ]
        );
    }

    #[tokio::test]
    async fn a_test_before_saving_names_the_field_to_mend() {
        let (stage, _graph) = stage().await;
        for (secret, field) in [("wrong", "secrets.client_secret"), ("norole", "config.client_id")] {
            let answer = stage.post("/v1/integrations", body(secret)).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!(field)), "{}", answer.body);
        }
    }
}
