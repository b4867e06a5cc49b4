//! Signing with ed25519 (`v1a`), for receivers that want to check without being able to forge.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::signed_content;

pub(super) const VERSION: &str = "v1a";
const PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";
const KEY_BYTES: usize = 32;

/// The secret half of an ed25519 key. `Debug` shows nothing of it.
pub struct WebhookSigningKey {
    pair: Ed25519KeyPair,
    seed: [u8; KEY_BYTES],
}

/// A text that is no signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signing key is `whsk_` and, in base64, 32 bytes of seed and the 32 bytes of its public key"
)]
pub struct WebhookSigningKeyError;

impl WebhookSigningKey {
    /// The key of a seed, which whoever has randomness brings along.
    pub fn from_seed(seed: [u8; KEY_BYTES]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "INVARIANT: every 32 bytes are the seed of an ed25519 key"
        )]
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed of 32 bytes");
        Self { pair, seed }
    }

    /// Takes it with or without its prefix.
    ///
    /// # Errors
    /// No base64, another length, or halves that do not belong together.
    pub fn parse(text: &str) -> Result<Self, WebhookSigningKeyError> {
        let text = text.trim();
        let bytes = STANDARD
            .decode(text.strip_prefix(PREFIX).unwrap_or(text))
            .map_err(|_| WebhookSigningKeyError)?;
        let (seed, public) = bytes
            .split_first_chunk::<KEY_BYTES>()
            .ok_or(WebhookSigningKeyError)?;
        let key = Self::from_seed(*seed);
        match key.public().0 == public {
            true => Ok(key),
            false => Err(WebhookSigningKeyError),
        }
    }

    /// The key as it is sealed: `whsk_` and base64.
    pub fn to_text(&self) -> String {
        let whole = [&self.seed[..], &self.public().0].concat();
        format!("{PREFIX}{}", STANDARD.encode(whole))
    }

    /// The half that receivers get.
    pub fn public(&self) -> WebhookPublicKey {
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        WebhookPublicKey(bytes)
    }

    /// One entry of `webhook-signature` for a message.
    pub fn sign(&self, id: &str, at: DateTime<Utc>, body: &[u8]) -> String {
        let signed = signed_content(id, &at.timestamp().to_string(), body);
        let signature = self.pair.sign(&signed);
        format!("{VERSION},{}", STANDARD.encode(signature.as_ref()))
    }
}

impl fmt::Debug for WebhookSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSigningKey(…)")
    }
}

/// The public half of an ed25519 key. `Display` writes `whpk_` and base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookPublicKey([u8; KEY_BYTES]);

/// A text that is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key is `whpk_` and 32 bytes in base64")]
pub struct WebhookPublicKeyError;

impl WebhookPublicKey {
    /// Takes it with or without its prefix.
    ///
    /// # Errors
    /// No base64, or another length.
    pub fn parse(text: &str) -> Result<Self, WebhookPublicKeyError> {
        let text = text.trim();
        let bytes = STANDARD
            .decode(text.strip_prefix(PUBLIC_PREFIX).unwrap_or(text))
            .map_err(|_| WebhookPublicKeyError)?;
        let bytes = bytes.try_into().map_err(|_| WebhookPublicKeyError)?;
        Ok(Self(bytes))
    }

    pub(super) fn signed(&self, content: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(content, signature)
            .is_ok()
    }
}

impl fmt::Display for WebhookPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SignatureFault, SignedHeaders, verify, verify_public};
    use super::*;

    // Svix publishes this vector with its server's tests.
    const KEY: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(AT, 0).unwrap()
    }

    fn check(
        keys: &[WebhookPublicKey],
        signature: &str,
        body: &[u8],
    ) -> Result<(), SignatureFault> {
        let timestamp = AT.to_string();
        let headers = SignedHeaders {
            id: ID,
            timestamp: &timestamp,
            signature,
        };
        verify_public(keys, headers, body, at())
    }

    #[test]
    fn the_published_vector_signs_and_verifies() {
        let key = WebhookSigningKey::parse(KEY).unwrap();
        assert_eq!(key.sign(ID, at(), BODY), SIGNATURE);
        let public = WebhookPublicKey::parse(&key.public().to_string()).unwrap();
        let both = format!("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= {SIGNATURE}");
        assert_eq!(check(&[public], &both, BODY), Ok(()));
        assert_eq!(
            check(&[public], SIGNATURE, b"{}"),
            Err(SignatureFault::Wrong)
        );
        assert_eq!(check(&[], SIGNATURE, BODY), Err(SignatureFault::Wrong));
    }

    #[test]
    fn neither_kind_of_signature_stands_in_for_the_other() {
        let key = WebhookSigningKey::parse(KEY).unwrap();
        let disguised = SIGNATURE.replace("v1a,", "v1,");
        assert_eq!(
            check(&[key.public()], &disguised, BODY),
            Err(SignatureFault::Malformed)
        );
        let timestamp = AT.to_string();
        let headers = SignedHeaders {
            id: ID,
            timestamp: &timestamp,
            signature: SIGNATURE,
        };
        let malformed = Err(SignatureFault::Malformed);
        assert_eq!(verify(&[], headers, BODY, at()), malformed);
    }

    #[test]
    fn a_key_reads_back_and_is_never_shown() {
        let key = WebhookSigningKey::from_seed([7; 32]);
        assert_eq!(
            WebhookSigningKey::parse(&key.to_text()).unwrap().public(),
            key.public()
        );
        assert_eq!(format!("{key:?}"), "WebhookSigningKey(…)");
    }

    #[test]
    fn halves_that_do_not_belong_together_are_refused() {
        let key = WebhookSigningKey::from_seed([7; 32]).to_text();
        let bytes = STANDARD.decode(&key[PREFIX.len()..]).unwrap();
        let mut other = bytes.clone();
        other[40] ^= 1;
        for wrong in [&other[..], &bytes[..63], &bytes[..32], &[]] {
            let text = format!("{PREFIX}{}", STANDARD.encode(wrong));
            assert!(WebhookSigningKey::parse(&text).is_err(), "{text}");
        }
        assert!(WebhookSigningKey::parse("whsk_%%%").is_err());
        assert!(WebhookPublicKey::parse("whpk_c2hvcnQ=").is_err());
    }
}
