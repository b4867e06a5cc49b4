//! Sealing small secrets for a table: AES-256-GCM under a master key that the database never sees.
//!
//! What is sealed is bound to its place by a context (table, row, owner): moved into another row it does
//! not open. Several master keys may be known, so that they can be exchanged: the first seals, all open,
//! and every sealed value says which one it needs.
//!
//! Nonces are random, 96 bits: safe for some four billion values under one master key, which is more
//! than there will ever be keys of providers and webhooks.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

/// Bytes of a master key.
const KEY_BYTES: usize = 32;

/// The master keys, as a setting.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sealing")]
pub struct SealingArgs {
    /// The master keys that secrets in the database are sealed with: `ID:KEY`, separated by commas, KEY
    /// being 32 bytes in base64. The first seals, all of them open. Without it, no secret can be read
    #[arg(
        long,
        env = "ATELIER_SEALING_KEYS",
        hide_env_values = true,
        value_name = "ID:KEY,…"
    )]
    pub sealing_keys: Option<SealingKeys>,
}

/// The master keys. `Debug` shows their ids and nothing else. Cheap to clone.
#[derive(Clone)]
pub struct SealingKeys {
    keys: Arc<Vec<MasterKey>>,
}

struct MasterKey {
    id: String,
    key: RandomizedNonceKey,
}

/// A sealed secret as it stands in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The master key that opens it.
    pub with: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// Why something cannot be sealed or opened. Never holds any part of a secret or key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The setting has another form.
    #[error("the sealing keys must be ID:KEY pairs with 32 bytes in base64, at least one: {0}")]
    Setting(&'static str),
    /// The value was sealed with a master key that is not among these.
    #[error("sealed with the master key {0:?}, which this process does not know")]
    UnknownKey(String),
    /// The value was changed, moved to another row, or sealed with another key of the same id.
    #[error("the sealed value does not open")]
    Broken,
}

/// Bytes for a new secret, from the source that nonces come from.
///
/// # Errors
/// [`SealError::Broken`] where the system has no randomness.
pub(crate) fn random_bytes() -> Result<[u8; KEY_BYTES], SealError> {
    let mut bytes = [0; KEY_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SealError::Broken)?;
    Ok(bytes)
}

impl SealingKeys {
    /// The id of the master key that seals.
    pub fn current(&self) -> &str {
        &self.keys[0].id
    }

    /// Seals a secret for one place.
    ///
    /// # Errors
    /// [`SealError::Broken`] where the system has no randomness.
    pub fn seal(&self, context: &str, secret: &SecretString) -> Result<Sealed, SealError> {
        let master = &self.keys[0];
        let mut bytes = secret.expose_secret().as_bytes().to_vec();
        let nonce = master
            .key
            .seal_in_place_append_tag(Aad::from(context), &mut bytes)
            .map_err(|_| SealError::Broken)?;
        let mut whole = nonce.as_ref().to_vec();
        whole.append(&mut bytes);
        Ok(Sealed {
            with: master.id.clone(),
            bytes: whole,
        })
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::Broken`].
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretString, SealError> {
        let master = self.keys.iter().find(|key| key.id == sealed.with);
        let master = master.ok_or_else(|| SealError::UnknownKey(sealed.with.clone()))?;
        let (nonce, cipher) = sealed
            .bytes
            .split_at_checked(NONCE_LEN)
            .ok_or(SealError::Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Broken)?;
        let mut cipher = cipher.to_vec();
        let plain = master
            .key
            .open_in_place(nonce, Aad::from(context), &mut cipher)
            .map_err(|_| SealError::Broken)?;
        let text = std::str::from_utf8(plain).map_err(|_| SealError::Broken)?;
        Ok(SecretString::from(text))
    }
}

impl FromStr for SealingKeys {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (id, key) = part
                .split_once(':')
                .ok_or(SealError::Setting("a part has no colon"))?;
            if id.is_empty() || keys.iter().any(|known| known.id == id) {
                return Err(SealError::Setting("an id is empty or there twice"));
            }
            let bytes = STANDARD
                .decode(key)
                .map_err(|_| SealError::Setting("a key is not base64"))?;
            if bytes.len() != KEY_BYTES {
                return Err(SealError::Setting("a key does not have 32 bytes"));
            }
            let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes)
                .map_err(|_| SealError::Setting("a key is refused"))?;
            keys.push(MasterKey {
                id: id.to_owned(),
                key,
            });
        }
        if keys.is_empty() {
            return Err(SealError::Setting("there is none"));
        }
        Ok(Self {
            keys: Arc::new(keys),
        })
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> SealingKeys {
        text.parse().unwrap()
    }

    fn key(id: &str, byte: u8) -> String {
        format!("{id}:{}", STANDARD.encode([byte; KEY_BYTES]))
    }

    fn secret() -> SecretString {
        SecretString::from("sk-live-0123456789")
    }

    #[test]
    fn what_was_sealed_opens_in_its_own_place_only() {
        let keys = keys(&key("k1", 1));
        let sealed = keys.seal("row 1", &secret()).unwrap();
        let opened = keys.open("row 1", &sealed).unwrap();
        assert_eq!(opened.expose_secret(), secret().expose_secret());
        assert_eq!(keys.open("row 2", &sealed).unwrap_err(), SealError::Broken);
    }

    #[test]
    fn neither_the_secret_nor_two_equal_values_can_be_seen() {
        let keys = keys(&key("k1", 1));
        let (one, two) = (
            keys.seal("row", &secret()).unwrap(),
            keys.seal("row", &secret()).unwrap(),
        );
        assert_ne!(one.bytes, two.bytes);
        let text = String::from_utf8_lossy(&one.bytes).into_owned();
        assert!(!text.contains("sk-live"));
        assert_eq!(format!("{keys:?}"), r#"["k1"]"#);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let keys = keys(&key("k1", 1));
        let sealed = keys.seal("row", &secret()).unwrap();
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(keys.open("row", &changed).unwrap_err(), SealError::Broken);
        }
        let cut = Sealed {
            bytes: sealed.bytes[..5].to_vec(),
            ..sealed
        };
        assert_eq!(keys.open("row", &cut).unwrap_err(), SealError::Broken);
    }

    #[test]
    fn master_keys_are_exchanged_without_a_gap() {
        let old = keys(&key("k1", 1));
        let sealed = old.seal("row", &secret()).unwrap();
        let both = keys(&format!("{},{}", key("k2", 2), key("k1", 1)));
        assert_eq!(both.seal("row", &secret()).unwrap().with, "k2");
        assert!(both.open("row", &sealed).is_ok());
        let new = keys(&key("k2", 2));
        let error = new.open("row", &sealed).unwrap_err();
        assert_eq!(error, SealError::UnknownKey("k1".to_owned()));
    }

    #[test]
    fn a_setting_of_another_form_is_refused_without_repeating_it() {
        for text in ["", "k1", "k1:!!", "k1:c2hvcnQ=", ":AAAA"] {
            let error = SealingKeys::from_str(text).unwrap_err();
            assert!(matches!(error, SealError::Setting(_)), "{text}");
        }
        let twice = format!("{},{}", key("k", 1), key("k", 2));
        assert!(SealingKeys::from_str(&twice).is_err());
    }
}
