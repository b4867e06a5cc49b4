//! `POST /v2beta/stable-image/generate/{core|ultra|sd3}`, and what edits share with it.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::endpoint;
use super::errors::{bad, error, moderated};
use super::fields::{Shared, Wanted, decimal, sides};
use crate::answer::{Answer, Failure, Outcome};
use crate::call::{Call, Charge};
use crate::draw::{Area, Drawing, Input, digest};
use crate::fault::{Kind, Mode};
use crate::form::Form;
use crate::world::World;

/// A credit costs one US cent.
pub(crate) const CREDIT_MICROS: i64 = 10_000;
const ALL_FORMATS: &[&str] = &["png", "jpeg", "webp"];

pub(crate) async fn create(
    State(world): State<Arc<World>>,
    Path(model): Path<String>,
    request: Request,
) -> Response {
    let name = match model.as_str() {
        "core" => "generate/core",
        "ultra" => "generate/ultra",
        "sd3" => "generate/sd3",
        _ => return super::results::unknown(State(world), request).await,
    };
    let mut call = Call::read(world, endpoint(name, Kind::Sync), request).await;
    let outcome = generate(&mut call, &model).await;
    call.finish(outcome).await
}

async fn generate(call: &mut Call, service: &str) -> Outcome {
    let form = read_form(call).await;
    let given = form.as_ref().ok().and_then(|form| form.text("model"));
    // Core and Ultra are models themselves; SD3 has several.
    let model = if service == "sd3" {
        given.unwrap_or("sd3.5-large")
    } else {
        service
    }
    .to_owned();
    call.gate(&model)?;
    let form = form?;
    let formats = if service == "sd3" {
        &["png", "jpeg"]
    } else {
        ALL_FORMATS
    };
    let shared = Shared::parse(&form, &call.headers, true, formats)?;
    let credits_micros = price(&model)?;
    let input = image_to_image(call, &form, service).await?;
    let sides = match (&input, form.text("mode")) {
        (Some(input), Some("image-to-image")) => (input.picture.width(), input.picture.height()),
        _ => sides(&form)?,
    };
    let order = PictureOrder {
        shared,
        sides,
        input,
        model,
        cost_micros: credits_micros,
    };
    carry_out(call, order).await
}

/// Credits of a model, in micro-dollars.
fn price(model: &str) -> Result<i64, Failure> {
    let tenths = match model {
        "core" => 30,
        "ultra" => 80,
        "sd3.5-large" => 65,
        "sd3.5-large-turbo" => 40,
        "sd3.5-medium" => 35,
        _ => {
            let known = "must be one of: sd3.5-large, sd3.5-large-turbo, sd3.5-medium";
            return Err(bad("model", known));
        }
    };
    Ok(tenths * CREDIT_MICROS / 10)
}

/// The picture to start from, where the service takes one.
async fn image_to_image(call: &Call, form: &Form, service: &str) -> Result<Option<Input>, Failure> {
    let mode = form.text("mode").unwrap_or("text-to-image");
    if service == "sd3" && !["text-to-image", "image-to-image"].contains(&mode) {
        return Err(bad("mode", "must be one of: text-to-image, image-to-image"));
    }
    if service == "sd3" {
        decimal(form, "cfg_scale", 1.0, 10.0)?;
    }
    let strength = decimal(form, "strength", 0.0, 1.0)?;
    let Some(image) = form.bytes("image") else {
        if mode == "image-to-image" {
            return Err(bad("image", "is required for image-to-image"));
        }
        return Ok(None);
    };
    if service == "core" {
        return Err(bad("image", "is not a known field"));
    }
    if strength.is_none() {
        return Err(bad("strength", "is required when an image is given"));
    }
    if mode == "image-to-image" && form.text("aspect_ratio").is_some() {
        return Err(bad(
            "aspect_ratio",
            "is only valid for text-to-image requests",
        ));
    }
    let picture = decode(call, "image", image.clone()).await?;
    Ok(Some(Input {
        picture,
        area: Area::Everywhere,
    }))
}

