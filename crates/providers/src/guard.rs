//! Clients that connect to strangers' servers without being turned against our own network.
//!
//! A URL that somebody else chose is a request made from inside. [`domain::Target`] judges the text;
//! what is here judges the addresses that its name resolves to, and connects to exactly those. Nothing is
//! followed, repeated, taken from the environment or decoded. [`crate::Fetcher`] and whoever sends
//! webhooks use the same clients.

mod resolver;
pub mod timing;

use std::error::Error;
use std::sync::Arc;

use domain::Reach;
use domain::address::{AllowList, RefusedAddress};
use reqwest::{Client, ClientBuilder};

pub use self::resolver::{Lookup, SystemLookup};

use self::resolver::{GuardedResolver, NoAddress};
use self::timing::TimingLayer;
use crate::config::ConfigError;

const USER_AGENT: &str = concat!("atelier/", env!("CARGO_PKG_VERSION"));

/// One client for each [`Reach`]. Two, because a client keeps connections by host, and one that was made
/// for plain HTTP must never serve a target that is confined more narrowly. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GuardedClients {
    public: Client,
    listed: Client,
}

impl GuardedClients {
    /// Builds them; connects nowhere. `shape` sets what a purpose wants of its own, such as how many
    /// connections are kept.
    ///
    /// # Errors
    /// [`ConfigError::HttpClient`] when TLS cannot be set up, as without any root certificate.
    pub fn new(
        allowed: &AllowList,
        lookup: &Arc<dyn Lookup>,
        shape: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, ConfigError> {
        let build = |reach| {
            let resolver = GuardedResolver {
                allowed: allowed.clone(),
                reach,
                lookup: Arc::clone(lookup),
            };
            shape(crate::http::client())
                .dns_resolver(Arc::new(resolver))
                .https_only(allowed.is_empty())
                .user_agent(USER_AGENT)
                .connector_layer(TimingLayer)
                .build()
                .map_err(ConfigError::HttpClient)
        };
        Ok(Self {
            public: build(Reach::Public)?,
            listed: build(Reach::Listed)?,
        })
    }

    /// The client for targets of this reach.
    pub fn of(&self, reach: Reach) -> &Client {
        match reach {
            Reach::Public => &self.public,
            Reach::Listed => &self.listed,
        }
    }
}

/// Why no whole answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// The name leads to an address that may not be connected to; nothing was.
    Refused(RefusedAddress),
    /// The name has no address.
    Unresolved,
    /// A connection, but no trusted TLS session.
    Tls,
    /// No connection.
    Connect,
    /// The connection broke, or what came was no HTTP.
    Broken,
}

impl NoAnswer {
    /// What an error of a guarded client means. The resolver's verdict stands somewhere among its causes.
    pub fn of(error: &reqwest::Error) -> Self {
        if let Some(refused) = cause::<RefusedAddress>(error) {
            return Self::Refused(*refused);
        }
        if cause::<NoAddress>(error).is_some() {
            return Self::Unresolved;
        }
        if !error.is_connect() {
            return Self::Broken;
        }
        match causes(error).any(is_tls) {
            true => Self::Tls,
            false => Self::Connect,
        }
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&error| error.source())
}

fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|error| error.downcast_ref::<E>())
}

/// TLS reports its errors inside those of the operating system, which hide what they hold.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let held = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || held.is_some_and(|held| held.is::<rustls::Error>())
}
