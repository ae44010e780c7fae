//! What a committed change is told as.

use domain::event::{Event, of_bundle, of_feedback, of_hook_event, of_integration, of_key, of_simulation};
use store::dynamo::Committed;

/// The events of a change.
pub(crate) fn events(change: Committed) -> Vec<Event> {
    match change {
        Committed::Bundle { scope, old, new, .. } => of_bundle(scope.tenant(), old.as_deref(), &new),
        Committed::Integration { scope, old, new } => of_integration(scope.tenant(), old.as_deref(), &new),
        Committed::Feedback { scope, origin, reporter, new } => {
            of_feedback(scope.tenant(), &origin, &reporter.integration, reporter.channel, &new)
        }
        Committed::Key { scope, id, old, new } => of_key(scope.tenant(), &id, old.as_deref(), &new),
        Committed::Simulation { scope, old, new } => {
            of_simulation(scope.tenant(), old.as_deref(), &new).into_iter().collect()
        }
        Committed::HookEvent { scope, old, new, body } => {
            of_hook_event(scope.tenant(), old.as_deref(), &new, body.as_deref())
        }
        // These are for the log.
        Committed::Call { .. }
        | Committed::HookRejection { .. }
        | Committed::LogEntry { .. }
        | Committed::Run { .. } => Vec::new(),
    }
}
