//! Bringing the file that an output points to.
//!
//! The address comes from a provider and is trusted no more than a shopper's: `https`, a host of the
//! list, a public address, no key, a cap on bytes.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Micros;
use ipnet::IpNet;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::{ASK_PAUSE, NAME};
use crate::config::{ConfigError, FetchConfig};
use crate::error::{ErrorKind, Next, ProviderError};
use crate::fetch::{FetchError, Fetcher};

/// Largest file: sixteen million pixels as PNG, with room.
const LIMIT_BYTES: u64 = 80_000_000;
/// How long one file may take. The call's own deadline may come before.
const LIMIT: Duration = Duration::from_secs(120);

/// Brings files.
pub(super) struct Files {
    hosts: Vec<AllowedHost>,
    fetcher: Fetcher,
}

/// An entry of the list of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AllowedHost {
    Name(String),
    /// Every host below it.
    Below(String),
    Address(IpAddr),
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// The address leads to a host that is not on the list.
    #[error("the file is on a host that is not allowed")]
    Host,
    /// It is a `data:` address that cannot be read.
    #[error("the file in the answer cannot be read")]
    Inline,
    /// The call's deadline came first.
    #[error("the file was not here by the deadline")]
    Late,
    /// It could not be fetched.
    #[error("the file could not be fetched")]
    Fetch(#[source] FetchError),
}

impl Files {
    pub(super) fn new(hosts: &[String]) -> Result<Self, ConfigError> {
        let hosts: Vec<AllowedHost> = hosts
            .iter()
            .filter_map(|host| AllowedHost::read(host))
            .collect();
        let listed = hosts.iter().filter_map(|host| match host {
            AllowedHost::Address(address) => Some(IpNet::from(*address)),
            AllowedHost::Name(_) | AllowedHost::Below(_) => None,
        });
        let fetcher = Fetcher::new(&FetchConfig {
            fetch_max_bytes: LIMIT_BYTES,
            fetch_timeout_ms: u64::try_from(LIMIT.as_millis()).unwrap_or(u64::MAX),
            fetch_allow_cidrs: listed.collect(),
        })?;
        Ok(Self { hosts, fetcher })
    }

    /// The file behind an address. May be cancelled and repeated.
    pub(super) async fn fetch(&self, url: &str, deadline: Instant) -> Result<Bytes, FileFault> {
        if let Some(inline) = url.strip_prefix("data:") {
            let (_, base64) = inline.split_once(";base64,").ok_or(FileFault::Inline)?;
            let bytes = STANDARD.decode(base64).map_err(|_| FileFault::Inline)?;
            return Ok(bytes.into());
        }
        if !self.allows(url) {
            return Err(FileFault::Host);
        }
        timeout_at(deadline, self.fetcher.fetch(url))
            .await
            .map_err(|_| FileFault::Late)?
            .map_err(FileFault::Fetch)
    }

    fn allows(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else {
            return false;
        };
        let Some(host) = url.host() else {
            return false;
        };
        self.hosts.iter().any(|allowed| match (allowed, &host) {
            (AllowedHost::Name(name), Host::Domain(host)) => name == host,
            (AllowedHost::Below(name), Host::Domain(host)) => host
                .strip_suffix(name.as_str())
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            (AllowedHost::Address(own), Host::Ipv4(address)) => *own == IpAddr::V4(*address),
            (AllowedHost::Address(own), Host::Ipv6(address)) => *own == IpAddr::V6(*address),
            _ => false,
        })
    }
}

impl AllowedHost {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        match text.strip_prefix("*.") {
            Some("") => None,
            Some(name) => Some(Self::Below(name.to_owned())),
            None if text.is_empty() => None,
            None => Some(Self::Name(text)),
        }
    }
}

impl FileFault {
    /// Whether another address of the same file may work: this one has expired or was removed.
    pub(super) fn is_gone(&self) -> bool {
        let gone = [403, 404, 410];
        matches!(self, Self::Fetch(FetchError::Status { status, .. }) if gone.contains(status))
    }

    /// What it means for a prediction that succeeded and costs `cost`: what passes is tried again, and
    /// what does not is paid for nothing.
    pub(super) fn classified(self, cost: Micros) -> ProviderError {
        let passes = match &self {
            Self::Late => true,
            Self::Fetch(error) => error.may_pass(),
            Self::Host | Self::Inline => false,
        };
        let detail = self.to_string();
        let error = if passes {
            ProviderError::poll_failed(NAME, ErrorKind::Network, ASK_PAUSE, detail)
        } else {
            let (kind, next) = (ErrorKind::BadAnswer, Next::OtherProvider);
            ProviderError::charged(NAME, kind, cost, next, detail)
        };
        error.because(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Spent;

    fn files(hosts: &str) -> Files {
        let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
        Files::new(&hosts).unwrap()
    }

    #[test]
    fn only_hosts_of_the_list_are_asked() {
        let files = files("replicate.delivery, *.replicate.delivery,127.0.0.1,,*.");
        for url in [
            "https://replicate.delivery/x.png",
            "https://REPLICATE.delivery/x.png",
            "https://pbxt.replicate.delivery/a/b.png",
            "https://a.b.replicate.delivery/x",
            "http://127.0.0.1:8080/replicate/delivery/x",
        ] {
            assert!(files.allows(url), "{url}");
        }
        for url in [
            "https://evilreplicate.delivery/x.png",
            "https://replicate.delivery.evil.example/x.png",
            "https://evil.example/replicate.delivery",
            "https://replicate.delivery@evil.example/x",
            "https://127.0.0.2/x",
            "https://.replicate.delivery/x",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(!files.allows(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_file_in_the_answer_itself_is_read_and_a_broken_one_is_not() {
        let files = files("replicate.delivery");
        let soon = Instant::now() + Duration::from_secs(5);
        let png = files
            .fetch("data:image/png;base64,iVBORw0KGgo=", soon)
            .await
            .unwrap();
        assert_eq!(png.as_ref(), b"\x89PNG\r\n\x1a\n");
        for broken in ["data:image/png,abc", "data:;base64,%%"] {
            let fault = files.fetch(broken, soon).await.unwrap_err();
            let error = fault.classified(Micros(5));
            assert_eq!(error.spent(), Spent::Known(Micros(5)), "{broken}");
        }
    }

    #[tokio::test]
    async fn plain_http_to_a_listed_name_is_refused_as_paid_for_nothing() {
        let files = files("replicate.delivery");
        let soon = Instant::now() + Duration::from_secs(5);
        for url in [
            "http://replicate.delivery/x.png",
            "https://replicate.delivery:8443/x",
            "https://evil.example/x",
        ] {
            let fault = files.fetch(url, soon).await.unwrap_err();
            let error = fault.classified(Micros(5));
            assert_eq!(error.spent(), Spent::Known(Micros(5)), "{url}");
            assert_eq!(error.next(), Next::OtherProvider, "{url}");
        }
    }

    #[test]
    fn what_passes_is_asked_for_again() {
        let late = FileFault::Late.classified(Micros(5));
        assert!(late.next().keeps_attempt_open());
        let status = |status| {
            let host = "replicate.delivery".to_owned();
            FileFault::Fetch(FetchError::Status { host, status })
        };
        assert!(
            status(503)
                .classified(Micros(5))
                .next()
                .keeps_attempt_open()
        );
        assert!([403, 404, 410].map(|code| status(code).is_gone()) == [true; 3]);
        assert!(!status(500).is_gone());
        assert_eq!(
            status(404).classified(Micros(5)).next(),
            Next::OtherProvider
        );
    }
}
