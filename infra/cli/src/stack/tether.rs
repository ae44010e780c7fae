//! A stack that lasts no longer than the process that brought it up, however that one ends.

use super::{Error, Project};
use std::{
    fs::File,
    mem,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

/// Starts a program that ends the stack in `folder` when this process has ended. It reads from a pipe whose other end
/// is ours alone: the system closes that end with us, even if we are killed, which no handler of signals could promise.
pub(super) fn tie(project: &Project, python: &Path, folder: &Path) -> Result<(), Error> {
    let log = folder.join("tether.log");
    let out = File::create(&log).map_err(Error::file(&log))?;
    let mut child = Command::new(python)
        .arg(project.script("end_with_parent.py"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(out)
        // A Ctrl-C in the terminal is for us; it must outlive that.
        .process_group(0)
        .spawn()
        .map_err(Error::io("starting what ends the stack with us"))?;
    // Open until this process ends.
    mem::forget(child.stdin.take());
    Ok(())
}
