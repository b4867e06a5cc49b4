//! `POST /images/edits`, as a form or as JSON.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use imaging::Picture;
use serde_json::{Map, Value};

use super::endpoint;
use super::errors::ApiError;
use super::generations::{model_name, object};
use super::order::{Order, Sort};
use super::picture::carry_out;
use crate::answer::Outcome;
use crate::call::Call;
use crate::draw::{Area, Input};
use crate::fault::Kind;
use crate::form::Form;
use crate::source;
use crate::world::World;

const MAX_INPUTS: usize = 16;
const MAX_INPUT_BYTES: usize = 50 << 20;
const MAX_MASK_BYTES: usize = 4 << 20;
const MAX_URL_CHARS: usize = 20_971_520;

pub(crate) async fn create(State(world): State<Arc<World>>, request: Request) -> Response {
    let mut call = Call::read(world, endpoint("images/edits", Kind::Sync), request).await;
    let outcome = edit(&mut call).await;
    call.finish(outcome).await
}

/// An edit's parameters and pictures, from either kind of body.
#[derive(Default)]
struct Given {
    fields: Map<String, Value>,
    images: Vec<Bytes>,
    mask: Option<Bytes>,
    markup: Option<Bytes>,
}

async fn edit(call: &mut Call) -> Outcome {
    let is_json = call.headers.get(CONTENT_TYPE).is_some_and(|value| {
        value
            .to_str()
            .is_ok_and(|text| text.starts_with("application/json"))
    });
    let given = if is_json {
        json(call).await
    } else {
        form(call).await
    };
    call.gate(model_name(given.as_ref().ok().map(|given| &given.fields)))?;
    let given = given?;
    let order = Order::parse(&given.fields, Sort::Edit)?;
    let count = given.images.len();
    let input = input(&call.world, &order, given).await?;
    carry_out(call, &order, count, Some(input), "image_edit").await
}

async fn form(call: &Call) -> Result<Given, ApiError> {
    let form = Form::read(&call.headers, &call.body).await;
    let form = form.map_err(|error| ApiError::invalid("", "", error))?;
    let mut fields = Map::new();
    for part in form.parts() {
        let name = part.name.trim_end_matches("[]");
        let value = if part.is_file {
            Value::Null
        } else {
            String::from_utf8_lossy(&part.data).into()
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(Given {
        fields,
        images: form.all("image"),
        mask: form.bytes("mask").cloned(),
        markup: form.bytes("markup").cloned(),
    })
}

async fn json(call: &Call) -> Result<Given, ApiError> {
    let fields = object(&call.body)?;
    let mut images = Vec::new();
    if let Some(list) = fields.get("images").and_then(Value::as_array) {
        for (index, image) in list.iter().enumerate() {
            images.push(picture_of(&call.world, image, &format!("images[{index}]")).await?);
        }
    }
    let mask = match fields.get("mask") {
        None | Some(Value::Null) => None,
        Some(mask) => Some(picture_of(&call.world, mask, "mask").await?),
    };
    Ok(Given {
        fields,
        images,
        mask,
        markup: None,
    })
}

async fn picture_of(world: &World, image: &Value, param: &str) -> Result<Bytes, ApiError> {
    let Some(url) = image.get("image_url").and_then(Value::as_str) else {
        let message = format!("'{param}' needs an image_url; the sandbox keeps no files.");
        return Err(ApiError::image(param, "invalid_value", message));
    };
    if url.len() > MAX_URL_CHARS {
        return Err(ApiError::invalid(
            param,
            "string_above_max_length",
            "The image URL is too long.",
        ));
    }
    let fetched = source::from_url(world, url).await;
    fetched.map_err(|error| ApiError::image(param, "invalid_image_url", error))
}

/// Checks the pictures as the service does; the first is the one that is edited.
async fn input(world: &World, order: &Order, given: Given) -> Result<Input, ApiError> {
    let Given {
        images,
        mask,
        markup,
        ..
    } = given;
    if images.is_empty() {
        return Err(ApiError::invalid(
            "image",
            "missing_required_parameter",
            "Missing required parameter: 'image'.",
        ));
    }
    if images.len() > MAX_INPUTS {
        let message = format!(
            "Invalid 'image': array too long. Expected an array with maximum length {MAX_INPUTS}, but got an array with length {} instead.",
            images.len()
        );
        return Err(ApiError::invalid(
            "image",
            "array_above_max_length",
            message,
        ));
    }
    if markup.is_some() && (mask.is_some() || !order.model.planned) {
        return Err(ApiError::image(
            "markup",
            "invalid_value",
            "'markup' cannot be used here.",
        ));
    }
    let mut first = None;
    for (index, image) in images.into_iter().enumerate() {
        if image.len() > MAX_INPUT_BYTES {
            let message = format!("Invalid image {index}: images must be smaller than 50MB.");
            return Err(ApiError::image("image", "image_too_large", message));
        }
        let decoded = decode(world, image, "image").await?;
        first.get_or_insert(decoded);
    }
    let picture = first.ok_or_else(|| ApiError::invalid("image", "", "no image"))?;
    let area = match mask {
        None => Area::Everywhere,
        Some(mask) => Area::Transparent(check_mask(world, &picture, mask).await?),
    };
    Ok(Input { picture, area })
}

async fn check_mask(world: &World, picture: &Picture, mask: Bytes) -> Result<Picture, ApiError> {
    let refuse = |code: &str, message: &str| Err(ApiError::image("mask", code, message));
    if mask.len() > MAX_MASK_BYTES {
        return refuse("image_too_large", "Invalid mask: must be smaller than 4MB.");
    }
    let is_png = mask.starts_with(b"\x89PNG");
    let mask = decode(world, mask, "mask").await?;
    if (mask.width(), mask.height()) != (picture.width(), picture.height()) {
        return refuse(
            "invalid_image_file",
            "Invalid mask image size: the mask must be the same size as the image.",
        );
    }
    if !is_png || mask.is_opaque() {
        return refuse(
            "invalid_image_file",
            "Invalid mask image format: the mask must have an alpha channel.",
        );
    }
    Ok(mask)
}

async fn decode(world: &World, bytes: Bytes, param: &str) -> Result<Picture, ApiError> {
    let decoded = world.decode(bytes).await;
    decoded.map_err(|error| {
        let message = format!(
            "Invalid image file or mode for {param}, please check your image file. ({error})"
        );
        ApiError::image(param, "invalid_image_file", message)
    })
}
