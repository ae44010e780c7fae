//! Bundles and their deliveries: the state machine at the heart of the hub.
//!
//! A **bundle** is up to [`BUNDLE_MAX`] deliveries of one tenant, campaign and channel that are stored, queued and
//! claimed as one. Its life:
//!
//! ```text
//! queued ──claim──> sending ──finish──> done ──(members that may pass later)──> a new bundle, next generation
//!   ^  |                |  ^ lease over: outcome unknown
//!   |  └──hold──> held ─┘  └─claim
//!   └──put back / release
//! queued | held ──cancel──> cancelled
//! ```
//!
//! A bundle that is `done` never changes again except by a resend, which moves its failed members into a new
//! generation. So a delivery's whole history is the chain of its bundle's generations, and a success costs exactly
//! three writes: create, claim, finish.

use crate::{
    channel::{Channel, OnUnknown, ProviderClass},
    failure::{Failure, FailureKind, leaves_doubt},
    ids::{CampaignId, DeliveryId, IntegrationId, Place, RequestId},
    message::Content,
    retry::RetryPolicy,
    time::{DAY_MS, MINUTE_MS, SECOND_MS, Timestamp},
    webhook::{Answer, OutEvent},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The most deliveries of one bundle. 25 results with provider ids keep the state item near 1 KB, one write unit.
pub const BUNDLE_MAX: usize = 25;

/// The most deliveries of a bundle that its provider is handed all at once: a whole request. The member's number in a
/// delivery's id ends at 1,023.
pub const WHOLE_BUNDLE_MAX: usize = 1_000;

/// The most bytes that names and addresses of such a bundle's recipients may have together: an item holds 400 KB, and
/// each recipient takes some 20 bytes besides.
pub const WHOLE_BUNDLE_MAX_BYTES: usize = 360_000;

/// How long a claim holds, in milliseconds: longer than a sender's timeout (60 s), much shorter than the queue's
/// visibility timeout (360 s).
pub const LEASE_MS: i64 = 90 * SECOND_MS;

/// How long delivery records are kept, in milliseconds.
pub const KEEP_MS: i64 = 90 * DAY_MS;

/// How far back a resend may reach: the 30 days that dead deliveries are promised to be kept.
pub const RESEND_WINDOW_MS: i64 = 30 * DAY_MS;

/// Names a bundle within its campaign.
///
/// As text, in queue messages: `<request>` for the only delivery of a request, `<request>.<number>` for one of many,
/// both followed by `~<generation>` from generation 1 on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BundleId {
    /// The request that created it.
    pub request: RequestId,
    /// Its number within the request; `None` for a request of one recipient, whose header, state and payload are one
    /// item.
    pub number: Option<u16>,
    /// 0 for the first attempt. The generations of a bundle form a tree: see [`BundleId::child`].
    pub generation: u64,
}

/// Which of the generations that follow from one is the retry.
const RETRY: u64 = 0;

/// Which is the retry of what is in doubt.
const DOUBTFUL: u64 = 1;

/// Which is the first resend; the others come behind it.
const RESENDS: u64 = 2;

/// How long after an attempt whose outcome is unknown its provider is asked what became of it, in milliseconds: a
/// message shows in a provider's log a moment after it was taken.
pub const LOOK_UP_AFTER_MS: i64 = MINUTE_MS;

impl BundleId {
    /// The bundle that holds a delivery's first attempt.
    #[must_use]
    pub fn origin_of(delivery: &DeliveryId) -> Self {
        Self { request: delivery.request.clone(), number: delivery.place.map(|place| place.bundle), generation: 0 }
    }

    /// The id of the generation that follows: the retry (`index` 0), the retry of what is in doubt (1) or a resend (2 and
    /// above). `None` when the tree can grow no further.
    ///
    /// A number is the way from the root, less 1: a 1 that marks where it begins, then for each step `0`, `10`, or `11` and
    /// Elias's gamma code of the resend, counted from 1. No step begins with another, so no two ways lead to one number, and
    /// what happens often is short: 63 retries fit, or five rounds of nine retries and a resend.
    #[must_use]
    pub fn child(&self, index: u64) -> Option<Self> {
        let (step, bits) = match index {
            RETRY => (0b0, 1),
            DOUBTFUL => (0b10, 2),
            resend => {
                let count = resend.checked_sub(RESENDS)?.checked_add(1)?;
                let zeros = count.ilog2();
                let bits = 2 + 2 * zeros + 1;
                (0b11_u64.checked_shl(bits - 2).filter(|_| bits < u64::BITS)? | count, bits)
            }
        };
        let way = self.generation.checked_add(1)?;
        let way = if bits <= way.leading_zeros() { (way << bits) | step } else { return None };
        Some(Self { generation: way - 1, ..self.clone() })
    }

    /// By which step this generation came to be; `None` of the first.
    fn last_step(&self) -> Option<u64> {
        let way = u128::from(self.generation) + 1;
        let mut left = way.ilog2();
        let mut next = || {
            left = left.checked_sub(1)?;
            Some((way >> left) & 1)
        };
        let mut last = None;
        while let Some(bit) = next() {
            last = Some(if bit == 0 {
                RETRY
            } else if next()? == 0 {
                DOUBTFUL
            } else {
                let mut zeros = 0;
                while next()? == 0 {
                    zeros += 1;
                }
                let mut count = 1_u64;
                for _ in 0..zeros {
                    count = count.checked_mul(2)? + u64::try_from(next()?).ok()?;
                }
                RESENDS + count - 1
            });
        }
        last
    }

