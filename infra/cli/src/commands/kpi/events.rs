//! Events, from the request that hands them over until their receiver has them.

use super::{Fallible, bench::now};
use api::events::{EventBody, EventsRequest};
use domain::time::Timestamp;
use indicatif::ProgressBar;
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use trunkline::{client::Client, receivers::Receivers, stack::StackState};

const RECEIVER: &str = "kpi";
const ONE_BY_ONE: usize = 60;
const PAUSE: Duration = Duration::from_millis(200);
const BATCHES: usize = 5;
const A_BATCH: usize = 100;
const ARRIVED_WITHIN: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How long events took to their receiver, in milliseconds.
pub(super) struct Arrived {
    /// Each in a request of its own, a few a second.
    pub(super) one_ms: Vec<f64>,
    /// Many in each request.
    pub(super) many_ms: Vec<f64>,
}

/// Hands events over for an endpoint whose receiver verifies them, and waits until all have arrived.
pub(super) async fn arrive(state: &StackState, bar: &ProgressBar) -> Fallible<Arrived> {
    let client = Client::new(&state.api_url, &state.key)?;
    let receivers = Receivers::new(&state.webhook.as_ref().ok_or("the double of receivers does not run")?.url)?;
    receivers.connect(&client, RECEIVER).await?;
    let one_by_one = (0..ONE_BY_ONE).map(|number| Ok(EventsRequest::One(event(number)?)));
    let one_ms = timed(&client, &receivers, one_by_one.collect::<Fallible<_>>()?, PAUSE, bar).await?;
    let batch = |_| Ok(EventsRequest::Many { events: (0..A_BATCH).map(event).collect::<Fallible<_>>()? });
    let batches = (0..BATCHES).map(batch).collect::<Fallible<_>>()?;
    let many_ms = timed(&client, &receivers, batches, PAUSE, bar).await?;
    Ok(Arrived { one_ms, many_ms })
}

async fn timed(
    client: &Client,
    receivers: &Receivers,
    requests: Vec<EventsRequest>,
    pause: Duration,
    bar: &ProgressBar,
) -> Fallible<Vec<f64>> {
    let mut handed_over = BTreeMap::new();
    for request in requests {
        let at = now();
        let accepted = client.post_events(&request, None).await?;
        handed_over.extend(accepted.events.into_iter().map(|event| (event.id.to_string(), at)));
        sleep(pause).await;
    }
    let deadline = Instant::now() + ARRIVED_WITHIN;
    loop {
        let seen = receivers.seen(RECEIVER).await?;
        if seen.count.refused > 0 {
            return Err(format!("the receiver refused {} posts", seen.count.refused).into());
        }
        let times: Vec<f64> = seen
            .posts
            .iter()
            .filter(|post| !post.proven_by.is_empty())
            .filter_map(|post| Some(between(*handed_over.get(&post.id)?, post.at_ms)))
            .collect();
        bar.set_message(format!("{} of {}", times.len(), handed_over.len()));
        if times.len() >= handed_over.len() {
            return Ok(times);
        }
        if Instant::now() > deadline {
            return Err(format!("only {} of {} events arrived", times.len(), handed_over.len()).into());
        }
        sleep(LOOK_AGAIN).await;
    }
}

fn event(number: usize) -> Fallible<EventBody> {
    let data = json!({"id": format!("ord_{number}"), "total": 44.80, "currency": "EUR"});
    Ok(EventBody { kind: "order.created".parse()?, data, key: None, timestamp: None })
}

/// The receiver has the same clock: it runs on this machine.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of some minutes")]
fn between(from: Timestamp, to_ms: u64) -> f64 {
    i64::try_from(to_ms).unwrap_or(i64::MAX).saturating_sub(from.0).max(0) as f64
}
