//! Requests, bundles and their recipients.

use super::{MemoryStore, State, erasure::Eraser, page, parse_cursor, trusted};
use crate::{
    Bundles, ClaimError, Claimed, Created, Due, HeldFor, Page, RELEASE_STAYS_MS, REPAIR_AFTER_MS, Request, Result,
    StoreError, retention::is_over,
};
use domain::{
    bundle::{Bundle, BundleId, BundleState, Payload},
    ids::{CampaignId, IntegrationId, RequestId, TenantId},
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Tables {
    requests: BTreeMap<(TenantId, CampaignId, RequestId), StoredRequest>,
    bundles: BTreeMap<(TenantId, CampaignId, Place), StoredBundle>,
    payloads: BTreeMap<(TenantId, CampaignId, RequestId, Option<u16>), Payload>,
}

/// The order of the table's sort keys: single items in their first generation stand before all others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    after_singles: bool,
    id: BundleId,
}

fn place(id: &BundleId) -> Place {
    Place { after_singles: id.number.is_some() || id.generation > 0, id: id.clone() }
}

#[derive(Debug)]
struct StoredRequest {
    request: Request,
    /// When the sweeper must look at it. A single one's index entry is its bundle's.
    due_at: Option<Timestamp>,
}

#[derive(Debug)]
struct StoredBundle {
    bundle: Bundle,
    indexed: Indexed,
}

/// An item has at most one entry in the index.
#[derive(Debug, PartialEq, Eq)]
enum Indexed {
    No,
    Due(Timestamp),
    Held(HeldFor),
    /// Among the dead letters of its endpoint.
    Dead(Timestamp),
}

/// What the index says of a bundle that is finished.
fn finished_look(bundle: &Bundle) -> Indexed {
    if bundle.is_dead_letter() { Indexed::Dead(bundle.finished_at.unwrap_or_default()) } else { Indexed::No }
}

