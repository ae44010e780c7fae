//! Bringing a stack up, and ending it.

use super::{
    DEFAULT_NAME, Error, Graph, MailApi, Process, Progress, Project, Slack, Smtp, StackState, Teams, Webhook, build,
    logs,
    process::end,
    python::{self, lock},
    state, tenant, tether,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, signal::ctrl_c};

/// How long a process or the API may take to become ready: generous, for a machine that builds at the same time.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// What tenants may connect to locally besides public addresses.
const EGRESS_ALLOW: &str = "127.0.0.0/8:*";

/// The stack's own tenant sends as fast as it can: to the demo, the measurements and the tests, the limits of the highest
/// tier are in the way. Those of the others are as documented.
const KEY_TIERS: &str = "premium=60000/1000000/6000";

/// The providers' doubles, as far as their programs are built.
struct Doubles {
    slack: Option<Slack>,
    teams: Option<Teams>,
    graph: Option<Graph>,
    mail_api: Option<MailApi>,
    webhook: Option<Webhook>,
}

impl Doubles {
    /// What the deployment must know of them.
    fn parameters(&self) -> impl Iterator<Item = String> {
        let slack = self.slack.iter().map(|slack| format!("SlackApiUrl={}/api", slack.url));
        let mail_api = self.mail_api.iter().flat_map(|mail_api| {
            ["Sendgrid", "Postmark", "Ses"].map(|name| format!("{name}ApiUrl={}/{}", mail_api.url, name.to_lowercase()))
        });
        let graph = self.graph.iter().flat_map(|graph| {
            [format!("GraphApiUrl={}/graph", graph.url), format!("EntraLoginUrl={}/login", graph.url)]
        });
        slack.chain(mail_api).chain(graph)
    }
}

/// Which stack to bring up, and how.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub struct UpOptions {
    /// Its name.
    pub name: String,
    /// Run the functions as they are shipped.
    pub release: bool,
    /// Enforce the IAM policies of the template.
    pub iam: bool,
    /// Hand records of the table's stream over in batches as AWS does, instead of each at once.
    pub batching_window: bool,
    /// Deploy the functions in this folder instead of building them.
    pub binaries: Option<PathBuf>,
    /// The tenant to create.
    pub tenant: String,
    /// End it when this process ends, in whatever way.
    pub ends_with_us: bool,
}

impl Default for UpOptions {
    fn default() -> Self {
        Self::named(DEFAULT_NAME)
    }
}

impl UpOptions {
    /// A stack of that name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            release: false,
            iam: false,
            batching_window: false,
            binaries: None,
            tenant: "acme".to_owned(),
            ends_with_us: false,
        }
    }
}

/// Brings a stack up; one that is up already is returned as it is. What was started is ended again if a step fails.
pub async fn up(options: &UpOptions, progress: &Progress) -> Result<StackState, Error> {
    let project = Project::here();
    let folder = project.stack(&options.name)?;
    fs::create_dir_all(project.stacks()).map_err(Error::file(&project.stacks()))?;
    let _one_at_a_time = lock(folder.with_extension("lock")).await?;
    if let Some(state) = state::load(&options.name)?.filter(StackState::is_up) {
        return Ok(state);
    }
    end(&state::processes(&options.name)?).await;
    clear(&folder)?;

    let mut starting = Starting { project, folder, processes: Vec::new() };
    let outcome = tokio::select! {
        outcome = starting.bring_up(options, progress) => outcome,
        _ = ctrl_c() => Err(Error::Interrupted),
    };
    if outcome.is_err() {
        end(&starting.processes).await;
        forget(&starting.folder);
    }
    outcome
}

/// Ends a stack and returns how many processes ran; its logs, mail and events stay until it is brought up again.
pub async fn down(name: &str) -> Result<usize, Error> {
    let folder = Project::here().stack(name)?;
    let ended = end(&state::processes(name)?).await;
    forget(&folder);
    Ok(ended)
}

/// An empty folder for the stack.
fn clear(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(folder)(error)),
        _ => fs::create_dir_all(folder.join("tmp")).map_err(Error::file(folder)),
    }
}

/// Removes what says that the stack runs, and the emulator's copies of the functions, which are large.
fn forget(folder: &Path) {
    for file in ["state.json", "processes.json"] {
        let _ = fs::remove_file(folder.join(file));
    }
    let _ = fs::remove_dir_all(folder.join("tmp"));
}

