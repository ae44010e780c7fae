//! A double of Teams' Workflows webhooks.
//!
//! It checks method, path, query, content type and size, and the card against the schema of Adaptive Cards 1.5 as far as
//! Teams shows it; fields and types that the schema does not have are refused, so that a misspelt one shows. Answers and
//! errors have the form of Azure Logic Apps.
//!
//! | The signature (`sig`) | Answer |
//! |---|---|
//! | absent | 401 `DirectApiAuthorizationRequired` |
//! | `forged...` | 401 `DirectApiInvalidSignature` to a message; the GET of a test does not get that far |
//! | any other | accepted |
//!
//! | The workflow's id contains | Answer |
//! |---|---|
//! | `gone` | 404 `WorkflowNotFound` |
//! | `deleted` | 400 `WorkflowTriggerIsNotEnabled`, state `Deleted` |
//! | `off` | 400 `WorkflowTriggerIsNotEnabled`, state `Disabled` |
//! | `schema` | 400 `TriggerInputSchemaMismatch` |
//! | `rate` and a number | at the first message 429 with that `Retry-After` in seconds, then accepted |
//! | `flaky` and a number | 502 to the first message and each so manieth after it; without a number to the first |
//! | `down` | always 503 |
//! | `hang` | no answer to a message |
//! | `lost` | accepted, but no answer |
//! | anything else | 202 |

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

/// A running double. It stops when this is dropped.
#[derive(Debug)]
pub struct TeamsDouble {
    address: SocketAddr,
    state: Shared,
    server: JoinHandle<()>,
}

/// One call of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// The workflow's id.
    pub workflow: String,
    /// `GET` or `POST`.
    pub method: String,
    /// The status that was answered, with the error's code where there is one; `hang` or `lost` where nothing was.
    pub outcome: String,
    /// The run, if it was accepted.
    pub run: Option<String>,
    /// The body, if it was JSON.
    pub body: Value,
}

/// How often a workflow was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Count {
    /// Messages, refused ones included.
    pub calls: u64,
    /// Those that were accepted.
    pub accepted: u64,
}

/// What the double has seen. Also the answer of `GET /_double/requests`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// Accepted messages.
    pub accepted: u64,
    /// By workflow.
    pub by_workflow: BTreeMap<String, Count>,
    /// Calls to paths that workflows do not have. A test should find none.
    pub strays: Vec<String>,
    /// Every call, oldest first.
    pub requests: Vec<Call>,
}

#[derive(Debug, Default)]
struct State {
    record: Record,
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TeamsDouble {
    /// Starts the double on loopback; port 0 takes a free one.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        let router = server::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // Ends only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, state, server })
    }

    /// The base URL, e.g. `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The webhook of a workflow whose id chooses the behaviour.
    pub fn webhook_url(&self, workflow: &str) -> String {
        webhook_url(&self.url(), workflow, "double-signature")
    }

    /// The same with another signature.
    pub fn webhook_url_signed(&self, workflow: &str, signature: &str) -> String {
        webhook_url(&self.url(), workflow, signature)
    }

    /// What it has seen so far.
    pub fn record(&self) -> Record {
        lock(&self.state).record.clone()
    }
}

/// The webhook of a workflow of the double at a base URL.
pub fn webhook_url(base: &str, workflow: &str, signature: &str) -> String {
    format!(
        "{base}/workflows/{workflow}/triggers/manual/paths/invoke\
         ?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={signature}"
    )
}

impl Drop for TeamsDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}
