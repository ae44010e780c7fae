//! A double of the receivers of outbound webhooks: each path `/in/<receiver>` is one, as strict as a receiver that follows
//! Standard Webhooks ("Standard Webhooks" specification), and as hostile as its script.
//!
//! A post has to be `application/json`, its body exactly `{type, timestamp, data}`, its `webhook-id` a message id, its
//! `webhook-timestamp` within five minutes of the clock, and a part of its `webhook-signature` has to fit a key of the
//! receiver's; the headers of our own, `<prefix>-Event`, `<prefix>-Delivery-ID` and for shared secrets
//! `<prefix>-Signature`, have to say the same. What does not is answered 400 or 401 with the reason and counted as refused.
//! A receiver that was told no keys takes posts unproven, and counts them so.
//!
//! | Call | What it does |
//! |---|---|
//! | `PUT /_double/receivers/{receiver}` with a [`Setup`] | keys and script, from now on |
//! | `GET /_double/receivers/{receiver}` | [`Seen`]: every post to it |
//! | `GET /_double/counts` | [`Count`] by receiver |
//! | `DELETE /_double/receivers` | forgets everything, scripts included |
//!
//! Receivers that nobody set up answer 204 to every post.

mod proof;
mod server;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// A running double. It stops when this is dropped, and so do its connections.
#[derive(Debug)]
pub struct WebhookDouble {
    address: SocketAddr,
    state: Shared,
    server: JoinHandle<()>,
}

/// What a receiver knows and does.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setup {
    /// What its sender may sign with, each `whsec_...` or `whpk_...`.
    pub keys: Vec<String>,
    /// The first part of the names of our own headers; `X-Trunkline` if there is none.
    pub prefix: Option<String>,
    /// How the next posts are answered, one each.
    pub answers: VecDeque<Answer>,
    /// How those after them are.
    pub then: Answer,
}

/// How a post is answered once it was found right. All at once, or some of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
    /// How many more bytes of `x` follow it.
    pub more_bytes: u64,
    /// How long the answer takes to begin, in milliseconds.
    pub delay_ms: u64,
    /// How long each byte of the body takes, in milliseconds; all come at once if 0.
    pub drip_ms: u64,
    /// Whether the connection is closed or kept silent at some point.
    pub breaks: Breaks,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            status: 204,
            headers: BTreeMap::new(),
            body: String::new(),
            more_bytes: 0,
            delay_ms: 0,
            drip_ms: 0,
            breaks: Breaks::Never,
        }
    }
}

impl Answer {
    /// Nothing but this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

/// Where an answer breaks off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Breaks {
    /// Nowhere.
    #[default]
    Never,
    /// The connection is closed instead of an answer.
    Closes,
    /// The connection is closed after the headers and what there is of the body, which was announced as longer.
    ClosesInBody,
    /// Nothing is answered, and the connection stays open.
    Hangs,
    /// Headers and what there is of the body come, and then nothing more, though it was announced as longer.
    HangsInBody,
}

/// One post.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Post {
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// `webhook-id`.
    pub id: String,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The body, if it is JSON.
    pub body: Value,
    /// The body as it came, which is what is signed.
    #[serde(default)]
    pub text: String,
    /// The headers, with their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The keys of the receiver's, by number, that some signature fits.
    pub proven_by: Vec<usize>,
    /// The status that was answered, or how nothing was; for what was refused, 400 or 401 and the reason.
    pub outcome: String,
}

/// How often a receiver was posted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Count {
    /// Posts of all kinds.
    pub posts: u64,
    /// Those that were found right, proven or not, and answered with a 2xx.
    pub taken: u64,
    /// Those taken with a signature that fits.
    pub proven: u64,
    /// Those that were not right. A test should find none.
    pub refused: u64,
}

/// What a receiver has seen.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Seen {
    /// How often it was posted to.
    pub count: Count,
    /// Every post, oldest first.
    pub posts: Vec<Post>,
}

#[derive(Debug, Default)]
struct Receiver {
    setup: Setup,
    seen: Seen,
}

#[derive(Debug, Default)]
struct State {
    receivers: BTreeMap<String, Receiver>,
    /// Calls to paths that the double does not have. A test should find none.
    strays: Vec<String>,
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WebhookDouble {
    /// Starts the double on loopback; port 0 takes a free one.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        let server = tokio::spawn(server::serve(listener, Arc::clone(&state)));
        Ok(Self { address, state, server })
    }

    /// The base URL, e.g. `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where a receiver is posted to.
    pub fn receiver_url(&self, receiver: &str) -> String {
        receiver_url(&self.url(), receiver)
    }

    /// Says what a receiver knows and does from now on.
    pub fn set_up(&self, receiver: &str, setup: Setup) {
        lock(&self.state).receivers.entry(receiver.to_owned()).or_default().setup = setup;
    }

    /// What a receiver has seen so far.
    pub fn seen(&self, receiver: &str) -> Seen {
        lock(&self.state).receivers.get(receiver).map(|it| it.seen.clone()).unwrap_or_default()
    }

    /// Calls to paths that the double does not have.
    pub fn strays(&self) -> Vec<String> {
        lock(&self.state).strays.clone()
    }
}

/// Where a receiver of the double at a base URL is posted to.
pub fn receiver_url(base: &str, receiver: &str) -> String {
    format!("{base}/in/{receiver}")
}

impl Drop for WebhookDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}
