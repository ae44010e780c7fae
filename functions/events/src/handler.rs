//! `POST /v1/events`.

use crate::{
    answer,
    fan_out::FanOut,
    given::{self, AllGiven, Faults},
};
use api::problem::{Problem, ProblemKind};
use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use domain::{
    ids::{CampaignId, RequestId, TenantId},
    log::ApiCall,
    principal::Scope,
    tenant::TenantScope,
    time::{Clock, Timestamp},
    webhook::{EventType, batch::Wanted},
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::{
    endpoints::{Endpoint, Endpoints},
    event_types::{Schema, Schemas},
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, JsonText, MaxBody, Recorded, request_id},
    lazy::Lazy,
    queue::Queues,
};
use std::{collections::BTreeMap, sync::Arc};
use store::{EventRequest, Match, Store};

/// The header that makes a request safe to repeat.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The longest `Idempotency-Key`, in characters.
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// What idempotency keys of this route are told apart from those of campaigns by.
const KEYS_OF: &str = "events";

/// How large a request's body may be: Lambda takes 6 MB, with what the gateway says of the request.
const BODY_MAX_BYTES: usize = 5 << 20;

/// How many types are looked up at a time: every event of a request may have its own, and a connection each is more than a
/// function has.
const LOOKED_UP_AT_ONCE: usize = 16;

/// What the handler works with.
pub struct Events<S, Q, C> {
    /// Where deliveries are.
    pub store: Lazy<S>,
    /// Who wants events.
    pub endpoints: Endpoints<S>,
    /// What registered types look like.
    pub schemas: Schemas<S>,
    /// Where they wait.
    pub queues: Q,
    /// The time.
    pub clock: C,
}

/// The routes of this function.
pub fn router<S: Store + 'static, Q: Queues + 'static, C: Clock + 'static>(events: Events<S, Q, C>) -> Router {
    Router::new()
        .route("/v1/events", post(take::<S, Q, C>))
        .layer(Extension(MaxBody(BODY_MAX_BYTES)))
        .with_state(Arc::new(events))
}

async fn take<S: Store, Q: Queues, C: Clock>(
    State(events): State<Arc<Events<S, Q, C>>>,
    auth: Auth,
    parts: Parts,
    JsonText(body): JsonText,
) -> Answer<Response> {
    let began = events.clock.now();
    let caller = auth.require(Scope::EventsWrite)?;
    let key = idempotency_key(&parts.headers)?;
    let given = given::read(&body)?;
    events.check(&caller.scope, &given, began).await?;
    let matches = matches(&given, &events.endpoints.of(&caller.scope, began).await?);
    let (request, again) = match key {
        None => (EventRequest { id: RequestId::generate(), body_hash: String::new(), at: began, matches }, false),
        Some(key) => {
            let request =
                EventRequest { id: id_of(caller.scope.tenant(), key)?, body_hash: given.hash(), at: began, matches };
            events.begun(&caller.scope, request).await?
        }
    };
    let fan_out = FanOut::new(&caller.scope, &request, again, &given);
    let call = || ApiCall {
        principal: caller.principal.clone(),
        route: format!("{} {}", parts.method, parts.uri.path()),
        request_id: request_id(&parts.extensions).unwrap_or_default(),
        duration_ms: u32::try_from(events.clock.now().since_ms(began)).unwrap_or_default(),
    };
    let recorded = fan_out.write_then_queue(&*events.store, &events.queues, began, call).await?;
    let mut response = (StatusCode::ACCEPTED, Json(answer::accepted(&fan_out))).into_response();
    if recorded {
        response.extensions_mut().insert(Recorded);
    }
    Ok(response)
}

impl<S: Store, Q: Queues, C: Clock> Events<S, Q, C> {
    /// Holds the data of registered types against their schemas.
    async fn check(&self, scope: &TenantScope, given: &AllGiven<'_>, now: Timestamp) -> Answer<()> {
        let mut by_type: BTreeMap<&EventType, Vec<usize>> = BTreeMap::new();
        for (number, event) in given.events.iter().enumerate() {
            by_type.entry(&event.kind).or_default().push(number);
        }
        let mut schemas = Vec::with_capacity(by_type.len());
        for kind in by_type.keys() {
            schemas.push(self.schemas.of(scope, kind, now));
        }
        let schemas: Vec<Option<Arc<Schema>>> = stream::iter(schemas).buffered(LOOKED_UP_AT_ONCE).try_collect().await?;
        let mut faults = Faults::default();
        for (schema, numbers) in schemas.iter().zip(by_type.values()) {
            let Some(schema) = schema else { continue };
            for number in numbers {
                if faults.is_full() {
                    return faults.finish();
                }
                for (path, why) in schema.faults(&given.events[*number].data) {
                    faults.add(given.field(*number, &format!("data{}", dotted(&path))), "schema", why);
                }
            }
        }
        faults.finish()
    }

    /// The request as it was when it was first made, and whether that was before.
    async fn begun(&self, scope: &TenantScope, request: EventRequest) -> Answer<(EventRequest, bool)> {
        match self.store.begin_event_request(scope, &request).await? {
            None => Ok((request, false)),
            Some(earlier) if earlier.body_hash == request.body_hash => Ok((earlier, true)),
            Some(_) => Err(other_body().into()),
        }
    }
}

/// A JSON pointer as fields are written elsewhere: `/items/0/sku` is `.items[0].sku`.
fn dotted(pointer: &str) -> String {
    let part = |part: &str| {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|byte| byte.is_ascii_digit()) { format!("[{part}]") } else { format!(".{part}") }
    };
    pointer.split('/').skip(1).map(part).collect()
}

/// Which endpoint wants what. One that wants nothing of it is left out.
fn matches(given: &AllGiven<'_>, endpoints: &[Endpoint]) -> Vec<Match> {
    let all = &given.events;
    let wanted = |endpoint: &Endpoint| {
        Wanted::of(all.len(), |number| endpoint.settings.wants(&all[number].kind, &all[number].data))
    };
    endpoints
        .iter()
        .map(|it| Match { endpoint: it.id.clone(), ordered: it.settings.ordered, wanted: wanted(it) })
        .filter(|it| !it.wanted.is_empty())
        .collect()
}

fn idempotency_key(headers: &HeaderMap) -> Answer<Option<&str>> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX {
        let message = format!("must be 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters");
        return Err(Problem::invalid_field(IDEMPOTENCY_KEY, "invalid", message).into());
    }
    Ok(Some(key))
}

/// The request's identity, derived from its `Idempotency-Key`.
fn id_of(tenant: &TenantId, key: &str) -> Answer<RequestId> {
    let keys_of: CampaignId =
        KEYS_OF.parse().map_err(|_| Problem::new(ProblemKind::Internal, "This is a defect of ours."))?;
    Ok(RequestId::from_idempotency_key(tenant, &keys_of, key))
}

pub(crate) fn other_body() -> Problem {
    let detail = "This Idempotency-Key was used for other events. Use a new key for a new request, or send the same body \
                  again.";
    Problem::new(ProblemKind::IdempotencyMismatch, detail)
}
