//! What a sender does with one bundle, from claim to result. Every sender function runs exactly this; only the provider
//! differs.
//!
//! ```text
//! claim -> may it go? -> through which integration? lease slots -> recipients, content, connection -> send each
//!   -> finish in one write -> queue what goes on
//! ```
//!
//! Nothing is acknowledged before it is durable: as long as [`Sender::deliver`] has not returned [`sqs::Outcome::Done`], the
//! queue keeps the message, and a claim that is never finished runs out after its lease.

mod events;
mod messages;
mod route;
mod run;
mod simulate;

use self::{
    messages::Messages,
    route::{Route, Slots},
    run::Run,
};
use crate::{content::Templates, expiring::Expiring, leases::Leases, suppressed::SuppressionLists};
use domain::{
    bundle::{Bundle, ClaimRefusal, Envelope, FinishRules, Outcome},
    campaign::CampaignState,
    channel::{Channel, OnUnknown, ProviderClass},
    failure::{Failure, FailureKind},
    ids::{CampaignId, IntegrationId, RequestId, TenantId},
    integration::Integration,
    message::Content,
    retry::jittered_ms,
    tenant::TenantScope,
    time::{Clock, SECOND_MS, Timestamp},
    webhook::{Answer, EndpointSettings},
};
use providers::{Found, Launch, Launched, Outgoing, Post, Reply};
use runtime::{
    lazy::Lazy,
    queue::{BundleMessage, DELAY_MAX_S, Queues},
    sqs,
};
use std::{future::Future, sync::Arc, time::Duration};
use store::{ClaimError, Claimed, HeldFor, Store, StoreError};

/// How long a sender trusts what it read of an integration or a campaign, in milliseconds. So this is how long after a
/// disable, pause or cancel a last message may still go.
pub const TRUST_MS: i64 = 2 * SECOND_MS;

/// A member that is not sent this long before the function's end is left for another run, in milliseconds: the longest
/// a provider may take, and time to write the results.
pub const RESERVE_MS: i64 = 15 * SECOND_MS;

/// The same where the longest that a provider may take is an endpoint's 30 s: of a minute, 24 s are left to begin in.
const POST_RESERVE_MS: i64 = 36 * SECOND_MS;

/// What a channel's sender keeps in reserve, in milliseconds.
#[must_use]
pub const fn reserve_ms(channel: Channel) -> i64 {
    if matches!(channel, Channel::Webhook) { POST_RESERVE_MS } else { RESERVE_MS }
}

/// How long a message rests when the store is away, in seconds.
const STORE_PAUSE_S: u32 = 5;

/// How often a bundle is put back into its queue by those who claim it. Then it is left to the sweeper: a function that
/// is fed by itself over and over is taken for a loop, and stopped (Lambda's recursive loop detection, after 16 rounds).
const ROUNDS_MAX: u64 = 8;

/// How long a bundle rests when the key service or the store does not give what it needs, in milliseconds; a
/// little more or less, so that bundles which were refused together do not ask again together.
const AWAY_PAUSE_MS: i64 = 10 * SECOND_MS;

/// How often the results are written before the bundle is left to its lease.
const FINISH_TRIES: u32 = 4;

/// Opens lines to providers. The real one is [`crate::connections::Connections`]; tests script their own.
pub trait Lines: Send + Sync {
    /// An open line.
    type Line: Line;

    /// The line of an integration, kept open between bundles while its settings stay the same.
    fn open(
        &self,
        scope: &TenantScope,
        integration: &Integration,
    ) -> impl Future<Output = Result<Arc<Self::Line>, Failure>> + Send;

    /// Forgets the line and the secrets it was opened with.
    fn forget(&self, scope: &TenantScope, integration: &Integration);
}

impl<S: Store, Q: Queues, L: Lines> sqs::Consumer for Sender<S, Q, L> {
    type Message = BundleMessage;

    async fn handle(&self, message: BundleMessage, received: &sqs::Received) -> sqs::Outcome {
        self.deliver(&message, received.deadline).await
    }
}

