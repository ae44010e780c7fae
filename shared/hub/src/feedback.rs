//! Taking in what a provider reports of deliveries, after somebody has proven that the provider said it.

pub use providers::Report;

use domain::{feedback::Feedback, integration::Integration, suppression::Suppression, tenant::TenantScope};
use store::{Feedbacks, Reporter, StoreError, Suppressions};

/// Stores reports and lists the addresses to which nothing may be sent any more. Only when this is `Ok` may the provider be
/// told that its reports were taken: until then it reports again, and what is stored twice changes nothing.
///
/// The list comes first. A report that is stored and not listed would look done to a person, and the next campaign would
/// go to the address all the same.
///
/// An integration that delivers nothing has nothing to report: then this does nothing.
pub async fn take_in(
    store: &(impl Feedbacks + Suppressions),
    scope: &TenantScope,
    integration: &Integration,
    reports: Vec<Report>,
) -> Result<(), StoreError> {
    let Some(channel) = integration.provider.channel() else { return Ok(()) };
    let suppressed: Vec<Suppression> = reports
        .iter()
        .filter_map(|Report { feedback, address }| Suppression::of_feedback(feedback, address, &integration.id))
        .filter(|_| channel.has_suppressions())
        .collect();
    if !suppressed.is_empty() {
        store.suppress(scope, &suppressed).await?;
    }
    let feedback: Vec<Feedback> = reports.into_iter().map(|report| report.feedback).collect();
    if feedback.is_empty() {
        return Ok(());
    }
    let reporter = Reporter { integration: integration.id.clone(), channel };
    store.record_feedback(scope, &reporter, &feedback).await
}
