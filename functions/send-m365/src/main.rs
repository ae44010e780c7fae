//! Has Microsoft 365 run phishing simulations: one for each queue message. What happens to a bundle is told in
//! `hub::sender`, and what is special about simulations in its `simulate`.

use domain::channel::Channel;
use hub::sender_function::{self, M365};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    sender_function::run::<M365>("send-m365", Channel::M365).await
}
