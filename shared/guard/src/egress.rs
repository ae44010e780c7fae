//! What the deployment lets through besides public addresses.

use crate::{Refusal, address::not_public, canonical_host};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Targets that are let through although they are not public: the deployment setting `EGRESS_ALLOW`. It is empty in
/// production unless the operator runs, say, a mail relay inside the VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    target: Target,
    /// `None` is every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Network(IpNet),
    /// Lets the name through, whatever it resolves to.
    Host(String),
}

/// An entry of the setting that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("EGRESS_ALLOW: `{entry}` is not `cidr-or-host:port`, e.g. 127.0.0.1/32:2525, [fd00::/8]:*, relay.internal:25")]
pub struct InvalidEgress {
    entry: String,
}

impl Egress {
    /// Parses a comma-separated list of `cidr-or-host:port`. The port may be `*`; IPv6 is put in brackets
    /// (`[::1/128]:25`); blanks around entries are ignored; an empty text is an empty list.
    pub fn parse(allow: &str) -> Result<Self, InvalidEgress> {
        let entries = allow.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let parse = |entry: &str| Entry::parse(entry).ok_or_else(|| InvalidEgress { entry: entry.to_owned() });
        Ok(Self { entries: entries.map(parse).collect::<Result<_, _>>()? })
    }

    fn at(&self, port: u16) -> impl Iterator<Item = &Target> {
        self.entries.iter().filter(move |entry| entry.port.is_none_or(|own| own == port)).map(|entry| &entry.target)
    }

    /// Whether an entry names this host (in lower case) at this port.
    pub(crate) fn names(&self, host: &str, port: u16) -> bool {
        self.at(port).any(|target| matches!(target, Target::Host(name) if name == host))
    }

    /// Whether an entry names this host at any port.
    pub(crate) fn names_somewhere(&self, host: &str) -> bool {
        self.entries.iter().any(|entry| matches!(&entry.target, Target::Host(name) if name == host))
    }

    /// Whether an entry's network has this address at this port.
    pub(crate) fn lists(&self, ip: IpAddr, port: u16) -> bool {
        self.at(port).any(|target| matches!(target, Target::Network(network) if network.contains(&ip)))
    }

    /// Whether some network is let through at this port.
    pub(crate) fn has_networks_for(&self, port: u16) -> bool {
        self.at(port).any(|target| matches!(target, Target::Network(_)))
    }

    /// Refuses an address that is neither public nor listed.
    pub(crate) fn check(&self, ip: IpAddr, port: u16) -> Result<(), Refusal> {
        match not_public(ip) {
            Some(what) if !self.lists(ip, port) => Err(Refusal::NotAllowed(format!("the address {ip} is {what}"))),
            _ => Ok(()),
        }
    }

    /// Refuses a mail server's name unless it is named by the list, or every address passes and, at a port that is
    /// not one of mail, is listed.
    pub(crate) fn check_all(&self, host: &str, port: u16, addresses: &[SocketAddr]) -> Result<(), Refusal> {
        if self.names(host, port) {
            return Ok(());
        }
        for address in addresses {
            self.check(address.ip(), port).map_err(|refusal| refusal.about(host))?;
            if !crate::MAIL_PORTS.contains(&port) && !self.lists(address.ip(), port) {
                return Err(Refusal::Port(port));
            }
        }
        Ok(())
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        let (target, port) = entry.rsplit_once(':')?;
        let port = if port == "*" { None } else { Some(port.parse().ok().filter(|port| *port > 0)?) };
        let network = |text: &str| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let target = match target.strip_prefix('[') {
            Some(rest) => Target::Network(network(rest.strip_suffix(']')?)?),
            None if target.contains(':') => return None,
            None => match network(target) {
                Some(network) => Target::Network(network),
                None => Target::Host(canonical_host(target).ok()?),
            },
        };
        Some(Self { target, port })
    }
}