impl Tables {
    pub(super) fn erase(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.requests);
        eraser.take(&mut self.bundles);
        eraser.take(&mut self.payloads);
    }

    /// The dead letters of an endpoint, in no order.
    pub(super) fn dead(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
    ) -> impl Iterator<Item = (Timestamp, &Bundle)> {
        self.bundles.iter().filter_map(move |((tenant, ..), stored)| match stored.indexed {
            Indexed::Dead(at) if tenant == scope.tenant() && stored.bundle.integration == *endpoint => {
                Some((at, &stored.bundle))
            }
            _ => None,
        })
    }

    /// When each request and each bundle was created.
    pub(super) fn created(&self, scope: &TenantScope) -> impl Iterator<Item = Timestamp> {
        let requests = self.requests.iter().filter(|((tenant, ..), _)| tenant == scope.tenant());
        let bundles = self.bundles.iter().filter(|((tenant, ..), _)| tenant == scope.tenant());
        requests.map(|(_, it)| it.request.created_at).chain(bundles.map(|(_, it)| it.bundle.created_at))
    }

    /// Deletes what stands under an endpoint; returns how many.
    pub(super) fn let_go(&mut self, scope: &TenantScope, campaign: &CampaignId) -> usize {
        let count = self.requests.len() + self.bundles.len() + self.payloads.len();
        self.requests.retain(|(tenant, of, _), _| tenant != scope.tenant() || of != campaign);
        self.bundles.retain(|(tenant, of, _), _| tenant != scope.tenant() || of != campaign);
        self.payloads.retain(|(tenant, of, ..), _| tenant != scope.tenant() || of != campaign);
        count - self.requests.len() - self.bundles.len() - self.payloads.len()
    }

    /// Whether there is such a bundle.
    pub(super) fn has(&self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId) -> bool {
        self.bundles.contains_key(&(scope.tenant().clone(), campaign.clone(), place(id)))
    }

    fn bundle_mut(&mut self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId) -> Option<&mut StoredBundle> {
        self.bundles.get_mut(&(scope.tenant().clone(), campaign.clone(), place(id)))
    }

    fn put(&mut self, scope: &TenantScope, bundle: &Bundle, indexed: Indexed) {
        let key = (scope.tenant().clone(), bundle.campaign.clone(), place(&bundle.id));
        self.bundles.insert(key, StoredBundle { bundle: bundle.clone(), indexed });
    }

    fn put_payload(&mut self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId, payload: &Payload) {
        let key = (scope.tenant().clone(), campaign.clone(), id.request.clone(), id.number);
        self.payloads.insert(key, payload.clone());
    }

    fn payload(&self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId) -> Option<Payload> {
        self.payloads.get(&(scope.tenant().clone(), campaign.clone(), id.request.clone(), id.number)).cloned()
    }

    fn request(&self, scope: &TenantScope, campaign: &CampaignId, id: &RequestId) -> Option<Request> {
        let key = (scope.tenant().clone(), campaign.clone(), id.clone());
        let mut request = self.requests.get(&key)?.request.clone();
        let single = BundleId { request: id.clone(), number: None, generation: 0 };
        let (tenant, campaign, _) = key;
        let claimed = self.bundles.get(&(tenant, campaign, place(&single))).is_some_and(|it| it.bundle.fence > 0);
        request.dispatched |= claimed;
        Some(request)
    }

    /// Changes a bundle that is still claimed as `bundle` says. A change that was made already is no conflict.
    fn settle(
        &mut self,
        scope: &TenantScope,
        bundle: &Bundle,
        state: BundleState,
        indexed: Indexed,
        change: impl FnOnce(&mut Bundle),
    ) -> Result<()> {
        let stored = self.bundle_mut(scope, &bundle.campaign, &bundle.id).ok_or(StoreError::Conflict)?;
        if stored.bundle.fence != bundle.fence {
            return Err(StoreError::Conflict);
        }
        let mut wanted = stored.bundle.clone();
        wanted.state = state;
        change(&mut wanted);
        if stored.bundle.state == BundleState::Sending {
            *stored = StoredBundle { bundle: wanted, indexed };
            Ok(())
        } else if stored.bundle == wanted {
            Ok(())
        } else {
            Err(StoreError::Conflict)
        }
    }
}

impl State {
    pub(super) fn ask_release(&mut self, scope: &TenantScope, held_for: HeldFor, at: Timestamp) {
        self.releases.insert(release_key(scope, &held_for), (held_for, at));
    }
}

fn release_key(scope: &TenantScope, held_for: &HeldFor) -> (TenantId, String) {
    (scope.tenant().clone(), format!("{held_for:?}"))
}

fn queued_look(due: Timestamp, queued_by_caller: bool) -> Indexed {
    Indexed::Due(if queued_by_caller { due.plus_ms(REPAIR_AFTER_MS) } else { due })
}

impl Bundles for MemoryStore {
    async fn create_request(
        &self,
        scope: &TenantScope,
        request: &Request,
        single: Option<(&Bundle, &Payload)>,
    ) -> Result<Created> {
        self.call("create_request", |state| {
            let tables = &mut state.bundles;
            if let Some(stored) = tables.request(scope, &request.campaign, &request.id)
                && !is_over(stored.created_at, request.created_at)
            {
                return Ok(Created::Exists(Box::new(stored)));
            }
            let look = request.created_at.plus_ms(REPAIR_AFTER_MS);
            if let Some((bundle, payload)) = single {
                tables.put(scope, bundle, Indexed::Due(look));
                tables.put_payload(scope, &request.campaign, &bundle.id, payload);
            }
            tables.requests.insert(
                (scope.tenant().clone(), request.campaign.clone(), request.id.clone()),
                StoredRequest { request: request.clone(), due_at: single.is_none().then_some(look) },
            );
            Ok(Created::Fresh)
        })
        .await
    }

