//! Path segments. What cannot be an id names nothing, so it is answered as not found.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::{OutputFormat, PublicId};

use crate::app::App;
use crate::problem::{Code, Problem};

/// The `{id}` of a generation's address.
#[derive(Debug)]
pub(crate) struct PublicIdPath(pub(crate) PublicId);

impl FromRequestParts<App> for PublicIdPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let Path(text) = path.map_err(|_| Code::NotFound)?;
        Ok(Self(PublicId::parse(&text).map_err(|_| Code::NotFound)?))
    }
}

/// The address of a stored picture.
#[derive(Debug)]
pub(crate) struct MediaPath {
    pub(crate) id: PublicId,
    /// `full`, `thumbnail`, `w640` and the like.
    pub(crate) variant: String,
}

impl FromRequestParts<App> for MediaPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((id, variant)) = path.map_err(|_| Code::NotFound)?;
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if variant.is_empty() || variant.len() > 32 || !variant.chars().all(is_word) {
            return Err(Code::NotFound.into());
        }
        let id = PublicId::parse(&id).map_err(|_| Code::NotFound)?;
        Ok(Self { id, variant })
    }
}

/// The address of a product's base photograph: `<sha256>.<format>`.
#[derive(Debug)]
pub(crate) struct BaseImagePath {
    /// 64 lower-case hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) format: OutputFormat,
}

impl FromRequestParts<App> for BaseImagePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let Path(file) = path.map_err(|_| Code::NotFound)?;
        let (sha256, extension) = file.split_once('.').ok_or(Code::NotFound)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let format = extension.parse::<OutputFormat>().ok();
        match format.filter(|_| sha256.len() == 64 && sha256.bytes().all(is_digit)) {
            Some(format) => Ok(Self {
                sha256: sha256.to_owned(),
                format,
            }),
            None => Err(Code::NotFound.into()),
        }
    }
}
