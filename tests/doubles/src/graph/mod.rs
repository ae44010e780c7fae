//! A double of Microsoft's login server (client credentials grant) and of attack simulation in Microsoft Graph.
//!
//! It checks method, path, token, content type and the shape of every body (learn.microsoft.com, Microsoft Graph v1.0,
//! "Create simulation" and its neighbours), and answers with the documented errors. Directories are apart from each
//! other, so tests that share a double each use a directory id of their own.
//!
//! | Client secret | Answer |
//! |---|---|
//! | `good...` | a token that may do everything |
//! | `readonly...` | a token that may read only |
//! | `norole...` | a token without a permission |
//! | `unlicensed...` | a token of a directory without a licence |
//! | `expired...` | `AADSTS7000222` |
//! | `noconsent...` | `AADSTS7000229` |
//! | any other | `AADSTS7000215` |
//!
//! A directory of zeros is unknown (`AADSTS90002`), as is an app of zeros (`AADSTS700016`). With a client assertion, the
//! signature is verified against [`CERTIFICATE`]'s key.
//!
//! | The id of a payload or page contains | Answer |
//! |---|---|
//! | `missing` | 404 |
//! | `draft` | a payload that is not ready |
//! | `attach` | a payload of another technique |
//!
//! | The name of a simulation contains | Answer to its creation |
//! |---|---|
//! | `OPERATION` | `Location` names an operation, which names the simulation |
//! | `NOWHERE` | no `Location` |
//! | `LOSE` | it is created, and at the first time nothing is answered |
//! | `GATEWAY` | it is created, and at the first time 504 is answered |
//! | `BUSY` | at the first time 429 with `Retry-After: 7` |
//! | `REFUSE` | 400 |
//! | `EVIL` | its report goes on at another host |

mod rules;
mod server;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The certificate that the double knows of every app. It belongs to [`PRIVATE_KEY`] and guards nothing.
pub const CERTIFICATE: &str = include_str!("certificate.pem");
/// The key of [`CERTIFICATE`], for tests only.
pub const PRIVATE_KEY: &str = include_str!("private_key.pem");

/// How the double is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
}

/// A running double. It stops when this is dropped.
#[derive(Debug)]
pub struct GraphDouble {
    address: SocketAddr,
    state: Shared,
    server: JoinHandle<()>,
}

/// One call that Microsoft would have seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// The directory whose app called; empty where no token told.
    pub directory: String,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
    /// The status that was answered; 0 for none.
    pub status: u16,
    /// The body, if it was JSON.
    pub body: Value,
}

/// A simulation as the double keeps it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub directory: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: String,
    /// Its targets.
    pub targets: Vec<String>,
    /// What they did: address, event and time.
    pub events: Vec<(String, String, String)>,
}

/// A change of what the double does from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Command {
    /// Whose simulations it is about.
    pub directory: String,
    /// Their new status.
    pub status: Option<String>,
    /// Something that a target did: address, event and time.
    pub event: Option<(String, String, String)>,
    /// Tokens of this directory are accepted no more.
    pub revoke_tokens: bool,
    /// Every call to Graph for this directory is answered with this status; 0 ends that.
    pub fail: Option<u16>,
}

/// What the double has seen. Also the answer of `GET /_double/requests`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// How many tokens were given, by directory.
    pub tokens: BTreeMap<String, u64>,
    /// Every simulation that was created, deleted ones included.
    pub simulations: Vec<Kept>,
    /// The ids of those that were deleted.
    pub deleted: BTreeSet<String>,
    /// Calls to paths that Microsoft does not have. A test should find none.
    pub strays: Vec<String>,
    /// Every call, oldest first.
    pub requests: Vec<Call>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    Everything,
    Read,
    Nothing,
    Unlicensed,
}

#[derive(Clone, Debug)]
struct Token {
    directory: String,
    permission: Permission,
}

#[derive(Debug, Default)]
struct State {
    record: Record,
    tokens: BTreeMap<String, Token>,
    /// Directories that answer with a status only.
    failing: BTreeMap<String, u16>,
    /// Names that were met before, for what happens at the first time only.
    met: BTreeSet<String>,
    /// Assertions that were used: each is good once.
    assertions: BTreeSet<String>,
    issued: u64,
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GraphDouble {
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

    /// The base URL, e.g. `http://127.0.0.1:40123`. Graph is below `/graph`, the login server below `/login`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL of Graph.
    pub fn graph_url(&self) -> String {
        format!("{}/graph", self.url())
    }

    /// The base URL of the login server.
    pub fn login_url(&self) -> String {
        format!("{}/login", self.url())
    }

    /// What it has seen so far.
    pub fn record(&self) -> Record {
        lock(&self.state).record.clone()
    }

    /// Changes what it does.
    pub fn command(&self, command: Command) {
        lock(&self.state).obey(command);
    }
}

impl Drop for GraphDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    fn obey(&mut self, command: Command) {
        let Command { directory, status, event, revoke_tokens, fail } = command;
        for simulation in self.record.simulations.iter_mut().filter(|it| it.directory == directory) {
            if let Some(status) = &status {
                simulation.status.clone_from(status);
            }
            simulation.events.extend(event.clone());
        }
        if revoke_tokens {
            self.tokens.retain(|_, token| token.directory != directory);
        }
        match fail {
            Some(0) => drop(self.failing.remove(&directory)),
            Some(status) => drop(self.failing.insert(directory, status)),
            None => {}
        }
    }
}