/// A stack on its way up.
struct Starting {
    project: Project,
    folder: PathBuf,
    processes: Vec<Process>,
}

#[derive(Deserialize)]
struct Emulator {
    endpoint: String,
}

/// What `deploy.py` prints.
#[derive(Deserialize)]
struct Deployed {
    api_url: String,
    operator_key: String,
    events_queue_url: String,
    outputs: BTreeMap<String, String>,
    functions: BTreeMap<String, String>,
    log_groups: BTreeMap<String, String>,
}

impl Starting {
    async fn bring_up(&mut self, options: &UpOptions, progress: &Progress) -> Result<StackState, Error> {
        let environment = async |bar: &_| python::environment(&self.project, bar).await;
        let python = progress.step("Python environment", environment).await?;
        if options.ends_with_us {
            tether::tie(&self.project, &python, &self.folder)?;
        }
        let binaries = if let Some(folder) = &options.binaries {
            folder.clone()
        } else {
            let build = async |bar: &_| build::build(&self.project, options.release, bar).await;
            progress.step("Functions built", build).await?;
            self.project.binaries(options.release)
        };
        let (smtp, doubles, emulator) =
            progress.step("Emulated AWS, mail server, doubles", async |_| self.start(&python, options).await).await?;
        let endpoint = emulator.endpoint;
        let deployed = progress
            .step("Template deployed", async |_| self.deploy(&python, &endpoint, &binaries, &doubles).await)
            .await?;
        let events_log = progress
            .step("Events collected", async |_| self.collect_events(&python, &endpoint, &deployed).await)
            .await?;
        let key = match self.open(&deployed, &options.tenant, progress).await {
            Err(Error::Api(what)) => {
                let log = self.keep_logs(&python, &endpoint, &deployed).await?;
                return Err(Error::Failed { what, log });
            }
            key => key?,
        };

        let state = StackState {
            name: options.name.clone(),
            console_url: format!("{}/console", deployed.api_url),
            api_url: deployed.api_url,
            tenant: options.tenant.clone(),
            key,
            smtp,
            slack: doubles.slack,
            teams: doubles.teams,
            graph: doubles.graph,
            mail_api: doubles.mail_api,
            webhook: doubles.webhook,
            inbox_dir: self.folder.join("inbox"),
            events_log,
            endpoint,
            operator_key: deployed.operator_key,
            outputs: deployed.outputs,
            functions: deployed.functions,
            log_groups: deployed.log_groups,
            processes: self.processes.clone(),
        };
        state.save(&self.folder)?;
        Ok(state)
    }

    /// Everything the functions speak to, at once; each says where it listens.
    async fn start(&mut self, python: &Path, options: &UpOptions) -> Result<(Smtp, Doubles, Emulator), Error> {
        let ca_file = self.folder.join("smtp-ca.pem");
        let mut smtp = self.python(python, "smtp_server.py");
        smtp.arg("--inbox").arg(self.folder.join("inbox")).arg("--ca-file").arg(&ca_file);
        let smtp = self.spawn("smtp", &mut smtp)?;

        let slack = self.spawn_double("slack", "slack-double", options)?;
        let teams = self.spawn_double("teams", "teams-double", options)?;
        let graph = self.spawn_double("graph", "graph-double", options)?;
        let mail_api = self.spawn_double("mail-api", "mail-api-doubles", options)?;
        let webhook = self.spawn_double("webhook", "webhook-double", options)?;

        let mut emulator = self.python(python, "launch_emulator.py");
        // Functions inherit this environment, and nobody's AWS credentials, proxies or certificates belong in it.
        let path = env::var_os("PATH").unwrap_or_default();
        emulator.env_clear().env("PATH", path).env("TMPDIR", self.folder.join("tmp")).env("LANG", "C.UTF-8");
        emulator.arg("--ca-file").arg(&ca_file).args(options.iam.then_some("--iam"));
        emulator.args(options.batching_window.then_some("--batching-window"));
        let emulator = self.spawn("emulator", &mut emulator)?;

        Ok((
            self.ready(&smtp).await?,
            Doubles {
                slack: self.double_ready(slack).await?,
                teams: self.double_ready(teams).await?,
                graph: self.double_ready(graph).await?,
                mail_api: self.double_ready(mail_api).await?,
                webhook: self.double_ready(webhook).await?,
            },
            self.ready(&emulator).await?,
        ))
    }