/// A line to a provider.
pub trait Line: Send + Sync {
    /// Hands one message over; the provider's own id of it on success.
    fn send(&self, outgoing: &Outgoing<'_>) -> impl Future<Output = Result<Option<String>, Failure>> + Send;

    /// How many messages it takes at once.
    fn concurrency(&self) -> usize;

    /// Whether the provider took a message whose outcome is unknown.
    fn find(&self, outgoing: &Outgoing<'_>) -> impl Future<Output = Found> + Send {
        let _ = outgoing;
        std::future::ready(Found::CannotTell)
    }

    /// Creates a simulation for all its targets at once, unless it is there already; `None` if it is not and may not be
    /// created.
    fn simulate(&self, launch: &Launch<'_>) -> impl Future<Output = Result<Option<Launched>, Failure>> + Send {
        let _ = launch;
        let words = "this provider runs no simulations";
        std::future::ready(Err(Failure::new(FailureKind::Permanent, "settings_invalid", words)))
    }

    /// Posts one event to an endpoint.
    fn post(&self, post: &Post<'_>) -> impl Future<Output = Reply> + Send {
        let _ = post;
        let words = "this provider takes no events";
        let result = Err(Failure::new(FailureKind::Permanent, "settings_invalid", words));
        std::future::ready(Reply { answer: domain::webhook::Answer::default(), result })
    }
}

/// One sender function's state between messages.
pub struct Sender<S, Q, L> {
    store: Lazy<S>,
    queues: Q,
    lines: L,
    clock: Arc<dyn Clock>,
    jitter: fn() -> f64,
    leases: Leases<S>,
    templates: Templates<S>,
    suppressions: SuppressionLists<S>,
    integrations: Expiring<(TenantId, IntegrationId), Arc<Integration>>,
    /// All of a tenant's, for when one of them fails.
    others: Expiring<TenantId, Arc<Vec<Integration>>>,
    campaigns: Expiring<(TenantId, CampaignId), CampaignState>,
    envelopes: Expiring<(TenantId, CampaignId, RequestId), Envelope>,
}

/// What came of a bundle's members, in order.
#[derive(Debug, Default)]
struct Came {
    outcomes: Vec<Outcome>,
    /// What an endpoint answered; empty on every other channel.
    answers: Vec<Answer>,
}

impl Came {
    /// The same for all of them.
    fn alike(bundle: &Bundle, outcome: &Outcome) -> Self {
        vec![outcome.clone(); bundle.members.len()].into()
    }
}

impl From<Vec<Outcome>> for Came {
    fn from(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes, answers: Vec::new() }
    }
}

/// May the bundle go, and if not, what then?
enum Verdict {
    Go(Arc<Integration>),
    Hold(HeldFor),
    Cancel,
}

impl<S: Store, Q: Queues, L: Lines> Sender<S, Q, L> {
    /// A sender over the given store, queues, lines and clock; `jitter` draws from -1..=1.
    pub fn new(store: Lazy<S>, queues: Q, lines: L, clock: Arc<dyn Clock>, jitter: fn() -> f64) -> Self {
        Self {
            leases: Leases::new(store.clone()),
            templates: Templates::new(store.clone()),
            suppressions: SuppressionLists::new(store.clone()),
            store,
            queues,
            lines,
            clock,
            jitter,
            integrations: Expiring::new(TRUST_MS),
            others: Expiring::new(TRUST_MS),
            campaigns: Expiring::new(TRUST_MS),
            envelopes: Expiring::new(domain::time::HOUR_MS),
        }
    }

    /// Delivers the bundle that a queue message names. `deadline` is when the function is killed.
    pub async fn deliver(&self, message: &BundleMessage, deadline: Timestamp) -> sqs::Outcome {
        let (scope, now) = (&message.scope, self.clock.now());
        let claimed = match self.store.claim(scope, &message.campaign, &message.bundle, now).await {
            Ok(claimed) => claimed,
            Err(ClaimError::Gone) => {
                tracing::error!(bundle = %message.bundle, "a queued bundle does not exist");
                return sqs::Outcome::Done;
            }
            Err(ClaimError::Refused(ClaimRefusal::Settled | ClaimRefusal::Held)) => return sqs::Outcome::Done,
            Err(ClaimError::Refused(ClaimRefusal::Busy(at) | ClaimRefusal::NotDue(at))) => {
                return sqs::Outcome::Later { after_s: seconds_until(at, now) };
            }
            Err(ClaimError::Store(error)) => return unavailable(&error),
        };
        match self.carry_on(scope, claimed, deadline).await {
            // On a conflict somebody else has claimed it since: the result is theirs to write.
            Ok(()) | Err(StoreError::Conflict) => sqs::Outcome::Done,
            Err(error) => unavailable(&error),
        }
    }

