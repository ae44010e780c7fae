//! Where things are in this checkout.

use super::Error;
use std::{
    env,
    path::{Path, PathBuf},
};

/// This checkout.
#[derive(Debug)]
pub struct Project {
    /// Where `template.yaml` is.
    pub root: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
}

impl Project {
    /// The checkout this program was built from.
    pub fn here() -> Self {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_owned();
        let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        Self { root, target }
    }

    /// A Python program of the local stack.
    pub(super) fn script(&self, name: &str) -> PathBuf {
        self.root.join("infra/local").join(name)
    }

    /// Where cargo puts programs.
    pub(super) fn binaries(&self, release: bool) -> PathBuf {
        self.target.join(if release { "release" } else { "debug" })
    }

    /// What all stacks share.
    pub(super) fn shared(&self) -> PathBuf {
        self.target.join("trunkline")
    }

    /// The virtual environment that all stacks share.
    pub(super) fn venv(&self) -> PathBuf {
        self.shared().join("venv")
    }

    /// Its Python.
    pub fn python(&self) -> PathBuf {
        self.venv().join("bin/python")
    }

    /// Where all stacks are.
    pub(super) fn stacks(&self) -> PathBuf {
        self.shared().join("stacks")
    }

    /// The folder of one stack, whether it is there or not.
    pub(super) fn stack(&self, name: &str) -> Result<PathBuf, Error> {
        let fits = (1..=24).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(self.stacks().join(name)) } else { Err(Error::Name(name.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_root_by_the_template() {
        assert!(Project::here().root.join("template.yaml").is_file());
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        for name in ["", "..", "a/b", "a b", &"a".repeat(25)] {
            assert!(matches!(Project::here().stack(name), Err(Error::Name(_))), "{name}");
        }
        assert!(Project::here().stack("test-1").unwrap().ends_with("stacks/test-1"));
    }
}