    /// The stable id of the payload's recipient number `member`.
    #[must_use]
    pub fn delivery(&self, member: u16) -> DeliveryId {
        DeliveryId { request: self.request.clone(), place: self.number.map(|bundle| Place { bundle, member }) }
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.request)?;
        if let Some(number) = self.number {
            write!(f, ".{number:04}")?;
        }
        if self.generation > 0 {
            write!(f, "~{}", self.generation)?;
        }
        Ok(())
    }
}

impl FromStr for BundleId {
    type Err = crate::ids::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = crate::ids::InvalidId { what: "bundle id", rule: "<request>[.<number>][~<generation>]" };
        let (rest, generation) = match text.split_once('~') {
            Some((rest, generation)) => (rest, generation.parse().map_err(|_| invalid.clone())?),
            None => (text, 0),
        };
        let (request, number) = match rest.split_once('.') {
            Some((request, number)) => (request, Some(number.parse().map_err(|_| invalid.clone())?)),
            None => (rest, None),
        };
        Ok(Self { request: request.parse().map_err(|_| invalid)?, number, generation })
    }
}

impl TryFrom<String> for BundleId {
    type Error = crate::ids::InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BundleId> for String {
    fn from(id: BundleId) -> Self {
        id.to_string()
    }
}

/// Where a bundle stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BundleState {
    /// Waits to be sent, not before `due`.
    Queued,
    /// Some sender has it until its lease ends.
    Sending,
    /// Waits for a person: its integration is disabled or its campaign is paused.
    Held,
    /// Every member has its result.
    Done,
    /// Was stopped before it was sent.
    Cancelled,
}

/// What became of one member in this generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "s")]
pub enum MemberResult {
    /// The provider took it.
    #[serde(rename = "s")]
    Sent {
        /// The provider's own message id, where it gives one.
        #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
        provider_id: Option<String>,
    },
    /// Refused for good.
    #[serde(rename = "f")]
    Failed(Cause),
    /// Retries are used up.
    #[serde(rename = "d")]
    Dead(Cause),
    /// The outcome is unknown and the tenant wants a person to decide.
    #[serde(rename = "u")]
    Unknown(Cause),
    /// It goes on in the next generation after a failure.
    #[serde(rename = "r")]
    Retrying(Cause),
    /// It goes on in the next generation without having been tried: the limits left no room in this bundle.
    #[serde(rename = "w")]
    Waiting,
    /// A person resent it; it goes on in the next generation. The cause is why it had failed; `None` if the provider had
    /// taken it.
    #[serde(rename = "n")]
    Resent(Option<Cause>),
}

/// Why a member did not go out: our code and the provider's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// A code of [`crate::failure`].
    #[serde(rename = "c")]
    pub code: String,
    /// The provider's own words.
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl From<&Failure> for Cause {
    fn from(failure: &Failure) -> Self {
        Self { code: failure.code.to_owned(), detail: failure.detail.clone() }
    }
}

/// The outward state of a delivery, as the API shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Waits for its first attempt.
    Queued,
    /// A sender has it.
    Sending,
    /// The provider took it.
    Sent,
    /// Failed for now, tried again later.
    Retrying,
    /// Refused for good.
    Failed,
    /// Every retry failed.
    Dead,
    /// The outcome is unknown and held for a person.
    Unknown,
    /// Its integration is disabled or its campaign paused.
    Held,
    /// Stopped before it was sent.
    Cancelled,
}

impl DeliveryStatus {
    /// Every status, in the order of a table of outcomes.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Retrying,
        Self::Failed,
        Self::Dead,
        Self::Unknown,
        Self::Held,
        Self::Cancelled,
    ];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to it by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Failed | Self::Dead | Self::Unknown | Self::Cancelled)
    }
}

impl FromStr for DeliveryStatus {
    type Err = crate::channel::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(crate::channel::UnknownName)
    }
}

/// The members of one generation and their common state. The recipients themselves are in the [`Payload`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Its name within its campaign.
    pub id: BundleId,
    /// The campaign.
    pub campaign: CampaignId,
    /// The channel.
    pub channel: Channel,
    /// The integration that sends it.
    pub integration: IntegrationId,
    /// Where it stands.
    pub state: BundleState,
    /// The payload's recipients that are in this generation, by number.
    pub members: Vec<u16>,
    /// Results in the order of `members`; empty until finished.
    pub results: Vec<MemberResult>,
    /// Failed attempts of these members before this generation.
    pub attempts: u16,
    /// Grows with each claim; only the newest claim may finish.
    pub fence: u64,
    /// When the present claim ends.
    pub lease_until: Timestamp,
    /// Not to be sent before.
    pub due: Timestamp,
    /// When this generation was created.
    pub created_at: Timestamp,
    /// When its results were written.
    pub finished_at: Option<Timestamp>,
    /// How many resends have followed from this generation.
    pub resends: u8,
    /// Whether the recipients were replaced by the tenant's test recipients.
    pub sandbox: bool,
    /// Whether the caller named the integration. Then no other may stand in for it.
    pub pinned: bool,
    /// Whether the integration may have taken some member already: its outcome was unknown, or the attempt was
    /// interrupted. What one provider may have taken is never handed to another.
    pub uncertain: bool,
    /// What the endpoint answered, in the order of `members`; empty until finished, and on every other channel.
    pub answers: Vec<Answer>,
    /// The bundle of the same endpoint and key that has to be over first, where strict order is wanted.
    pub after: Option<BundleId>,
}

