//! Which addresses a URL that somebody else chose may lead to: a shopper's picture, a brand's webhook.
//!
//! Only public unicast addresses, unless an operator lists a network. IPv4 is "all but these", from
//! IANA's special-purpose registry (RFC 6890 and its updates); IPv6 is "only these", because just
//! one eighth of it (`2000::/3`) is given out for public use at all. Forms that carry an IPv4
//! address inside an IPv6 one (mapped, NAT64, 6to4, Teredo) are refused as a whole: a gateway
//! behind us could unpack them into the inner network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 networks that are not public, each with the word for it.
const REFUSED_V4: [(Ipv4Net, &str); 16] = [
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "carrier-grade NAT"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    // Platform service of a large cloud at an address that looks public; it hands out secrets.
    (v4([168, 63, 129, 16], 32), "cloud platform"),
    // Holds 169.254.169.254, the metadata service of most clouds.
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "protocol assignments"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// The part of IPv6 that is given out as public unicast.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// Networks inside the public part that are not public all the same.
const REFUSED_V6: [(Ipv6Net, &str); 5] = [
    // Teredo, ORCHID, benchmarking and other assignments.
    (v6([0x2001, 0, 0, 0], 23), "protocol assignments"),
    (v6([0x2001, 0x0db8, 0, 0], 32), "documentation"),
    (v6([0x2002, 0, 0, 0], 16), "6to4"),
    (v6([0x3ffe, 0, 0, 0], 16), "retired test network"),
    (v6([0x3fff, 0, 0, 0], 20), "documentation"),
];

/// Networks outside the public part that deserve their own word in a message.
const NAMED_V6: [(Ipv6Net, &str); 7] = [
    (v6([0x0064, 0xff9b, 0, 0], 32), "NAT64"),
    (v6([0, 0, 0, 0], 8), "loopback, unspecified or IPv4-mapped"),
    (v6([0x0100, 0, 0, 0], 64), "discard"),
    (v6([0xfc00, 0, 0, 0], 7), "unique local"),
    (v6([0xfe80, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0], 8), "multicast"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d]: [u16; 4], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

/// An address that must not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is not a public address ({network})")]
pub struct RefusedAddress {
    /// The address.
    pub address: IpAddr,
    /// The kind of network it lies in.
    pub network: &'static str,
}

/// Whether an address is public.
///
/// # Errors
/// [`RefusedAddress`] says what it is instead.
pub fn public(address: IpAddr) -> Result<(), RefusedAddress> {
    let network = match address {
        IpAddr::V4(address) => named(&REFUSED_V4, |network| network.contains(&address)),
        IpAddr::V6(address) if PUBLIC_V6.contains(&address) => {
            named(&REFUSED_V6, |network| network.contains(&address))
        }
        IpAddr::V6(address) => {
            named(&NAMED_V6, |network| network.contains(&address)).or(Some("not given out"))
        }
    };
    network.map_or(Ok(()), |network| Err(RefusedAddress { address, network }))
}

fn named<N>(networks: &[(N, &'static str)], holds: impl Fn(&N) -> bool) -> Option<&'static str> {
    networks
        .iter()
        .find(|(network, _)| holds(network))
        .map(|(_, word)| *word)
}

/// Networks that an operator lists as reachable although they are not public.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<IpNet>);

impl AllowList {
    /// Exactly these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the operator listed this address.
    pub fn lists(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether nothing is listed: only public addresses can be reached then.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(ToString::to_string))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "168.63.129.17",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700:4700::1111",
            "2a00:1450:4001:800::200e",
        ] {
            assert_eq!(public(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn every_address_that_is_not_public_is_refused_with_its_kind() {
        for (address, network) in [
            ("0.0.0.0", "this network"),
            ("0.1.2.3", "this network"),
            ("10.0.0.1", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.100.100.200", "carrier-grade NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "cloud platform"),
            ("169.254.169.254", "link-local"),
            ("169.254.170.2", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.8", "protocol assignments"),
            ("192.0.0.192", "protocol assignments"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4 relay"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarking"),
            ("198.19.255.255", "benchmarking"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.9", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.250", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("::", "loopback, unspecified or IPv4-mapped"),
            ("::1", "loopback, unspecified or IPv4-mapped"),
            ("::ffff:127.0.0.1", "loopback, unspecified or IPv4-mapped"),
            ("::ffff:8.8.8.8", "loopback, unspecified or IPv4-mapped"),
            ("::7f00:1", "loopback, unspecified or IPv4-mapped"),
            ("64:ff9b::a00:1", "NAT64"),
            ("64:ff9b:1::a00:1", "NAT64"),
            ("100::1", "discard"),
            ("2001::1", "protocol assignments"),
            ("2001:0:53aa:64c:0:7d2f:80ff:fffe", "protocol assignments"),
            ("2001:2::1", "protocol assignments"),
            ("2001:20::1", "protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::1", "6to4"),
            ("2002:a9fe:a9fe::", "6to4"),
            ("3ffe::1", "retired test network"),
            ("3fff::1", "documentation"),
            ("4000::1", "not given out"),
            ("5f00::1", "not given out"),
            ("fc00::1", "unique local"),
            ("fd00:ec2::254", "unique local"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(public(address), Err(RefusedAddress { address, network }));
        }
    }
}
