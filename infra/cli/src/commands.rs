//! One module per command: its arguments, and `run`.

use std::process::ExitCode;

pub(crate) mod api;
pub(crate) mod audit;
pub(crate) mod budget;
pub(crate) mod campaign;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod down;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod hooks;
pub(crate) mod integrations;
pub(crate) mod key;
pub(crate) mod kpi;
pub(crate) mod logs;
pub(crate) mod output;
pub(crate) mod preflight;
pub(crate) mod rules;
pub(crate) mod screenshots;
pub(crate) mod secrets;
pub(crate) mod send;
pub(crate) mod settings;
pub(crate) mod status;
pub(crate) mod suppressions;
pub(crate) mod templates;
pub(crate) mod tenant;
pub(crate) mod up;

/// What a command ends with: an exit code of its own, or an error that `main` prints.
pub(crate) type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;
