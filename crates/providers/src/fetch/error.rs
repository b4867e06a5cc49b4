//! Why a picture was not fetched.

use std::time::Duration;

use domain::TargetFault;
use domain::address::RefusedAddress;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a picture was not fetched.
///
/// `Display` is for operators and names addresses and hosts; a shopper's page gets [`code`](Self::code)
/// alone, so that nobody can map our network by trying URLs. Neither holds the path or query of the
/// URL, which may be signed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
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
    /// The host name has no address.
    #[error("{host:?} cannot be resolved")]
    Unresolved {
        /// The host name.
        host: String,
        /// What the resolver said.
        #[source]
        source: Source,
    },
    /// No connection, or no trusted TLS session.
    #[error("cannot connect to {host:?}")]
    Connect {
        /// The host.
        host: String,
        /// What failed.
        #[source]
        source: Source,
    },
    /// The connection broke before the whole answer was here.
    #[error("the answer of {host:?} broke off")]
    Broken {
        /// The host.
        host: String,
        /// What failed.
        #[source]
        source: Source,
    },
    /// The server points elsewhere. Pointing elsewhere is how a checked URL becomes an unchecked one.
    #[error("{host:?} redirects ({status}) to {target:?}, which is not followed")]
    Redirect {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The host it points to; its own where the target names none.
        target: String,
    },
    /// The server answers with something else than 200.
    #[error("{host:?} answers with status {status}")]
    Status {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The picture is larger than allowed.
    #[error("the picture is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The answer has no body.
    #[error("{host:?} answers with an empty body")]
    Empty {
        /// The host.
        host: String,
    },
    /// It took too long, from the first look-up to the last byte.
    #[error("not fetched within {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
}

impl FetchError {
    /// The stable public code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl(_) => "image_url_invalid",
            Self::Scheme(_) => "image_url_scheme",
            Self::Credentials => "image_url_credentials",
            Self::Port(_) => "image_url_port",
            Self::Address(_) => "image_url_address",
            Self::Unresolved { .. } => "image_host_unresolved",
            Self::Connect { .. } => "image_host_unreachable",
            Self::Broken { .. } => "image_broken_off",
            Self::Redirect { .. } => "image_redirected",
            Self::Status { .. } => "image_status",
            Self::TooLarge { .. } => "image_too_large",
            Self::Empty { .. } => "image_empty",
            Self::Timeout { .. } => "image_timeout",
        }
    }

    /// Whether the same URL may well work later. Fetching costs nothing and changes nothing, so one
    /// answer is enough here.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unresolved { .. }
            | Self::Connect { .. }
            | Self::Broken { .. }
            | Self::Timeout { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::InvalidUrl(_)
            | Self::Scheme(_)
            | Self::Credentials
            | Self::Port(_)
            | Self::Address(_)
            | Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::Empty { .. } => false,
        }
    }
}

impl From<TargetFault> for FetchError {
    fn from(fault: TargetFault) -> Self {
        match fault {
            TargetFault::InvalidUrl(why) => Self::InvalidUrl(why),
            TargetFault::Scheme(scheme) => Self::Scheme(scheme),
            TargetFault::Credentials => Self::Credentials,
            TargetFault::Port(port) => Self::Port(port),
            TargetFault::Address(refused) => Self::Address(refused),
        }
    }
}
