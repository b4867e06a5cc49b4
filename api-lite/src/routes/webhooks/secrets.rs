//! What endpoints sign with.
//!
//! The word `requests` in the place of an endpoint's id names the secret of all addresses that the brand's
//! requests name by `webhook_url`: it exists before any of their hosts does.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::webhook_signature::{WebhookSecret, WebhookSigningKey};
use serde::Deserialize;
use store::webhooks::secrets::{self, Owner, SecretKind};

use super::super::answers::{BodyProblems, KeyProblems, Missing, NoSecrets};
use super::endpoint;
use super::endpoints::new_secret;
use crate::app::App;
use crate::auth::Caller;
use crate::entropy::random;
use crate::problem::{Code, Problem};
use crate::request::{OptionalJsonBody, WebhookPath, parse_rotation};
use crate::view::{Rotated, SecretsView};

/// Stands for all addresses that requests name.
const REQUESTS: &str = "requests";

/// How a secret is replaced.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"overlap_seconds": 3600}))]
#[expect(
    dead_code,
    reason = "describes the body; it is read field by field to report every fault"
)]
pub(in super::super) struct RotateSecret {
    /// `hmac` (otherwise), or `ed25519` for the signing key; where there was none, one begins to sign too.
    kind: Option<String>,
    /// Seconds that the one before it goes on signing: a day where nothing else is said, at most seven.
    #[schema(minimum = 0, maximum = 604800)]
    overlap_seconds: Option<u32>,
}

/// The endpoint whose secrets these are; none where they are those of the brand's requests.
async fn owner_of(app: &App, caller: &Caller, id: String) -> Result<Option<String>, Problem> {
    if id == REQUESTS {
        return Ok(None);
    }
    let found = endpoint(app, caller, &id).await?;
    Ok((!found.is_request_host).then_some(id))
}

/// List the secrets that sign for an endpoint, without the secrets themselves.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/secrets",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id, or `requests` for all addresses that requests name")),
    responses((status = 200, description = "The current one of each kind first", body = SecretsView), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn list_secrets(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<Json<SecretsView>, Problem> {
    caller.must_be_secret()?;
    let webhook = owner_of(&app, &caller, id).await?;
    let owner = Owner {
        brand: caller.brand(),
        webhook: webhook.as_deref(),
    };
    let (db, now) = (&app.database, app.now());
    let data = match app.webhooks.known_keys() {
        Some(keys) => {
            let known = secrets::open(db, now, keys, owner).await?;
            known.into_iter().map(Into::into).collect()
        }
        // Without the keys the public halves cannot be told; the rest can.
        None => {
            let known = secrets::list(db, now, owner).await?;
            known.into_iter().map(Into::into).collect()
        }
    };
    Ok(Json(SecretsView { data }))
}

/// Replace a secret. The one before it goes on signing for a while.
///
/// Each message carries a signature of every secret that signs, so a receiver changes over without a
/// gap. If the answer gets lost, rotate again: all that were replaced sign until their ends.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id, or `requests` for all addresses that requests name")),
    request_body(content = RotateSecret, description = "May be left out"),
    responses(
        (status = 200, description = "The new secret, shown once", body = Rotated),
        KeyProblems,
        BodyProblems,
        Missing,
        NoSecrets,
    ),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn rotate_secret(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<Rotated>, Problem> {
    caller.must_be_secret()?;
    let rotation = parse_rotation(body)?;
    let keys = app.webhooks.keys()?;
    let webhook = owner_of(&app, &caller, id).await?;
    let owner = Owner {
        brand: caller.brand(),
        webhook: webhook.as_deref(),
    };
    let bytes = random(app.entropy.as_ref());
    let (text, secret, public_key) = match rotation.kind {
        SecretKind::Hmac => {
            let text = WebhookSecret::from_bytes(bytes).to_text();
            (text.clone(), Some(text), None)
        }
        SecretKind::Ed25519 => {
            let key = WebhookSigningKey::from_seed(bytes);
            (key.to_text(), None, Some(key.public().to_string()))
        }
    };
    let now = app.now();
    let overlap = TimeDelta::seconds(rotation.overlap_seconds);
    let new = new_secret(&app, rotation.kind, &text);
    secrets::replace(&app.database, now, keys, owner, &new, overlap).await?;
    Ok(Json(Rotated {
        kind: rotation.kind.as_str(),
        secret,
        public_key,
        previous_expires_at: now + overlap,
    }))
}

/// Take the signing key away. Messages are then signed with the shared secret alone.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}/signing-key",
    tag = "webhooks",
    params(("id" = String, Path, description = "The endpoint's id, or `requests` for all addresses that requests name")),
    responses((status = 204, description = "It signs no more"), KeyProblems, Missing),
    security(("key" = []), ("header_key" = [])),
)]
pub(in super::super) async fn delete_signing_key(
    State(app): State<App>,
    caller: Caller,
    WebhookPath(id): WebhookPath,
) -> Result<StatusCode, Problem> {
    caller.must_be_secret()?;
    let webhook = owner_of(&app, &caller, id).await?;
    let owner = Owner {
        brand: caller.brand(),
        webhook: webhook.as_deref(),
    };
    match secrets::remove_signing_key(&app.database, owner).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Code::NotFound.into()),
    }
}