/// Who is to receive the deliveries of a bundle, or which events they are; written once, shared by all its generations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The recipients by number.
    pub recipients: Vec<Recipient>,
    /// On the channel of webhooks, the events by number, and no recipients.
    pub events: Vec<OutEvent>,
}

/// One recipient of a send request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The recipient as the caller knows them.
    #[serde(rename = "u")]
    pub user_id: crate::ids::UserId,
    /// Where to send: an e-mail address, a Slack channel or member id.
    #[serde(rename = "a")]
    pub address: String,
    /// Which language of a template; the template's default otherwise.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<crate::template::Locale>,
    /// Values for the template's variables.
    #[serde(rename = "v", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// What a whole request has in common; written once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// What to say.
    pub content: Content,
}

/// Why a claim was not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// It is done or cancelled: acknowledge the message.
    Settled,
    /// It is held: acknowledge the message; a release queues it again.
    Held,
    /// Another sender has it until then.
    Busy(Timestamp),
    /// It is not due before then.
    NotDue(Timestamp),
}

/// What one attempt on one member came to, as a sender reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it and may have named it.
    Sent {
        /// The provider's own message id.
        provider_id: Option<String>,
    },
    /// It did not go out, or we cannot know.
    Failed(Failure),
    /// It was not tried: no room in the limits before then.
    Deferred {
        /// When to ask again.
        until: Timestamp,
    },
}

impl Outcome {
    /// The same, where nothing can go on any more.
    fn or_given_up(self) -> Self {
        match self {
            Self::Deferred { .. } => {
                Self::Failed(Failure::new(FailureKind::Permanent, "poison", "it was put off too often"))
            }
            tried => tried,
        }
    }
}

/// The rules by which a finished attempt turns into results.
#[derive(Clone, Copy, Debug)]
pub struct FinishRules {
    /// When a transient failure is tried again.
    pub retry_policy: RetryPolicy,
    /// What to do with an unknown outcome of a blind provider.
    pub on_unknown: OnUnknown,
    /// Whether the provider can be asked what became of it.
    pub class: ProviderClass,
    /// In -1..=1, drawn by the caller.
    pub jitter: f64,
    /// Whether members are tried strictly one after another, up to the first that fails. Then only the first has been
    /// tried in generations before, and the attempts are its own.
    pub one_by_one: bool,
}

