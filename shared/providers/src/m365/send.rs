//! Creating a simulation.

use super::{Launch, Launched, M365, settings::is_id, track};
use domain::failure::{Failure, FailureKind};
use domain::time::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// What becomes of a simulation when it is created. Only [`simulate`] says `scheduled`.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Intent {
    /// It runs: people receive it.
    Scheduled,
    /// It lies in the console.
    Draft,
}

/// "Create simulation", request body. `Int32` and times as their types are documented; the page's example writes the
/// number as a text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    display_name: &'a str,
    description: &'static str,
    status: Intent,
    attack_type: &'static str,
    attack_technique: &'a str,
    payload_delivery_platform: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    launch_date_time: Option<String>,
    duration_in_days: u16,
    created_by: Author<'a>,
    last_modified_by: Author<'a>,
    included_account_target: Targets<'a>,
    #[serde(rename = "payload@odata.bind")]
    payload: String,
    #[serde(rename = "landingPage@odata.bind", skip_serializing_if = "Option::is_none")]
    landing_page: Option<String>,
    #[serde(rename = "loginPage@odata.bind", skip_serializing_if = "Option::is_none")]
    login_page: Option<String>,
    training_setting: TrainingSetting,
    end_user_notification_setting: NotificationSetting,
}

#[derive(Clone, Copy, Serialize)]
struct Author<'a> {
    email: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Targets<'a> {
    #[serde(rename = "@odata.type")]
    of: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    account_target_emails: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrainingSetting {
    setting_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NotificationSetting {
    notification_preference: &'static str,
    setting_type: &'static str,
}

/// The body of a simulation.
pub(super) fn body(m365: &M365, launch: &Launch<'_>, intent: Intent) -> Result<Vec<u8>, Failure> {
    let (settings, graph) = (&m365.settings, &m365.graph);
    let author = Author { email: &settings.created_by };
    let payload = launch.payload_id.unwrap_or(&settings.payload_id);
    if !is_id(payload) {
        return Err(Failure::new(FailureKind::Permanent, "m365_payload_not_found", "this is not a payload's id"));
    }
    let body = Body {
        display_name: launch.label,
        description: "Created by Trunkline. Its name ends with the request that asked for it.",
        status: intent,
        attack_type: "social",
        attack_technique: &settings.attack_technique,
        payload_delivery_platform: "email",
        launch_date_time: launch.launch_at.map(Timestamp::to_rfc3339),
        duration_in_days: launch.duration_days.unwrap_or(settings.duration_days),
        created_by: author,
        last_modified_by: author,
        included_account_target: Targets {
            of: "#microsoft.graph.addressBookAccountTargetContent",
            kind: "addressBook",
            account_target_emails: launch.targets,
        },
        payload: graph.bind("payloads", payload),
        landing_page: settings.landing_page_id.as_deref().map(|id| graph.bind("landingPages", id)),
        login_page: settings.login_page_id.as_deref().map(|id| graph.bind("loginPages", id)),
        training_setting: TrainingSetting { setting_type: "noTraining" },
        end_user_notification_setting: NotificationSetting {
            notification_preference: "microsoft",
            setting_type: "noNotification",
        },
    };
    serde_json::to_vec(&body)
        .map_err(|error| Failure::new(FailureKind::Permanent, "m365_simulation_refused", &error.to_string()))
}

/// What a `Location` names: a simulation, or the operation that creates it ("attackSimulationOperation").
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Simulation(String),
    Operation(String),
}

/// Reads a `Location`, absolute or not. Nothing is asked of it: only the id is taken.
pub(super) fn named(location: &str) -> Option<Named> {
    let path = match Url::parse(location) {
        Ok(url) => url.path().to_owned(),
        Err(_) => location.split(['?', '#']).next().unwrap_or_default().to_owned(),
    };
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let last = parts.next()?;
    // OData also writes a key in brackets: simulations('id').
    let (kind, id) = match last.strip_suffix("')").and_then(|last| last.split_once("('")) {
        Some((kind, id)) => (kind, id),
        None => (parts.next()?, last),
    };
    if !is_id(id) {
        return None;
    }
    match kind.to_ascii_lowercase().as_str() {
        "simulations" => Some(Named::Simulation(id.to_owned())),
        "operations" => Some(Named::Operation(id.to_owned())),
        _ => None,
    }
}

