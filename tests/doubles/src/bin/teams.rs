//! `teams-double`: the Teams double as a process.

use std::error::Error;
use trunkline_doubles::{process, teams::TeamsDouble};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    process::run(TeamsDouble::start, TeamsDouble::url).await
}
