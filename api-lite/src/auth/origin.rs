//! The origins a publishable key may be used from.

/// Whether `origin` is on the list. An entry is an origin, or `https://*.brand.com` for every
/// subdomain of any depth, but not for the domain itself.
pub(super) fn is_allowed(list: &[String], origin: &str) -> bool {
    let origin = origin.to_ascii_lowercase();
    list.iter()
        .any(|entry| matches(&entry.to_ascii_lowercase(), &origin))
}

fn matches(entry: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = entry.split_once("*.") else {
        return entry.trim_end_matches('/') == origin;
    };
    let label = origin
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_suffix(domain))
        .and_then(|rest| rest.strip_suffix('.'));
    let is_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    scheme.ends_with("://")
        && label.is_some_and(|label| !label.is_empty() && label.chars().all(is_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_matches_exactly_or_below_a_wildcard() {
        let list = [
            "https://shop.example".to_owned(),
            "https://*.brand.com".to_owned(),
            "http://localhost:5173".to_owned(),
        ];
        for good in [
            "https://shop.example",
            "https://SHOP.example",
            "https://a.brand.com",
            "https://a.b.brand.com",
            "http://localhost:5173",
        ] {
            assert!(is_allowed(&list, good), "{good}");
        }
        for bad in [
            "",
            "null",
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example.evil.com",
            "https://brand.com",
            "https://.brand.com",
            "https://evilbrand.com",
            "https://evil.com/.brand.com",
            "https://evil.com#.brand.com",
            "http://a.brand.com",
            "https://a.brand.com.evil.com",
            "http://localhost",
        ] {
            assert!(!is_allowed(&list, bad), "{bad}");
        }
        assert!(!is_allowed(
            &["*.brand.com".to_owned()],
            "https://a.brand.com"
        ));
        assert!(!is_allowed(&[], "https://shop.example"));
    }
}
