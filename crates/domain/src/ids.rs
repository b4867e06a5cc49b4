//! One type per id, so that two ids cannot be swapped.
//!
//! Ids that Atelier makes are `UUIDv7` inside: they sort by creation time, which keeps indexes dense.
//! What a shopper sees is a [`PublicId`] of 128 random bits, so that nothing about the order or the
//! number of a brand's generations can be read from it. Ids of the brand-facing tables (`Brand`,
//! `Product`) are text, because an existing platform brings its own (cuid).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct IdError {
    /// What the id should have named.
    pub kind: &'static str,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The prefix this id carries where people read it.
            pub const PREFIX: &'static str = $prefix;

            /// The id as it stands in text columns: hyphenated, without prefix.
            pub fn as_text(&self) -> String {
                self.0.hyphenated().to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Takes the prefixed form and the bare UUID.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let bare = text.strip_prefix($prefix).unwrap_or(text);
                Uuid::parse_str(bare).map(Self).map_err(|_| IdError { kind: $kind })
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

uuid_id!(
    /// A generation and its job: one accepted request. `UUIDv7`; never shown to a shopper.
    GenerationId, "generation", "job_"
);
uuid_id!(
    /// One entry of the provider ledger: one intent to pay for one call.
    AttemptId, "attempt", "att_"
);
uuid_id!(
    /// One start of one worker process. A restarted worker is a new session.
    SessionId, "worker session", "wrk_"
);
uuid_id!(
    /// An API key's row; not the key itself.
    KeyId, "API key", "key_"
);
text_id!(
    /// A brand (tenant): `"Brand".id`.
    BrandId
);
text_id!(
    /// A product: `"Product".id`.
    ProductId
);

/// The id of a generation outside: `gen_` and 32 hexadecimal digits, 128 random bits.
///
/// Knowing it is what allows a shopper's page to fetch the picture, so it must not be guessable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicId(String);

impl PublicId {
    /// The prefix of every public id that Atelier makes.
    pub const PREFIX: &'static str = "gen_";

    /// Makes an id from 16 bytes of a cryptographic random source.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!(
            "{}{:032x}",
            Self::PREFIX,
            u128::from_be_bytes(bytes)
        ))
    }

    /// Takes an id as it came from outside: ours, or one that an earlier platform made
    /// (letters, digits, `-` and `_`, at most 64 characters).
    ///
    /// # Errors
    /// [`IdError`] when the text holds anything else.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > 64 || !text.chars().all(known) {
            return Err(IdError { kind: "generation" });
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefixed_id_reads_back_as_itself() {
        let id = GenerationId(Uuid::from_u128(42));
        assert_eq!(id.to_string().parse::<GenerationId>().unwrap(), id);
        assert_eq!(id.as_text().parse::<GenerationId>().unwrap(), id);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        assert!(
            "wrk_00000000000000000000000000000001"
                .parse::<GenerationId>()
                .is_err()
        );
    }

    #[test]
    fn a_public_id_keeps_all_128_bits() {
        let id = PublicId::from_random([0xff; 16]);
        assert_eq!(id.as_str(), "gen_ffffffffffffffffffffffffffffffff");
        assert_eq!(
            PublicId::from_random([0; 16]).as_str().len(),
            id.as_str().len()
        );
    }

    #[test]
    fn a_public_id_with_a_slash_or_too_long_is_refused() {
        assert!(PublicId::parse("../etc").is_err());
        assert!(PublicId::parse(&"a".repeat(65)).is_err());
        assert!(PublicId::parse("").is_err());
        assert!(PublicId::parse("clx0abc-DEF_9").is_ok());
    }
}
