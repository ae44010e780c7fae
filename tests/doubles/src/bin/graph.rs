//! `graph-double`: the double of Microsoft Graph and its login server as a process.

use std::error::Error;
use trunkline_doubles::{
    graph::{GraphDouble, Options},
    process,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    process::run(|port| GraphDouble::start(Options { port }), GraphDouble::url).await
}
