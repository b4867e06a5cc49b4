//! The one way an HTTP client is built here.
//!
//! Nothing happens behind the caller's back: no redirect is followed, nothing is sent twice, no
//! proxy is taken from the environment, no referrer is told.

use reqwest::ClientBuilder;

/// What every client of this crate starts from.
pub(crate) fn client() -> ClientBuilder {
    ClientBuilder::new()
        .tls_backend_rustls()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
}
