//! Looking at a simulation: where it stands, and what its targets did.

use super::{M365, send, settings::is_id};
use domain::{
    bundle::Cause,
    failure::{Failure, FailureKind},
    feedback::FeedbackKind,
    simulation::{Look, SimulationStatus},
    time::Timestamp,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A simulation that is looked at, by what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Tracked<'a> {
    /// Its id, once it is known.
    pub simulation: Option<&'a str>,
    /// The id of its creation.
    pub operation: Option<&'a str>,
    /// Its name.
    pub label: &'a str,
}

/// What one target did, and when for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetReport {
    /// The target's address, in lower case.
    pub address: String,
    /// By kind.
    pub events: BTreeMap<FeedbackKind, Timestamp>,
}

#[derive(Deserialize)]
struct Standing {
    #[serde(default)]
    status: Option<String>,
}

/// `simulationStatus`. One of next year is no reason to end.
fn status(word: Option<&str>) -> SimulationStatus {
    match word {
        Some("scheduled") => SimulationStatus::Scheduled,
        Some("running") => SimulationStatus::Running,
        Some("succeeded") => SimulationStatus::Succeeded,
        Some("failed") => SimulationStatus::Failed,
        Some("cancelled") => SimulationStatus::Cancelled,
        Some("excluded") => SimulationStatus::Excluded,
        _ => SimulationStatus::Unknown,
    }
}

pub(super) async fn look(m365: &M365, tracked: &Tracked<'_>) -> Result<Look, Failure> {
    let mut found = tracked.simulation.map(str::to_owned);
    if found.is_none() {
        if let Some(id) = tracked.operation {
            match operation(m365, id).await {
                Ok(Operation { failed: Some(why), .. }) => return Ok(failed(None, &why)),
                Ok(operation) => found = operation.simulation,
                // Operations are kept for a while only: the name leads to the simulation all the same.
                Err(failure) if failure.kind == FailureKind::Permanent => {}
                Err(failure) => return Err(failure),
            }
        }
        if found.is_none() {
            found = send::find(m365, tracked.label).await?;
        }
    }
    let Some(id) = found.filter(|id| is_id(id)) else {
        return Ok(Look { provider_id: None, status: SimulationStatus::Unknown, problem: None });
    };
    let standing: Standing = match m365.graph.get(m365.graph.url(&format!("/simulations/{id}"))?).await {
        Ok(standing) => standing,
        Err(failure) if failure.code == "m365_simulation_gone" => {
            let problem = Some(Cause::from(&failure));
            return Ok(Look { provider_id: Some(id), status: SimulationStatus::Cancelled, problem });
        }
        Err(failure) => return Err(failure),
    };
    match status(standing.status.as_deref()) {
        SimulationStatus::Failed => Ok(failed(Some(id), "")),
        status => Ok(Look { provider_id: Some(id), status, problem: None }),
    }
}

fn failed(provider_id: Option<String>, why: &str) -> Look {
    let failure = Failure::new(FailureKind::Permanent, "m365_simulation_failed", why);
    Look { provider_id, status: SimulationStatus::Failed, problem: Some(Cause::from(&failure)) }
}

