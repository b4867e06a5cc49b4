//! The endpoint that stands for the address which a request named.

use sha2::{Digest, Sha256};
use url::Url;

use crate::ids::BrandId;

/// One scheme, host and port that a brand's requests name. All addresses there share a lane: an address
/// of its own for every order would make as many lanes as orders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestHost {
    /// The endpoint's id: always the same for this brand and host.
    pub webhook_id: String,
    /// `https://shop.example`, as browsers write it.
    pub origin: String,
}

impl RequestHost {
    /// The host of an address; none where the text is no address with a host.
    pub fn of(brand: &BrandId, url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let origin = url.origin();
        let origin = origin.is_tuple().then(|| origin.ascii_serialization())?;
        let mut hash = Sha256::new();
        hash.update(brand.as_str());
        hash.update([0]);
        hash.update(&origin);
        let mut id = String::from("whr_");
        for byte in &hash.finalize()[..16] {
            id.push_str(&format!("{byte:02x}"));
        }
        Some(Self {
            webhook_id: id,
            origin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(brand: &str, url: &str) -> RequestHost {
        RequestHost::of(&brand.into(), url).unwrap()
    }

    #[test]
    fn addresses_of_one_host_share_an_endpoint_and_brands_do_not() {
        let first = host("a", "https://Shop.example/hook?order=1");
        assert_eq!(first.origin, "https://shop.example");
        assert_eq!(first.webhook_id.len(), 36);
        assert_eq!(first, host("a", "https://shop.example:443/other"));
        for (brand, url) in [
            ("b", "https://shop.example/"),
            ("a", "https://shop.example:8443/"),
            ("a", "http://shop.example/"),
            ("a", "https://www.shop.example/"),
        ] {
            assert_ne!(
                first.webhook_id,
                host(brand, url).webhook_id,
                "{brand} {url}"
            );
        }
    }

    #[test]
    fn what_has_no_host_has_no_endpoint() {
        for url in ["", "shop.example", "mailto:a@b", "data:,x", "https://"] {
            assert_eq!(RequestHost::of(&"a".into(), url), None, "{url}");
        }
    }
}
