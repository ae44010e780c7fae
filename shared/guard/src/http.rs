//! HTTP under the guard's rules.

use crate::{Egress, HTTPS_PORT, Names, Refusal, Timeouts, canonical_host, look_up, tls};
use domain::failure::{Failure, FailureKind};
use reqwest::{
    Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Once},
};

/// Idle connections kept per host: more than a sender uses at once, so that none is opened twice.
const IDLE_PER_HOST: usize = 32;

static CRYPTO: Once = Once::new();

/// Builds the client. The first in a process also chooses ring as the cryptography of rustls.
#[expect(clippy::disallowed_methods, reason = "this is the client that everybody else must use")]
pub(crate) fn client(
    egress: &Arc<Egress>,
    names: &Arc<dyn Names>,
    timeouts: Timeouts,
) -> Result<reqwest::Client, Refusal> {
    CRYPTO.call_once(|| {
        // Fails only if something else chose before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .dns_resolver(PublicOnly { egress: Arc::clone(egress), names: Arc::clone(names) })
        .build()
        .map_err(|error| Refusal::Unreachable(format!("HTTPS is not available: {}", tls::innermost(&error))))
}

/// Resolves names to checked addresses only. What it returns is what the client connects to.
struct PublicOnly {
    egress: Arc<Egress>,
    names: Arc<dyn Names>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let (egress, names) = (Arc::clone(&self.egress), Arc::clone(&self.names));
        Box::pin(async move {
            let host = canonical_host(name.as_str())?;
            // Port 0 leaves the port to the URL. A name that no entry lists got past `check_url` with 443 only.
            let addresses = look_up(&*names, &host, 0).await?;
            if !egress.names_somewhere(&host) {
                for address in &addresses {
                    egress.check(address.ip(), HTTPS_PORT).map_err(|refusal| refusal.about(&host))?;
                }
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

pub(crate) fn check_url(egress: &Egress, text: &str) -> Result<Url, Refusal> {
    let refuse = |words: &str| Err(Refusal::NotAllowed(words.to_owned()));
    let Ok(url) = Url::parse(text) else { return refuse("this is not a URL") };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("the URL must begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("the URL must not contain a user name or password");
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return refuse("the URL names no host");
    };
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let excepted = match literal {
        // The parser has turned every spelling of an IPv4 address into the usual one. Other spellings are refused all
        // the same: nobody types them by accident.
        Some(_) if !text.to_ascii_lowercase().contains(host) => {
            return refuse("the URL's address is not in its usual spelling");
        }
        Some(ip) => {
            egress.check(ip, port)?;
            egress.lists(ip, port)
        }
        None => egress.names(&canonical_host(host)?, port),
    };
    if !excepted && url.scheme() != "https" {
        return refuse("the URL must begin with https://");
    }
    if !excepted && port != HTTPS_PORT {
        return refuse("the URL must use port 443");
    }
    Ok(url)
}

/// Whether the address that answered is one that may be spoken to. What was checked is what is connected to, so this
/// never refuses unless something between the two was changed for the worse.
pub(crate) fn check_peer(egress: &Egress, url: &Url, peer: Option<SocketAddr>) -> Result<(), Refusal> {
    let (Some(host), Some(peer)) = (url.host_str(), peer) else {
        return Err(Refusal::NotAllowed("it is not known who answered".to_owned()));
    };
    if canonical_host(host.trim_matches(['[', ']'])).is_ok_and(|host| egress.names(&host, peer.port())) {
        return Ok(());
    }
    egress.check(peer.ip(), peer.port()).map_err(|refusal| refusal.about(host))
}

/// Reads a response's body, at most `limit` bytes of it: what lies beyond is dropped with its connection.
pub async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        let room = limit - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a failed exchange means. Before the connection stood nothing was sent: transient. After that the provider may
/// have acted: unknown. The words never contain the URL, which is a secret with some providers.
#[must_use]
pub fn failure(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if let Some(refusal) = tls::find::<Refusal>(&error) {
        return refusal.clone().into();
    }
    let words = tls::innermost(&error);
    if error.is_connect() {
        return tls::failure(&error)
            .unwrap_or_else(|| Failure::new(FailureKind::Transient { after_ms: None }, "unreachable", &words));
    }
    if error.is_builder() {
        return Failure::new(FailureKind::Permanent, "provider_protocol", &words);
    }
    if error.is_timeout() {
        return Failure::new(FailureKind::Unknown, "timeout", "no answer in time");
    }
    Failure::new(FailureKind::Unknown, "connection_lost", &words)
}