    async fn request(&self, scope: &TenantScope, campaign: &CampaignId, id: &RequestId) -> Result<Option<Request>> {
        self.call("request", |state| Ok(state.bundles.request(scope, campaign, id))).await
    }

    async fn write_bundles(&self, scope: &TenantScope, bundles: &[(Bundle, Payload)], repeat: bool) -> Result<()> {
        self.call("write_bundles", |state| {
            for (bundle, payload) in bundles {
                let stored = state.bundles.bundle_mut(scope, &bundle.campaign, &bundle.id);
                if repeat && stored.is_some_and(|stored| !is_over(stored.bundle.created_at, bundle.created_at)) {
                    continue;
                }
                state.bundles.put(scope, bundle, Indexed::No);
                state.bundles.put_payload(scope, &bundle.campaign, &bundle.id, payload);
            }
            Ok(())
        })
        .await
    }

    async fn mark_dispatched(&self, scope: &TenantScope, campaign: &CampaignId, id: &RequestId) -> Result<()> {
        self.call("mark_dispatched", |state| {
            let single = BundleId { request: id.clone(), number: None, generation: 0 };
            if let Some(stored) = state.bundles.bundle_mut(scope, campaign, &single) {
                if stored.bundle.fence > 0 {
                    return Ok(());
                }
                stored.indexed = Indexed::No;
            }
            let key = (scope.tenant().clone(), campaign.clone(), id.clone());
            if let Some(stored) = state.bundles.requests.get_mut(&key) {
                stored.request.dispatched = true;
                stored.due_at = None;
            }
            Ok(())
        })
        .await
    }

    async fn claim(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
        now: Timestamp,
    ) -> std::result::Result<Claimed, ClaimError> {
        self.call("claim", |state| {
            let stored = state.bundles.bundle_mut(scope, campaign, id);
            let Some(stored) = stored.filter(|stored| !is_over(stored.bundle.created_at, now)) else {
                return Err(ClaimError::Gone);
            };
            let interrupted = stored.bundle.claim(now).map_err(ClaimError::Refused)?;
            stored.indexed = Indexed::No;
            let bundle = stored.bundle.clone();
            let tables = &state.bundles;
            let inline = if id.number.is_none() && id.generation == 0 {
                let envelope = tables.request(scope, campaign, &id.request).map(|request| request.envelope);
                envelope.zip(tables.payload(scope, campaign, id))
            } else {
                None
            };
            Ok(Claimed { bundle, inline, interrupted })
        })
        .await
    }

    async fn payload(&self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId) -> Result<Option<Payload>> {
        self.call("payload", |state| Ok(state.bundles.payload(scope, campaign, id))).await
    }

    async fn finish(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        next: &[Bundle],
        queued_by_caller: bool,
    ) -> Result<()> {
        self.call("finish", |state| {
            let tables = &mut state.bundles;
            let already = tables
                .bundle_mut(scope, &bundle.campaign, &bundle.id)
                .is_some_and(|stored| stored.bundle.state == BundleState::Done);
            if !already && next.iter().any(|next| tables.bundle_mut(scope, &next.campaign, &next.id).is_some()) {
                return Err(StoreError::Conflict);
            }
            tables.settle(scope, bundle, BundleState::Done, finished_look(bundle), |stored| {
                stored.uncertain = bundle.uncertain;
                stored.results.clone_from(&bundle.results);
                stored.answers.clone_from(&bundle.answers);
                stored.finished_at = bundle.finished_at;
            })?;
            for next in next.iter().filter(|_| !already) {
                tables.put(scope, next, queued_look(next.due, queued_by_caller));
            }
            Ok(())
        })
        .await
    }

    async fn move_to(&self, scope: &TenantScope, bundle: &Bundle, integration: &IntegrationId) -> Result<()> {
        self.call("move_to", |state| {
            state.bundles.settle(scope, bundle, BundleState::Sending, Indexed::No, |stored| {
                stored.integration.clone_from(integration);
            })
        })
        .await
    }

