//! Building the functions.

use super::{Error, Project};
use indicatif::ProgressBar;
use std::{
    env,
    fs::{self, File},
    io::Write,
    path::Path,
    process::Stdio,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// Builds every program of the workspace. All of it, always: a part would resolve other features of the dependencies
/// and build most of them again.
pub(super) async fn build(project: &Project, release: bool, bar: &ProgressBar) -> Result<(), Error> {
    build_only(project, release, &[], bar).await
}

/// Builds these programs; all if none is named. The features are still resolved for the whole workspace.
pub async fn build_only(project: &Project, release: bool, programs: &[&str], bar: &ProgressBar) -> Result<(), Error> {
    let log = project.shared().join("build.log");
    fs::create_dir_all(project.shared()).map_err(Error::file(&project.shared()))?;
    let mut kept = File::create(&log).map_err(Error::file(&log))?;
    let mut child = cargo(&project.root, release, programs).spawn().map_err(Error::io("starting cargo"))?;
    if let Some(stderr) = child.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await.map_err(Error::io("reading from cargo"))? {
            writeln!(kept, "{line}").map_err(Error::file(&log))?;
            bar.set_message(line.trim().to_owned());
        }
    }
    let status = child.wait().await.map_err(Error::io("waiting for cargo"))?;
    if status.success() { Ok(()) } else { Err(Error::Failed { what: "the build failed".to_owned(), log }) }
}

fn cargo(root: &Path, release: bool, programs: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--workspace"]).args(release.then_some("--release"));
    cargo.args(programs.is_empty().then_some("--bins")).args(programs.iter().flat_map(|program| ["--bin", program]));
    // Set by the cargo that runs us for our own crate; the build would take itself for a part of that.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    cargo
}
