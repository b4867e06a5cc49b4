//! Name resolution that refuses what may not be reached.
//!
//! The client connects to the very addresses returned here, so that a name cannot answer one thing
//! to the check and another to the connection. One refused address refuses the name: a host that
//! mixes public and private answers is an attack or a mistake.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use domain::Reach;
use domain::address::{AllowList, RefusedAddress, public};
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::timing;

/// Asks for the addresses of a name. Whatever it answers is checked before anything is connected to, so a
/// resolver that lies can do no harm.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// Every address of the name.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl SystemLookup {
    /// One to hand out.
    pub fn shared() -> Arc<dyn Lookup> {
        Arc::new(Self)
    }
}

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What the checking resolver of one client goes by.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    pub(super) allowed: AllowList,
    pub(super) reach: Reach,
    pub(super) lookup: Arc<dyn Lookup>,
}

/// The host name could not be resolved, or has no address.
#[derive(Debug, thiserror::Error)]
#[error("the host name has no address")]
pub(super) struct NoAddress(#[source] pub(super) Option<io::Error>);

impl GuardedResolver {
    fn check(&self, addresses: &[IpAddr]) -> Result<(), RefusedAddress> {
        addresses.iter().try_for_each(|&address| {
            if self.allowed.lists(address) {
                return Ok(());
            }
            public(address)?;
            match self.reach {
                Reach::Public => Ok(()),
                Reach::Listed => Err(RefusedAddress {
                    address,
                    network: "not listed",
                }),
            }
        })
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        let clock = timing::of_lookup();
        Box::pin(async move {
            let found = resolver.lookup.lookup(name.as_str().to_owned()).await;
            drop(clock);
            let addresses = found.map_err(|error| NoAddress(Some(error)))?;
            if addresses.is_empty() {
                return Err(NoAddress(None).into());
            }
            resolver.check(&addresses)?;
            // Port 0 is replaced by the URL's port when connecting.
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &str, reach: Reach, addresses: &[&str]) -> Result<(), &'static str> {
        let networks = allowed
            .split_whitespace()
            .map(|network| network.parse().unwrap());
        let allowed = AllowList::new(networks.collect());
        let addresses: Vec<IpAddr> = addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect();
        let lookup = SystemLookup::shared();
        GuardedResolver {
            allowed,
            reach,
            lookup,
        }
        .check(&addresses)
        .map_err(|refused| refused.network)
    }

    #[test]
    fn one_private_address_among_public_ones_refuses_the_name() {
        assert_eq!(check("", Reach::Public, &["8.8.8.8", "1.1.1.1"]), Ok(()));
        assert_eq!(
            check("", Reach::Public, &["8.8.8.8", "10.0.0.1"]),
            Err("private")
        );
        assert!(check("", Reach::Public, &["2606:4700::1", "::1"]).is_err());
    }

    #[test]
    fn over_plain_http_every_address_must_be_listed() {
        assert_eq!(check("127.0.0.0/8", Reach::Listed, &["127.0.0.1"]), Ok(()));
        assert_eq!(
            check("127.0.0.0/8", Reach::Listed, &["127.0.0.1", "8.8.8.8"]),
            Err("not listed")
        );
        assert_eq!(
            check("127.0.0.0/8", Reach::Public, &["127.0.0.1", "8.8.8.8"]),
            Ok(())
        );
    }
}