/// Schedules a simulation, unless one of that name is there already. `None` if there is none and none may be created.
pub(super) async fn simulate(m365: &M365, launch: &Launch<'_>) -> Result<Option<Launched>, Failure> {
    let duration_days = launch.duration_days.unwrap_or(m365.settings.duration_days);
    if let Some(found) = find(m365, launch.label).await? {
        return Ok(Some(Launched { simulation: Some(found), operation: None, duration_days }));
    }
    if !launch.may_create {
        return Ok(None);
    }
    let (simulation, operation) = create(m365, launch, Intent::Scheduled).await?;
    Ok(Some(Launched { simulation, operation, duration_days }))
}

/// Creates a simulation; its id and that of its creation, as far as they are told.
pub(super) async fn create(
    m365: &M365,
    launch: &Launch<'_>,
    intent: Intent,
) -> Result<(Option<String>, Option<String>), Failure> {
    let location = m365.graph.create(body(m365, launch, intent)?).await?;
    Ok(match location.as_deref().and_then(named) {
        Some(Named::Simulation(id)) => (Some(id), None),
        Some(Named::Operation(id)) => {
            // It is created: whatever becomes of this question must not look like a failure.
            let operation = track::operation(m365, &id).await;
            (operation.ok().and_then(|operation| operation.simulation), Some(id))
        }
        None => (None, None),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    #[serde(default)]
    display_name: Option<String>,
}

/// The id of the simulation of that name ("List simulations": `$filter` knows `displayName`).
pub(super) async fn find(m365: &M365, label: &str) -> Result<Option<String>, Failure> {
    let mut url = m365.graph.url("/simulations")?;
    // A quotation mark within a text is written twice (OData v4.01, URL conventions, 5.1.1.6.1).
    url.query_pairs_mut().append_pair("$filter", &format!("displayName eq '{}'", label.replace('\'', "''")));
    let found: Vec<Listed> = m365.graph.list(url).await?;
    Ok(found.into_iter().find(|it| it.display_name.as_deref() == Some(label)).map(|it| it.id).filter(|id| is_id(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_location_names_a_simulation_or_its_creation() {
        let simulation = Some(Named::Simulation("2f5548d1-0dd8".to_owned()));
        for location in [
            "https://graph.microsoft.com/v1.0/security/attackSimulation/simulations/2f5548d1-0dd8",
            "/v1.0/security/attacksimulation/Simulations/2f5548d1-0dd8/",
            "https://graph.microsoft.com/v1.0/security/attackSimulation/simulations('2f5548d1-0dd8')?x=1",
            "simulations/2f5548d1-0dd8",
        ] {
            assert_eq!(named(location), simulation, "{location}");
        }
        assert_eq!(named("/security/attackSimulation/operations/7"), Some(Named::Operation("7".to_owned())));
        for location in ["", "/", "simulations", "/simulations/..", "/payloads/7", "https://graph.microsoft.com"] {
            assert_eq!(named(location), None, "{location}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_location_says_the_id_is_safe(location in "\\PC*") {
            if let Some(Named::Simulation(id) | Named::Operation(id)) = named(&location) {
                prop_assert!(is_id(&id));
            }
        }

        #[test]
        fn an_id_is_found_in_its_location(id in "[A-Za-z0-9-]{1,60}", bracketed in any::<bool>()) {
            let last = if bracketed { format!("simulations('{id}')") } else { format!("simulations/{id}") };
            let location = format!("https://graph.microsoft.com/v1.0/security/attackSimulation/{last}");
            prop_assert_eq!(named(&location), Some(Named::Simulation(id)));
        }
    }
}
