//! Who asks, and what they may do.
//!
//! - `sk_…` and the older platform's keys: everything of their brand.
//! - `pk_…`: create, and read what its own session created, from the origins on its list. `Origin`
//!   can be forged outside browsers; what the session rule guards cannot be guessed.
//! - Dashboard tokens: HS256, carrying the brand.
//! - A signed address: the one file that it names, until it expires.
//!
//! Authentication is an extractor, not a layer: a wrong address or method is answered as such
//! whoever asks, and a handler that needs no key asks for none.

mod dashboard;
mod keys;
mod link;
mod origin;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::request::Parts;
use domain::{BrandId, Lane};
use store::api_keys::{KeyHolder, KeyKind};

use crate::app::App;
use crate::layer::{Cors, RequestContext};
use crate::problem::{Code, Problem};

pub(crate) use dashboard::{Dashboard, DashboardUser};
pub(crate) use keys::KeyRing;
pub(crate) use link::Reader;

/// What a request may do, proven by its key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    holder: Arc<KeyHolder>,
}

impl Caller {
    pub(crate) fn brand(&self) -> &BrandId {
        &self.holder.brand_id
    }

    /// The lane of the brand's plan.
    pub(crate) fn lane(&self) -> Lane {
        self.holder.plan.lane()
    }

    /// The key's id: the scope of its idempotency keys.
    pub(crate) fn key_id(&self) -> &str {
        &self.holder.key_id
    }

    /// Whether the key sees only what its own session created.
    pub(crate) fn is_publishable(&self) -> bool {
        self.holder.kind == KeyKind::Publishable
    }

    /// Refuses publishable keys.
    pub(crate) fn must_be_secret(&self) -> Result<(), Problem> {
        if self.is_publishable() {
            return Err(Problem::from(Code::NotPermitted));
        }
        Ok(())
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = credential(&parts.headers)?;
        let holder = app.keys.find(key, app.now()).await?;
        let holder = holder.ok_or(Code::InvalidKey)?;
        let cors = cors_of(&holder, &parts.headers);
        if let Some(context) = parts.extensions.get::<RequestContext>() {
            context.decide_cors(cors);
        }
        if holder.kind == KeyKind::Publishable && cors == Cors::Refuse {
            return Err(Problem::from(Code::OriginNotAllowed));
        }
        app.meter.count(&holder.brand_id)?;
        Ok(Self { holder })
    }
}

/// The key as it was sent.
fn credential(headers: &HeaderMap) -> Result<&str, Problem> {
    let invalid = || Problem::from(Code::InvalidKey);
    let bearer = match headers.get(AUTHORIZATION) {
        None => None,
        Some(value) => {
            let value = value.to_str().map_err(|_| invalid())?;
            Some(bearer_of(value).ok_or_else(invalid)?)
        }
    };
    let header = headers.get("x-api-key").map(|value| value.to_str());
    let header = header.transpose().map_err(|_| invalid())?.map(str::trim);
    match (bearer, header) {
        (Some(a), Some(b)) if a != b => Err(Code::ConflictingCredentials.into()),
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => Err(Code::MissingCredentials.into()),
    }
}

/// The token of an `Authorization: Bearer …`; the scheme's name has any case.
fn bearer_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a page may read the answer. A secret key has no business in a page; the older platform's
/// widget sends its key from any shop's page, so that kind must work there.
fn cors_of(holder: &KeyHolder, headers: &HeaderMap) -> Cors {
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
    match (holder.kind, origin) {
        (KeyKind::Legacy, _) => Cors::Allow,
        (KeyKind::Publishable, Some(origin)) if origin::is_allowed(&holder.origins, origin) => {
            Cors::Allow
        }
        (KeyKind::Publishable | KeyKind::Secret, _) => Cors::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn both_headers_may_carry_the_key_if_they_agree() {
        let both = headers(&[("authorization", "bearer sk_1"), ("x-api-key", "sk_1")]);
        assert_eq!(credential(&both).unwrap(), "sk_1");
        let differ = headers(&[("authorization", "Bearer sk_1"), ("x-api-key", "sk_2")]);
        assert_eq!(
            credential(&differ).unwrap_err().code,
            Code::ConflictingCredentials
        );
        let basic = headers(&[("authorization", "Basic c2s6")]);
        assert_eq!(credential(&basic).unwrap_err().code, Code::InvalidKey);
        assert_eq!(
            credential(&HeaderMap::new()).unwrap_err().code,
            Code::MissingCredentials
        );
    }
}
