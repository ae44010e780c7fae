//! Events that were given up: looking at them, and queueing them again by filter. Row 22 of the fault matrix.
//!
//! How fast they go needs no care here: senders lease their slots as always, so a redrive cannot exceed an endpoint's
//! limits. It may be repeated at will: what was queued again is no dead letter any more.

use crate::endpoints::{Endpoints, Place};
use api::{
    campaigns::DeliveryError,
    endpoints::{DeadLetterFilter, DeadLetterView, REDRIVE_MAX, RecoverRequest, RedriveAnswer},
    page::{List, PageQuery},
    problem::{FieldProblem, Problem},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, DeadMember, Payload, RESEND_WINDOW_MS},
    ids::{CampaignId, IntegrationId},
    principal::{Caller, Scope},
    tenant::TenantScope,
    time::{SECOND_MS, Timestamp},
    webhook::filter::EventPattern,
};
use futures::{StreamExt as _, stream};
use hub::dispatch;
use runtime::{
    caller::Auth,
    http::{Answer, Failed, Json, Path, Query},
};
use serde::Deserialize;
use std::sync::Arc;
use store::{Audit as _, Bundles as _, DeadLetters as _, DeadSpan, Page, StoreError, dead_letter_cursor};

/// Bundles a page of the walk.
const PAGE: usize = 100;

/// Bundles that one request for a list looks through at most.
const LOOKED_THROUGH: usize = 500;

/// Bundles moved at once.
const AT_ONCE: usize = 16;

/// How often a bundle is read anew when somebody else resends of it at the same time.
const TRIES: u32 = 3;

/// How long a request goes on moving bundles, in milliseconds: the gateway gives up after 30 s.
const WORK_MS: i64 = 15 * SECOND_MS;

/// Which dead letters a list shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
    since: Option<String>,
    until: Option<String>,
    #[serde(rename = "type")]
    kind: Option<EventPattern>,
    code: Option<String>,
}

/// A filter that was read.
struct Wanted {
    since: Timestamp,
    until: Timestamp,
    kind: Option<EventPattern>,
    code: Option<String>,
}

impl Wanted {
    /// Reads a filter at `now`. Nothing is older than what may be resent.
    fn read(filter: &DeadLetterFilter, now: Timestamp) -> Answer<Self> {
        let mut errors = Vec::new();
        let mut moment = |field: &str, text: Option<&String>, otherwise: Timestamp| {
            let read = text.map_or(Some(otherwise), |text| Timestamp::parse(text));
            read.unwrap_or_else(|| {
                let message = "must be a time: `2026-11-20T10:00:00Z`".to_owned();
                errors.push(FieldProblem { field: field.to_owned(), code: "invalid".to_owned(), message });
                otherwise
            })
        };
        let oldest = now.plus_ms(-RESEND_WINDOW_MS);
        let since = moment("since", filter.since.as_ref(), oldest).max(oldest);
        let until = moment("until", filter.until.as_ref(), now).min(now);
        if errors.is_empty() {
            Ok(Self { since, until, kind: filter.kind.clone(), code: filter.code.clone() })
        } else {
            Err(Problem::invalid(errors).into())
        }
    }

    fn span(&self, newest_first: bool) -> DeadSpan {
        DeadSpan { since: self.since, until: self.until, newest_first }
    }

    fn means(&self, dead: &DeadMember<'_>, payload: &Payload) -> bool {
        let event = payload.events.get(usize::from(dead.member));
        let of_kind = |kind: &EventPattern| event.is_some_and(|event| kind.matches(event.kind.as_str()));
        self.kind.as_ref().is_none_or(of_kind) && self.code.as_ref().is_none_or(|code| *code == dead.cause.code)
    }
}

/// Where a list goes on: behind all of a bundle, or within one, behind a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cursor {
    behind: Option<String>,
    within: Option<(BundleId, u16)>,
}

impl Cursor {
    fn read(text: Option<&str>) -> Result<Self, StoreError> {
        let Some(text) = text else { return Ok(Self::default()) };
        let (behind, within) = match text.split_once('*') {
            None => (text, None),
            Some((behind, within)) => {
                let within =
                    within.split_once('*').and_then(|(id, member)| Some((id.parse().ok()?, member.parse().ok()?)));
                (behind, Some(within.ok_or(StoreError::InvalidCursor)?))
            }
        };
        Ok(Self { behind: Some(behind.to_owned()).filter(|behind| !behind.is_empty()), within })
    }

    fn write(&self) -> String {
        let behind = self.behind.as_deref().unwrap_or_default();
        self.within.as_ref().map_or_else(|| behind.to_owned(), |(id, member)| format!("{behind}*{id}*{member}"))
    }

    /// Whether the list showed this member already.
    fn has_shown(&self, bundle: &BundleId, member: u16) -> bool {
        self.within.as_ref().is_some_and(|(within, last)| within == bundle && member <= *last)
    }
}

pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<DeadLetterView>>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    hub.find(&caller.scope, &id).await?;
    let Which { limit, cursor, since, until, kind, code } = which;
    let filter = DeadLetterFilter { since, until, kind, code, cursor: None };
    let wanted = Wanted::read(&filter, hub.now())?;
    let limit = PageQuery { limit, cursor: None }.limit();
    let (mut items, mut looked) = (Vec::new(), 0);
    let mut place = Cursor::read(cursor.as_deref())?;
    loop {
        let (page, payloads) = page_of(&hub, &caller.scope, &id, wanted.span(true), place.behind.as_deref()).await?;
        looked += page.items.len();
        for (bundle, payload) in page.items.iter().zip(&payloads) {
            let shown = place.clone();
            let fresh = |dead: &DeadMember<'_>| !shown.has_shown(&bundle.id, dead.member);
            for dead in bundle.dead_members().filter(|dead| fresh(dead) && wanted.means(dead, payload)) {
                if items.len() == limit {
                    return Ok(Json(List { items, next: Some(place.write()) }));
                }
                items.extend(view(bundle, &dead, payload));
                place.within = Some((bundle.id.clone(), dead.member));
            }
            place = Cursor { behind: Some(dead_letter_cursor(bundle)), within: None };
        }
        match page.next {
            None => return Ok(Json(List { items, next: None })),
            Some(next) => place = Cursor { behind: Some(next), within: None },
        }
        if looked >= LOOKED_THROUGH {
            return Ok(Json(List { items, next: Some(place.write()) }));
        }
    }
}

/// A page of bundles with their events, in their order.
async fn page_of<P: Place>(
    hub: &Endpoints<P>,
    scope: &TenantScope,
    id: &IntegrationId,
    span: DeadSpan,
    cursor: Option<&str>,
) -> Result<(Page<Bundle>, Vec<Payload>), StoreError> {
    let page = hub.store.dead_letters(scope, id, span, cursor, PAGE).await?;
    let ids: Vec<BundleId> = page.items.iter().map(|bundle| bundle.id.clone()).collect();
    let payloads = hub.store.payloads(scope, &CampaignId::of_endpoint(id), &ids).await?;
    Ok((page, payloads.into_iter().map(Option::unwrap_or_default).collect()))
}

/// `None` where its event is gone.
fn view(bundle: &Bundle, dead: &DeadMember<'_>, payload: &Payload) -> Option<DeadLetterView> {
    let event = payload.events.get(usize::from(dead.member))?;
    let place = bundle.members.iter().position(|member| *member == dead.member)?;
    Some(DeadLetterView {
        delivery_id: bundle.id.delivery(dead.member),
        event_id: event.id.clone(),
        kind: event.kind.clone(),
        status: dead.status,
        attempts: bundle.attempts + 1,
        failed_at: bundle.finished_at.unwrap_or(bundle.created_at).to_rfc3339(),
        response_status: bundle.answers.get(place).and_then(|answer| answer.status),
        error: DeliveryError::new(&dead.cause.code, &dead.cause.detail),
    })
}

pub(crate) async fn redrive<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    Json(filter): Json<DeadLetterFilter>,
) -> Answer<(StatusCode, Json<RedriveAnswer>)> {
    let caller = auth.require(Scope::EndpointsOperate)?;
    hub.find(&caller.scope, &id).await?;
    run(&hub, &caller, &id, &filter, "endpoint.redriven").await
}

pub(crate) async fn recover<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    Json(RecoverRequest { since }): Json<RecoverRequest>,
) -> Answer<(StatusCode, Json<RedriveAnswer>)> {
    let caller = auth.require(Scope::EndpointsOperate)?;
    hub.find(&caller.scope, &id).await?;
    if Timestamp::parse(&since).is_some_and(|since| hub.now().since_ms(since) > RESEND_WINDOW_MS) {
        let message = "may be at most 30 days ago: what was given up before is not kept";
        return Err(Problem::invalid_field("since", "out_of_range", message).into());
    }
    let filter = DeadLetterFilter { since: Some(since), ..DeadLetterFilter::default() };
    run(&hub, &caller, &id, &filter, "endpoint.recovered").await
}

