//! `POST /images/generations`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Map, Value};

use super::endpoint;
use super::errors::ApiError;
use super::order::{Order, Sort};
use super::picture::carry_out;
use crate::answer::Outcome;
use crate::call::Call;
use crate::fault::Kind;
use crate::world::World;

pub(crate) async fn create(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(world, endpoint("images/generations", Kind::Sync), request).await;
    let outcome = generate(&mut call).await;
    call.finish(outcome).await
}

async fn generate(call: &mut Call) -> Outcome {
    let fields = object(&call.body);
    call.gate(model_name(fields.as_ref().ok()))?;
    let order = Order::parse(&fields?, Sort::Generation)?;
    carry_out(call, &order, 0, None, "image_generation").await
}

/// The body as a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_slice(body).map_err(|_| {
        let message = "We could not parse the JSON body of your request. (HINT: This likely means you \
                       aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, \
                       but what was sent was not valid JSON.)";
        ApiError::invalid("", "", message)
    })
}

/// The model that a request names, for faults and the ledger.
pub(crate) fn model_name(fields: Option<&Map<String, Value>>) -> &str {
    fields
        .and_then(|fields| fields.get("model")?.as_str())
        .unwrap_or_default()
}
