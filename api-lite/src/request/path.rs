//! Path segments. What cannot be an id names nothing, so it is answered as not found.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::{Event, OutputFormat, PublicId};
use uuid::Uuid;

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

/// The `{id}` of an invoice's address.
#[derive(Debug)]
pub(crate) struct InvoicePath(pub(crate) Uuid);

impl FromRequestParts<App> for InvoicePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let Path(text) = path.map_err(|_| Code::NotFound)?;
        // One way of writing it alone: an address is a name, and may be signed.
        let id = Uuid::parse_str(&text)
            .ok()
            .filter(|id| id.to_string() == text);
        Ok(Self(id.ok_or(Code::NotFound)?))
    }
}

/// Longest id of an endpoint: the older platform's are shorter by far.
const MAX_WEBHOOK_ID_BYTES: usize = 100;

/// The `{id}` of a webhook endpoint's address.
#[derive(Debug)]
pub(crate) struct WebhookPath(pub(crate) String);

impl FromRequestParts<App> for WebhookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let Path(id) = path.map_err(|_| Code::NotFound)?;
        webhook_id(id).map(Self)
    }
}

fn webhook_id(id: String) -> Result<String, Problem> {
    let usable = id.len() <= MAX_WEBHOOK_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    match usable {
        true => Ok(id),
        false => Err(Code::NotFound.into()),
    }
}

/// The address of one delivery: an endpoint and the message's id.
#[derive(Debug)]
pub(crate) struct DeliveryPath {
    pub(crate) webhook: String,
    pub(crate) event: Uuid,
}

impl FromRequestParts<App> for DeliveryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((webhook, message)) = path.map_err(|_| Code::NotFound)?;
        Ok(Self {
            webhook: webhook_id(webhook)?,
            event: Event::parse_message_id(&message).ok_or(Code::NotFound)?,
        })
    }
}

/// The address of a repair: an endpoint and the repair's id.
#[derive(Debug)]
pub(crate) struct WebhookJobPath {
    pub(crate) webhook: String,
    pub(crate) job: Uuid,
}

impl FromRequestParts<App> for WebhookJobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((webhook, job)) = path.map_err(|_| Code::NotFound)?;
        Ok(Self {
            webhook: webhook_id(webhook)?,
            job: Uuid::parse_str(&job).map_err(|_| Code::NotFound)?,
        })
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
