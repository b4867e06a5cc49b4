//! Signatures of webhooks, as the Standard Webhooks specification 1.0 has them (`v1`, `v1a`).
//!
//! What is signed is `{id}.{timestamp}.{body}`: with HMAC-SHA256 under a shared secret that is written
//! as `whsec_` and base64 (`v1`), or with an ed25519 key whose public half the receiver has (`v1a`,
//! [`WebhookSigningKey`]). A message carries any number of signatures, so that a secret can be changed
//! without a gap; a receiver knows any number of secrets for the same reason.
//!
//! No official library checks `v1a`, so it is only ever sent beside `v1`.
//!
//! Used both ways: for the webhooks that a provider sends to us, and for those that we send.

mod origin;
mod signing_key;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use self::origin::{ORIGIN_HEADER, origin_signature};
pub use self::signing_key::{
    WebhookPublicKey, WebhookPublicKeyError, WebhookSigningKey, WebhookSigningKeyError,
};

/// How far a message's time may lie from ours, either way: what every official library allows.
pub const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// Most signatures of one message that are looked at: a sender changes one secret at a time.
const MAX_SIGNATURES: usize = 16;
const PREFIX: &str = "whsec_";
const VERSION: &str = "v1";
/// The specification wants a secret of 24 to 64 bytes; half of that is refused for certain.
const MIN_SECRET_BYTES: usize = 12;

/// A secret that webhooks are signed with. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// A text that is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is `whsec_` and at least {MIN_SECRET_BYTES} bytes in base64")]
pub struct WebhookSecretError;

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// Id, timestamp or signature is missing or cannot be read.
    #[error("the id, the timestamp or the signature is missing or cannot be read")]
    Malformed,
    /// It was signed too long ago, or is signed for later.
    #[error("the timestamp is more than five minutes away")]
    Stale,
    /// None of its signatures is one under a secret that we know.
    #[error("no signature is right")]
    Wrong,
}

/// What a message says about itself, in its three headers.
#[derive(Debug, Clone, Copy)]
pub struct SignedHeaders<'a> {
    /// `webhook-id`: the same for every try of one message.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: &'a str,
    /// `webhook-signature`: signatures with their versions, separated by spaces.
    pub signature: &'a str,
}

impl WebhookSecret {
    /// Takes it with or without its prefix.
    ///
    /// # Errors
    /// No base64, or too short to be a secret.
    pub fn parse(text: &str) -> Result<Self, WebhookSecretError> {
        let text = text.trim();
        let bytes = STANDARD
            .decode(text.strip_prefix(PREFIX).unwrap_or(text))
            .map_err(|_| WebhookSecretError)?;
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(WebhookSecretError);
        }
        Ok(Self(bytes))
    }

    /// A secret of 32 bytes, which whoever has randomness brings along.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// The secret as it is shown, once, and sealed: `whsec_` and base64.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The value of `webhook-signature` for a message, with this secret alone.
    pub fn sign(&self, id: &str, at: DateTime<Utc>, body: &[u8]) -> String {
        let signature = self.code(id, &at.timestamp().to_string(), body).finalize();
        format!("{VERSION},{}", STANDARD.encode(signature.into_bytes()))
    }

    fn code(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        #[expect(
            clippy::expect_used,
            reason = "INVARIANT: HMAC takes keys of any length"
        )]
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            code.update(part);
        }
        code
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// Whether a message comes from somebody who knows one of the secrets, and was signed within five
/// minutes of `now`. Signatures are compared in constant time; other versions than `v1` are passed
/// over.
///
/// # Errors
/// [`SignatureFault`] says which of it is not so.
pub fn verify(
    secrets: &[WebhookSecret],
    headers: SignedHeaders<'_>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), SignatureFault> {
    check(headers, VERSION, now, |given| {
        secrets.iter().any(|secret| {
            let code = secret.code(headers.id, headers.timestamp, body);
            code.verify_slice(given).is_ok()
        })
    })
}

/// The same for a receiver that has public keys: looks at the signatures of version `v1a` alone.
///
/// # Errors
/// [`SignatureFault`] says what is wrong.
pub fn verify_public(
    keys: &[WebhookPublicKey],
    headers: SignedHeaders<'_>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), SignatureFault> {
    let signed = signed_content(headers.id, headers.timestamp, body);
    check(headers, signing_key::VERSION, now, |given| {
        keys.iter().any(|key| key.signed(&signed, given))
    })
}

/// `{id}.{timestamp}.{body}`.
fn signed_content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

