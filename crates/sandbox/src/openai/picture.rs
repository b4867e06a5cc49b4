//! Accepting an order, drawing it, and the answer with the pictures.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Clock;
use serde_json::{Value, json};

use super::errors::{ApiError, moderated};
use super::order::Order;
use super::price::Usage;
use crate::answer::{Answer, Failure, Outcome};
use crate::call::{Call, Charge};
use crate::draw::{Drawing, Input, digest};
use crate::fault::Mode;
use crate::world::World;

/// What partial pictures add to a picture's tokens, each.
const PARTIAL_TOKENS: u64 = 100;
/// Between two events of a stream.
const EVENT_PAUSE: Duration = Duration::from_millis(2);

/// The drawing of picture `number` of an order.
pub(crate) fn drawing(order: &Order, input: Option<&Input>, number: u32) -> Drawing {
    let parts: [&[u8]; 4] = [
        order.model.name.as_bytes(),
        order.prompt.as_bytes(),
        order.quality.as_bytes(),
        &number.to_be_bytes(),
    ];
    Drawing {
        digest: digest(parts),
        width: order.width,
        height: order.height,
        transparent: order.is_transparent(),
        blurred: false,
        format: order.encoding(),
        input: input.cloned(),
    }
}

/// Tokens of an order.
pub(crate) fn usage(order: &Order, inputs: usize) -> Usage {
    let sides = (order.width, order.height);
    let mut usage = Usage::of(&order.prompt, inputs, sides, order.told_quality(), order.n);
    if order.stream {
        usage.pictures_out += u64::from(order.partial_images) * PARTIAL_TOKENS;
    }
    usage
}

/// Accepts, works, and answers with the pictures.
pub(crate) async fn carry_out(
    call: &mut Call,
    order: &Order,
    inputs: usize,
    input: Option<Input>,
    events: &str,
) -> Outcome {
    if let Some(fault) = call.fired.get(Mode::ModeratedIn) {
        return Err(moderated("input", fault.code.as_deref().unwrap_or("sexual")).into());
    }
    let withheld = call.fired.get(Mode::ModeratedOut).cloned();
    let usage = usage(order, inputs);
    let entry = call.accept(Charge {
        billed: withheld
            .as_ref()
            .is_none_or(|fault| fault.billed.unwrap_or(true)),
        cost_micros: usage.cost_micros(),
        pictures: order.n,
        prompt: order.prompt.clone(),
        ..Charge::default()
    });
    call.work(call.world.timings.sync_work).await?;
    if let Some(fault) = withheld {
        return Err(moderated("output", fault.code.as_deref().unwrap_or("violence")).into());
    }
    let mut pictures = Vec::new();
    if !call.fired.has(Mode::EmptyData) {
        for number in 0..order.n {
            pictures.push(draw(&call.world, drawing(order, input.as_ref(), number)).await?);
        }
    }
    let created = call.world.clock.now().timestamp();
    let empty = pictures.is_empty();
    let mut answer = if order.stream {
        stream(order, &pictures, usage, created, events)
    } else {
        Answer::ok(&body(order, &pictures, usage, created))
    };
    for (name, value) in RATE_HEADERS {
        answer.set(name, value);
    }
    Ok(if empty {
        answer
    } else {
        answer.delivering(entry)
    })
}

const RATE_HEADERS: [(&str, &str); 6] = [
    ("x-ratelimit-limit-requests", "5000"),
    ("x-ratelimit-remaining-requests", "4999"),
    ("x-ratelimit-reset-requests", "12ms"),
    ("x-ratelimit-limit-tokens", "8000000"),
    ("x-ratelimit-remaining-tokens", "7999000"),
    ("x-ratelimit-reset-tokens", "7ms"),
];

/// Draws; what cannot be drawn is the input's fault, since everything else is checked.
pub(crate) async fn draw(world: &World, drawing: Drawing) -> Result<Bytes, Failure> {
    let drawn = world.draw(drawing).await;
    drawn.map_err(|error| ApiError::image("image", "invalid_image_file", error).into())
}

fn body(order: &Order, pictures: &[Bytes], usage: Usage, created: i64) -> Value {
    let data: Vec<Value> = pictures
        .iter()
        .map(|picture| json!({"b64_json": STANDARD.encode(picture)}))
        .collect();
    let mut body = json!({
        "created": created,
        "background": told_background(order),
        "data": data,
        "output_format": order.format,
        "quality": order.told_quality(),
        "size": format!("{}x{}", order.width, order.height),
        "usage": usage.json(),
    });
    if let Some(identifier) = &order.safety_identifier {
        body["safety_identifier"] = identifier.as_str().into();
    }
    body
}

fn told_background(order: &Order) -> &'static str {
    if order.is_transparent() {
        "transparent"
    } else {
        "opaque"
    }
}

/// The events of a stream; the last holds the picture.
fn stream(order: &Order, pictures: &[Bytes], usage: Usage, created: i64, name: &str) -> Answer {
    let mut events = Vec::new();
    for picture in pictures {
        let picture = STANDARD.encode(picture);
        let fields = |kind: &str| {
            json!({
                "type": format!("{name}.{kind}"),
                "b64_json": picture,
                "background": told_background(order),
                "created_at": created,
                "output_format": order.format,
                "quality": order.told_quality(),
                "size": format!("{}x{}", order.width, order.height),
            })
        };
        for index in 0..order.partial_images {
            let mut partial = fields("partial_image");
            partial["partial_image_index"] = index.into();
            events.push(event(&partial));
        }
        let mut completed = fields("completed");
        completed["usage"] = usage.json();
        events.push(event(&completed));
    }
    Answer::events(events, EVENT_PAUSE)
}

fn event(fields: &Value) -> Bytes {
    let name = fields["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {fields}\n\n").into()
}
