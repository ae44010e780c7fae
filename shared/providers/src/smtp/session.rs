//! Connections to a mail server: opened to an address that the guard has checked, kept for the next message, and
//! spoken to command by command.

use super::{
    classify::{Fault, Phase, Trouble},
    settings::{Security, Settings, read_authorities},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    failure::{Failure, FailureKind},
    secret::Secret,
};
use guard::Guard;
use lettre::transport::smtp::{
    Error,
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, Certificate, TlsParameters},
    commands::Noop,
    extension::ClientId,
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// How long one address may take to accept a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long everything up to the login may take. With the timeouts of the message itself this stays under the 60 s
/// that a sender has.
const OPEN_TIMEOUT: Duration = Duration::from_secs(25);
/// How many addresses of one host are tried.
const ADDRESSES: usize = 3;
/// Connections that idled longer are not used again: servers hang up after some time, and a frozen Lambda environment
/// does not notice.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// How many messages go over one connection. Common servers end it after 100.
const MESSAGES_MAX: u32 = 90;

/// Opens and keeps connections to one server.
pub(super) struct Dialer {
    settings: Settings,
    password: Option<Secret>,
    hello: ClientId,
    guard: Arc<Guard>,
    /// Built at the first connection, because it reads the platform's authorities.
    tls: OnceLock<Result<TlsParameters, Failure>>,
    idle: Mutex<Vec<Session>>,
}

/// One connection, logged in.
pub(super) struct Session {
    pub(super) connection: AsyncSmtpConnection,
    /// How long one command may take.
    pub(super) timeout: Duration,
    /// Messages sent so far; 0 on a fresh connection.
    pub(super) messages: u32,
    idle_since: Instant,
}

impl Dialer {
    pub(super) fn new(settings: Settings, password: Option<Secret>, from_domain: &str, guard: Arc<Guard>) -> Self {
        // Lambda has no host name of its own; the sender's domain exists in DNS, which some servers check (RFC 5321,
        // section 4.1.4 forbids them to refuse a mismatch, not a name that does not exist).
        let hello = ClientId::Domain(from_domain.to_owned());
        Self { settings, password, hello, guard, tls: OnceLock::new(), idle: Mutex::default() }
    }

