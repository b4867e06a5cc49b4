//! The key a call is made with.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

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

    /// What a provider without keys is called with.
    pub fn none() -> Self {
        Self::new("none", SecretString::from(""))
    }

    /// Names the key without telling it: breakers, limits and the ledger go by this.
    pub fn id(&self) -> &str {
        &self.id
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
    fn debug_never_shows_the_key() {
        let credential = Credential::new("platform-1", SecretString::from("sk-very-secret"));
        let shown = format!("{credential:?}");
        assert_eq!(shown, r#"Credential("platform-1")"#);
        assert_eq!(credential.expose(), "sk-very-secret");
    }
}
