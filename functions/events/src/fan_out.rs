//! From a request to the bundles of every endpoint that wants some of it.

use crate::{
    given::{AllGiven, Given},
    handler::other_body,
};
use domain::{
    bundle::{Bundle, BundleId, Envelope, Payload},
    channel::Channel,
    ids::{CampaignId, EventId, IntegrationId},
    log::ApiCall,
    message::Content,
    tenant::TenantScope,
    time::Timestamp,
    webhook::{
        OutEvent,
        batch::{Batch, Piece},
    },
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hub::accept::{self, Accepted};
use runtime::{http::Answer, queue::Queues};
use std::collections::BTreeMap;
use store::{EventRequest, Match, Request, Store, StoreError};

/// How many endpoints are written to at a time, and how many chains of one are linked.
const AT_ONCE: usize = 8;

/// A request on its way to its endpoints.
pub(crate) struct FanOut<'a> {
    scope: &'a TenantScope,
    request: &'a EventRequest,
    /// Whether it was begun before.
    again: bool,
    given: &'a AllGiven<'a>,
    /// By endpoint, in the order of the request's matches.
    pieces: Vec<Vec<Piece<'a>>>,
}

impl<'a> FanOut<'a> {
    pub(crate) fn new(scope: &'a TenantScope, request: &'a EventRequest, again: bool, given: &'a AllGiven<'a>) -> Self {
        let batch = Batch::new(given.members());
        let pieces = request.matches.iter().map(|it| batch.pieces(&it.wanted, it.ordered)).collect();
        Self { scope, request, again, given, pieces }
    }

    /// The events with their ids.
    pub(crate) fn events(&self) -> impl Iterator<Item = (EventId, &Given<'a>)> {
        self.given.events.iter().enumerate().map(|(number, event)| (self.event_id(number), event))
    }

