//! `slack-double`: the Slack double as a process.

use std::error::Error;
use trunkline_doubles::{
    process,
    slack::{Options, SlackDouble},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    process::run(|port| SlackDouble::start(Options { port }), SlackDouble::url).await
}
