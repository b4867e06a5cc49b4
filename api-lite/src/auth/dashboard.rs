//! The older platform's dashboard: HS256 tokens that carry the brand.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use domain::BrandId;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::bearer_of;
use crate::app::App;
use crate::catalog::is_name;
use crate::problem::{Code, Problem};

/// What is read of a token; other claims are the dashboard's own business.
#[derive(Debug, Deserialize)]
struct Claims {
    #[serde(rename = "brandId")]
    brand_id: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
}

/// Checks tokens.
pub(crate) struct Dashboard {
    key: Option<DecodingKey>,
    validation: Validation,
}

impl Dashboard {
    pub(crate) fn new(secret: Option<&SecretString>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The times are compared below, with the process's own clock and without leeway.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            key: secret.map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes())),
            validation,
        }
    }

    fn brand_of(&self, token: &str, now: DateTime<Utc>) -> Result<BrandId, Problem> {
        let key = self.key.as_ref().ok_or(Code::DashboardDisabled)?;
        let token = decode::<Claims>(token, key, &self.validation);
        let claims = token.map_err(|_| Code::InvalidToken)?.claims;
        let now = now.timestamp();
        if claims.exp <= now || claims.nbf.is_some_and(|nbf| nbf > now) {
            return Err(Problem::from(Code::InvalidToken).detail("the token is not valid now"));
        }
        if !is_name(&claims.brand_id) {
            return Err(Problem::from(Code::InvalidToken).detail("the token names no brand"));
        }
        Ok(BrandId(claims.brand_id))
    }
}

/// Somebody at a brand's dashboard.
#[derive(Debug, Clone)]
pub(crate) struct DashboardUser {
    pub(crate) brand: BrandId,
}

impl FromRequestParts<App> for DashboardUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let value = parts.headers.get(AUTHORIZATION);
        let value = value.ok_or(Code::MissingCredentials)?.to_str();
        let token = value.ok().and_then(bearer_of).ok_or(Code::InvalidToken)?;
        let brand = app.dashboard.brand_of(token, app.now())?;
        Ok(Self { brand })
    }
}
