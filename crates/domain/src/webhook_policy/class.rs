//! What an answer, or none, means for a try.

/// Longer explanations are cut.
pub const MAX_REASON_CHARS: usize = 500;

/// Why a try did not deliver: the closed set of the attempt log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptFault {
    /// The address is no URL.
    InvalidUrl,
    /// The URL's scheme is not allowed.
    BlockedScheme,
    /// The URL's port is not allowed.
    BlockedPort,
    /// The URL carries a user name or password.
    BlockedCredentials,
    /// The URL leads to an address that is not public.
    BlockedAddress,
    /// The host name has no address.
    Dns,
    /// No connection.
    Connect,
    /// A connection, but no trusted TLS session.
    Tls,
    /// The deadline passed before the whole answer was there.
    Timeout,
    /// The connection broke before the whole answer was there, or what came was no HTTP.
    Broken,
    /// The receiver points elsewhere.
    Redirect,
    /// 410: the receiver wants no more.
    Gone,
    /// Another status than 2xx.
    Status,
}

impl AttemptFault {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::InvalidUrl,
        Self::BlockedScheme,
        Self::BlockedPort,
        Self::BlockedCredentials,
        Self::BlockedAddress,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Broken,
        Self::Redirect,
        Self::Gone,
        Self::Status,
    ];

    /// What a complete answer with this status means; `None` where it delivered. Only 2xx does.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            300..=399 => Some(Self::Redirect),
            410 => Some(Self::Gone),
            _ => Some(Self::Status),
        }
    }

    /// The word in the log and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::BlockedScheme => "blocked_scheme",
            Self::BlockedPort => "blocked_port",
            Self::BlockedCredentials => "blocked_credentials",
            Self::BlockedAddress => "blocked_address",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Redirect => "redirect",
            Self::Gone => "gone",
            Self::Status => "status",
        }
    }

    /// What it means, for whoever runs the receiver.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::InvalidUrl => "the endpoint's address is not a URL",
            Self::BlockedScheme => "only https:// is sent to",
            Self::BlockedPort => "only port 443 is sent to",
            Self::BlockedCredentials => "the address must not hold a user name or password",
            Self::BlockedAddress => {
                "the host leads to an address that is not public; every address of a name must be"
            }
            Self::Dns => "the host name has no address",
            Self::Connect => "no connection could be made",
            Self::Tls => {
                "no trusted TLS session could be made; is the certificate valid for the host?"
            }
            Self::Timeout => "the whole answer, its body included, was not there in time",
            Self::Broken => "the connection broke before the whole answer was there",
            Self::Redirect => "redirects are not followed; give the final address",
            Self::Gone => "410 Gone: the endpoint has been switched off",
            Self::Status => "only a status of 2xx counts as received",
        }
    }

    /// Whether a `Retry-After` that comes with this status is heeded.
    pub fn heeds_retry_after(status: u16) -> bool {
        matches!(status, 429 | 503)
    }

    /// Whether this status says that less should be sent.
    pub fn asks_for_less(status: u16) -> bool {
        matches!(status, 429 | 502 | 504)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_delivers() {
        for status in 100..=599 {
            let expected = match status {
                200..=299 => None,
                300..=399 => Some(AttemptFault::Redirect),
                410 => Some(AttemptFault::Gone),
                _ => Some(AttemptFault::Status),
            };
            assert_eq!(AttemptFault::of_status(status), expected, "{status}");
        }
    }

    #[test]
    fn every_fault_has_a_word_of_its_own_and_an_explanation() {
        let words: std::collections::BTreeSet<_> = AttemptFault::ALL
            .iter()
            .map(|fault| fault.as_str())
            .collect();
        assert_eq!(words.len(), AttemptFault::ALL.len());
        for fault in AttemptFault::ALL {
            assert!(fault.explanation().len() > 15, "{fault:?}");
        }
    }
}
