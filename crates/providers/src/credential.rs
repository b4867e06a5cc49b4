//! The key a call is made with.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// A piece of a key this long is a secret like the whole.
const PIECE_BYTES: usize = 8;

/// A key of an account at a provider. Cheap to clone; `Debug` shows its id and never the key.
#[derive(Clone)]
pub struct Credential {
    id: String,
    secret: SecretString,
}

impl Credential {
    /// A key under an id that may stand in ledgers and logs.
    pub fn new(id: impl Into<String>, secret: SecretString) -> Self {
        let id = id.into();
        Self { id, secret }
    }

    /// The platform's own keys for a provider, in the order given; empty ones are left out.
    ///
    /// A key's id is the provider's name and eight hexadecimal digits of the key's hash, so that it
    /// stays the same when keys are added, removed or put in another order, and tells nothing about a
    /// key that is longer than a password.
    pub fn platform_keys(provider: &str, keys: &[SecretString]) -> Vec<Self> {
        keys.iter()
            .map(|key| key.expose_secret().trim())
            .filter(|key| !key.is_empty())
            .map(|key| {
                let digest = Sha256::digest(format!("atelier credential id:{provider}:{key}"));
                let short = digest
                    .iter()
                    .take(4)
                    .fold(0_u32, |short, byte| (short << 8) | u32::from(*byte));
                Self::new(format!("{provider}-{short:08x}"), SecretString::from(key))
            })
            .collect()
    }

    /// What a provider without keys is called with.
    pub fn none() -> Self {
        Self::new("none", SecretString::from(""))
    }

    /// Names the key without telling it: breakers, limits and the ledger go by this.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a text repeats the key, or eight characters of it in a row. A server can send the key back
    /// where a word of its own belongs; such a word is shown nowhere.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let (key, text) = (self.expose().to_lowercase(), text.to_lowercase());
        let (key, text) = (key.as_bytes(), text.as_bytes());
        let length = key.len().min(PIECE_BYTES);
        length > 0
            && text
                .windows(length)
                .any(|part| key.windows(length).any(|piece| piece == part))
    }

    /// The key itself, for the one header that carries it.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credential").field(&self.id).finish()
    }
}

/// What every call over the network is given: whose account it runs on and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct CallContext<'a> {
    /// The account's key.
    pub credential: &'a Credential,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_what_repeats_it_or_a_piece_of_it() {
        let credential = |key: &str| Credential::new("one", SecretString::from(key));
        let key = credential("sk-proj-0123456789");
        for text in [
            "sk-proj-0123456789",
            "bad_key.SK-PROJ-0123456789",
            "23456789",
        ] {
            assert!(key.is_in(text), "{text}");
        }
        for text in ["", "sk-proj", "3456789", "insufficient_quota"] {
            assert!(!key.is_in(text), "{text}");
        }
        assert!(credential("any").is_in("any_code"));
        assert!(!Credential::none().is_in("any_code"));
    }

    #[test]
    fn debug_never_shows_the_key() {
        let credential = Credential::new("platform-1", SecretString::from("sk-very-secret"));
        let shown = format!("{credential:?}");
        assert_eq!(shown, r#"Credential("platform-1")"#);
        assert_eq!(credential.expose(), "sk-very-secret");
    }

    #[test]
    fn a_platform_key_keeps_its_id_in_any_order_and_the_id_does_not_hold_it() {
        let keys = |text: &str| -> Vec<Credential> {
            let keys: Vec<_> = text.split(',').map(SecretString::from).collect();
            Credential::platform_keys("openai", &keys)
        };
        let (one, two) = (keys("sk-aaaa,, sk-bbbb "), keys("sk-bbbb,sk-aaaa"));
        assert_eq!(one.len(), 2);
        assert_eq!(one[0].id(), two[1].id());
        assert_eq!(one[1].id(), two[0].id());
        assert_eq!(one[1].expose(), "sk-bbbb");
        assert_ne!(one[0].id(), one[1].id());
        assert!(one[0].id().starts_with("openai-"), "{one:?}");
        assert!(!format!("{one:?}").contains("aaaa"), "{one:?}");
    }
}
