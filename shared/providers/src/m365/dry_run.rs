//! Trying out all that a simulation needs. Graph has no mode that only validates, so this reads what can be read and, if
//! that is wished, creates a draft, looks at it and deletes it. Nothing is ever scheduled.

use super::{Launch, M365, recipe, send};
use domain::failure::{Failure, FailureKind};
use serde::Deserialize;

/// What is tried out.
#[derive(Clone, Copy, Debug)]
pub struct DryRun<'a> {
    /// The addresses of the targets. The caller has made sure that they may be targets of a trial.
    pub targets: &'a [String],
    /// The name of the draft that is created, looked at and deleted; `None` leaves that out.
    pub draft: Option<&'a str>,
}

/// One step and how it went. Those after a failure are not tried; one that tidies up is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `token`, `simulations`, `payload`, `pages`, `draft_created`, `draft_read` or `draft_deleted`.
    pub step: &'static str,
    /// What was found, or why it failed; `None` where an earlier failure kept it from being tried.
    pub outcome: Option<Result<String, Failure>>,
}

pub(super) async fn run(m365: &M365, dry_run: &DryRun<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut going = true;
    let mut note = |step: &'static str, outcome: Option<Result<String, Failure>>| {
        let passed = matches!(outcome, Some(Ok(_)));
        steps.push(Step { step, outcome });
        passed
    };
    macro_rules! try_out {
        ($step:literal, $what:expr) => {
            let outcome = if going { Some($what.await) } else { None };
            going = note($step, outcome) && going;
        };
    }
    try_out!("token", async { m365.graph.sign_in().await.map(|()| "signed in".to_owned()) });
    try_out!("simulations", async { recipe::list(m365).await.map(|()| "may be listed".to_owned()) });
    try_out!("payload", recipe::payload(m365, &m365.settings.payload_id));
    try_out!("pages", async { recipe::pages(m365).await.map(|()| "are there".to_owned()) });
    let Some(label) = dry_run.draft else { return steps };
    let launch = Launch {
        label,
        targets: dry_run.targets,
        launch_at: None,
        duration_days: None,
        payload_id: None,
        may_create: true,
    };
    let mut created = None;
    try_out!("draft_created", async {
        let (simulation, _) = send::create(m365, &launch, send::Intent::Draft).await?;
        let simulation = match simulation {
            Some(simulation) => Some(simulation),
            None => send::find(m365, label).await?,
        };
        let id = simulation.ok_or_else(|| {
            let words = format!("no id was told, and none is named \"{label}\" yet: delete it in the portal");
            Failure::new(FailureKind::Unknown, "provider_protocol", &words)
        })?;
        created = Some(id.clone());
        Ok(id)
    });
    let id = created;
    try_out!("draft_read", async { is_draft(m365, id.as_deref().unwrap_or_default()).await });
    // Whatever the look at it said, it is not left behind.
    let deleted = match &id {
        Some(id) => Some(m365.graph.delete(id).await.map(|()| "deleted".to_owned())),
        None => None,
    };
    let _ = going;
    note("draft_deleted", deleted);
    steps
}

#[derive(Deserialize)]
struct Standing {
    #[serde(default)]
    status: Option<String>,
}

async fn is_draft(m365: &M365, id: &str) -> Result<String, Failure> {
    let found: Standing = m365.graph.get(m365.graph.url(&format!("/simulations/{id}"))?).await?;
    match found.status.as_deref() {
        Some("draft") => Ok("is a draft".to_owned()),
        other => {
            let words = format!("its status is {}", other.unwrap_or("not told"));
            Err(Failure::new(FailureKind::Permanent, "m365_not_a_draft", &words))
        }
    }
}
