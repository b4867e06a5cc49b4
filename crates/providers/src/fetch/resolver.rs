//! Name resolution that refuses what may not be reached.
//!
//! The client connects to the very addresses returned here, so that a name cannot answer one thing
//! to the check and another to the connection. One refused address refuses the name: a host that
//! mixes public and private answers is an attack or a mistake.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{AllowList, RefusedAddress, public};
use super::target::Reach;

/// What the checking resolver of one client goes by.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    pub(super) allowed: AllowList,
    pub(super) reach: Reach,
}

/// The host name could not be resolved, or has no address.
#[derive(Debug, thiserror::Error)]
#[error("the host name has no address")]
pub(super) struct NoAddress(#[source] pub(super) Option<std::io::Error>);

impl GuardedResolver {
    fn check(&self, addresses: &[SocketAddr]) -> Result<(), RefusedAddress> {
        addresses
            .iter()
            .map(SocketAddr::ip)
            .try_for_each(|address| {
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
        Box::pin(async move {
            // Port 0 is replaced by the URL's port when connecting.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<SocketAddr> =
                found.map_err(|error| NoAddress(Some(error)))?.collect();
            if addresses.is_empty() {
                return Err(NoAddress(None).into());
            }
            resolver.check(&addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
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
        let addresses: Vec<SocketAddr> = addresses
            .iter()
            .map(|address| SocketAddr::new(address.parse().unwrap(), 0))
            .collect();
        GuardedResolver { allowed, reach }
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