    /// From a claim to its end. An error leaves the claim to its lease.
    async fn carry_on(&self, scope: &TenantScope, mut claimed: Claimed, deadline: Timestamp) -> Result<(), StoreError> {
        let now = self.clock.now();
        if claimed.interrupted && claimed.bundle.channel.hands_over_whole() {
            claimed.bundle.due = now.plus_ms(simulate::LISTED_AFTER_MS);
        }
        // It may have been held or put back since the attempt that was interrupted.
        claimed.interrupted |= claimed.bundle.was_interrupted();
        let bundle = &claimed.bundle;
        let own = match self.verdict(scope, bundle).await {
            Ok(Verdict::Go(integration)) => integration,
            Ok(Verdict::Cancel) => return self.store.cancel(scope, bundle).await,
            // The end of a hold may come too soon for a look.
            Ok(Verdict::Hold(_)) if bundle.due > now => return self.put_back(scope, bundle, now).await,
            Ok(Verdict::Hold(held_for)) => return self.hold(scope, bundle, &held_for).await,
            Err(error) => return self.step_back(scope, bundle, error).await,
        };
        let blind = own.provider.class() == ProviderClass::Blind;
        if claimed.interrupted && blind && own.on_unknown == OnUnknown::Hold {
            let failure = Failure::new(FailureKind::Unknown, "interrupted", "");
            let outcomes = bundle.members.iter().map(|_| Outcome::Failed(failure.clone())).collect();
            return self.finish(scope, claimed.bundle, &own, outcomes).await;
        }
        match self.waits_for_predecessor(scope, bundle, &own, deadline).await {
            Ok(None) => {}
            Ok(Some(until)) => return self.put_back(scope, bundle, until).await,
            Err(error) => return self.step_back(scope, bundle, error).await,
        }
        let (integration, slots) = match self.route(scope, bundle, own).await {
            Ok(Route::Through(integration, slots)) => (integration, slots),
            Ok(Route::Wait(until)) => return self.put_back(scope, bundle, until).await,
            Err(error) => return self.step_back(scope, bundle, error).await,
        };
        if integration.id != bundle.integration {
            // Before anything is sent: whoever finds this claim interrupted must know who may have taken what.
            self.store.move_to(scope, bundle, &integration.id).await?;
            claimed.bundle.integration = integration.id.clone();
        }
        let sent = self.send_all(scope, &claimed, &integration, slots, deadline).await;
        if slots.trial {
            self.end_trial(scope, &integration).await;
        }
        let came = match sent {
            Ok(Some(came)) => came,
            Ok(None) => return self.put_back(scope, &claimed.bundle, self.after_a_pause()).await,
            // What is handed over whole may be at its provider by now: until the lease ends, it shows there.
            Err(error) if claimed.bundle.channel.hands_over_whole() => return Err(error),
            Err(error) => return self.step_back(scope, &claimed.bundle, error).await,
        };
        match put_off(&came.outcomes) {
            Some(until) => self.put_back(scope, &claimed.bundle, until).await,
            None if claimed.bundle.channel == Channel::Webhook => {
                self.finish_posts(scope, claimed.bundle, &integration, slots, came).await
            }
            None => self.finish(scope, claimed.bundle, &integration, came.outcomes).await,
        }
    }

    async fn verdict(&self, scope: &TenantScope, bundle: &Bundle) -> Result<Verdict, StoreError> {
        let (campaign, integration) = futures::future::try_join(
            async {
                // Events have no campaign.
                if bundle.channel == Channel::Webhook {
                    return Ok(CampaignState::Active);
                }
                self.campaign_state(scope, &bundle.campaign, false).await
            },
            self.integration(scope, &bundle.integration, false),
        )
        .await?;
        Ok(match (campaign, integration) {
            (CampaignState::Cancelled, _) | (_, None) => Verdict::Cancel,
            (CampaignState::Paused, _) => Verdict::Hold(HeldFor::Campaign(bundle.campaign.clone())),
            (CampaignState::Active, Some(integration)) if integration.deleted_at.is_some() => Verdict::Cancel,
            (CampaignState::Active, Some(integration)) if !integration.enabled => {
                Verdict::Hold(HeldFor::Integration(integration.id.clone()))
            }
            (CampaignState::Active, Some(integration)) => Verdict::Go(integration),
        })
    }

    async fn campaign_state(
        &self,
        scope: &TenantScope,
        id: &CampaignId,
        fresh: bool,
    ) -> Result<CampaignState, StoreError> {
        let key = (scope.tenant().clone(), id.clone());
        if fresh {
            self.campaigns.forget(&key);
        }
        let load = async { Ok(Some(self.store.campaign(scope, id).await?.map(|it| it.state).unwrap_or_default())) };
        Ok(self.campaigns.get_or_load(key, self.clock.now(), load).await?.unwrap_or_default())
    }