fn check(
    headers: SignedHeaders<'_>,
    wanted: &str,
    now: DateTime<Utc>,
    is_right: impl Fn(&[u8]) -> bool,
) -> Result<(), SignatureFault> {
    let SignedHeaders {
        id,
        timestamp,
        signature,
    } = headers;
    let signed_at = timestamp
        .parse()
        .ok()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .filter(|_| !id.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or(SignatureFault::Malformed)?;
    if (now - signed_at).abs() > TOLERANCE {
        return Err(SignatureFault::Stale);
    }
    let mut signatures = signature
        .split(' ')
        .filter_map(|one| one.split_once(','))
        .filter(|(version, _)| *version == wanted)
        .take(MAX_SIGNATURES)
        .filter_map(|(_, base64)| STANDARD.decode(base64).ok())
        .peekable();
    if signatures.peek().is_none() {
        return Err(SignatureFault::Malformed);
    }
    let right = signatures.any(|given| is_right(&given));
    if right {
        Ok(())
    } else {
        Err(SignatureFault::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector in the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secrets() -> Vec<WebhookSecret> {
        vec![WebhookSecret::parse(SECRET).unwrap()]
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn check(signature: &str, now: DateTime<Utc>) -> Result<(), SignatureFault> {
        let timestamp = AT.to_string();
        let headers = SignedHeaders {
            id: ID,
            timestamp: &timestamp,
            signature,
        };
        verify(&secrets(), headers, BODY, now)
    }

    #[test]
    fn the_specifications_vector_is_signed_and_believed() {
        assert_eq!(secrets()[0].sign(ID, at(AT), BODY), SIGNATURE);
        assert_eq!(check(SIGNATURE, at(AT)), Ok(()));
        let bare = WebhookSecret::parse(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(bare, secrets()[0]);
    }

    #[test]
    fn the_vector_of_the_reference_library_in_rust_is_reproduced() {
        let secret = WebhookSecret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        assert_eq!(
            secret.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", at(1_649_367_553), body),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
        );
        assert_eq!(WebhookSecret::parse(&secret.to_text()), Ok(secret));
        assert_eq!(WebhookSecret::from_bytes([7; 32]).to_text().len(), 50);
    }

    #[test]
    fn one_right_signature_among_several_is_enough() {
        let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let several = format!("v1a,xyz {wrong} {SIGNATURE} v2,abc");
        assert_eq!(check(&several, at(AT)), Ok(()));
        assert_eq!(check(wrong, at(AT)), Err(SignatureFault::Wrong));
        let buried = format!("{}{SIGNATURE}", format!("{wrong} ").repeat(MAX_SIGNATURES));
        assert_eq!(check(&buried, at(AT)), Err(SignatureFault::Wrong));
    }

    #[test]
    fn an_old_secret_is_believed_beside_the_new_one() {
        let new = WebhookSecret::parse("whsec_bmV3LXNlY3JldC1vZi0yNC1ieXRlcy4=").unwrap();
        let both = [new.clone(), secrets()[0].clone()];
        let timestamp = AT.to_string();
        let headers = SignedHeaders {
            id: ID,
            timestamp: &timestamp,
            signature: SIGNATURE,
        };
        assert_eq!(verify(&both, headers, BODY, at(AT)), Ok(()));
        let wrong = Err(SignatureFault::Wrong);
        assert_eq!(verify(&[new], headers, BODY, at(AT)), wrong);
        assert_eq!(verify(&[], headers, BODY, at(AT)), wrong);
    }

    #[test]
    fn five_minutes_are_allowed_either_way_and_not_a_second_more() {
        for (away_s, expected) in [
            (0, Ok(())),
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(SignatureFault::Stale)),
            (-301, Err(SignatureFault::Stale)),
        ] {
            assert_eq!(check(SIGNATURE, at(AT + away_s)), expected, "{away_s} s");
        }
    }

    #[test]
    fn any_changed_part_is_noticed() {
        let timestamp = AT.to_string();
        let later = (AT + 1).to_string();
        for (id, timestamp, body) in [
            ("msg_other", &timestamp, BODY),
            (ID, &later, BODY),
            (ID, &timestamp, &b"{\"test\": 2432232315}"[..]),
        ] {
            let headers = SignedHeaders {
                id,
                timestamp,
                signature: SIGNATURE,
            };
            let got = verify(&secrets(), headers, body, at(AT));
            assert_eq!(got, Err(SignatureFault::Wrong), "{id} {timestamp}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_malformed() {
        for (id, timestamp, signature) in [
            ("", "1614265330", SIGNATURE),
            (ID, "", SIGNATURE),
            (ID, "soon", SIGNATURE),
            (ID, "+1614265330", SIGNATURE),
            (ID, "-1", SIGNATURE),
            (ID, "99999999999999999999", SIGNATURE),
            (ID, "9223372036854775807", SIGNATURE),
            (ID, "1614265330", ""),
            (ID, "1614265330", "v1"),
            (ID, "1614265330", "v1,%%%"),
            (
                ID,
                "1614265330",
                "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ] {
            let headers = SignedHeaders {
                id,
                timestamp,
                signature,
            };
            let got = verify(&secrets(), headers, BODY, at(AT));
            assert_eq!(
                got,
                Err(SignatureFault::Malformed),
                "{id} {timestamp} {signature}"
            );
        }
    }

    #[test]
    fn a_secret_is_base64_of_some_length_and_is_never_shown() {
        for text in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "not base64 at all!",
            "whsec_MfKQ9r8GKYqrTwjU PD8ILPZI",
        ] {
            assert_eq!(
                WebhookSecret::parse(text),
                Err(WebhookSecretError),
                "{text:?}"
            );
        }
        assert_eq!(format!("{:?}", secrets()[0]), "WebhookSecret(…)");
    }
}