/// What is known of the creation of a simulation.
pub(super) struct Operation {
    pub(super) simulation: Option<String>,
    pub(super) failed: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LongRunning {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    status_detail: Option<String>,
    #[serde(default)]
    resource_location: Option<String>,
}

pub(super) async fn operation(m365: &M365, id: &str) -> Result<Operation, Failure> {
    let found: LongRunning = m365.graph.get(m365.graph.url(&format!("/operations/{id}"))?).await?;
    let simulation = match found.resource_location.as_deref().and_then(send::named) {
        Some(send::Named::Simulation(id)) => Some(id),
        _ => None,
    };
    let failed = (found.status.as_deref() == Some("failed")).then(|| found.status_detail.unwrap_or_default());
    Ok(Operation { simulation, failed })
}

/// "userSimulationDetails resource type".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserDetails {
    #[serde(default)]
    is_compromised: Option<bool>,
    #[serde(default)]
    compromised_date_time: Option<String>,
    #[serde(default)]
    reported_phish_date_time: Option<String>,
    #[serde(default)]
    simulation_events: Option<Vec<UserEvent>>,
    #[serde(default)]
    simulation_user: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserEvent {
    #[serde(default)]
    event_name: Option<String>,
    #[serde(default)]
    event_date_time: Option<String>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    email: Option<String>,
}

/// The names of `userSimulationEventInfo.eventName`, which Graph does not list: those of the export of Attack
/// simulation training ("Insights and reports for Attack simulation training"). Others say nothing that we tell.
fn kind(event: &str) -> Option<FeedbackKind> {
    Some(match event {
        "SuccessfullyDeliveredEmail" => FeedbackKind::Delivered,
        "MessageRead" => FeedbackKind::Opened,
        "EmailLinkClicked" | "AttachmentOpened" | "AttachmentLinkClicked" => FeedbackKind::Clicked,
        "CredSupplied" => FeedbackKind::Compromised,
        "ReportedEmail" => FeedbackKind::Reported,
        _ => return None,
    })
}

fn read(details: UserDetails) -> Option<TargetReport> {
    let address = details.simulation_user?.email?.trim().to_lowercase();
    if address.is_empty() {
        return None;
    }
    let mut events: BTreeMap<FeedbackKind, Timestamp> = BTreeMap::new();
    let mut note = |kind: FeedbackKind, at: Option<&str>| {
        // Graph writes a year 1 where there is no time.
        let Some(at) = at.and_then(Timestamp::parse).filter(|at| at.0 > 0) else { return };
        events.entry(kind).and_modify(|first| *first = (*first).min(at)).or_insert(at);
    };
    for event in details.simulation_events.unwrap_or_default() {
        if let Some(kind) = event.event_name.as_deref().and_then(kind) {
            note(kind, event.event_date_time.as_deref());
        }
    }
    if details.is_compromised == Some(true) {
        note(FeedbackKind::Compromised, details.compromised_date_time.as_deref());
    }
    note(FeedbackKind::Reported, details.reported_phish_date_time.as_deref());
    Some(TargetReport { address, events })
}

pub(super) async fn report(m365: &M365, simulation: &str) -> Result<Vec<TargetReport>, Failure> {
    if !is_id(simulation) {
        return Ok(Vec::new());
    }
    let url = m365.graph.url(&format!("/simulations/{simulation}/report/simulationUsers"))?;
    match m365.graph.list::<UserDetails>(url).await {
        Ok(users) => Ok(users.into_iter().filter_map(read).collect()),
        // There is no report before the first message is out.
        Err(failure) if failure.code == "m365_simulation_gone" => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn details(value: serde_json::Value) -> Option<TargetReport> {
        read(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_targets_events_are_told_by_their_first_time() {
        let found = details(json!({
            "isCompromised": true, "compromisedDateTime": "2021-01-01T01:02:01.0100000Z",
            "reportedPhishDateTime": "0001-01-01T00:00:00Z",
            "simulationEvents": [
                {"eventName": "SuccessfullyDeliveredEmail", "eventDateTime": "2021-01-01T01:01:01.01Z"},
                {"eventName": "EmailLinkClicked", "eventDateTime": "2021-01-01T01:02:01Z"},
                {"eventName": "EmailLinkClicked", "eventDateTime": "2021-01-01T01:01:59Z"},
                {"eventName": "CredSupplied", "eventDateTime": "2021-01-01T01:02:03Z"},
                {"eventName": "OutOfOfficeDays", "eventDateTime": null},
            ],
            "simulationUser": {"displayName": "Reed", "userId": "1", "email": " Reed@Contoso.com"},
        }))
        .unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(found.address, "reed@contoso.com");
        assert_eq!(
            found.events.into_iter().collect::<Vec<_>>(),
            [
                (FeedbackKind::Delivered, at("2021-01-01T01:01:01.010Z")),
                (FeedbackKind::Clicked, at("2021-01-01T01:01:59Z")),
                (FeedbackKind::Compromised, at("2021-01-01T01:02:01.010Z")),
            ]
        );
    }

    #[test]
    fn a_user_without_an_address_is_nobody_of_ours() {
        assert_eq!(details(json!({"simulationUser": {"email": null}})), None);
        assert_eq!(details(json!({"simulationEvents": null})), None);
    }

    #[test]
    fn a_status_of_next_year_ends_nothing() {
        for word in [None, Some("draft"), Some("unknown"), Some("unknownFutureValue"), Some("paused")] {
            assert!(!status(word).is_final(), "{word:?}");
        }
        for word in ["succeeded", "failed", "cancelled", "excluded"] {
            assert!(status(Some(word)).is_final(), "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_report_makes_the_reader_panic(name in "\\PC{0,40}", at in "\\PC{0,40}", email in "\\PC{0,40}") {
            let found = details(json!({
                "simulationEvents": [{"eventName": name, "eventDateTime": at}],
                "compromisedDateTime": at, "isCompromised": true, "simulationUser": {"email": email},
            }));
            if let Some(found) = found {
                prop_assert!(found.events.values().all(|at| at.0 > 0));
            }
        }
    }
}
