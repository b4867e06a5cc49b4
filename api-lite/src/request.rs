//! From bytes to values that cannot be wrong.
//!
//! Everything a client sends passes through here, and every fault of one request is reported at once.
//! Nothing here touches the database: what must be looked up is checked by the intake.

mod create;
mod fields;
mod headers;
mod json;
mod path;
mod query;
mod webhook;

pub(crate) use create::{Draft, parse_v1, parse_widget};
pub(crate) use headers::{idempotency_key, if_none_match, requested_wait, session_header};
pub(crate) use json::{JsonBody, OptionalJsonBody};
pub(crate) use path::{
    BaseImagePath, DeliveryPath, InvoicePath, MediaPath, PublicIdPath, WebhookJobPath, WebhookPath,
};
pub(crate) use query::Query;
pub(crate) use webhook::{
    Repair, event_names, event_of, parse_repair, parse_rotation, parse_webhook,
    parse_webhook_change,
};