    /// A kept connection, else a fresh one.
    pub(super) async fn take(&self) -> Result<Session, Failure> {
        let kept = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|session| session.idle_since.elapsed() <= IDLE_MAX);
            idle.pop()
        };
        match kept {
            Some(session) => Ok(session),
            None => self.open().await,
        }
    }

    /// Keeps a connection for the next message.
    pub(super) async fn put(&self, mut session: Session) {
        if session.messages >= MESSAGES_MAX {
            session.quit().await;
            return;
        }
        session.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < super::CONNECTIONS {
            idle.push(session);
        }
    }

    /// A fresh connection.
    pub(super) async fn open(&self) -> Result<Session, Failure> {
        let opened = tokio::time::timeout(OPEN_TIMEOUT, self.dial()).await;
        let slow = || Trouble::new(Phase::Connect, Fault::Broken("no connection and login in time".to_owned()));
        opened.unwrap_or_else(|_| Err(slow().into()))
    }

    async fn dial(&self) -> Result<Session, Failure> {
        let addresses = self.guard.resolve(&self.settings.host, self.settings.port).await?;
        let mut addresses = addresses.into_iter().take(ADDRESSES).peekable();
        loop {
            let Some(address) = addresses.next() else {
                return Err(Trouble::new(Phase::Connect, Fault::Broken("the host has no address".to_owned())).into());
            };
            match self.greet(address).await {
                Ok(connection) => return self.log_in(connection).await,
                Err(Stop::Trouble(trouble)) if trouble.is_unreachable() && addresses.peek().is_some() => {}
                Err(stop) => return Err(stop.into()),
            }
        }
    }

    /// Connects and makes the connection secure.
    async fn greet(&self, address: SocketAddr) -> Result<AsyncSmtpConnection, Stop> {
        let wrapper = if self.settings.security == Security::Tls { Some(self.tls()?) } else { None };
        let connecting =
            AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT_TIMEOUT), &self.hello, wrapper, None);
        let mut connection = within(Phase::Connect, self.timeout(), connecting).await?;
        if self.settings.security == Security::Starttls {
            if !connection.can_starttls() {
                return Err(Trouble::new(Phase::Secure, Fault::NoStarttls).into());
            }
            within(Phase::Secure, self.timeout(), connection.starttls(self.tls()?, &self.hello)).await?;
        }
        Ok(connection)
    }

    async fn log_in(&self, mut connection: AsyncSmtpConnection) -> Result<Session, Failure> {
        if let (Some(username), Some(password)) = (&self.settings.username, &self.password) {
            const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];
            if connection.server_info().get_auth_mechanism(&MECHANISMS).is_none() {
                return Err(Trouble::new(Phase::Login, Fault::NoLogin).into());
            }
            let credentials = Credentials::new(username.clone(), password.expose().to_owned());
            let login = connection.auth(&MECHANISMS, &credentials);
            if let Err(trouble) = within(Phase::Login, self.timeout(), login).await {
                let mut failure = Failure::from(trouble);
                failure.detail = without_password(&failure.detail, username, password.expose());
                return Err(failure);
            }
        }
        Ok(Session { connection, timeout: self.timeout(), messages: 0, idle_since: Instant::now() })
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.settings.timeout_s)
    }

    fn tls(&self) -> Result<TlsParameters, Failure> {
        self.tls.get_or_init(|| self.build_tls()).clone()
    }

    /// TLS for the host's name, whatever address it is reached at.
    fn build_tls(&self) -> Result<TlsParameters, Failure> {
        let failed = |words: &str| Failure::new(FailureKind::Transient { after_ms: None }, "tls_failed", words);
        let host = self.settings.host.trim_end_matches('.').to_owned();
        let mut builder = TlsParameters::builder(host);
        if let Some(pem) = &self.settings.ca_certificate {
            for authority in read_authorities(pem).map_err(|why| failed(&why))? {
                let authority =
                    Certificate::from_der(authority.to_vec()).map_err(|error| failed(&error.to_string()))?;
                builder = builder.add_root_certificate(authority);
            }
        }
        builder.build().map_err(|error| failed(&error.to_string()))
    }

    /// What the connection is like, for the test's report.
    pub(super) fn describe(&self, server: &str) -> String {
        let security = match self.settings.security {
            Security::Starttls => "STARTTLS",
            Security::Tls => "TLS",
            Security::None => "no encryption",
        };
        let login = match &self.settings.username {
            Some(username) => format!("logged in as {username}"),
            None => "no login".to_owned(),
        };
        format!("{server}, {security}, {login}")
    }
}

impl Session {
    /// NOOP. Answers the server's words.
    pub(super) async fn check(&mut self) -> Result<String, Trouble> {
        let response = within(Phase::Check, self.timeout, self.connection.command(Noop)).await?;
        Ok(format!("{} {}", response.code(), response.first_line().unwrap_or_default()))
    }

    /// Takes leave, as RFC 5321 wants it, without insisting on an answer.
    pub(super) async fn quit(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(2), self.connection.quit()).await;
    }
}

/// Runs one step of the conversation within its time.
pub(super) async fn within<T>(
    phase: Phase,
    limit: Duration,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, step).await {
        Ok(answer) => answer.map_err(|error| Trouble::new(phase, error)),
        Err(_) => Err(Trouble::new(phase, Fault::Slow)),
    }
}

/// Why no connection came about: the server, or something of ours such as unusable settings.
enum Stop {
    Trouble(Trouble),
    Failure(Failure),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Trouble(trouble) => trouble.into(),
            Stop::Failure(failure) => failure,
        }
    }
}

/// A server's words without the password, should it repeat what it was sent.
fn without_password(words: &str, username: &str, password: &str) -> String {
    let spellings =
        [STANDARD.encode(format!("\0{username}\0{password}")), STANDARD.encode(password), password.to_owned()];
    spellings
        .iter()
        .filter(|spelling| spelling.len() >= 4)
        .fold(words.to_owned(), |words, spelling| words.replace(spelling.as_str(), "[password]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_repeats_the_password_is_not_quoted() {
        let words = format!("535 no: {} {}", STANDARD.encode("\0u\0s3cret!"), "s3cret!");
        let shown = without_password(&words, "u", "s3cret!");
        assert_eq!(shown, "535 no: [password] [password]");
    }
}
