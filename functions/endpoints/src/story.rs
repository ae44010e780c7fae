//! An event's delivery told from the generations that hold it, attempt by attempt.

use api::{
    campaigns::DeliveryError,
    endpoints::{EventAttemptView, EventDeliveryView, EventView, HeaderView},
};
use domain::{
    bundle::{Bundle, Cause, DeliveryStatus, LEASE_MS, MemberResult},
    ids::{DeliveryId, IntegrationId, InvalidId},
    tenant::TenantScope,
    time::Timestamp,
    webhook::{Answer, OutEvent},
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};
use store::{Answers, StoreError};

/// Names an attempt: the delivery, and the generation of its bundle. As text `dlv_...` for the first, and
/// `dlv_...~<generation>` for those that followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct AttemptId {
    pub(crate) delivery: DeliveryId,
    pub(crate) generation: u64,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.delivery)?;
        if self.generation > 0 {
            write!(f, "~{}", self.generation)?;
        }
        Ok(())
    }
}

impl FromStr for AttemptId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (delivery, generation) = text.split_once('~').unwrap_or((text, "0"));
        let invalid = |_| InvalidId { what: "attempt id", rule: "an id as it was shown (`dlv_...` or `dlv_...~1`)" };
        Ok(Self { delivery: delivery.parse()?, generation: generation.parse().map_err(invalid)? })
    }
}

impl TryFrom<String> for AttemptId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<AttemptId> for String {
    fn from(id: AttemptId) -> Self {
        id.to_string()
    }
}

/// A delivery in one generation.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) bundle: &'a Bundle,
    /// Its number among the members.
    pub(crate) place: usize,
}

/// The generations that hold the member, the first one first.
pub(crate) fn parts(generations: &[Bundle], member: u16) -> Vec<Part<'_>> {
    let place = |bundle: &Bundle| bundle.members.iter().position(|it| *it == member);
    generations.iter().filter_map(|bundle| Some(Part { bundle, place: place(bundle)? })).collect()
}

impl Part<'_> {
    /// Where it stands. Where it went on in a generation that the read came too early to see, it waits there.
    pub(crate) fn status(self) -> DeliveryStatus {
        self.bundle.status_of(self.place).unwrap_or(DeliveryStatus::Queued)
    }

    fn member(self) -> Option<u16> {
        self.bundle.members.get(self.place).copied()
    }

    /// Whether what was answered stands apart from the bundle.
    fn is_apart(self) -> bool {
        self.bundle.answers.get(self.place).is_some_and(|answer| answer.apart)
    }

    /// The attempt, if it is over. `apart` is what stands apart of the answers of its generation.
    pub(crate) fn attempt(self, apart: &BTreeMap<u16, Answer>) -> Option<EventAttemptView> {
        let (result, member) = (self.bundle.results.get(self.place)?, self.member()?);
        let kept = self.bundle.answers.get(self.place);
        // Where the rest is lost, what is kept is told.
        let whole = apart.get(&member).filter(|_| self.is_apart()).or(kept);
        let tried = !matches!(result, MemberResult::Waiting);
        let id = AttemptId { delivery: self.bundle.id.delivery(member), generation: self.bundle.id.generation };
        Some(EventAttemptView {
            id: id.to_string(),
            number: self.bundle.attempts + 1,
            result: result_name(result).to_owned(),
            at: self.bundle.finished_at.unwrap_or(self.bundle.created_at).to_rfc3339(),
            status: kept.and_then(|answer| answer.status),
            duration_ms: kept.filter(|_| tried).map(|answer| answer.duration_ms),
            headers: whole.map(|answer| HeaderView::all(&answer.headers)).unwrap_or_default(),
            body: whole.map(|answer| answer.body.clone()).unwrap_or_default(),
            error: cause(result).map(|cause| DeliveryError::new(&cause.code, &cause.detail)),
        })
    }
}

/// What stands apart of the answers of a delivery's generations, in their order. Only those that have some are asked for.
pub(crate) async fn apart(
    store: &impl Answers,
    scope: &TenantScope,
    parts: &[Part<'_>],
) -> Result<Vec<BTreeMap<u16, Answer>>, StoreError> {
    try_join_all(parts.iter().map(|part| async move {
        if !part.is_apart() {
            return Ok(BTreeMap::new());
        }
        store.answers(scope, &part.bundle.campaign, &part.bundle.id).await
    }))
    .await
}

/// The whole story, from the parts with what stands apart of each.
pub(crate) fn whole(
    endpoint: &IntegrationId,
    member: u16,
    parts: &[Part<'_>],
    apart: &[BTreeMap<u16, Answer>],
    handed_over: &OutEvent,
) -> Option<EventDeliveryView> {
    let (first, newest) = (parts.first()?, parts.last()?);
    let status = newest.status();
    let waits = matches!(status, DeliveryStatus::Queued | DeliveryStatus::Retrying);
    Some(EventDeliveryView {
        id: newest.bundle.id.delivery(member),
        endpoint_id: endpoint.clone(),
        event: event(handed_over),
        status,
        created_at: first.bundle.created_at.to_rfc3339(),
        updated_at: changed_at(newest.bundle).to_rfc3339(),
        next_attempt_at: waits.then(|| newest.bundle.due.to_rfc3339()),
        attempts: parts.iter().zip(apart).filter_map(|(part, apart)| part.attempt(apart)).collect(),
    })
}

/// When a bundle's state last changed, as far as it is kept: a claim is known by the end of its lease.
fn changed_at(bundle: &Bundle) -> Timestamp {
    match bundle.finished_at {
        Some(finished_at) => finished_at,
        None if bundle.fence > 0 => bundle.lease_until.plus_ms(-LEASE_MS),
        None => bundle.created_at,
    }
}

/// The event as it was handed over.
pub(crate) fn event(event: &OutEvent) -> EventView {
    EventView {
        id: event.id.clone(),
        kind: event.kind.clone(),
        at: event.at.to_rfc3339(),
        key: event.key.clone(),
        // It was JSON when it was accepted.
        data: serde_json::from_str(&event.data).unwrap_or_default(),
    }
}

fn cause(result: &MemberResult) -> Option<&Cause> {
    match result {
        MemberResult::Failed(cause)
        | MemberResult::Dead(cause)
        | MemberResult::Unknown(cause)
        | MemberResult::Retrying(cause)
        | MemberResult::Resent(Some(cause)) => Some(cause),
        MemberResult::Sent { .. } | MemberResult::Waiting | MemberResult::Resent(None) => None,
    }
}

/// What a result is called. What was resent had failed, died or was unknown; which of them is not kept, its cause is.
const fn result_name(result: &MemberResult) -> &'static str {
    match result {
        MemberResult::Sent { .. } | MemberResult::Resent(None) => "sent",
        MemberResult::Failed(_) | MemberResult::Resent(Some(_)) => "failed",
        MemberResult::Dead(_) => "dead",
        MemberResult::Unknown(_) => "unknown",
        MemberResult::Retrying(_) => "retrying",
        MemberResult::Waiting => "waiting",
    }
}