    async fn integration(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        fresh: bool,
    ) -> Result<Option<Arc<Integration>>, StoreError> {
        let key = (scope.tenant().clone(), id.clone());
        if fresh {
            self.integrations.forget(&key);
        }
        let load = async { Ok(self.store.integration(scope, id).await?.map(Arc::new)) };
        self.integrations.get_or_load(key, self.clock.now(), load).await
    }

    /// Holds the bundle, then looks again: what it waits for may have happened just before the hold was written, in
    /// which case the release that came with it has not seen this bundle.
    async fn hold(&self, scope: &TenantScope, bundle: &Bundle, held_for: &HeldFor) -> Result<(), StoreError> {
        self.store.hold(scope, bundle, held_for).await?;
        let still = match held_for {
            HeldFor::Campaign(id) => self.campaign_state(scope, id, true).await? == CampaignState::Paused,
            HeldFor::Integration(id) => {
                self.integration(scope, id, true).await?.is_some_and(|it| it.deleted_at.is_none() && !it.enabled)
            }
        };
        if still {
            return Ok(());
        }
        crate::release::one(&*self.store, &self.queues, scope, bundle, self.clock.now()).await
    }

    /// Puts a bundle back of which nothing was sent, because the store is away for the moment. A claim that is left to its
    /// lease would look as if something had been.
    async fn step_back(&self, scope: &TenantScope, bundle: &Bundle, error: StoreError) -> Result<(), StoreError> {
        if !matches!(error, StoreError::Unavailable(_)) {
            return Err(error);
        }
        tracing::warn!(bundle = %bundle.id, %error, "a bundle is put back before anything is sent");
        self.put_back(scope, bundle, self.after_a_pause()).await
    }

    fn after_a_pause(&self) -> Timestamp {
        self.clock.now().plus_ms(jittered_ms(AWAY_PAUSE_MS, (self.jitter)()))
    }

    /// Puts a bundle back as it is, until `due` and not before it may be sent at all.
    async fn put_back(&self, scope: &TenantScope, bundle: &Bundle, due: Timestamp) -> Result<(), StoreError> {
        let due = due.max(bundle.due);
        let delay_s = delay_s(due, self.clock.now()).filter(|_| bundle.fence < ROUNDS_MAX);
        self.store.put_back(scope, bundle, due, delay_s.is_some()).await?;
        if let Some(delay_s) = delay_s {
            crate::dispatch::queue(&self.queues, scope, bundle, delay_s).await;
        }
        Ok(())
    }

    /// Writes what must not be lost, again and again for a moment. A write whose answer was lost may be repeated: the
    /// store knows its own work again.
    async fn insist<F>(&self, bundle: &Bundle, write: impl Fn() -> F + Send) -> Result<(), StoreError>
    where
        F: Future<Output = Result<(), StoreError>> + Send,
    {
        for attempt in 1.. {
            match write().await {
                Err(StoreError::Unavailable(why)) if attempt < FINISH_TRIES => {
                    tracing::warn!(bundle = %bundle.id, why, "writing what came of it is tried again");
                    tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                }
                result => return result,
            }
        }
        Ok(())
    }

    /// Writes the results and queues what goes on.
    async fn finish(
        &self,
        scope: &TenantScope,
        mut bundle: Bundle,
        integration: &Integration,
        outcomes: Vec<Outcome>,
    ) -> Result<(), StoreError> {
        let rules = FinishRules {
            retry_policy: integration.retry_policy,
            on_unknown: integration.on_unknown,
            class: integration.provider.class(),
            jitter: (self.jitter)(),
            one_by_one: bundle.channel == Channel::Webhook && EndpointSettings::is_ordered(&integration.config),
        };
        let now = self.clock.now();
        let next = bundle.finish(outcomes, rules, now);
        let delays_s: Vec<_> = next.iter().map(|next| delay_s(next.due, now)).collect();
        let all_queued = delays_s.iter().all(Option::is_some);
        self.insist(&bundle, || self.store.finish(scope, &bundle, &next, all_queued)).await?;
        for (next, delay_s) in next.iter().zip(delays_s) {
            if let Some(delay_s) = delay_s {
                crate::dispatch::queue(&self.queues, scope, next, delay_s).await;
            }
        }
        Ok(())
    }

