//! What functions and processes logged.

use super::{Error, Project, state};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

/// The program that prints the log of a function or process, or of all functions; `follow` goes on until it is ended.
pub fn logs(name: &str, source: Option<&str>, follow: bool) -> Result<Command, Error> {
    let project = Project::here();
    let stack = state::load(name)?.ok_or_else(|| Error::NotUp(name.to_owned()))?;
    if let Some(process) = stack.processes.iter().find(|process| Some(process.name.as_str()) == source) {
        let mut tail = Command::new("tail");
        tail.args(["-n", "+1"]).args(follow.then_some("-f")).arg(&process.log);
        return Ok(tail);
    }
    let mut groups = stack.log_groups.clone();
    groups.retain(|function, _| source.is_none_or(|asked| asked == function));
    if groups.is_empty() {
        let known = stack.log_groups.keys().chain(stack.processes.iter().map(|process| &process.name));
        return Err(Error::NoSuchLog {
            asked: source.unwrap_or_default().to_owned(),
            known: known.map(String::as_str).collect::<Vec<_>>().join(", "),
        });
    }
    let mut reader = reader(&project, &project.python(), &stack.endpoint, &groups);
    reader.args(follow.then_some("--follow"));
    Ok(reader)
}

/// All that the functions logged so far, a line each behind the function's name.
pub async fn log_text(name: &str) -> Result<String, Error> {
    let output = logs(name, None, false)?.stdin(Stdio::null()).output().await.map_err(Error::io("reading the logs"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Api(format!("the logs cannot be read: {}", said.trim().lines().last().unwrap_or_default())))
}

/// Keeps what the functions logged beyond the end of the stack; returns the file.
pub async fn keep_logs(name: &str) -> Result<PathBuf, Error> {
    let file = Project::here().stack(name)?.join("functions.log");
    fs::write(&file, log_text(name).await?).map_err(Error::file(&file))?;
    Ok(file)
}

/// The program that prints what is in those log groups.
pub(super) fn reader(project: &Project, python: &Path, endpoint: &str, groups: &BTreeMap<String, String>) -> Command {
    let mut reader = Command::new(python);
    reader.arg(project.script("read_logs.py")).args(["--endpoint", endpoint]);
    for (function, group) in groups {
        reader.args(["--group", &format!("{function}={group}")]);
    }
    reader
}
