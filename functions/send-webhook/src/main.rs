//! Posts events to endpoints: one bundle for each queue message. What happens to a bundle is told in `hub::sender`.

use domain::channel::Channel;
use hub::sender_function::{self, Webhook};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    sender_function::run::<Webhook>("send-webhook", Channel::Webhook).await
}
