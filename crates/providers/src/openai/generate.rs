//! `POST /images/generations`: a picture from a prompt alone, as JSON.

use bytes::Bytes;
use serde::Serialize;

use super::order::{Dialect, Order};

pub(crate) const PATH: &str = "/images/generations";

/// The body. Its fields are sent in this order.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    n: u8,
    size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
}

/// The body's bytes.
pub(crate) fn body(order: &Order<'_>, dialect: &Dialect) -> Result<Bytes, serde_json::Error> {
    let body = Body {
        model: &order.model.name,
        prompt: &order.prompt,
        n: 1,
        size: order.size(),
        quality: order.quality.as_deref().filter(|_| dialect.quality),
        background: order.background.filter(|_| dialect.background),
        output_format: dialect.output_format.then_some("png"),
        response_format: dialect.response_format.then_some("b64_json"),
        negative_prompt: order.negative_prompt,
        seed: dialect.seed.then_some(order.seed),
        safety_identifier: order.shopper.filter(|_| dialect.safety_identifier),
    };
    serde_json::to_vec(&body).map(Bytes::from)
}
