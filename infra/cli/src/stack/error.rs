//! What can go wrong with a stack, each told with what to do about it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why a stack did not come up, or could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Python to run the emulator with.
    #[error("{found}; Python 3.10 or later is needed on the PATH as `python3` (or name it in TRUNKLINE_PYTHON)")]
    Python {
        /// What was found instead.
        found: String,
    },
    /// A step's program ended with an error, or a process did not become ready.
    #[error("{what}; the end of {}:\n{}", log.display(), tail(log))]
    Failed {
        /// What failed.
        what: String,
        /// Where it says why.
        log: PathBuf,
    },
    /// The deployed API answered what it should not.
    #[error("{0}")]
    Api(String),
    /// A stack's name cannot be one.
    #[error("`{0}` cannot be a stack's name: use at most 24 letters, digits and hyphens")]
    Name(String),
    /// A command needs a stack that is up.
    #[error("the stack `{0}` is not up; start it with `cargo trunkline up --name {0}`")]
    NotUp(String),
    /// There is no log of that name.
    #[error("nothing called `{asked}` logs; there are {known}")]
    NoSuchLog {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// The user ended it.
    #[error("interrupted; what had been started was ended")]
    Interrupted,
    /// A file or a program was not there, or not as it must be.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an I/O error with what was tried.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: what.into(), source }
    }

    /// For `map_err`: an I/O error on a file.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(path.display().to_string())
    }
}

/// The last lines of a log, enough to see why something ended.
fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(20)..];
    if last.is_empty() { "  (it is empty)".to_owned() } else { format!("  {}", last.join("\n  ")) }
}
