//! What a committed change leaves in the log.

use domain::{
    ids::CampaignId,
    log::{ApiCall, Entry, of},
    tenant::TenantScope,
    time::Timestamp,
};
use store::dynamo::Committed;

/// What one change says.
#[derive(Debug)]
pub(crate) struct Said {
    /// Whose change it was.
    pub(crate) scope: TenantScope,
    /// What is to be written.
    pub(crate) entries: Vec<Entry>,
    /// What is written already and only to be counted.
    pub(crate) single: Option<Entry>,
}

/// The entries of a change that was committed at `at`.
pub(crate) fn said(change: Committed, at: Timestamp) -> Said {
    let entries = |scope, entries: Vec<Entry>| Said { scope, entries, single: None };
    match change {
        Committed::Bundle { scope, old, new, call } => {
            let call = call.map(|call| told(&call, &new.campaign, new.created_at));
            entries(scope, call.into_iter().chain(of::attempts(old.as_deref(), &new)).collect())
        }
        Committed::Call { scope, campaign, call, at } => entries(scope, vec![told(&call, &campaign, at)]),
        Committed::Integration { scope, old, new } => {
            entries(scope, of::test(old.as_deref(), &new).into_iter().collect())
        }
        Committed::Simulation { scope, old, new } => {
            entries(scope, of::simulation(old.as_deref(), &new).into_iter().collect())
        }
        Committed::Feedback { scope, reporter, new, .. } => {
            entries(scope, of::feedback(&reporter.integration, reporter.channel, &new))
        }
        Committed::HookEvent { scope, old, new, .. } => {
            entries(scope, of::hook_event(old.as_deref(), &new, at).into_iter().collect())
        }
        Committed::HookRejection { scope, hook, old, new } => {
            entries(scope, of::rejection(&hook, old.as_deref(), &new).into_iter().collect())
        }
        Committed::Run { scope, old, new } => entries(scope, of::run(old.as_deref(), &new).into_iter().collect()),
        Committed::LogEntry { scope, entry } => Said { scope, entries: Vec::new(), single: Some(*entry) },
        // The audit trail has who changed a key.
        Committed::Key { scope, .. } => entries(scope, Vec::new()),
    }
}

/// A call that sent to a campaign. Events have none: they stand under their endpoint.
fn told(call: &ApiCall, campaign: &CampaignId, at: Timestamp) -> Entry {
    Entry { campaign: Some(campaign.clone()).filter(|it| it.endpoint().is_none()), ..of::accepted(call, at) }
}
