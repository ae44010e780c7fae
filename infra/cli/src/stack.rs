//! A whole Trunkline on this machine: the emulated AWS with `template.yaml` deployed on it, a mail server, a Slack
//! double and a collector of events. Each stack has a name, its own free ports and a folder,
//! `target/trunkline/stacks/<name>/`, with its state, logs, inbox and events.
//!
//! ```no_run
//! # async fn example() -> Result<(), trunkline::stack::Error> {
//! use trunkline::stack::{self, Progress, UpOptions};
//! let stack = stack::up(&UpOptions::named("mine"), &Progress::silent()).await?;
//! println!("{} with {}", stack.api_url, stack.key);
//! stack::down("mine").await?;
//! # Ok(()) }
//! ```

mod build;
mod error;
pub mod integrations;
mod logs;
mod process;
mod progress;
mod project;
mod python;
mod state;
mod tenant;
mod tether;
mod up;

pub use build::build_only;
pub use error::Error;
pub use logs::{keep_logs, log_text, logs};
pub use process::Process;
pub use progress::Progress;
pub use project::Project;
pub use state::{Graph, MailApi, Slack, Smtp, StackState, Teams, Webhook, load, names, processes};
pub use up::{UpOptions, down, up};

/// The stack that commands mean when none is named.
pub const DEFAULT_NAME: &str = "local";
