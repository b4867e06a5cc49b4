//! What endpoints sign with.

use chrono::{DateTime, Utc};
use domain::webhook_signature::WebhookSigningKey;
use secrecy::ExposeSecret;
use serde::Serialize;
use store::webhooks::secrets::{OpenSecret, SecretInfo};

/// A secret that was replaced.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Rotated {
    /// `hmac` or `ed25519`.
    #[schema(example = "hmac")]
    pub(crate) kind: &'static str,
    /// The new secret (`hmac`). Shown here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    /// The public half of the new key (`ed25519`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    /// Until when the one before it signs too.
    pub(crate) previous_expires_at: DateTime<Utc>,
}

/// What is known of a secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SecretView {
    /// `hmac` or `ed25519`.
    #[schema(example = "hmac")]
    kind: String,
    /// Since when it has signed.
    created_at: DateTime<Utc>,
    /// Until when it signs; null for the current one.
    expires_at: Option<DateTime<Utc>>,
    /// The public half of a signing key.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

impl From<SecretInfo> for SecretView {
    fn from(info: SecretInfo) -> Self {
        Self {
            kind: info.kind,
            created_at: info.created_at,
            expires_at: info.expires_at,
            public_key: None,
        }
    }
}

impl From<OpenSecret> for SecretView {
    fn from(open: OpenSecret) -> Self {
        let public_key = match open.info.kind.as_str() {
            "ed25519" => public_key(open.secret.expose_secret()),
            _ => None,
        };
        Self {
            public_key,
            ..open.info.into()
        }
    }
}

/// The public half of a signing key in its text form.
pub(crate) fn public_key(text: &str) -> Option<String> {
    let key = WebhookSigningKey::parse(text).ok()?;
    Some(key.public().to_string())
}

/// The secrets that sign for an endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SecretsView {
    /// The current one of each kind first.
    pub(crate) data: Vec<SecretView>,
}