impl Bundle {
    /// A bundle that waits to be sent for the first time, with the members 0 to `count`.
    #[must_use]
    pub fn first(
        id: BundleId,
        campaign: &CampaignId,
        channel: Channel,
        integration: &IntegrationId,
        count: u16,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            campaign: campaign.clone(),
            channel,
            integration: integration.clone(),
            state: BundleState::Queued,
            members: (0..count).collect(),
            results: Vec::new(),
            attempts: 0,
            fence: 0,
            lease_until: Timestamp(0),
            due: now,
            created_at: now,
            finished_at: None,
            resends: 0,
            sandbox: false,
            pinned: false,
            uncertain: false,
            answers: Vec::new(),
            after: None,
        }
    }

    /// Claims the bundle at `now`. `Ok(true)` says that an earlier claim's lease ran out, so that the outcome of its
    /// attempt is unknown.
    pub fn claim(&mut self, now: Timestamp) -> Result<bool, ClaimRefusal> {
        let expired = match self.state {
            BundleState::Done | BundleState::Cancelled => return Err(ClaimRefusal::Settled),
            BundleState::Held => return Err(ClaimRefusal::Held),
            BundleState::Sending if self.lease_until >= now => return Err(ClaimRefusal::Busy(self.lease_until)),
            BundleState::Sending => true,
            BundleState::Queued if self.due > now => return Err(ClaimRefusal::NotDue(self.due)),
            BundleState::Queued => false,
        };
        self.state = BundleState::Sending;
        self.uncertain |= expired;
        self.fence += 1;
        self.lease_until = now.plus_ms(LEASE_MS);
        Ok(expired)
    }

    /// Whether some attempt of this very generation was interrupted, however long ago. The first one and the retry of
    /// what is certain begin without doubt, so theirs can come from nothing else; a person's resend has been decided.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        self.uncertain && matches!(self.id.last_step(), None | Some(RETRY))
    }

    /// Whether another integration may stand in for this one. `universal` says that its addresses mean the same to it.
    #[must_use]
    pub const fn may_move(&self, universal: bool) -> bool {
        universal && !self.pinned && !self.uncertain
    }

    /// Writes the outcomes (in the order of `members`) and returns the next generations, for the members that go on:
    /// at most one with those that are in doubt, which stay with this integration, and one with the others.
    ///
    /// The members of a generation go on together, due when the last of their pauses is over; a failure's attempt
    /// counts, a deferral's does not. A member that was never tried keeps its attempts only if no member of its next
    /// generation had one more: they share one count, and the higher one is the safe one.
    pub fn finish(&mut self, outcomes: Vec<Outcome>, rules: FinishRules, now: Timestamp) -> Vec<Self> {
        let (retry, doubtful) = (self.id.child(RETRY), self.id.child(DOUBTFUL));
        // A tree that can grow no further ends the retries, and what was put off would wait for ever.
        let (rules, outcomes) = if doubtful.is_some() {
            (rules, outcomes)
        } else {
            let rules = FinishRules { retry_policy: RetryPolicy::Manual, ..rules };
            (rules, outcomes.into_iter().map(Outcome::or_given_up).collect())
        };
        // One by one, those who only waited behind the first were never tried.
        let attempts = if rules.one_by_one { 0 } else { self.attempts };
        let onward = || Onward { attempts, due: now, members: Vec::new() };
        let mut onward = [onward(), onward()];
        let results = self
            .members
            .clone()
            .into_iter()
            .zip(outcomes)
            .map(|(member, outcome)| self.settle(member, outcome, rules, now, &mut onward))
            .collect();
        self.results = results;
        self.state = BundleState::Done;
        self.finished_at = Some(now);
        let [certain, in_doubt] = onward;
        let next = |id: Option<BundleId>, onward: Onward, uncertain| {
            let id = id.filter(|_| !onward.members.is_empty())?;
            Some(Self { uncertain, ..self.succeed(id, onward, now) })
        };
        [next(retry, certain, false), next(doubtful, in_doubt, true)].into_iter().flatten().collect()
    }

    fn settle(
        &self,
        member: u16,
        outcome: Outcome,
        rules: FinishRules,
        now: Timestamp,
        [certain, in_doubt]: &mut [Onward; 2],
    ) -> MemberResult {
        let failure = match outcome {
            Outcome::Sent { provider_id } => return MemberResult::Sent { provider_id },
            Outcome::Deferred { until } => {
                let onward = if self.uncertain && !rules.one_by_one { in_doubt } else { certain };
                onward.members.push(member);
                onward.due = onward.due.max(until);
                return MemberResult::Waiting;
            }
            Outcome::Failed(failure) => failure,
        };
        let cause = Cause::from(&failure);
        let unknown = failure.kind == FailureKind::Unknown;
        let hold = unknown && rules.on_unknown == OnUnknown::Hold;
        // A provider that can be asked is asked once before a person is.
        let ask = unknown && rules.class == ProviderClass::Queryable;
        let retry_after_ms = match failure.kind {
            FailureKind::Permanent => return MemberResult::Failed(cause),
            FailureKind::Unknown if hold && (self.uncertain || !ask) => return MemberResult::Unknown(cause),
            FailureKind::Transient { after_ms } | FailureKind::Throttled { after_ms } => after_ms,
            FailureKind::Unknown if ask => Some(LOOK_UP_AFTER_MS),
            FailureKind::Unknown | FailureKind::Unauthorized => None,
        };
        let first_try = rules.one_by_one && self.members.first() != Some(&member);
        let attempts = if first_try { 1 } else { self.attempts + 1 };
        match rules.retry_policy.pause_ms(attempts, rules.jitter, retry_after_ms) {
            None if hold => MemberResult::Unknown(cause),
            None => MemberResult::Dead(cause),
            Some(pause_ms) => {
                // One by one, whoever went on apart would be overtaken by the others.
                let onward = if (unknown || self.uncertain) && !rules.one_by_one { in_doubt } else { certain };
                onward.members.push(member);
                onward.attempts = attempts;
                onward.due = onward.due.max(now.plus_ms(pause_ms));
                MemberResult::Retrying(cause)
            }
        }
    }

    /// The generation `id` with the given members.
    fn succeed(&self, id: BundleId, onward: Onward, now: Timestamp) -> Self {
        Self {
            id,
            state: BundleState::Queued,
            members: onward.members,
            results: Vec::new(),
            attempts: onward.attempts,
            fence: 0,
            lease_until: Timestamp(0),
            due: onward.due,
            created_at: now,
            finished_at: None,
            resends: 0,
            answers: Vec::new(),
            ..self.clone()
        }
    }

    /// Moves the failed members whose status is in `statuses` into a new generation that is due at once, with a fresh
    /// count of attempts. `None` when no member qualifies, or no generation can follow. They stay in doubt where they were.
    /// What was sent stays sent.
    pub fn resend(&mut self, statuses: &[DeliveryStatus], now: Timestamp) -> Option<Self> {
        self.resend_those(|dead| statuses.contains(&dead.status), &[], now)
    }

    /// The same with the failed members that are `wanted`, and with those of `again`, by their numbers, although the
    /// provider took them.
    pub fn resend_those(
        &mut self,
        wanted: impl Fn(&DeadMember<'_>) -> bool,
        again: &[u16],
        now: Timestamp,
    ) -> Option<Self> {
        let child = self.id.child(RESENDS + u64::from(self.resends)).filter(|_| self.state == BundleState::Done)?;
        let resends = self.resends.checked_add(1)?;
        let (mut members, mut uncertain) = (Vec::new(), self.uncertain);
        for (member, result) in self.members.iter().zip(&mut self.results) {
            let cause = match dead_member(*member, result) {
                Some(dead) if wanted(&dead) => {
                    uncertain |= dead.status == DeliveryStatus::Unknown || leaves_doubt(&dead.cause.code);
                    Some(dead.cause.clone())
                }
                None if matches!(result, MemberResult::Sent { .. }) && again.contains(member) => None,
                _ => continue,
            };
            members.push(*member);
            *result = MemberResult::Resent(cause);
        }
        if members.is_empty() {
            return None;
        }
        self.resends = resends;
        Some(Self { uncertain, ..self.succeed(child, Onward { attempts: 0, due: now, members }, now) })
    }

    /// The members that failed for good in this generation and were not resent.
    pub fn dead_members(&self) -> impl Iterator<Item = DeadMember<'_>> {
        self.members.iter().zip(&self.results).filter_map(|(member, result)| dead_member(*member, result))
    }

    /// Whether it is among the dead letters of an endpoint: events that were not delivered, until they are resent.
    #[must_use]
    pub fn is_dead_letter(&self) -> bool {
        self.channel == Channel::Webhook && self.dead_members().next().is_some()
    }

    /// The outward status of the member at `index` of `members`; `None` when it goes on in the next generation.
    #[must_use]
    pub fn status_of(&self, index: usize) -> Option<DeliveryStatus> {
        match self.results.get(index) {
            Some(MemberResult::Sent { .. }) => Some(DeliveryStatus::Sent),
            Some(MemberResult::Failed(_)) => Some(DeliveryStatus::Failed),
            Some(MemberResult::Dead(_)) => Some(DeliveryStatus::Dead),
            Some(MemberResult::Unknown(_)) => Some(DeliveryStatus::Unknown),
            Some(MemberResult::Retrying(_) | MemberResult::Waiting | MemberResult::Resent(_)) => None,
            None => Some(match self.state {
                BundleState::Queued if self.attempts > 0 => DeliveryStatus::Retrying,
                BundleState::Queued => DeliveryStatus::Queued,
                BundleState::Held => DeliveryStatus::Held,
                BundleState::Cancelled => DeliveryStatus::Cancelled,
                BundleState::Sending | BundleState::Done => DeliveryStatus::Sending,
            }),
        }
    }

    /// How many members stand where; those that went on are counted in their next generation.
    pub fn statuses(&self) -> impl Iterator<Item = DeliveryStatus> + '_ {
        (0..self.members.len()).filter_map(|index| self.status_of(index))
    }
}

