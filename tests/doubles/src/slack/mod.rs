//! A double of Slack: `chat.postMessage`, `auth.test` and incoming webhooks.
//!
//! It checks method, path, content type, token and the shape of the message (docs.slack.dev, "chat.postMessage" and
//! "Block Kit"), and refuses arguments that Slack ignores, so that a misspelt one shows.
//!
//! | Token | Answer |
//! |---|---|
//! | `xoxb-good...` | accepted |
//! | `xoxb-noscope...` | `auth.test` passes without `chat:write`; posting answers `missing_scope` |
//! | `xoxb-revoked...` | `token_revoked` |
//! | any other | `invalid_auth` |
//!
//! | The channel id (or the webhook's `B...` part) contains | Answer |
//! |---|---|
//! | `NOTFOUND` | `channel_not_found` (webhook: 404 `no_service`) |
//! | `NOTIN` | `not_in_channel` (webhook: 404 `channel_not_found`) |
//! | `ARCHIVED` | `is_archived` (webhook: 410 `channel_is_archived`) |
//! | `RESTRICTED` | `restricted_action` (webhook: 403 `action_prohibited`) |
//! | `RATE` and a number | at the first call 429 with that `Retry-After` in seconds, then accepted |
//! | `FLAKY` | at the first call 500, then accepted |
//! | `DOWN` | always 503 |
//! | `HANG` | no answer |
//! | anything else | accepted |

mod rules;
mod server;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// How the double is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
}

/// A running double. It stops when this is dropped.
#[derive(Debug)]
pub struct SlackDouble {
    address: SocketAddr,
    state: Shared,
    server: JoinHandle<()>,
}

/// One call that Slack would have seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// The path, e.g. `/api/chat.postMessage`.
    pub path: String,
    /// The channel, or the `B...` part of a webhook; empty where there is none.
    pub channel: String,
    /// `ok`, or the error that was answered.
    pub outcome: String,
    /// The body, if it was JSON.
    pub body: Value,
}

/// How often a channel was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Calls that tried to post.
    pub calls: u64,
    /// Those that were accepted.
    pub accepted: u64,
}

/// What all attempts to post are answered with while it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Script {
    /// A Slack error such as `internal_error`, or an HTTP status such as `503`; `None` ends the script.
    pub fail: Option<String>,
    /// The `Retry-After` of a 429, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

/// What the double has seen. Also the answer of `GET /_double/requests`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// Accepted posts.
    pub accepted: u64,
    /// By channel.
    pub by_channel: BTreeMap<String, Count>,
    /// Calls to paths that Slack does not have. A test should find none.
    pub strays: Vec<String>,
    /// Every call, oldest first.
    pub requests: Vec<Call>,
}

#[derive(Debug, Default)]
struct State {
    record: Record,
    script: Script,
    /// The number of the newest message; message ids never repeat.
    messages: u64,
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SlackDouble {
    /// Starts the double on loopback.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        let router = server::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // Ends only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, state, server })
    }

    /// The base URL, e.g. `http://127.0.0.1:40123`. The Web API is below `/api`, webhooks below `/services`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of the Web API.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.url())
    }

    /// An incoming webhook whose `B...` part chooses the behaviour.
    pub fn webhook_url(&self, hook: &str) -> String {
        format!("{}/services/T0DOUBLE/{hook}/abcdefghijklmnopqrstuvwx", self.url())
    }

    /// The address it listens at.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen so far.
    pub fn record(&self) -> Record {
        lock(&self.state).record.clone()
    }

    /// The calls it has seen so far, oldest first.
    pub fn requests(&self) -> Vec<Call> {
        lock(&self.state).record.requests.clone()
    }

    /// Makes every attempt to post fail, or ends that.
    pub fn script(&self, script: Script) {
        lock(&self.state).script = script;
    }

    /// Forgets all calls and the script.
    pub fn reset(&self) {
        lock(&self.state).reset();
    }
}

impl Drop for SlackDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    /// Message ids go on, because real ones never repeat either.
    fn reset(&mut self) {
        *self = Self { messages: self.messages, ..Self::default() };
    }
}
