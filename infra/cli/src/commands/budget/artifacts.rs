//! The functions of a delivery as they are shipped: what they spend until they are ready, and how large they are.

use super::{Fallible, programs::HELD_TO_SIZE};
use std::{path::Path, process::Command};
use trunkline::{
    budget::{Artifact, runtime_api::init_cpu_us},
    stack::Project,
};

/// The least of so many starts counts: what is above it is the machine's.
const STARTS: usize = 15;

/// Those in this folder that are held to their start and size.
pub(super) fn all(folder: &Path) -> Fallible<Vec<Artifact>> {
    HELD_TO_SIZE.into_iter().map(|function| artifact(folder, function)).collect()
}

fn artifact(folder: &Path, function: &'static str) -> Fallible<Artifact> {
    let binary = folder.join(function);
    let starts = (0..STARTS).map(|_| init_cpu_us(&binary)).collect::<Result<Vec<_>, _>>()?;
    let init_cpu_us = starts.into_iter().min().unwrap_or_default();
    Ok(Artifact { function, init_cpu_us, zip_bytes: zip_bytes(&binary)? })
}

/// As Lambda takes it: a zip of `bootstrap`. Python writes it, which the stack has anyway, rather than one more crate.
fn zip_bytes(binary: &Path) -> Fallible<u64> {
    let project = Project::here();
    let output =
        Command::new(project.python()).arg(project.root.join("infra/local/zip_size.py")).arg(binary).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