    async fn put_back(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        due: Timestamp,
        queued_by_caller: bool,
    ) -> Result<()> {
        self.call("put_back", |state| {
            let look = queued_look(due, queued_by_caller);
            state.bundles.settle(scope, bundle, BundleState::Queued, look, |stored| stored.due = due)
        })
        .await
    }

    async fn hold(&self, scope: &TenantScope, bundle: &Bundle, held_for: &HeldFor) -> Result<()> {
        self.call("hold", |state| {
            state.bundles.settle(scope, bundle, BundleState::Held, Indexed::Held(held_for.clone()), |_| ())
        })
        .await
    }

    async fn cancel(&self, scope: &TenantScope, bundle: &Bundle) -> Result<()> {
        self.call("cancel", |state| state.bundles.settle(scope, bundle, BundleState::Cancelled, Indexed::No, |_| ()))
            .await
    }

    async fn resend(&self, scope: &TenantScope, bundle: &Bundle, next: &Bundle) -> Result<()> {
        self.call("resend", |state| {
            if state.bundles.bundle_mut(scope, &next.campaign, &next.id).is_some() {
                return Err(StoreError::Conflict);
            }
            let stored = state.bundles.bundle_mut(scope, &bundle.campaign, &bundle.id);
            let Some(stored) = stored.filter(|stored| {
                stored.bundle.state == BundleState::Done
                    && stored.bundle.resends + 1 == bundle.resends
                    && !is_over(stored.bundle.created_at, next.created_at)
            }) else {
                return Err(StoreError::Conflict);
            };
            stored.bundle.results.clone_from(&bundle.results);
            stored.bundle.resends = bundle.resends;
            stored.indexed = finished_look(&stored.bundle);
            state.bundles.put(scope, next, queued_look(next.due, true));
            Ok(())
        })
        .await
    }

    async fn held(&self, scope: &TenantScope, held_for: &HeldFor, limit: usize) -> Result<Vec<(CampaignId, BundleId)>> {
        self.call("held", |state| {
            let all = state.bundles.bundles.iter();
            let mut held: Vec<_> = all
                .filter(|((tenant, ..), stored)| {
                    tenant == scope.tenant() && matches!(&stored.indexed, Indexed::Held(by) if by == held_for)
                })
                .map(|((_, campaign, place), stored)| (stored.bundle.created_at, campaign.clone(), place.id.clone()))
                .collect();
            held.sort_by_key(|(created_at, ..)| *created_at);
            Ok(held.into_iter().take(limit).map(|(_, campaign, id)| (campaign, id)).collect())
        })
        .await
    }

    async fn release(&self, scope: &TenantScope, campaign: &CampaignId, id: &BundleId, now: Timestamp) -> Result<()> {
        self.call("release", |state| {
            let stored = state.bundles.bundle_mut(scope, campaign, id);
            let Some(stored) = stored.filter(|stored| stored.bundle.state == BundleState::Held) else {
                return Err(StoreError::Conflict);
            };
            stored.bundle.state = BundleState::Queued;
            stored.bundle.due = now;
            stored.indexed = queued_look(now, true);
            Ok(())
        })
        .await
    }

