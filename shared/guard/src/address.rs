//! Which addresses are public.
//!
//! The tables follow the IANA special-purpose address registries (RFC 6890 and its updates): what is not globally
//! reachable there is not public here, and neither are addresses that carry another address inside (mapped, NAT64,
//! 6to4, Teredo), because the address inside may be a private one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not public: first address, prefix length, what they are.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8, &str); 18] = [
    (Ipv4Addr::UNSPECIFIED, 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's shared network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local, where cloud metadata lives"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "reserved for AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "reserved for AMT"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "reserved for AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "reserved for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "reserved for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// Azure's platform agent listens at this otherwise public address inside every virtual network.
const AZURE_WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// IPv6 networks within `2000::/3` that are not public.
const NOT_PUBLIC_V6: [(Ipv6Addr, u8, &str); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved for protocols such as Teredo"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "reserved for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4, which carries an IPv4 address"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "reserved for documentation"),
];

/// Why an address is not public, in a few words; `None` for a public one.
#[must_use]
pub fn not_public(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => not_public_v4(ip),
        IpAddr::V6(ip) => not_public_v6(ip),
    }
}

fn not_public_v4(ip: Ipv4Addr) -> Option<&'static str> {
    if ip == AZURE_WIRE_SERVER {
        return Some("a cloud platform's own service");
    }
    let within = |first: Ipv4Addr, prefix: u8| (ip.to_bits() ^ first.to_bits()) >> (32 - u32::from(prefix)) == 0;
    NOT_PUBLIC_V4.iter().find(|(first, prefix, _)| within(*first, *prefix)).map(|(_, _, what)| *what)
}

fn not_public_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let within = |first: Ipv6Addr, prefix: u8| (ip.to_bits() ^ first.to_bits()) >> (128 - u32::from(prefix)) == 0;
    // Only 2000::/3 is allocated for global unicast. All else is refused by default: loopback, unspecified, mapped
    // (::ffff:0:0/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), ULA (fc00::/7), link-local, site-local, multicast.
    if !within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3) {
        return Some(match ip.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0..=1] => "this machine",
            [0, 0, 0, 0, 0, 0xffff, ..] => "an IPv4 address in IPv6 spelling",
            [0x64, 0xff9b, ..] => "NAT64, which carries an IPv4 address",
            [0xfc00..=0xfdff, ..] => "a private network",
            [0xfe80..=0xfebf, ..] => "link-local",
            [0xff00..=0xffff, ..] => "multicast",
            _ => "not allocated for public use",
        });
    }
    NOT_PUBLIC_V6.iter().find(|(first, prefix, _)| within(*first, *prefix)).map(|(_, _, what)| *what)
}