async fn run<P: Place>(
    hub: &Endpoints<P>,
    caller: &Caller,
    id: &IntegrationId,
    filter: &DeadLetterFilter,
    action: &'static str,
) -> Answer<(StatusCode, Json<RedriveAnswer>)> {
    let now = hub.now();
    let wanted = Wanted::read(filter, now)?;
    let mut walk = Walk { hub, scope: &caller.scope, id, wanted: &wanted, now, redriven: 0, left: 0 };
    let outcome = walk.run(filter.cursor.clone()).await;
    let (redriven, left) = (walk.redriven, walk.left);
    // Whatever was moved is told of, also when the walk did not come to its end.
    if redriven > 0 {
        let detail = format!("{redriven} deliveries given up since {}", wanted.since.to_rfc3339());
        let principal = caller.principal.clone();
        let audit = AuditEntry { principal, action, target: id.to_string(), detail, at: now };
        hub.store.append_audit(&caller.scope, &audit).await.inspect_err(|error| {
            tracing::error!(%error, endpoint = %id, redriven, "a redrive is missing in the audit trail");
        })?;
    }
    let next = outcome?.map(|cursor| DeadLetterFilter {
        // The same span as now: what fails again meanwhile is not met twice.
        since: Some(wanted.since.to_rfc3339()),
        until: Some(wanted.until.to_rfc3339()),
        cursor: Some(cursor),
        ..filter.clone()
    });
    Ok((StatusCode::ACCEPTED, Json(RedriveAnswer { redriven, left, next })))
}

/// One redrive, the oldest dead letters first.
struct Walk<'a, P: Place> {
    hub: &'a Endpoints<P>,
    scope: &'a TenantScope,
    id: &'a IntegrationId,
    wanted: &'a Wanted,
    now: Timestamp,
    redriven: usize,
    left: usize,
}

/// What became of a bundle.
enum Moved {
    /// Its next generation.
    On(Box<Bundle>),
    /// Nothing of it was meant, or somebody else moved it first.
    Nothing,
    /// So many of it were meant, and cannot be moved any more.
    Stuck(usize),
}

impl<P: Place> Walk<'_, P> {
    /// Moves and queues what is meant, until all is done or enough for one call. Then it says where to go on.
    async fn run(&mut self, mut cursor: Option<String>) -> Result<Option<String>, Failed> {
        loop {
            let (page, payloads) =
                page_of(self.hub, self.scope, self.id, self.wanted.span(false), cursor.as_deref()).await?;
            let meant = |bundle: &Bundle, payload: &Payload| {
                bundle.dead_members().filter(|dead| self.wanted.means(dead, payload)).count()
            };
            // As many bundles as fit into this call.
            let (mut room, mut fitting) = (REDRIVE_MAX.saturating_sub(self.redriven), Vec::new());
            let mut full = false;
            for (bundle, payload) in page.items.into_iter().zip(payloads) {
                let count = meant(&bundle, &payload);
                if count > room {
                    full = true;
                    break;
                }
                room -= count;
                cursor = Some(dead_letter_cursor(&bundle));
                if count > 0 {
                    fitting.push((bundle, payload));
                }
            }
            self.move_all(fitting).await?;
            if full {
                return Ok(cursor);
            }
            cursor = page.next;
            if cursor.is_none() || self.hub.now().since_ms(self.now) > WORK_MS {
                return Ok(cursor);
            }
        }
    }

    async fn move_all(&mut self, bundles: Vec<(Bundle, Payload)>) -> Result<(), StoreError> {
        let this = &*self;
        let moved: Vec<Result<Moved, StoreError>> = stream::iter(bundles)
            .map(|(bundle, payload)| this.move_on(bundle, payload))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let (mut next, mut fault) = (Vec::new(), None);
        for result in moved {
            match result {
                Ok(Moved::On(bundle)) => next.push(*bundle),
                Ok(Moved::Nothing) => {}
                Ok(Moved::Stuck(count)) => self.left += count,
                Err(error) => fault = Some(error),
            }
        }
        self.redriven += next.iter().map(|bundle| bundle.members.len()).sum::<usize>();
        // What does not get through is in the index of what is due: the sweeper queues it.
        dispatch::queue_all(&self.hub.queues, self.scope, &next, 0).await;
        fault.map_or(Ok(()), Err)
    }

    /// Moves what is meant of a bundle into its next generation. When somebody else resends of it at the same time, what
    /// they left over is read anew.
    async fn move_on(&self, mut bundle: Bundle, payload: Payload) -> Result<Moved, StoreError> {
        for _ in 0..TRIES {
            let wanted = |dead: &DeadMember<'_>| self.wanted.means(dead, &payload);
            let count = bundle.dead_members().filter(wanted).count();
            let Some(next) = bundle.resend_those(wanted, &[], self.now) else {
                return Ok(if count == 0 { Moved::Nothing } else { Moved::Stuck(count) });
            };
            match self.hub.store.resend(self.scope, &bundle, &next).await {
                Ok(()) => return Ok(Moved::On(Box::new(next))),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            let origin = BundleId { generation: 0, ..bundle.id.clone() };
            let stored = self.hub.store.generations(self.scope, &bundle.campaign, &origin).await?;
            match stored.into_iter().find(|stored| stored.id == bundle.id) {
                Some(stored) => bundle = stored,
                None => return Ok(Moved::Nothing),
            }
        }
        tracing::warn!(bundle = %bundle.id, "not redriven: it is being resent by others all the time");
        Ok(Moved::Nothing)
    }
}
