//! The only way out to an address that a tenant chose: a guard against server-side request forgery, for HTTP and TCP.
//!
//! A tenant's admin types host names and URLs. Without a guard, `169.254.169.254`, `localhost` or a name that
//! resolves to our own network would make the hub speak to its own insides. The rules:
//!
//! * A name is resolved once; it is refused unless **every** address is public ([`address`]). What was checked is what
//!   is connected to: no second look-up can answer differently (DNS rebinding). The peer that answers HTTP is checked
//!   once more ([`Guard::execute`]).
//! * Address literals are checked as such, and only in their canonical spelling: no octal, hexadecimal or short forms.
//! * HTTP is HTTPS on port 443, without credentials in the URL, without redirects and without a proxy; mail goes to
//!   [`MAIL_PORTS`].
//! * What else may be reached is named by the deployment ([`Egress`]), never by a tenant. Production names nothing.
//!
//! Networks that reach IPv4 through NAT64 with DNS64 are not supported, because the synthesised addresses can name
//! private ones.

pub mod address;
mod egress;
mod http;
mod names;
mod refusal;
pub mod tls;

pub use egress::{Egress, InvalidEgress};
pub use http::{failure, read_body};
pub use names::Names;
pub use refusal::Refusal;

use domain::failure::Failure;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The ports at which mail servers take mail: relay, submission over TLS (RFC 8314), submission with STARTTLS
/// (RFC 6409), and the alternative to it that many providers offer where 587 is blocked.
pub const MAIL_PORTS: [u16; 4] = [25, 465, 587, 2525];

/// The only port of tenant-supplied URLs.
pub const HTTPS_PORT: u16 = 443;

/// How long one name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long HTTP may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands, name resolution and TLS included.
    pub connect: Duration,
    /// Until the whole answer is read, connecting included.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(10) }
    }
}

/// Decides where the hub may connect to, and holds the HTTP client that obeys. One per process.
#[derive(Debug)]
pub struct Guard {
    egress: Arc<Egress>,
    timeouts: Timeouts,
    names: Arc<dyn Names>,
    client: OnceLock<Result<reqwest::Client, Refusal>>,
}

impl Guard {
    /// A guard that lets through public addresses and what `egress` names.
    #[must_use]
    pub fn new(egress: Egress) -> Self {
        Self::with_timeouts(egress, Timeouts::default())
    }

    /// A guard whose HTTP client has other timeouts.
    #[must_use]
    pub fn with_timeouts(egress: Egress, timeouts: Timeouts) -> Self {
        Self::with_names(egress, timeouts, Arc::new(names::System))
    }

    /// A guard that looks names up elsewhere, for tests. Whatever is answered there is held against the same rules.
    #[must_use]
    pub fn with_names(egress: Egress, timeouts: Timeouts, names: Arc<dyn Names>) -> Self {
        Self { egress: Arc::new(egress), timeouts, names, client: OnceLock::new() }
    }

    /// The addresses of a mail server, each of which may be connected to. Connect to one of these and do not resolve
    /// again. The order is the resolver's.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
        self.check_server(host, port)?;
        let host = canonical_host(host)?;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let addresses = look_up(&*self.names, &host, port).await?;
        self.egress.check_all(&host, port, &addresses)?;
        Ok(addresses)
    }

    /// What can be said about a mail server without resolving its name: the spelling of the host, the port, and the
    /// address where the host is one. For checking settings while they are typed.
    pub fn check_server(&self, host: &str, port: u16) -> Result<(), Refusal> {
        let host = canonical_host(host)?;
        if self.egress.names(&host, port) {
            return Ok(());
        }
        if let Ok(ip) = host.parse::<IpAddr>() {
            self.egress.check(ip, port)?;
            if self.egress.lists(ip, port) {
                return Ok(());
            }
        } else if self.egress.has_networks_for(port) {
            // The name may resolve into a network that is let through at this port: the addresses decide.
            return Ok(());
        }
        if MAIL_PORTS.contains(&port) {
            return Ok(());
        }
        Err(Refusal::Port(port))
    }

    /// The HTTP client for tenant-supplied URLs: it connects to checked addresses only, follows no redirects, uses no
    /// proxy, and keeps up to 32 idle connections per host. It resolves names under the guard's rules, but it connects to
    /// address literals without asking, which is why nobody has it but [`Guard::execute`].
    fn http(&self) -> Result<&reqwest::Client, Refusal> {
        let client = || http::client(&self.egress, &self.names, self.timeouts);
        self.client.get_or_init(client).as_ref().map_err(Clone::clone)
    }

    /// Sends a request: its URL is held against the rules of [`Guard::check_url`] whoever made it, and so is the address
    /// that answered.
    pub async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, Failure> {
        http::check_url(&self.egress, request.url().as_str())?;
        let response = self.http()?.execute(request).await.map_err(failure)?;
        http::check_peer(&self.egress, response.url(), response.remote_addr())?;
        Ok(response)
    }

    /// Parses a tenant-supplied URL and checks all that can be checked without resolving its name.
    pub fn check_url(&self, url: &str) -> Result<reqwest::Url, Refusal> {
        http::check_url(&self.egress, url)
    }

    /// Whether the deployment's own list, rather than the public rule, lets this host and port through. Where a
    /// provider has fixed host names, a stand-in is accepted only under this condition.
    pub fn is_exception(&self, host: &str, port: u16) -> bool {
        let Ok(host) = canonical_host(host) else { return false };
        self.egress.names(&host, port) || host.parse().is_ok_and(|ip| self.egress.lists(ip, port))
    }
}

/// Resolves a name once, within [`RESOLVE_TIMEOUT`].
async fn look_up(names: &dyn Names, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
    let addresses = tokio::time::timeout(RESOLVE_TIMEOUT, names.look_up(host))
        .await
        .map_err(|_| Refusal::Unreachable(format!("the name {host} could not be resolved in time")))?
        .map_err(|error| Refusal::Unreachable(format!("the name {host} could not be resolved: {error}")))?;
    let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    if addresses.is_empty() {
        return Err(Refusal::Unreachable(format!("the name {host} has no address")));
    }
    Ok(addresses)
}

/// A host in lower case and without the root's dot, if it is spelled as a name or as a canonical address.
///
/// Resolvers accept `0x7f.1`, `017700000001` and `2130706433` for 127.0.0.1, each parser in its own way. A name whose
/// last label is a number is therefore refused unless it is a plain dotted quad (the rule of the WHATWG URL standard,
/// "ends in a number checker").
fn canonical_host(host: &str) -> Result<String, Refusal> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(ip.to_string());
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let label_is_plain = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.split('.').all(label_is_plain) {
        return Err(Refusal::NotAllowed(format!("{} is not a host name or an IP address", shown(host))));
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|tail| tail.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::NotAllowed(format!(
            "{} is neither a host name nor an IP address in its usual spelling",
            shown(host)
        )));
    }
    Ok(name)
}

/// What a tenant typed, short and on one line, for a message.
fn shown(text: &str) -> String {
    let short: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).take(80).collect();
    format!("`{short}`")
}

#[cfg(test)]
mod bypasses;
#[cfg(test)]
mod tests;