    async fn releases_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, HeldFor)>> {
        self.call("releases_due", |state| {
            let mut due: Vec<_> = state.releases.iter().filter(|(_, (_, at))| *at <= now).collect();
            due.sort_by_key(|(_, (_, at))| *at);
            let due = due.into_iter().take(limit);
            Ok(due.map(|((tenant, _), (held_for, _))| (trusted(tenant), held_for.clone())).collect())
        })
        .await
    }

    async fn release_done(&self, scope: &TenantScope, held_for: &HeldFor, now: Timestamp) -> Result<()> {
        self.call("release_done", |state| {
            let key = release_key(scope, held_for);
            if state.releases.get(&key).is_some_and(|(_, at)| at.plus_ms(RELEASE_STAYS_MS) <= now) {
                state.releases.remove(&key);
            }
            Ok(())
        })
        .await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Due>> {
        self.call("due", |state| {
            let requests = state.bundles.requests.iter().filter_map(|((tenant, campaign, id), stored)| {
                Some((stored.due_at?, Due::Request(trusted(tenant), campaign.clone(), id.clone())))
            });
            let bundles = state.bundles.bundles.iter().filter_map(|((tenant, campaign, place), stored)| {
                let Indexed::Due(at) = stored.indexed else { return None };
                Some((at, Due::Bundle(trusted(tenant), campaign.clone(), place.id.clone())))
            });
            let mut due: Vec<_> = requests.chain(bundles).filter(|(at, _)| *at <= now).collect();
            due.sort_by_key(|(at, _)| *at);
            Ok(due.into_iter().take(limit).map(|(_, due)| due).collect())
        })
        .await
    }

    async fn postpone(&self, due: &Due, until: Timestamp) -> Result<()> {
        self.call("postpone", |state| {
            match due {
                Due::Bundle(scope, campaign, id) => {
                    if let Some(stored) = state.bundles.bundle_mut(scope, campaign, id)
                        && matches!(stored.indexed, Indexed::Due(_))
                    {
                        stored.indexed = Indexed::Due(until);
                    }
                }
                Due::Request(scope, campaign, id) => {
                    let key = (scope.tenant().clone(), campaign.clone(), id.clone());
                    if let Some(stored) = state.bundles.requests.get_mut(&key) {
                        stored.due_at = stored.due_at.map(|_| until);
                    }
                }
            }
            Ok(())
        })
        .await
    }

    async fn generations(&self, scope: &TenantScope, campaign: &CampaignId, origin: &BundleId) -> Result<Vec<Bundle>> {
        self.call("generations", |state| {
            let mut found: Vec<_> = state
                .bundles
                .bundles
                .iter()
                .filter(|((tenant, stored, place), _)| {
                    tenant == scope.tenant()
                        && stored == campaign
                        && place.id.request == origin.request
                        && place.id.number == origin.number
                })
                .map(|(_, stored)| stored.bundle.clone())
                .collect();
            found.sort_by_key(|bundle| bundle.id.generation);
            Ok(found)
        })
        .await
    }

    async fn bundles_of(&self, scope: &TenantScope, campaign: &CampaignId, request: &RequestId) -> Result<Vec<Bundle>> {
        self.call("bundles_of", |state| {
            let mut found: Vec<Bundle> = state
                .bundles
                .bundles
                .iter()
                .filter(|((tenant, of, place), _)| {
                    let id = &place.id;
                    tenant == scope.tenant()
                        && of == campaign
                        && id.request == *request
                        && id.generation == 0
                        && id.number.is_some()
                })
                .map(|(_, stored)| stored.bundle.clone())
                .collect();
            found.sort_by_key(|bundle| bundle.id.number);
            Ok(found)
        })
        .await
    }

    async fn bundles(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Bundle>> {
        self.call("bundles", |state| {
            let after: Option<BundleId> = parse_cursor(cursor)?;
            let after = after.as_ref().map(place);
            let bundles = state
                .bundles
                .bundles
                .iter()
                .filter(|((tenant, stored, place), _)| {
                    tenant == scope.tenant() && stored == campaign && Some(place) > after.as_ref()
                })
                .map(|(_, stored)| stored.bundle.clone());
            Ok(page(bundles, limit, |bundle| bundle.id.to_string()))
        })
        .await
    }

    async fn payloads(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        ids: &[BundleId],
    ) -> Result<Vec<Option<Payload>>> {
        self.call("payloads", |state| Ok(ids.iter().map(|id| state.bundles.payload(scope, campaign, id)).collect()))
            .await
    }
}
