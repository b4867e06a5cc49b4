//! Reading a file with the address alone.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::{BrandId, LinkFault};
use url::form_urlencoded;

use super::Caller;
use crate::app::App;
use crate::problem::{Code, Problem};

/// Who asks for a file: whoever has an address that we signed, or a brand with its secret key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The address is the right to read what it names.
    Link,
    /// A brand, which sees its own.
    Brand(BrandId),
}

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(found, _)| found == name)
                .map(|(_, value)| value)
        };
        let Some(signature) = value("signature") else {
            let caller = Caller::from_request_parts(parts, app).await?;
            caller.must_be_secret()?;
            return Ok(Self::Brand(caller.brand().clone()));
        };
        let expires = value("expires").unwrap_or_default();
        let checked = match &app.links {
            Some(secrets) => secrets.check(parts.uri.path(), &expires, &signature, app.now()),
            None => Err(LinkFault::Wrong),
        };
        match checked {
            Ok(_) => Ok(Self::Link),
            Err(fault) => Err(Problem::from(Code::InvalidLink).detail(fault.to_string())),
        }
    }
}