    /// Sends every member that has a slot; one outcome for each member, in order. `None` if nothing could be sent, because
    /// the secrets cannot be opened for the moment. Of messages, an error says the same: all is read before the first goes.
    async fn send_all(
        &self,
        scope: &TenantScope,
        claimed: &Claimed,
        integration: &Arc<Integration>,
        slots: Slots,
        deadline: Timestamp,
    ) -> Result<Option<Came>, StoreError> {
        let bundle = &claimed.bundle;
        let all = |failure: Failure| Ok(Some(Came::alike(bundle, &Outcome::Failed(failure))));
        let poison = |what: &str| Failure::new(FailureKind::Permanent, "poison", what);
        let (envelope, payload) = if let Some((envelope, payload)) = &claimed.inline {
            (envelope.clone(), Some(payload.clone()))
        } else {
            let (envelope, payload) = futures::future::try_join(
                self.envelope(scope, bundle),
                self.store.payload(scope, &bundle.campaign, &bundle.id),
            )
            .await?;
            let Some(envelope) = envelope else { return all(poison("the request's header is missing")) };
            (envelope, payload)
        };
        let Some(payload) = payload else { return all(poison("the recipients are missing")) };
        if let Content::Simulation(order) = &envelope.content {
            return self.simulate(scope, claimed, integration, &payload, order, (slots, deadline)).await;
        }
        let source = match envelope.content {
            Content::Events => None,
            content => {
                let source = self.templates.source(scope, content, self.clock.now()).await?;
                if source.is_none() {
                    return all(Failure::new(FailureKind::Permanent, "template_failed", "the template does not exist"));
                }
                source
            }
        };
        let line = match self.lines.open(scope, integration).await {
            Ok(line) => line,
            Err(failure) => {
                // Nothing was connected to: what fails for a while here is our own store or key service. That says nothing
                // about the integration, and is no attempt of anybody's message.
                if matches!(failure.kind, FailureKind::Transient { .. }) {
                    tracing::warn!(bundle = %bundle.id, why = failure.detail, "the secrets cannot be opened now");
                    return Ok(None);
                }
                // But secrets that cannot be read fail every member alike.
                if failure.kind == FailureKind::Unauthorized {
                    self.judge(scope, integration, slots.trial, Err(&failure), bundle.members.len()).await;
                }
                return all(failure);
            }
        };
        let run = Run::new(self, scope, claimed, integration, (slots, deadline), line);
        let Some(source) = source else { return Ok(Some(run.post(&payload.events).await)) };
        let suppressed = self.suppressions.among(scope, bundle.channel, &payload.recipients, self.clock.now()).await?;
        let prepared = source.prepare(bundle.channel, &payload.recipients);
        let messages = Messages { run, payload: &payload, prepared: &prepared, suppressed: &suppressed };
        Ok(Some(messages.send().await.into()))
    }

    async fn envelope(&self, scope: &TenantScope, bundle: &Bundle) -> Result<Option<Envelope>, StoreError> {
        let request = &bundle.id.request;
        let key = (scope.tenant().clone(), bundle.campaign.clone(), request.clone());
        let load =
            async { Ok(self.store.request(scope, &bundle.campaign, request).await?.map(|request| request.envelope)) };
        self.envelopes.get_or_load(key, self.clock.now(), load).await
    }
}

/// Until when nobody was tried; `None` if somebody was. Such a bundle is put back as it is: a new generation each time
/// would cost two items, and use up the ids of its tree while a breaker opens and closes for hours.
fn put_off(outcomes: &[Outcome]) -> Option<Timestamp> {
    let until = |outcome: &Outcome| match outcome {
        Outcome::Deferred { until } => Some(*until),
        Outcome::Sent { .. } | Outcome::Failed(_) => None,
    };
    outcomes.iter().map(until).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The store is away: back to the queue for a moment.
fn unavailable(error: &StoreError) -> sqs::Outcome {
    tracing::warn!(%error, "a bundle goes back to its queue");
    sqs::Outcome::Later { after_s: STORE_PAUSE_S }
}

/// Whole seconds from `now` to `until`, rounded up, at least 1.
fn seconds_until(until: Timestamp, now: Timestamp) -> u32 {
    let seconds = (until.since_ms(now) + SECOND_MS - 1) / SECOND_MS;
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

/// The queue's delay for something due then; `None` when that is further off than a queue can delay, so that the
/// sweeper has to queue it.
fn delay_s(due: Timestamp, now: Timestamp) -> Option<u32> {
    if due <= now {
        return Some(0);
    }
    Some(seconds_until(due, now)).filter(|seconds| *seconds <= DELAY_MAX_S)
}

#[cfg(test)]
mod tests;
