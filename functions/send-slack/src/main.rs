//! Sends Slack messages: one bundle for each queue message. What happens to a bundle is told in `hub::sender`.

use domain::channel::Channel;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    hub::sender_function::run("send-slack", Channel::Slack).await
}
