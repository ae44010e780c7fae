//! What is deployed: those functions that are measured as they are shipped, the others as the tests build them.
//!
//! A function takes the linker half a minute with the optimisations of a release. The others stand beside a delivery's
//! way; nothing they do is counted.

use super::Fallible;
use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::PathBuf};
use trunkline::{
    budget::{TO_ENDPOINT, TO_SLACK},
    stack::{Progress, Project, build_only},
};

/// What the budget says of start and size holds for each of these.
pub(super) const HELD_TO_SIZE: [&str; 4] = ["send-slack", "send-email", "send-webhook", "events"];

/// Builds what is missing and returns the folder to deploy.
pub(super) async fn build(progress: &Progress) -> Fallible<PathBuf> {
    let project = Project::here();
    let on_the_way = [TO_SLACK, TO_ENDPOINT].into_iter().flat_map(|way| way.functions);
    let shipped: Vec<_> = on_the_way.chain(HELD_TO_SIZE).collect::<BTreeSet<_>>().into_iter().collect();
    // Their own CPU time is not counted, but a slow double would lengthen what is billed.
    let with_double: Vec<_> = shipped.iter().copied().chain(["slack-double", "webhook-double"]).collect();
    progress
        .step("Measured functions, release build", async |bar| build_only(&project, true, &with_double, bar).await)
        .await?;
    let others = others(&project, &shipped)?;
    let names: Vec<_> = others.iter().map(String::as_str).collect();
    progress.step("Other functions", async |bar| build_only(&project, false, &names, bar).await).await?;

    let folder = project.target.join("trunkline/budget");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for program in shipped {
        symlink(project.target.join("release").join(program), folder.join(program))?;
    }
    for program in others {
        symlink(project.target.join("debug").join(&program), folder.join(&program))?;
    }
    Ok(folder)
}

/// The functions that are not in `shipped`: the template wants every one.
fn others(project: &Project, shipped: &[&str]) -> Fallible<Vec<String>> {
    let mut others = Vec::new();
    for function in fs::read_dir(project.root.join("functions"))? {
        let name = function?.file_name().to_string_lossy().into_owned();
        if !shipped.contains(&name.as_str()) {
            others.push(name);
        }
    }
    Ok(others)
}
