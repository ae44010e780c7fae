//! `mail-api-doubles`: the doubles of the e-mail APIs as one process.

use std::error::Error;
use trunkline_doubles::{mail_api::MailApiDouble, process};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    process::run(MailApiDouble::start, MailApiDouble::url).await
}