    /// The endpoints that get something, with what.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = (&IntegrationId, &[Piece<'a>])> {
        self.request.matches.iter().map(|it| &it.endpoint).zip(self.pieces.iter().map(Vec::as_slice))
    }

    pub(crate) fn bundle_id(&self, piece: &Piece<'_>) -> BundleId {
        BundleId { request: self.request.id.clone(), number: piece.number, generation: 0 }
    }

    fn event_id(&self, number: usize) -> EventId {
        // A request has at most 1,000 events, so every number fits.
        let number = u16::try_from(number).ok().filter(|_| self.given.events.len() > 1);
        EventId::of(&self.request.id, number)
    }

    /// Writes and queues the deliveries to all endpoints. A repeat completes what the first try left undone. True if what
    /// was stored tells of the call: the first endpoint's request carries it.
    ///
    /// Each endpoint is seen to, even if another's failed: what is durable need not be written by the repeat.
    pub(crate) async fn write_then_queue(
        &self,
        store: &impl Store,
        queues: &impl Queues,
        now: Timestamp,
        call: impl Fn() -> ApiCall,
    ) -> Answer<bool> {
        let mut writes = Vec::with_capacity(self.pieces.len());
        for (number, (to, pieces)) in self.request.matches.iter().zip(&self.pieces).enumerate() {
            let call = Some(&call).filter(|_| number == 0);
            writes.push(self.write_one(store, queues, to, pieces, now, call));
        }
        let written: Vec<Result<Accepted, StoreError>> = stream::iter(writes).buffered(AT_ONCE).collect().await;
        let mut recorded = false;
        for (number, written) in written.into_iter().enumerate() {
            match written? {
                Accepted::Stored => recorded |= number == 0,
                Accepted::Repeated => {}
                Accepted::OtherBody => return Err(other_body().into()),
            }
        }
        Ok(recorded)
    }

    async fn write_one(
        &self,
        store: &impl Store,
        queues: &impl Queues,
        to: &Match,
        pieces: &[Piece<'_>],
        now: Timestamp,
        call: Option<impl Fn() -> ApiCall>,
    ) -> Result<Accepted, StoreError> {
        let bundles = self.bundles(store, to, pieces, now).await?;
        let header = self.header(to, now, call.map(|call| call()));
        accept::write_then_queue(store, queues, self.scope, header, bundles).await
    }

    fn header(&self, to: &Match, now: Timestamp, call: Option<ApiCall>) -> Request {
        Request {
            id: self.request.id.clone(),
            campaign: CampaignId::of_endpoint(&to.endpoint),
            body_hash: self.request.body_hash.clone(),
            bundles: 0,
            dispatched: false,
            created_at: now,
            envelope: Envelope { content: Content::Events },
            call,
        }
    }

    async fn bundles(
        &self,
        store: &impl Store,
        to: &Match,
        pieces: &[Piece<'_>],
        now: Timestamp,
    ) -> Result<Vec<(Bundle, Payload)>, StoreError> {
        let mut bundles: Vec<(Bundle, Payload)> = pieces.iter().map(|piece| self.bundle(to, piece, now)).collect();
        for (place, after) in self.predecessors(store, to, pieces, now).await? {
            bundles[place].0.after = after;
        }
        Ok(bundles)
    }

    /// What the bundles of each key come after, by their place: of a key's first, the end of its chain so far; of the
    /// others, the one before.
    async fn predecessors(
        &self,
        store: &impl Store,
        to: &Match,
        pieces: &[Piece<'_>],
        now: Timestamp,
    ) -> Result<Vec<(usize, Option<BundleId>)>, StoreError> {
        let mut by_key: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, piece) in pieces.iter().enumerate() {
            if let Some(key) = piece.key {
                by_key.entry(key).or_default().push(place);
            }
        }
        let mut chains = Vec::with_capacity(by_key.len());
        for (key, places) in by_key {
            chains.push(self.chain(store, to, key, places, pieces, now));
        }
        stream::iter(chains).buffer_unordered(AT_ONCE).try_concat().await
    }

    async fn chain(
        &self,
        store: &impl Store,
        to: &Match,
        key: &str,
        places: Vec<usize>,
        pieces: &[Piece<'_>],
        now: Timestamp,
    ) -> Result<Vec<(usize, Option<BundleId>)>, StoreError> {
        let mut found = Vec::with_capacity(places.len());
        let Some(last) = places.last() else { return Ok(found) };
        let last = self.bundle_id(&pieces[*last]);
        let mut after = store.chain(self.scope, &to.endpoint, key, &last, now).await?;
        if self.again
            && places.len() > 1
            && let Some(before) = &after
            && self.came_later(store, to, before, &last).await?
        {
            after = None;
        }
        for place in places {
            found.push((place, after.replace(self.bundle_id(&pieces[place]))));
        }
        Ok(found)
    }

    /// Whether what a repeat is to come after came after it. Some bundles of the first try may stand, and others wait for the
    /// last of them. If the first try's link was let go meanwhile, the end of the chain is behind these others: to wait for
    /// it closed a ring.
    async fn came_later(
        &self,
        store: &impl Store,
        to: &Match,
        before: &BundleId,
        last: &BundleId,
    ) -> Result<bool, StoreError> {
        let campaign = CampaignId::of_endpoint(&to.endpoint);
        let created_at = async |id: &BundleId| {
            let generations = store.generations(self.scope, &campaign, id).await?;
            Ok::<_, StoreError>(generations.first().map(|it| it.created_at))
        };
        let Some(last) = created_at(last).await? else { return Ok(false) };
        Ok(created_at(before).await?.is_some_and(|before| before >= last))
    }

    fn bundle(&self, to: &Match, piece: &Piece<'_>, now: Timestamp) -> (Bundle, Payload) {
        let events: Vec<OutEvent> = piece.events.iter().map(|number| self.out(*number)).collect();
        // A bundle has at most 25 events, so the count fits.
        let count = u16::try_from(events.len()).unwrap_or(u16::MAX);
        let campaign = CampaignId::of_endpoint(&to.endpoint);
        let bundle = Bundle::first(self.bundle_id(piece), &campaign, Channel::Webhook, &to.endpoint, count, now);
        (bundle, Payload { events, ..Payload::default() })
    }

    fn out(&self, number: usize) -> OutEvent {
        let event = &self.given.events[number];
        OutEvent {
            id: self.event_id(number),
            kind: event.kind.clone(),
            at: event.at.unwrap_or(self.request.at),
            data: event.text.to_owned(),
            key: event.key.clone(),
        }
    }
}
