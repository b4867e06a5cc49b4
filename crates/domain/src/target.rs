//! A URL of a stranger's choice that has passed every check that needs no network.
//!
//! `https` on port 443 and no credentials; plain HTTP and other ports only where an operator lists the
//! network. An address that stands in the URL is judged here, because no resolver is asked about it; a
//! name is left to whoever resolves it, who must keep to the target's [`Reach`].

use url::{Host, Url};

use crate::address::{AllowList, RefusedAddress, public};

/// Longer URLs are refused: the common limit of browsers and content networks.
const MAX_URL_BYTES: usize = 2_048;
const HTTPS_PORT: u16 = 443;

/// A checked URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The URL, in the one spelling that all others come down to.
    pub url: Url,
    /// The host, for messages.
    pub host: String,
    /// Which addresses the host may resolve to.
    pub reach: Reach,
}

/// Why a URL is not connected to, whatever its host resolves to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// The text is no URL, or longer than one may be.
    #[error("not a URL: {0}")]
    InvalidUrl(String),
    /// Another scheme than `https`.
    #[error("the scheme {0:?} is not allowed")]
    Scheme(String),
    /// The URL carries a user name or password.
    #[error("the URL carries credentials")]
    Credentials,
    /// Another port than 443.
    #[error("port {0} is not allowed")]
    Port(u16),
    /// The URL leads to an address that is not public.
    #[error(transparent)]
    Address(#[from] RefusedAddress),
}

impl TargetFault {
    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl(_) => "invalid_url",
            Self::Scheme(_) => "scheme",
            Self::Credentials => "credentials",
            Self::Port(_) => "port",
            Self::Address(_) => "address",
        }
    }
}

/// Which addresses the host may resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public ones, and those the operator lists.
    Public,
    /// Only those the operator lists: the URL uses plain HTTP or an unusual port.
    Listed,
}