/// A member that failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadMember<'a> {
    /// Its number in the payload.
    pub member: u16,
    /// `failed`, `dead` or `unknown`.
    pub status: DeliveryStatus,
    /// Why.
    pub cause: &'a Cause,
}

const fn dead_member(member: u16, result: &MemberResult) -> Option<DeadMember<'_>> {
    let (status, cause) = match result {
        MemberResult::Failed(cause) => (DeliveryStatus::Failed, cause),
        MemberResult::Dead(cause) => (DeliveryStatus::Dead, cause),
        MemberResult::Unknown(cause) => (DeliveryStatus::Unknown, cause),
        _ => return None,
    };
    Some(DeadMember { member, status, cause })
}

/// The members that go on, and how.
struct Onward {
    attempts: u16,
    due: Timestamp,
    members: Vec<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::batch::ORDERED_MAX;

    const NOON: Timestamp = Timestamp(1_763_640_000_000);
    const RULES: FinishRules = FinishRules {
        retry_policy: RetryPolicy::Exponential,
        on_unknown: OnUnknown::Retry,
        class: ProviderClass::Blind,
        jitter: 0.0,
        one_by_one: false,
    };

    fn bundle(members: u16) -> Bundle {
        Bundle {
            id: BundleId { request: RequestId::generate(), number: Some(0), generation: 0 },
            campaign: "spring".parse().unwrap(),
            channel: Channel::Email,
            integration: IntegrationId::generate(),
            state: BundleState::Queued,
            members: (0..members).collect(),
            results: vec![],
            attempts: 0,
            fence: 0,
            lease_until: Timestamp(0),
            due: NOON,
            created_at: NOON,
            finished_at: None,
            resends: 0,
            sandbox: false,
            pinned: false,
            uncertain: false,
            answers: Vec::new(),
            after: None,
        }
    }

    fn failed(kind: FailureKind) -> Outcome {
        Outcome::Failed(Failure::new(kind, "provider_error", "no"))
    }

    const TRANSIENT: FailureKind = FailureKind::Transient { after_ms: None };

    /// The only next generation.
    fn only(mut next: Vec<Bundle>) -> Bundle {
        assert_eq!(next.len(), 1);
        next.remove(0)
    }

    #[test]
    fn ids_survive_a_round_trip() {
        let request = RequestId::generate();
        for (number, generation) in [(None, 0), (None, 3), (Some(0), 0), (Some(39), u64::MAX)] {
            let id = BundleId { request: request.clone(), number, generation };
            assert_eq!(id.to_string().parse::<BundleId>(), Ok(id));
        }
        assert!("nonsense".parse::<BundleId>().is_err());
    }

