//! Sends Slack messages: one bundle for each queue message. What happens to a bundle is told in `hub::sender`.

use domain::channel::Channel;
use hub::sender_function::{self, Slack};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    sender_function::run::<Slack>("send-slack", Channel::Slack).await
}