    async fn deploy(
        &self,
        python: &Path,
        endpoint: &str,
        binaries: &Path,
        doubles: &Doubles,
    ) -> Result<Deployed, Error> {
        let log = self.folder.join("deploy.log");
        let stderr = File::create(&log).map_err(Error::file(&log))?;
        let mut deploy = Command::new(python);
        deploy.arg(self.project.script("deploy.py")).args(["--endpoint", endpoint]).arg("--binaries").arg(binaries);
        let mut parameters =
            vec!["Stage=local".to_owned(), "Architecture=x86_64".to_owned(), format!("EgressAllow={EGRESS_ALLOW}")];
        parameters.push(format!("KeyTiers={KEY_TIERS}"));
        parameters.extend(doubles.parameters());
        for parameter in parameters {
            deploy.args(["--parameter", &parameter]);
        }
        let output = deploy
            .stdin(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(Error::io("starting the deployment"))?;
        let failed = || Error::Failed { what: "the deployment failed".to_owned(), log: log.clone() };
        if !output.status.success() {
            return Err(failed());
        }
        serde_json::from_slice(&output.stdout).map_err(|_| failed())
    }

    async fn collect_events(&mut self, python: &Path, endpoint: &str, deployed: &Deployed) -> Result<PathBuf, Error> {
        let events_log = self.folder.join("events.jsonl");
        let mut collect = self.python(python, "collect_events.py");
        collect.args(["--endpoint", endpoint, "--queue-url", &deployed.events_queue_url]);
        let process = self.spawn("events", collect.arg("--output").arg(&events_log))?;
        self.ready::<serde_json::Value>(&process).await?;
        Ok(events_log)
    }

    /// The first calls to the API, and a key for all others.
    async fn open(&self, deployed: &Deployed, tenant: &str, progress: &Progress) -> Result<String, Error> {
        let Deployed { api_url, operator_key, .. } = deployed;
        progress.step("API answers", async |_| tenant::until_served(api_url, READY_WITHIN).await).await?;
        let create = async |_: &_| tenant::create(api_url, operator_key, tenant).await;
        progress.step(format!("Tenant {tenant} and its key"), create).await
    }

    /// What the functions logged, kept before the emulator ends and takes it along.
    async fn keep_logs(&self, python: &Path, endpoint: &str, deployed: &Deployed) -> Result<PathBuf, Error> {
        let log = self.folder.join("functions.log");
        let out = File::create(&log).map_err(Error::file(&log))?;
        let mut reader = logs::reader(&self.project, python, endpoint, &deployed.log_groups);
        reader.stdin(Stdio::null()).stdout(out).status().await.map_err(Error::io("reading the functions' logs"))?;
        Ok(log)
    }

    fn python(&self, python: &Path, script: &str) -> Command {
        let mut command = Command::new(python);
        command.arg(self.project.script(script));
        command
    }

    /// Starts a process and remembers it at once, so that a later `down` finds it whatever happens to us.
    fn spawn(&mut self, name: &str, command: &mut Command) -> Result<Process, Error> {
        command.arg("--ready-file").arg(self.ready_file(name));
        let process = Process::spawn(name, command, self.folder.join(format!("{name}.log")))?;
        self.processes.push(process.clone());
        state::save_processes(&self.folder, &self.processes)?;
        Ok(process)
    }

    /// Starts a double, if its program is built.
    fn spawn_double(&mut self, name: &str, program: &str, options: &UpOptions) -> Result<Option<Process>, Error> {
        let program = self.project.binaries(options.release).join(program);
        if program.is_file() { self.spawn(name, &mut Command::new(program)).map(Some) } else { Ok(None) }
    }

    async fn double_ready<T: serde::de::DeserializeOwned>(&self, double: Option<Process>) -> Result<Option<T>, Error> {
        match double {
            Some(double) => self.ready(&double).await.map(Some),
            None => Ok(None),
        }
    }

    async fn ready<T: serde::de::DeserializeOwned>(&self, process: &Process) -> Result<T, Error> {
        process.ready(&self.ready_file(&process.name), READY_WITHIN).await
    }

    fn ready_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.ready.json"))
    }
}
