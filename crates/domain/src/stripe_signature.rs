//! Signatures of Stripe's events: the header `Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX…]`.
//!
//! What is signed is `{t}.{body}`, with HMAC-SHA256 under the endpoint's secret as it is written, `whsec_`
//! included (<https://docs.stripe.com/webhooks/signature>). While a secret is rolled the header carries a
//! signature under each. Schemes other than `v1` are test signatures and believed by nobody.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::webhook_signature::SignatureFault;

/// How far an event's time may lie from ours, either way: what Stripe's own libraries allow.
pub const TOLERANCE: TimeDelta = TimeDelta::seconds(300);

/// Most signatures of one header that are looked at: a secret is rolled one at a time.
const MAX_SIGNATURES: usize = 16;

/// The header's value for a body that is sent at `at`.
pub fn sign(secret: &str, at: DateTime<Utc>, body: &[u8]) -> String {
    let seconds = at.timestamp();
    let mut header = format!("t={seconds},v1=");
    for byte in code(secret, &seconds.to_string(), body)
        .finalize()
        .into_bytes()
    {
        // Writing to a String cannot fail.
        let _ = write!(header, "{byte:02x}");
    }
    header
}

/// Checks a header against the body as it came, before anything in it is read.
///
/// # Errors
/// [`SignatureFault`]; a stale signature is only called so when it is right.
pub fn check(
    secret: &str,
    header: &str,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), SignatureFault> {
    let (mut time, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", value)) => time = Some(value),
            Some(("v1", value)) if signatures.len() < MAX_SIGNATURES => signatures.push(value),
            _ => {}
        }
    }
    let time = time.ok_or(SignatureFault::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_| SignatureFault::Malformed)?;
    let at = DateTime::from_timestamp(seconds, 0).ok_or(SignatureFault::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureFault::Malformed);
    }
    let right = signatures
        .iter()
        .filter_map(|hex| bytes_of(hex))
        .any(|signature| {
            // Compared in constant time.
            code(secret, time, body).verify_slice(&signature).is_ok()
        });
    if !right {
        return Err(SignatureFault::Wrong);
    }
    if (now - at).abs() > TOLERANCE {
        return Err(SignatureFault::Stale);
    }
    Ok(())
}

#[expect(
    clippy::expect_used,
    reason = "INVARIANT: HMAC takes a key of any length"
)]
fn code(secret: &str, seconds: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key");
    code.update(seconds.as_bytes());
    code.update(b".");
    code.update(body);
    code
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test_secret";
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;
    /// From `stripe.WebhookSignature._compute_signature` of the Python client 16.1.0.
    const VECTOR: &str = "0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_official_clients_signature_is_ours() {
        let header = sign(SECRET, at(1_700_000_000), BODY);
        assert_eq!(header, format!("t=1700000000,v1={VECTOR}"));
        assert_eq!(check(SECRET, &header, BODY, at(1_700_000_000)), Ok(()));
    }

    #[test]
    fn a_signature_holds_for_five_minutes_either_way() {
        let header = sign(SECRET, at(1_000_000), BODY);
        for late in [-300, 0, 300] {
            assert_eq!(check(SECRET, &header, BODY, at(1_000_000 + late)), Ok(()));
        }
        for late in [-301, 301] {
            let found = check(SECRET, &header, BODY, at(1_000_000 + late));
            assert_eq!(found, Err(SignatureFault::Stale));
        }
    }

    #[test]
    fn one_right_signature_among_others_is_enough_and_only_v1_counts() {
        let good = sign(SECRET, at(1_000), BODY);
        let other = sign("whsec_old", at(1_000), BODY);
        let other = other.split_once("v1=").unwrap().1;
        let both = format!("{good},v1={other},v0={other}");
        assert_eq!(check(SECRET, &both, BODY, at(1_000)), Ok(()));
        assert_eq!(check("whsec_old", &both, BODY, at(1_000)), Ok(()));
        let test_only = good.replace("v1=", "v0=");
        let found = check(SECRET, &test_only, BODY, at(1_000));
        assert_eq!(found, Err(SignatureFault::Malformed));
    }

    #[test]
    fn another_body_secret_or_time_is_wrong_and_nonsense_is_malformed() {
        let header = sign(SECRET, at(1_000), BODY);
        let now = at(1_000);
        let wrong = Err(SignatureFault::Wrong);
        assert_eq!(check(SECRET, &header, b"{}", now), wrong);
        assert_eq!(check("whsec_other", &header, BODY, now), wrong);
        assert_eq!(
            check(SECRET, &header.replace("t=1000", "t=1001"), BODY, now),
            wrong
        );
        assert_eq!(check(SECRET, "t=1000,v1=zz", BODY, now), wrong);
        for bad in [
            "",
            "t=1000",
            "v1=00",
            "t=x,v1=00",
            "t=99999999999999999,v1=00",
            "é=ü",
        ] {
            let found = check(SECRET, bad, BODY, now);
            assert_eq!(found, Err(SignatureFault::Malformed), "{bad}");
        }
    }
}
