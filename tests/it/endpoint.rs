//! An endpoint of a tenant's, and its receiver: one of the webhook double's, which checks each post as strictly as a
//! receiver that follows Standard Webhooks does.

use crate::{await_until::await_until, bus, tenant::Tenant};
use domain::ids::IntegrationId;
use doubles::webhook::{Answer, Post, Seen, Setup};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use trunkline::receivers::Receivers;

/// An endpoint with what its receiver knows.
pub(crate) struct Endpoint<'t> {
    tenant: &'t Tenant,
    pub(crate) id: String,
    /// What its receiver checks signatures with.
    pub(crate) secret: String,
    receiver: String,
    receivers: Receivers,
}

/// An answer with a status and nothing else.
pub(crate) fn status(status: u16) -> Answer {
    Answer::status(status)
}

/// A receiver that answers so, one post each, and 204 afterwards.
pub(crate) fn answers(answers: impl IntoIterator<Item = Answer>) -> Setup {
    Setup { answers: answers.into_iter().collect(), ..Setup::default() }
}

/// A receiver that answers every post so.
pub(crate) fn always(then: Answer) -> Setup {
    Setup { then, ..Setup::default() }
}

/// The receivers of a tenant's stack.
fn receivers(tenant: &Tenant) -> Receivers {
    let double = tenant.stack.webhook.as_ref().expect("the double runs");
    Receivers::new(&double.url).expect("a client without special wishes")
}

impl<'t> Endpoint<'t> {
    /// An endpoint that wants everything and fails after three tries within seconds. Its receiver answers 204.
    pub(crate) async fn new(tenant: &'t Tenant) -> Self {
        Self::with(tenant, json!({}), Setup::default()).await
    }

    /// One with more settings, whose receiver answers so.
    pub(crate) async fn with(tenant: &'t Tenant, more: Value, setup: Setup) -> Self {
        // As good a source of unique names as any: a ULID.
        let receiver = IntegrationId::generate().to_string();
        let receivers = receivers(tenant);
        let mut wanted = json!({"name": "Orders", "url": receivers.url_of(&receiver), "retry_policy": "immediate"});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = tenant.post("/v1/endpoints?test=false", &wanted).await.expect(201);
        let id = made["id"].as_str().expect("an endpoint has an id").to_owned();
        // Receivers need the public key where there is one; nothing is shown once then.
        let secret = made["public_key"].as_str().or(made["new_secret"].as_str()).expect("a key is shown").to_owned();
        let endpoint = Self { tenant, id, secret, receiver, receivers };
        endpoint.answers_with(setup).await;
        endpoint
    }

    /// The path of a route of this endpoint.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/endpoints/{}{rest}", self.id)
    }

    /// Says how its receiver answers from now on; it knows the endpoint's secret.
    pub(crate) async fn answers_with(&self, setup: Setup) {
        let keys = if setup.keys.is_empty() { vec![self.secret.clone()] } else { setup.keys.clone() };
        self.receivers.set_up(&self.receiver, &Setup { keys, ..setup }).await.expect("the double answers");
    }

    /// Everything that was posted to it. What its receiver refuses ends the test.
    pub(crate) async fn seen(&self) -> Seen {
        let seen = self.receivers.seen(&self.receiver).await.expect("the double answers");
        let refused: Vec<&Post> = seen.posts.iter().filter(|post| post.outcome.len() > 3).collect();
        assert_eq!(seen.count.refused, 0, "{refused:#?}");
        seen
    }

    /// Waits until it was posted to so often.
    pub(crate) async fn posts(&self, count: usize) -> Vec<Post> {
        await_until(&format!("{count} posts to {}", self.id), async || {
            let seen = self.seen().await.posts;
            if seen.len() >= count { Ok(seen) } else { Err(seen.len()) }
        })
        .await
    }

    /// Waits until so many events were taken.
    pub(crate) async fn taken(&self, count: usize) -> Vec<Post> {
        await_until(&format!("{count} events taken by {}", self.id), async || {
            let seen = self.seen().await.posts;
            let taken: Vec<Post> = seen.into_iter().filter(|post| post.outcome.starts_with('2')).collect();
            if taken.len() >= count { Ok(taken) } else { Err(taken.len()) }
        })
        .await
    }

    pub(crate) async fn view(&self) -> Value {
        self.tenant.get(&self.path("")).await.expect(200)
    }

    /// Calls one of its actions.
    pub(crate) async fn act(&self, action: &str, body: &Value) -> Value {
        let answer = self.tenant.post(&self.path(&format!("/{action}")), body).await;
        assert!((200..300).contains(&answer.status), "{action}: {} {}", answer.status, answer.text);
        answer.body
    }

    /// The events of the bus of this name that tell of this endpoint.
    pub(crate) fn told(&self, name: &str) -> Vec<Value> {
        let mut told = bus::events_named(self.tenant, name);
        told.retain(|event| event["detail"].to_string().contains(&self.id));
        told
    }

    /// How its deliveries that were given up ended, by status, as the bus tells. Of what was taken it tells nothing.
    pub(crate) fn ended(&self) -> BTreeMap<String, usize> {
        let mut ended = BTreeMap::new();
        for event in self.told("delivery.failed") {
            for delivery in event["detail"]["deliveries"].as_array().into_iter().flatten() {
                *ended.entry(delivery["status"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        ended
    }

    /// Waits until the deliveries to it that these events were accepted with are over: each sent, at its first attempt.
    pub(crate) async fn sent_once(&self, events: &[Value]) {
        let deliveries = events.iter().flat_map(|event| event["deliveries"].as_array().unwrap());
        for delivery in deliveries.filter(|delivery| delivery["endpoint_id"] == *self.id) {
            let path = self.path(&format!("/deliveries/{}", delivery["id"].as_str().unwrap()));
            let shown = await_until("a delivery is over", async || {
                let shown = self.tenant.get(&path).await.expect(200);
                if shown["status"] == "sent" { Ok(shown) } else { Err(shown) }
            })
            .await;
            assert_eq!(shown["attempts"].as_array().map(Vec::len), Some(1), "{shown}");
        }
    }
}

/// Hands one event over; what is said of it: its id and its deliveries.
pub(crate) async fn post_event(tenant: &Tenant, kind: &str, data: Value) -> Value {
    post_events(tenant, &json!({"type": kind, "data": data})).await.remove(0)
}

/// Hands events over; what is said of each.
pub(crate) async fn post_events(tenant: &Tenant, request: &Value) -> Vec<Value> {
    let accepted = tenant.post("/v1/events", request).await.expect(202);
    accepted["events"].as_array().expect("each event is told").clone()
}
