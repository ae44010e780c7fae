//! A mail server that nobody has heard of: its authority is its own, so no function trusts it.

use serde_json::Value;
use std::{fs, process::Stdio};
use tokio::process::{Child, Command};
use trunkline::stack::Project;

use crate::{await_until::await_until, stack::Stack};

/// A server that runs until this is dropped.
pub(crate) struct StrangeMailServer {
    /// Where it listens and who may log in.
    pub(crate) says: Value,
    _process: Child,
}

impl StrangeMailServer {
    /// Starts it beside a stack, whose programs it shares, under a name that no other test uses.
    pub(crate) async fn start(stack: &Stack, name: &str) -> Self {
        let project = Project::here();
        let folder = stack.folder().join("strange").join(name);
        fs::create_dir_all(&folder).expect("the stack's folder can be written to");
        let ready = folder.join("ready.json");
        let process = Command::new(project.target.join("trunkline/venv/bin/python"))
            .arg(project.root.join("infra/local/smtp_server.py"))
            .arg("--ready-file")
            .arg(&ready)
            .arg("--inbox")
            .arg(folder.join("inbox"))
            .arg("--ca-file")
            .arg(folder.join("ca.pem"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the server starts");
        let says = await_until("the mail server is ready", async || {
            let text = fs::read_to_string(&ready).map_err(|error| error.to_string())?;
            serde_json::from_str(&text).map_err(|error| error.to_string())
        })
        .await;
        Self { says, _process: process }
    }
}
