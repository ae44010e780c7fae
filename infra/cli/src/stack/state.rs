//! What is remembered of a stack, and what `up --json` prints.

use super::{Error, Process, Project};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// A stack that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StackState {
    /// Its name.
    pub name: String,
    /// Where `/v1/...` is.
    pub api_url: String,
    /// Where the console is.
    pub console_url: String,
    /// The tenant that was created.
    pub tenant: String,
    /// An API key of that tenant with every scope.
    pub key: String,
    /// The mail server.
    pub smtp: Smtp,
    /// The Slack double; none until its program is built.
    pub slack: Option<Slack>,
    /// The Teams double; none until its program is built.
    #[serde(default)]
    pub teams: Option<Teams>,
    /// The double of Microsoft Graph and its login server; none until its program is built.
    #[serde(default)]
    pub graph: Option<Graph>,
    /// The doubles of the e-mail APIs; none until their program is built.
    #[serde(default)]
    pub mail_api: Option<MailApi>,
    /// The double of the receivers of outbound webhooks; none until its program is built.
    #[serde(default)]
    pub webhook: Option<Webhook>,
    /// Mail that was taken: `<queue id>.eml`, and one line each in `received.jsonl` and `refused.jsonl`.
    pub inbox_dir: PathBuf,
    /// Events seen on the bus, one JSON object a line.
    pub events_log: PathBuf,
    /// The emulated AWS.
    pub endpoint: String,
    /// The bearer token that creates tenants.
    pub operator_key: String,
    /// The outputs of the template.
    pub outputs: BTreeMap<String, String>,
    /// The deployed name of each function.
    pub functions: BTreeMap<String, String>,
    /// The log group of each function.
    pub log_groups: BTreeMap<String, String>,
    /// What runs.
    pub processes: Vec<Process>,
}

/// The mail server of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Smtp {
    /// Loopback.
    pub host: String,
    /// STARTTLS and login demanded.
    pub port: u16,
    /// Implicit TLS.
    pub tls_port: u16,
    /// No TLS.
    pub plain_port: u16,
    /// Who may log in.
    pub username: String,
    /// With what.
    pub password: String,
    /// Who signed its certificate.
    pub ca_file: PathBuf,
}

/// The Slack double of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slack {
    /// Its base address.
    pub url: String,
}

/// The Teams double of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Teams {
    /// Its base address.
    pub url: String,
}

/// The double of Microsoft Graph and its login server of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Graph {
    /// Its base address: Graph is below `/graph`, the login server below `/login`.
    pub url: String,
}

/// The doubles of the e-mail APIs of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MailApi {
    /// Their base address: SendGrid is below `/sendgrid`, Postmark below `/postmark`, Amazon SES below
    /// `/ses`.
    pub url: String,
}

/// The double of the receivers of outbound webhooks of a stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Webhook {
    /// Its base address; each receiver is a path `/in/<receiver>` below it.
    pub url: String,
}

/// The stack of that name, if it came up.
pub fn load(name: &str) -> Result<Option<StackState>, Error> {
    read_json(&Project::here().stack(name)?.join("state.json"))
}

/// The processes that were started for the stack of that name, even if it never came up whole.
pub fn processes(name: &str) -> Result<Vec<Process>, Error> {
    Ok(read_json(&Project::here().stack(name)?.join("processes.json"))?.unwrap_or_default())
}

/// Every stack there is a folder of.
pub fn names() -> Result<Vec<String>, Error> {
    let stacks = Project::here().stacks();
    let entries = match fs::read_dir(&stacks) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::file(&stacks))?,
    };
    let mut names: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

impl StackState {
    pub(super) fn save(&self, folder: &Path) -> Result<(), Error> {
        write_json(&folder.join("state.json"), self)
    }

    /// Whether everything that was started still runs.
    pub fn is_up(&self) -> bool {
        self.processes.iter().all(Process::is_running)
    }
}

pub(super) fn save_processes(folder: &Path, processes: &[Process]) -> Result<(), Error> {
    write_json(&folder.join("processes.json"), processes)
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Error::file(path))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(io::Error::from).map_err(Error::file(path))
}

/// Keys are in it: only the user may read it.
fn write_json<T: Serialize + ?Sized>(path: &Path, content: &T) -> Result<(), Error> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};

    let draft = path.with_extension("draft");
    let text = serde_json::to_vec_pretty(content).map_err(io::Error::from).map_err(Error::file(path))?;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(&text))
        .and_then(|()| fs::rename(&draft, path))
        .map_err(Error::file(path))
}