/// The form, or the refusal of a body that is none.
pub(crate) async fn read_form(call: &Call) -> Result<Form, Failure> {
    let form = Form::read(&call.headers, &call.body).await;
    form.map_err(|text| error(StatusCode::BAD_REQUEST, "bad_request", &text).into())
}

pub(crate) async fn decode(
    call: &Call,
    field: &str,
    bytes: Bytes,
) -> Result<imaging::Picture, Failure> {
    let picture = call.world.decode(bytes).await;
    let picture = picture.map_err(|text| bad(field, &format!("is not a valid image ({text})")))?;
    if picture.width() < 64 || picture.height() < 64 {
        return Err(bad(field, "each side must be at least 64 pixels"));
    }
    Ok(picture)
}

/// A checked request.
#[derive(Debug)]
pub(crate) struct PictureOrder {
    pub(crate) shared: Shared,
    pub(crate) sides: (u32, u32),
    pub(crate) input: Option<Input>,
    pub(crate) model: String,
    pub(crate) cost_micros: i64,
}

impl PictureOrder {
    pub(crate) fn drawing(&self, blurred: bool) -> Drawing {
        let Shared {
            prompt,
            negative_prompt,
            style,
            seed,
            ..
        } = &self.shared;
        let parts: [&[u8]; 5] = [
            self.model.as_bytes(),
            prompt.as_bytes(),
            negative_prompt.as_bytes(),
            style.as_bytes(),
            &seed.to_be_bytes(),
        ];
        Drawing {
            digest: digest(parts),
            width: self.sides.0,
            height: self.sides.1,
            transparent: false,
            blurred,
            format: self.shared.format,
            input: if blurred { None } else { self.input.clone() },
        }
    }

    pub(crate) fn charge(&self, billed: bool) -> Charge {
        Charge {
            billed,
            cost_micros: self.cost_micros,
            pictures: 1,
            seed: self.shared.asked_seed,
            prompt: self.shared.prompt.clone(),
            ..Charge::default()
        }
    }
}

/// Accepts, works, and answers with the picture.
pub(crate) async fn carry_out(call: &mut Call, order: PictureOrder) -> Outcome {
    if call.fired.has(Mode::ModeratedIn) {
        return Err(moderated().into());
    }
    let withheld = call
        .fired
        .get(Mode::ModeratedOut)
        .map(|fault| fault.billed.unwrap_or(true));
    let entry = call.accept(order.charge(withheld.unwrap_or(true)));
    call.work(call.world.timings.sync_work).await?;
    let reason = if withheld.is_some() {
        "CONTENT_FILTERED"
    } else {
        "SUCCESS"
    };
    let picture = if call.fired.has(Mode::EmptyData) {
        Bytes::new()
    } else {
        draw(&call.world, order.drawing(withheld.is_some())).await?
    };
    let whole = withheld.is_none() && !picture.is_empty();
    let answer = told(&order.shared, reason, picture);
    Ok(if whole {
        answer.delivering(entry)
    } else {
        answer
    })
}

pub(crate) async fn draw(world: &World, drawing: Drawing) -> Result<Bytes, Failure> {
    world
        .draw(drawing)
        .await
        .map_err(|text| bad("image", &text))
}

/// The answer in the form that was asked for.
pub(crate) fn told(shared: &Shared, reason: &str, picture: Bytes) -> Answer {
    let seed = shared.seed.to_string();
    match shared.wanted {
        Wanted::Picture => Answer::bytes(StatusCode::OK, shared.format.content_type(), picture)
            .with("finish-reason", reason)
            .with("seed", seed),
        Wanted::Json => {
            let image = STANDARD.encode(picture);
            let mut answer =
                Answer::ok(&json!({"image": image, "finish_reason": reason, "seed": shared.seed}));
            let kind = format!("application/json; type={}", shared.format.content_type());
            answer.set("content-type", &kind);
            answer
        }
    }
}