    #[test]
    fn no_two_paths_lead_to_one_generation() {
        let root = bundle(1).id;
        let mut seen = std::collections::BTreeSet::from([root.generation]);
        let mut level = vec![root.clone()];
        for _ in 0..4 {
            let children =
                |id: &BundleId| (0..12).filter_map(|index| Some((index, id.child(index)?))).collect::<Vec<_>>();
            let next: Vec<_> = level.iter().flat_map(children).collect();
            for (index, id) in &next {
                assert!(seen.insert(id.generation), "{id}");
                assert_eq!(id.last_step(), Some(*index), "{id}");
            }
            level = next.into_iter().map(|(_, id)| id).collect();
        }
        assert_eq!(BundleId { generation: u64::MAX, ..root.clone() }.child(0), None);
        let numbers: Vec<_> = (0..5).map(|index| root.child(index).unwrap().generation).collect();
        assert_eq!(numbers, [1, 5, 14, 57, 58], "they are in stored keys, so they never change");
    }

    #[test]
    fn the_tree_is_deep_enough_for_what_people_do() {
        let retries = |from: BundleId, step, count| (0..count).try_fold(from, |id, _| id.child(step));
        assert!(retries(bundle(1).id, RETRY, 63).is_some() && retries(bundle(1).id, RETRY, 64).is_none());
        for (step, rounds) in [(RETRY, 5), (DOUBTFUL, 3)] {
            let round = |id: BundleId, _| retries(id, step, 9)?.child(RESENDS);
            assert!((0..rounds).try_fold(bundle(1).id, round).is_some(), "{rounds} rounds of the longest policy");
        }
        // Each member of a bundle may be resent by itself.
        let mut whole = bundle(25);
        whole.finish(vec![failed(FailureKind::Permanent); 25], RULES, NOON);
        let ids: Vec<_> =
            (0..25).map(|it| whole.resend_those(|dead| dead.member == it, &[], NOON).unwrap().id).collect();
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 25);
        assert_eq!((whole.resends, whole.statuses().count()), (25, 0));
    }

    #[test]
    fn what_is_put_off_where_no_generation_can_follow_ends_and_is_told() {
        let mut bundle = bundle(2);
        bundle.id.generation = u64::MAX - 1;
        let outcomes = vec![Outcome::Sent { provider_id: None }, Outcome::Deferred { until: NOON }];
        assert_eq!(bundle.finish(outcomes, RULES, NOON), []);
        assert_eq!(bundle.statuses().collect::<Vec<_>>(), [DeliveryStatus::Sent, DeliveryStatus::Failed]);
    }

    #[test]
    fn an_attempt_that_was_interrupted_is_remembered_until_somebody_decides() {
        let mut root = bundle(1);
        assert!(!root.was_interrupted());
        root.uncertain = true;
        assert!(root.was_interrupted());
        for (index, interrupted) in [(0, true), (1, false), (2, false), (3, false), (4, false)] {
            let child = Bundle { id: root.id.child(index).unwrap(), ..root.clone() };
            assert_eq!(child.was_interrupted(), interrupted, "{index}");
            let grandchild = Bundle { id: child.id.child(index).unwrap(), ..child };
            assert_eq!(grandchild.was_interrupted(), interrupted, "{index}");
        }
    }

    #[test]
    fn only_one_of_two_claims_wins() {
        let mut bundle = bundle(2);
        assert_eq!(bundle.claim(NOON), Ok(false));
        assert_eq!(bundle.claim(NOON), Err(ClaimRefusal::Busy(NOON.plus_ms(LEASE_MS))));
        assert_eq!(bundle.fence, 1);
    }

    #[test]
    fn a_claim_after_the_lease_says_that_the_outcome_is_unknown() {
        let mut bundle = bundle(1);
        bundle.claim(NOON).unwrap();
        assert_eq!(bundle.claim(NOON.plus_ms(LEASE_MS + 1)), Ok(true));
        assert_eq!(bundle.fence, 2);
    }

    #[test]
    fn claims_are_refused_before_due_when_held_and_when_settled() {
        let mut bundle = bundle(1);
        bundle.due = NOON.plus_ms(1);
        assert_eq!(bundle.claim(NOON), Err(ClaimRefusal::NotDue(NOON.plus_ms(1))));
        for (state, refusal) in [
            (BundleState::Held, ClaimRefusal::Held),
            (BundleState::Done, ClaimRefusal::Settled),
            (BundleState::Cancelled, ClaimRefusal::Settled),
        ] {
            bundle.state = state;
            assert_eq!(bundle.claim(NOON.plus_ms(9)), Err(refusal));
        }
    }

    #[test]
    fn transient_failures_go_on_alone_in_a_smaller_bundle() {
        let mut first = bundle(3);
        first.claim(NOON).unwrap();
        let sent = Outcome::Sent { provider_id: Some("q1".into()) };
        let next = only(first.finish(vec![sent, failed(TRANSIENT), failed(FailureKind::Permanent)], RULES, NOON));
        assert_eq!(next.members, [1]);
        assert_eq!((next.attempts, next.id.generation, next.due), (1, 1, NOON.plus_ms(5_000)));
        assert_eq!(next.id.delivery(1), first.id.delivery(1), "the delivery keeps its id");
        assert_eq!(first.statuses().collect::<Vec<_>>(), [DeliveryStatus::Sent, DeliveryStatus::Failed]);
        assert_eq!(next.statuses().collect::<Vec<_>>(), [DeliveryStatus::Retrying]);
    }

    #[test]
    fn one_by_one_each_member_has_its_own_attempts() {
        let rules = FinishRules { one_by_one: true, retry_policy: RetryPolicy::Immediate, ..RULES };
        let wait = || Outcome::Deferred { until: NOON };
        let sent = || Outcome::Sent { provider_id: None };
        let mut first = bundle(3);
        let mut second = only(first.finish(vec![failed(TRANSIENT), wait(), wait()], rules, NOON));
        assert_eq!((second.members.as_slice(), second.attempts), ([0, 1, 2].as_slice(), 1));
        let mut third = only(second.finish(vec![sent(), failed(TRANSIENT), wait()], rules, NOON));
        assert_eq!((third.members.as_slice(), third.attempts, third.due), ([1, 2].as_slice(), 1, NOON.plus_ms(5_000)));
        third.attempts = 2;
        let last = only(third.finish(vec![failed(TRANSIENT), wait()], rules, NOON));
        assert_eq!(
            (third.status_of(0), last.members.as_slice(), last.attempts),
            (Some(DeliveryStatus::Dead), [2].as_slice(), 0)
        );
    }

    /// The longest that is possible: each is tried as often as it may be, whatever interrupts it, and given up. And then a
    /// person wants the last one posted again.
    #[test]
    fn one_by_one_a_bundle_has_room_for_every_attempt_of_each_member() {
        let rules = FinishRules { one_by_one: true, retry_policy: RetryPolicy::Standard, ..RULES };
        let count = u16::try_from(ORDERED_MAX).unwrap();
        let mut current = Bundle { channel: Channel::Webhook, uncertain: true, ..bundle(count) };
        let mut dead = Vec::new();
        let mut run = |mut current: Bundle| loop {
            let mut outcomes = vec![Outcome::Deferred { until: NOON }; current.members.len()];
            outcomes[0] = failed(if current.attempts > 4 { FailureKind::Unknown } else { TRANSIENT });
            let next = current.finish(outcomes, rules, NOON);
            dead.extend(current.dead_members().map(|it| (it.member, it.status, current.attempts)));
            if next.is_empty() {
                return current;
            }
            current = only(next);
            current.uncertain = true;
        };
        current = run(current);
        run(current.resend(&DeliveryStatus::ALL, NOON).unwrap());
        let again = std::iter::once(count - 1);
        let expected: Vec<_> = (0..count).chain(again).map(|member| (member, DeliveryStatus::Dead, 9)).collect();
        assert_eq!(dead, expected);
    }

    #[test]
    fn retries_end_in_dead() {
        let mut current = bundle(1);
        let mut tries = 0;
        loop {
            let now = current.due;
            current.claim(now).unwrap();
            tries += 1;
            match current.finish(vec![failed(TRANSIENT)], RULES, now).pop() {
                Some(next) => current = next,
                None => break,
            }
        }
        assert_eq!(tries, 6);
        assert_eq!(current.status_of(0), Some(DeliveryStatus::Dead));
    }

    #[test]
    fn an_unknown_outcome_is_retried_or_held_as_the_tenant_chose() {
        let mut retried = bundle(1);
        assert!(only(retried.finish(vec![failed(FailureKind::Unknown)], RULES, NOON)).uncertain);
        let mut held = bundle(1);
        let rules = FinishRules { on_unknown: OnUnknown::Hold, ..RULES };
        assert!(held.finish(vec![failed(FailureKind::Unknown)], rules, NOON).is_empty());
        assert_eq!(held.status_of(0), Some(DeliveryStatus::Unknown));
    }

    #[test]
    fn what_is_in_doubt_goes_on_apart_from_what_may_go_anywhere() {
        let mut first = bundle(4);
        let until = NOON.plus_ms(1_000);
        let sent = Outcome::Sent { provider_id: None };
        let outcomes = vec![failed(FailureKind::Unknown), sent, failed(TRANSIENT), Outcome::Deferred { until }];
        let next = first.finish(outcomes, RULES, NOON);
        let told: Vec<_> = next.iter().map(|it| (it.members.as_slice(), it.uncertain, it.may_move(true))).collect();
        assert_eq!(told, [([2, 3].as_slice(), false, true), ([0].as_slice(), true, false)]);
        assert_ne!(next[0].id, next[1].id);
        // Once in doubt, in doubt for good: a refusal now says nothing about the attempt before.
        let mut doubtful = next[1].clone();
        assert!(only(doubtful.finish(vec![failed(TRANSIENT)], RULES, NOON)).uncertain);
        let mut deferred = next[1].clone();
        assert!(only(deferred.finish(vec![Outcome::Deferred { until }], RULES, NOON)).uncertain);
    }

    #[test]
    fn a_provider_that_can_be_asked_is_asked_before_a_person_is() {
        let rules = FinishRules { on_unknown: OnUnknown::Hold, class: ProviderClass::Queryable, ..RULES };
        let mut first = bundle(1);
        let mut next = only(first.finish(vec![failed(FailureKind::Unknown)], rules, NOON));
        assert_eq!((next.due, next.uncertain), (NOON.plus_ms(LOOK_UP_AFTER_MS), true));
        assert!(next.finish(vec![failed(FailureKind::Unknown)], rules, NOON).is_empty());
        assert_eq!(next.status_of(0), Some(DeliveryStatus::Unknown));
        let manual = FinishRules { retry_policy: RetryPolicy::Manual, ..rules };
        let mut alone = bundle(1);
        assert!(alone.finish(vec![failed(FailureKind::Unknown)], manual, NOON).is_empty());
        assert_eq!(alone.status_of(0), Some(DeliveryStatus::Unknown));
    }

    #[test]
    fn a_resend_of_what_may_have_been_taken_stays_where_it_was() {
        let resent = |kind, code| {
            let mut bundle = bundle(1);
            let rules = FinishRules { retry_policy: RetryPolicy::Manual, ..RULES };
            bundle.finish(vec![Outcome::Failed(Failure::new(kind, code, ""))], rules, NOON);
            bundle.resend(&DeliveryStatus::ALL, NOON).unwrap().uncertain
        };
        assert!(resent(FailureKind::Unknown, "timeout"));
        assert!(!resent(TRANSIENT, "unreachable"));
        assert!(!resent(FailureKind::Permanent, "smtp_recipient_refused"));
    }

    #[test]
    fn an_interrupted_attempt_leaves_doubt_and_a_named_integration_is_kept() {
        let mut first = bundle(1);
        assert!(first.may_move(true) && !first.may_move(false));
        assert!(!Bundle { pinned: true, ..first.clone() }.may_move(true));
        first.claim(NOON).unwrap();
        first.claim(NOON.plus_ms(LEASE_MS + 1)).unwrap();
        assert!(!first.may_move(true));
    }

    #[test]
    fn a_deferred_member_waits_without_losing_an_attempt() {
        let mut first = bundle(2);
        let until = NOON.plus_ms(60_000);
        let outcomes = vec![Outcome::Sent { provider_id: None }, Outcome::Deferred { until }];
        let next = only(first.finish(outcomes, RULES, NOON));
        assert_eq!((next.members.as_slice(), next.attempts, next.due), ([1].as_slice(), 0, until));
        assert_eq!(next.status_of(0), Some(DeliveryStatus::Queued));
    }

    #[test]
    fn what_was_sent_is_sent_again_only_by_name() {
        let mut first = bundle(3);
        let sent = || Outcome::Sent { provider_id: None };
        first.finish(vec![sent(), sent(), failed(FailureKind::Permanent)], RULES, NOON);
        assert!(first.resend_those(|_| false, &[], NOON).is_none());
        assert!(first.clone().resend(&DeliveryStatus::ALL, NOON).is_some_and(|next| next.members == [2]));
        let next = first.resend_those(|_| false, &[1, 2], NOON).unwrap();
        assert_eq!((next.members.as_slice(), next.attempts, next.uncertain), ([1].as_slice(), 0, false));
        assert_eq!(first.results[1], MemberResult::Resent(None));
        assert_eq!((first.status_of(0), first.status_of(1)), (Some(DeliveryStatus::Sent), None));
        assert!(first.resend_those(|_| false, &[1], NOON).is_none(), "it is on its way");
    }

    #[test]
    fn dead_letters_are_those_of_endpoints_until_they_are_resent() {
        let mut first = Bundle { channel: Channel::Webhook, ..bundle(3) };
        assert!(!first.is_dead_letter());
        let sent = Outcome::Sent { provider_id: None };
        first.finish(vec![failed(FailureKind::Permanent), sent, failed(TRANSIENT)], RULES, NOON);
        assert_eq!(
            first.dead_members().map(|dead| (dead.member, dead.status)).collect::<Vec<_>>(),
            [(0, DeliveryStatus::Failed)]
        );
        assert!(first.is_dead_letter());
        assert!(!Bundle { channel: Channel::Slack, ..first.clone() }.is_dead_letter());
        first.resend(&[DeliveryStatus::Failed], NOON).unwrap();
        assert!(!first.is_dead_letter());
    }

    #[test]
    fn a_resend_moves_only_what_failed() {
        let mut first = bundle(2);
        let outcomes = vec![Outcome::Sent { provider_id: None }, failed(FailureKind::Permanent)];
        assert!(first.finish(outcomes, RULES, NOON).is_empty());
        assert!(first.resend(&[DeliveryStatus::Dead], NOON).is_none());
        let next = first.resend(&[DeliveryStatus::Failed], NOON).unwrap();
        assert_eq!((next.members.as_slice(), next.attempts), ([1].as_slice(), 0));
        assert_eq!(first.status_of(0), Some(DeliveryStatus::Sent));
        assert!(first.resend(&[DeliveryStatus::Failed], NOON).is_none(), "a second resend finds nothing");
    }
}
