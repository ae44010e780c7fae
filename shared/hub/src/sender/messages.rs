//! The messages of a bundle, one for each of its recipients.

use super::{Line, Lines, run::Run};
use crate::{content::Prepared, suppressed::Suppressed};
use domain::{
    bundle::{Outcome, Payload},
    channel::{OnUnknown, ProviderClass},
    failure::{Failure, FailureKind},
};
use futures::StreamExt;
use providers::{Found, Outgoing, Tags};
use runtime::queue::Queues;
use store::{Claimed, Store};

/// What is sent, and to whom.
pub(super) struct Messages<'m, 'r, S, Q, L: Lines> {
    pub(super) run: Run<'r, S, Q, L>,
    pub(super) payload: &'m Payload,
    pub(super) prepared: &'m Prepared<'m>,
    pub(super) suppressed: &'m Suppressed,
}

impl<S: Store, Q: Queues, L: Lines> Messages<'_, '_, S, Q, L> {
    /// Sends every member that has a slot; one outcome for each member, in order.
    pub(super) async fn send(&self) -> Vec<Outcome> {
        let concurrency = self.run.concurrency().await;
        // Owned members: a borrowed closure argument would keep the future from being `Send`.
        futures::stream::iter(self.run.claimed.bundle.members.clone().into_iter().enumerate())
            .map(|(index, member)| self.send_one(index, member))
            .buffered(concurrency)
            .collect()
            .await
    }

    async fn send_one(&self, index: usize, member: u16) -> Outcome {
        let run = &self.run;
        if let Some(later) = run.beyond_slots(index) {
            return later;
        }
        let Some(recipient) = self.payload.recipients.get(usize::from(member)) else {
            return Outcome::Failed(Failure::new(FailureKind::Permanent, "poison", "the recipient is missing"));
        };
        if self.suppressed.has(&recipient.address) {
            return Outcome::Failed(Failure::new(FailureKind::Permanent, "recipient_suppressed", ""));
        }
        if let Some(later) = run.turn(index).await {
            return later;
        }
        let message = match self.prepared.render(recipient) {
            Ok(message) => message,
            Err(error) => {
                return Outcome::Failed(Failure::new(FailureKind::Permanent, "template_failed", &error.to_string()));
            }
        };
        let outgoing = Outgoing {
            tags: Tags {
                tenant: run.scope.tenant(),
                integration: &run.integration.id,
                campaign: &run.claimed.bundle.campaign,
                delivery: &run.claimed.bundle.id.delivery(member),
            },
            address: &recipient.address,
            locale: recipient.locale,
            message: &message,
        };
        let held = run.line().await;
        if let Some(known) = self.look_up(&held, &outgoing).await {
            return known;
        }
        match held.send(&outgoing).await {
            Err(Failure { kind: FailureKind::Unauthorized, .. }) if run.refresh().await => {
                run.outcome(run.line().await.send(&outgoing).await).await
            }
            result => run.outcome(result).await,
        }
    }

    /// Asks the provider for a message that it may have taken already, if it can be asked. `None` if it is to be sent.
    async fn look_up(&self, line: &L::Line, outgoing: &Outgoing<'_>) -> Option<Outcome> {
        let Claimed { bundle, interrupted, .. } = self.run.claimed;
        if !bundle.uncertain || self.run.integration.provider.class() != ProviderClass::Queryable {
            return None;
        }
        match line.find(outgoing).await {
            Found::Taken { provider_id } => return Some(Outcome::Sent { provider_id }),
            // As with one that cannot be asked at all. What a person resent, after they were asked, goes.
            Found::CannotTell if self.run.integration.on_unknown == OnUnknown::Hold => {
                let code = if *interrupted { "interrupted" } else { "timeout" };
                if *interrupted || bundle.attempts > 0 {
                    let words = "the provider was asked and could not tell";
                    return Some(Outcome::Failed(Failure::new(FailureKind::Unknown, code, words)));
                }
            }
            Found::NotTaken | Found::CannotTell => {}
        }
        let now = self.run.sender.clock.now();
        self.run.too_late(now).then_some(Outcome::Deferred { until: now })
    }
}
