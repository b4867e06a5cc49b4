//! A URL that has passed every check that needs no network.

use url::{Host, Url};

use super::address::{AllowList, public};
use super::error::FetchError;

/// Longer URLs are refused: the common limit of browsers and content networks.
const MAX_URL_BYTES: usize = 2_048;
const HTTPS_PORT: u16 = 443;

/// A checked URL.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    /// The host, for messages.
    pub(super) host: String,
    pub(super) reach: Reach,
}

/// Which addresses the host may resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Public ones, and those the operator lists.
    Public,
    /// Only those the operator lists: the URL uses plain HTTP or an unusual port.
    Listed,
}

impl Target {
    /// Parses as browsers do (WHATWG), so that `0x7f.1` or `2130706433` are seen as the addresses
    /// they mean, and checks everything but names, which only the resolver can.
    pub(super) fn parse(text: &str, allowed: &AllowList) -> Result<Self, FetchError> {
        if text.len() > MAX_URL_BYTES {
            return Err(FetchError::InvalidUrl(format!(
                "longer than {MAX_URL_BYTES} bytes"
            )));
        }
        let url = Url::parse(text).map_err(|error| FetchError::InvalidUrl(error.to_string()))?;
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            other => return Err(FetchError::Scheme(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Credentials);
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
            None => return Err(FetchError::InvalidUrl("no host".to_owned())),
        };
        // Of an address that stands in the URL the client never asks the resolver, so it is judged
        // here.
        let listed = address.map_or(!allowed.is_empty(), |address| allowed.lists(address));
        if reach == Reach::Listed && !listed {
            return Err(if plain {
                FetchError::Scheme("http".to_owned())
            } else {
                FetchError::Port(port)
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
            ("", "image_url_invalid"),
            ("picture.png", "image_url_invalid"),
            ("//example.com/a.png", "image_url_invalid"),
            ("https://", "image_url_invalid"),
            ("https://exa mple.com/", "image_url_invalid"),
            ("https://[::1", "image_url_invalid"),
            ("https://256.1.1.1/", "image_url_invalid"),
            ("https://1.2.3.4.5/", "image_url_invalid"),
            ("https://example.com:99999/", "image_url_invalid"),
            ("https://example.com%00.evil.test/", "image_url_invalid"),
            (&long, "image_url_invalid"),
            ("http://example.com/a.png", "image_url_scheme"),
            ("http://127.0.0.1/", "image_url_scheme"),
            ("ftp://example.com/a.png", "image_url_scheme"),
            ("file:///etc/passwd", "image_url_scheme"),
            ("gopher://example.com/", "image_url_scheme"),
            ("data:image/png;base64,AAAA", "image_url_scheme"),
            ("javascript:alert(1)", "image_url_scheme"),
            ("unix:///var/run/docker.sock", "image_url_scheme"),
            ("https://user@example.com/", "image_url_credentials"),
            ("https://user:pass@example.com/", "image_url_credentials"),
            ("https://:pass@example.com/", "image_url_credentials"),
            ("https://example.com@127.0.0.1/", "image_url_credentials"),
            ("https://example.com:22/", "image_url_port"),
            ("https://example.com:80/", "image_url_port"),
            ("https://example.com:8443/", "image_url_port"),
            ("https://127.0.0.1:6379/", "image_url_port"),
            ("https://127.0.0.1/", "image_url_address"),
            ("https://127.1/", "image_url_address"),
            ("https://127.0.0.1./", "image_url_address"),
            ("https://2130706433/", "image_url_address"),
            ("https://0x7f000001/", "image_url_address"),
            ("https://0x7f.1/", "image_url_address"),
            ("https://0177.0.0.1/", "image_url_address"),
            ("https://017700000001/", "image_url_address"),
            ("https://0/", "image_url_address"),
            ("https://%31%32%37.0.0.1/", "image_url_address"),
            ("https://127。0。0。1/", "image_url_address"),
            ("https://①②⑦.⓪.⓪.①/", "image_url_address"),
            ("https:127.0.0.1/", "image_url_address"),
            ("https:/\\127.0.0.1/", "image_url_address"),
            ("https:\\\\127.0.0.1\\a.png", "image_url_address"),
            (" https://127.0.0.1/ ", "image_url_address"),
            ("ht\ntps://127.0.0.1/", "image_url_address"),
            (
                "https://169.254.169.254/latest/meta-data/",
                "image_url_address",
            ),
            ("https://2852039166/", "image_url_address"),
            ("https://100.100.100.200/", "image_url_address"),
            ("https://[::1]/", "image_url_address"),
            ("https://[0:0:0:0:0:0:0:1]/", "image_url_address"),
            ("https://[::]/", "image_url_address"),
            ("https://[::ffff:127.0.0.1]/", "image_url_address"),
            ("https://[::ffff:7f00:1]/", "image_url_address"),
            ("https://[::127.0.0.1]/", "image_url_address"),
            ("https://[64:ff9b::7f00:1]/", "image_url_address"),
            ("https://[2002:7f00:1::]/", "image_url_address"),
            ("https://[fd00:ec2::254]/", "image_url_address"),
            ("https://[fe80::1]/", "image_url_address"),
            ("https://[ff02::1]/", "image_url_address"),
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
        assert_eq!(code("http://8.8.8.8/", loopback), "image_url_scheme");
        assert_eq!(code("https://8.8.8.8:8443/", loopback), "image_url_port");
        assert_eq!(code("https://10.0.0.1/", loopback), "image_url_address");
        assert_eq!(
            code("http://[::ffff:127.0.0.1]/", loopback),
            "image_url_scheme"
        );
        assert_eq!(
            code("http://user@127.0.0.1/", loopback),
            "image_url_credentials"
        );
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
