//! From where an API key may be used: networks of IPv4 and IPv6.

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// The most networks of one key.
pub const ENTRIES_MAX: usize = 50;

/// How many bits of an IPv6 address stand before the IPv4 address that is mapped into it (RFC 4291, section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// A network, without host bits. One of mapped addresses (`::ffff:10.0.0.0/104`) is the IPv4 network that it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr(IpNet);

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let network = match text.parse::<IpAddr>() {
            Ok(alone) => Ok(IpNet::from(alone)),
            Err(_) => text.parse::<IpNet>(),
        };
        let network = network.map_err(|_| format!("`{text}` is no network; write 203.0.113.0/24 or 2001:db8::/32"))?;
        Ok(Self(plain(network).trunc()))
    }
}

/// The IPv4 network that a network of mapped addresses means.
fn plain(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS));
    mapped.and_then(|(v4, bits)| Ipv4Net::new(v4, bits).ok()).map_or(network, IpNet::V4)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Cidr {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

/// The networks from which a key may be used; with none, from anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllowList(Vec<Cidr>);

impl AllowList {
    /// The networks in order, each once. `None` for more than [`ENTRIES_MAX`].
    #[must_use]
    pub fn new(mut networks: Vec<Cidr>) -> Option<Self> {
        networks.sort_by_key(|cidr| cidr.0);
        networks.dedup();
        (networks.len() <= ENTRIES_MAX).then_some(Self(networks))
    }

    /// Whether a request from there is let in. Where it is not known from where a request comes, a list lets nobody in.
    #[must_use]
    pub fn permits(&self, source: Option<IpAddr>) -> bool {
        let source = source.map(|address| address.to_canonical());
        self.0.is_empty() || source.is_some_and(|source| self.0.iter().any(|network| network.0.contains(&source)))
    }

    /// The networks as text.
    #[must_use]
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether it restricts nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(networks: &[&str]) -> AllowList {
        AllowList::new(networks.iter().map(|network| network.parse().unwrap()).collect()).unwrap()
    }

    fn permits(list: &AllowList, address: &str) -> bool {
        list.permits(Some(address.parse().unwrap()))
    }

    #[test]
    fn an_address_is_let_in_by_any_network_that_holds_it() {
        let list = list(&["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"]);
        for inside in ["203.0.113.9", "2001:db8:1::1", "198.51.100.7", "::ffff:203.0.113.9"] {
            assert!(permits(&list, inside), "{inside}");
        }
        for outside in ["203.0.114.1", "198.51.100.8", "2001:db9::1", "::ffff:203.0.114.1", "::203.0.113.9"] {
            assert!(!permits(&list, outside), "{outside}");
        }
        assert!(!list.permits(None));
    }

    #[test]
    fn an_empty_list_lets_everybody_in() {
        assert!(list(&[]).permits(None) && permits(&list(&[]), "192.0.2.1"));
    }

    #[test]
    fn networks_are_normalised() {
        let networks = list(&["10.1.2.3/8", "::ffff:192.0.2.0/120", "10.0.0.0/8", "2001:db8::1/32"]);
        assert_eq!(networks.to_texts(), ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"]);
        assert!(permits(&networks, "192.0.2.255"));
    }

    #[test]
    fn anything_else_is_refused_and_so_are_too_many() {
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "10.0.0.0-10.0.0.9", "::1/129"] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        let many = |count: usize| (0..count).map(|n| format!("10.0.{n}.0/24").parse().unwrap()).collect();
        assert!(AllowList::new(many(ENTRIES_MAX)).is_some());
        assert!(AllowList::new(many(ENTRIES_MAX + 1)).is_none());
    }
}
