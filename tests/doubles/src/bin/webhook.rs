//! `webhook-double`: the receivers of outbound webhooks as a process.

use std::error::Error;
use trunkline_doubles::{process, webhook::WebhookDouble};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    process::run(WebhookDouble::start, WebhookDouble::url).await
}