impl Target {
    /// Parses as browsers do (WHATWG), so that `0x7f.1` or `2130706433` are seen as the addresses
    /// they mean, and checks everything but names, which only the resolver can.
    ///
    /// # Errors
    /// [`TargetFault`] says what is wrong with it.
    pub fn parse(text: &str, allowed: &AllowList) -> Result<Self, TargetFault> {
        if text.len() > MAX_URL_BYTES {
            return Err(TargetFault::InvalidUrl(format!(
                "longer than {MAX_URL_BYTES} bytes"
            )));
        }
        let url = Url::parse(text).map_err(|error| TargetFault::InvalidUrl(error.to_string()))?;
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            other => return Err(TargetFault::Scheme(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetFault::Credentials);
        }
        let port = url.port_or_known_default().unwrap_or(HTTPS_PORT);
        let reach = if plain || port != HTTPS_PORT {
            Reach::Listed
        } else {
            Reach::Public
        };
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(TargetFault::InvalidUrl("no host".to_owned())),
        };
        // Of an address that stands in the URL the client never asks the resolver, so it is judged
        // here.
        let listed = address.map_or(!allowed.is_empty(), |address| allowed.lists(address));
        if reach == Reach::Listed && !listed {
            return Err(if plain {
                TargetFault::Scheme("http".to_owned())
            } else {
                TargetFault::Port(port)
            });
        }
        if let Some(address) = address.filter(|_| !listed) {
            public(address)?;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { url, host, reach })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(url: &str, allowed: &str) -> &'static str {
        let networks = allowed
            .split_whitespace()
            .map(|network| network.parse().unwrap());
        let allowed = AllowList::new(networks.collect());
        Target::parse(url, &allowed).map_or_else(|error| error.code(), |_| "passed")
    }

    #[test]
    fn ordinary_picture_urls_pass() {
        for url in [
            "https://example.com/a.png",
            "https://example.com:443/a.png?width=3#part",
            "HTTPS://EXAMPLE.com/a.png",
            "https://8.8.8.8/a.png",
            "https://[2606:4700:4700::1111]/a.png",
            "https://bücher.example/a.png",
        ] {
            assert_eq!(code(url, ""), "passed", "{url}");
        }
    }

    #[test]
    fn every_spelling_that_leads_inside_is_refused() {
        let long = format!("https://example.com/{}", "a".repeat(2_048));
        for (url, expected) in [
            ("", "invalid_url"),
            ("picture.png", "invalid_url"),
            ("//example.com/a.png", "invalid_url"),
            ("https://", "invalid_url"),
            ("https://exa mple.com/", "invalid_url"),
            ("https://[::1", "invalid_url"),
            ("https://256.1.1.1/", "invalid_url"),
            ("https://1.2.3.4.5/", "invalid_url"),
            ("https://example.com:99999/", "invalid_url"),
            ("https://example.com%00.evil.test/", "invalid_url"),
            (&long, "invalid_url"),
            ("http://example.com/a.png", "scheme"),
            ("http://127.0.0.1/", "scheme"),
            ("ftp://example.com/a.png", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("gopher://example.com/", "scheme"),
            ("data:image/png;base64,AAAA", "scheme"),
            ("javascript:alert(1)", "scheme"),
            ("unix:///var/run/docker.sock", "scheme"),
            ("https://user@example.com/", "credentials"),
            ("https://user:pass@example.com/", "credentials"),
            ("https://:pass@example.com/", "credentials"),
            ("https://example.com@127.0.0.1/", "credentials"),
            ("https://example.com:22/", "port"),
            ("https://example.com:80/", "port"),
            ("https://example.com:8443/", "port"),
            ("https://127.0.0.1:6379/", "port"),
            ("https://127.0.0.1/", "address"),
            ("https://127.1/", "address"),
            ("https://127.0.0.1./", "address"),
            ("https://2130706433/", "address"),
            ("https://0x7f000001/", "address"),
            ("https://0x7f.1/", "address"),
            ("https://0177.0.0.1/", "address"),
            ("https://017700000001/", "address"),
            ("https://0/", "address"),
            ("https://%31%32%37.0.0.1/", "address"),
            ("https://127。0。0。1/", "address"),
            ("https://①②⑦.⓪.⓪.①/", "address"),
            ("https:127.0.0.1/", "address"),
            ("https:/\\127.0.0.1/", "address"),
            ("https:\\\\127.0.0.1\\a.png", "address"),
            (" https://127.0.0.1/ ", "address"),
            ("ht\ntps://127.0.0.1/", "address"),
            ("https://169.254.169.254/latest/meta-data/", "address"),
            ("https://2852039166/", "address"),
            ("https://100.100.100.200/", "address"),
            ("https://[::1]/", "address"),
            ("https://[0:0:0:0:0:0:0:1]/", "address"),
            ("https://[::]/", "address"),
            ("https://[::ffff:127.0.0.1]/", "address"),
            ("https://[::ffff:7f00:1]/", "address"),
            ("https://[::127.0.0.1]/", "address"),
            ("https://[64:ff9b::7f00:1]/", "address"),
            ("https://[2002:7f00:1::]/", "address"),
            ("https://[fd00:ec2::254]/", "address"),
            ("https://[fe80::1]/", "address"),
            ("https://[ff02::1]/", "address"),
        ] {
            assert_eq!(code(url, ""), expected, "{url}");
        }
    }

    #[test]
    fn a_listed_network_opens_plain_http_and_other_ports_for_its_own_addresses_only() {
        let loopback = "127.0.0.0/8";
        assert_eq!(code("http://127.0.0.1:8080/a.png", loopback), "passed");
        assert_eq!(code("https://127.0.0.1/", loopback), "passed");
        assert_eq!(code("http://0x7f.1:8080/", loopback), "passed");
        assert_eq!(code("http://8.8.8.8/", loopback), "scheme");
        assert_eq!(code("https://8.8.8.8:8443/", loopback), "port");
        assert_eq!(code("https://10.0.0.1/", loopback), "address");
        assert_eq!(code("http://[::ffff:127.0.0.1]/", loopback), "scheme");
        assert_eq!(code("http://user@127.0.0.1/", loopback), "credentials");
    }

    #[test]
    fn a_name_over_plain_http_is_left_to_the_resolver_to_confine() {
        let allowed = AllowList::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let reach = |url| Target::parse(url, &allowed).unwrap().reach;
        assert_eq!(reach("http://pictures.example/"), Reach::Listed);
        assert_eq!(reach("https://pictures.example:8443/"), Reach::Listed);
        assert_eq!(reach("https://pictures.example/"), Reach::Public);
    }
}
