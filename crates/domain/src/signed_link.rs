//! Addresses that open one thing for whoever has them, until a moment: an invoice's page in a mail.
//!
//! The address says when it ends, and carries a code over the path and that moment, which only we can make.
//! It is a capability: it goes into no log, and holds nothing that could be changed into another. There is no
//! way to take one back but another secret; while secrets are exchanged, the first signs and all are believed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Shortest secret.
const MIN_BYTES: usize = 32;
const PURPOSE: &[u8] = b"atelier signed link:";

/// The secrets that codes are made with; the first signs. `Debug` shows nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkSecrets(Vec<Vec<u8>>);

/// Why a text holds no secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret of links has at least {MIN_BYTES} bytes")]
pub struct LinkSecretError;

/// Why an address opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// Nobody who has a secret of ours made it.
    #[error("the signature is not ours")]
    Wrong,
    /// It was right, and its time is over.
    #[error("the link has expired")]
    Expired,
}

impl LinkSecrets {
    /// Takes secrets, the one that signs first.
    ///
    /// # Errors
    /// Without any, or where one is shorter than 32 bytes.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, LinkSecretError> {
        let secrets: Vec<Vec<u8>> = texts
            .into_iter()
            .map(|text| text.as_bytes().to_vec())
            .collect();
        let good = |secret: &Vec<u8>| secret.len() >= MIN_BYTES;
        match !secrets.is_empty() && secrets.iter().all(good) {
            true => Ok(Self(secrets)),
            false => Err(LinkSecretError),
        }
    }

    /// `path` as an address below `base` that opens until `expires_at`, to the second. `base` has no slash at its
    /// end; `path` begins with one and has no query.
    pub fn address(&self, base: &str, path: &str, expires_at: DateTime<Utc>) -> String {
        let expires = expires_at.timestamp();
        // INVARIANT: there is a first secret; nothing is believed that an empty one has signed.
        let secret = self.0.first().map(Vec::as_slice).unwrap_or_default();
        let code = code(secret, path, expires).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode(code);
        format!("{base}{path}?expires={expires}&signature={signature}")
    }

    /// Checks what an address carries; compared in constant time, and its time only where the code is right.
    ///
    /// # Errors
    /// [`LinkFault`].
    pub fn check(
        &self,
        path: &str,
        expires: &str,
        signature: &str,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, LinkFault> {
        let seconds: i64 = expires.parse().map_err(|_| LinkFault::Wrong)?;
        let given = URL_SAFE_NO_PAD.decode(signature);
        let given = given.map_err(|_| LinkFault::Wrong)?;
        let ours = self
            .0
            .iter()
            .any(|secret| code(secret, path, seconds).verify_slice(&given).is_ok());
        let expires_at = DateTime::from_timestamp(seconds, 0).filter(|_| ours);
        let expires_at = expires_at.ok_or(LinkFault::Wrong)?;
        match now < expires_at {
            true => Ok(expires_at),
            false => Err(LinkFault::Expired),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "INVARIANT: HMAC takes keys of any length"
)]
fn code(secret: &[u8], path: &str, expires: i64) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes any key");
    code.update(PURPOSE);
    code.update(path.as_bytes());
    // No path holds a line's end, so no two pairs give the same text.
    code.update(format!("\n{expires}").as_bytes());
    code
}

impl fmt::Debug for LinkSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old secret of at least 32 bytes, yes";
    const NEW: &str = "a new secret, which is at least as long";
    const PATH: &str = "/v1/invoices/42/pdf";

    fn secrets(texts: &[&str]) -> LinkSecrets {
        LinkSecrets::new(texts.iter().copied()).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// What stands behind `expires=` and `signature=`.
    fn parts(address: &str) -> (&str, &str) {
        let (_, query) = address.split_once("?expires=").unwrap();
        query.split_once("&signature=").unwrap()
    }

    #[test]
    fn an_address_opens_its_path_until_its_moment() {
        let ours = secrets(&[OLD]);
        let address = ours.address("https://api.example", PATH, at(1_000));
        let start = "https://api.example/v1/invoices/42/pdf?expires=1000&signature=";
        assert!(address.starts_with(start), "{address}");
        let (expires, signature) = parts(&address);
        assert_eq!(signature.len(), 43);
        let check = |path, expires, now| ours.check(path, expires, signature, at(now));
        assert_eq!(check(PATH, expires, 999), Ok(at(1_000)));
        assert_eq!(check(PATH, expires, 1_000), Err(LinkFault::Expired));
        for (path, expires) in [
            ("/v1/invoices/43/pdf", "1000"),
            ("/v1/invoices/42/xml", "1000"),
            (PATH, "1001"),
            (PATH, ""),
            (PATH, "99999999999999999999"),
        ] {
            let found = check(path, expires, 999);
            assert_eq!(found, Err(LinkFault::Wrong), "{path} {expires}");
        }
        for signature in ["", "é", &signature[1..], &format!("{signature}A")] {
            let found = ours.check(PATH, expires, signature, at(999));
            assert_eq!(found, Err(LinkFault::Wrong), "{signature}");
        }
    }

    #[test]
    fn an_old_secret_is_believed_beside_a_new_one_and_then_no_more() {
        let address = secrets(&[OLD]).address("", PATH, at(1_000));
        let (expires, signature) = parts(&address);
        let check = |ours: &LinkSecrets| ours.check(PATH, expires, signature, at(0));
        assert!(check(&secrets(&[NEW, OLD])).is_ok());
        assert_eq!(check(&secrets(&[NEW])), Err(LinkFault::Wrong));
    }

    #[test]
    fn secrets_are_long_and_never_shown() {
        for bad in [&[] as &[&str], &["short"], &[OLD, "short"]] {
            assert!(LinkSecrets::new(bad.iter().copied()).is_err(), "{bad:?}");
        }
        assert_eq!(format!("{:?}", secrets(&[OLD])), "LinkSecrets(…)");
    }
}
