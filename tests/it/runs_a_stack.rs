//! The programs of the local stack have tests of their own, beside them.

use std::process::Command;
use trunkline::stack::Project;

use crate::stack::Stack;

#[test]
fn whose_programs_keep_their_promises() {
    Stack::shared(); // by whose time there is a Python with what they need
    let project = Project::here();
    let output = Command::new(project.target.join("trunkline/venv/bin/python"))
        .args(["-m", "unittest", "discover"])
        .current_dir(project.root.join("infra/local"))
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
