//! The test of an SMTP server: connect, EHLO, TLS, AUTH and NOOP on a fresh connection. Nothing is sent.

use super::session::Dialer;
use domain::failure::{Failure, shorten};

pub(super) async fn run(dialer: &Dialer) -> Result<String, Failure> {
    let mut session = dialer.open().await?;
    let answer = session.check().await?;
    let server = session.connection.server_info().name().to_owned();
    session.quit().await;
    Ok(shorten(&format!("{}: {answer}", dialer.describe(&server))))
}
