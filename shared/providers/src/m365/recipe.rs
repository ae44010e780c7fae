//! The test of an integration: it signs in and reads, and changes nothing.
//!
//! Whether the app may also *create* simulations shows only when one is created: a dry run with a draft does that.

use super::{M365, classify};
use domain::failure::{Failure, FailureKind};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What is looked at in a payload ("payload resource type").
#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    technique: Option<String>,
}

pub(super) async fn test(m365: &M365) -> Result<String, Failure> {
    list(m365).await?;
    let payload = payload(m365, &m365.settings.payload_id).await?;
    pages(m365).await?;
    Ok(domain::failure::shorten(&format!("signed in; the payload is \"{payload}\"")))
}

/// Whether the app may use attack simulation at all.
pub(super) async fn list(m365: &M365) -> Result<(), Failure> {
    m365.graph.get::<IgnoredAny>(m365.graph.url("/simulations?$top=1")?).await.map_err(|failure| {
        // The path exists for everybody who has the service.
        classify::naming(failure, "m365_licence_missing")
    })?;
    Ok(())
}

/// The payload's name, if it can be used.
pub(super) async fn payload(m365: &M365, id: &str) -> Result<String, Failure> {
    let found = m365.graph.get(m365.graph.url(&format!("/payloads/{id}"))?).await;
    let found: Payload = found.map_err(|failure| classify::naming(failure, "m365_payload_not_found"))?;
    let unfit = |why: &str| Err(Failure::new(FailureKind::Permanent, "m365_payload_unfit", why));
    // simulationContentStatus and simulationAttackTechnique; the pages of Graph show both in either case of letters.
    let status = found.status.unwrap_or_default();
    if !status.is_empty() && !status.eq_ignore_ascii_case("ready") {
        return unfit(&format!("its status is {status}"));
    }
    let technique = found.technique.unwrap_or_default();
    if !technique.is_empty() && !technique.eq_ignore_ascii_case(&m365.settings.attack_technique) {
        return unfit(&format!("its technique is {technique}"));
    }
    Ok(found.name.unwrap_or_else(|| id.to_owned()))
}

/// Whether the pages are there.
pub(super) async fn pages(m365: &M365) -> Result<(), Failure> {
    let settings = &m365.settings;
    for (kind, id) in [("landingPages", &settings.landing_page_id), ("loginPages", &settings.login_page_id)] {
        let Some(id) = id else { continue };
        let found = m365.graph.get::<IgnoredAny>(m365.graph.url(&format!("/{kind}/{id}"))?).await;
        found.map_err(|failure| classify::naming(failure, "m365_page_not_found"))?;
    }
    Ok(())
}
