//! What a prediction's input asks for.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::errors;
use super::price::gives_one;
use crate::answer::Failure;
use crate::draw::{Area, Drawing, Input, digest};
use crate::source;
use crate::world::{World, lock};

/// The longest side that is drawn, in pixels.
const MAX_SIDE: u64 = 4096;
/// Sides by aspect ratio, about one megapixel, as Flux draws them.
const RATIOS: [(&str, u32, u32); 11] = [
    ("1:1", 1024, 1024),
    ("16:9", 1344, 768),
    ("21:9", 1536, 640),
    ("3:2", 1216, 832),
    ("2:3", 832, 1216),
    ("4:5", 896, 1088),
    ("5:4", 1088, 896),
    ("3:4", 896, 1152),
    ("4:3", 1152, 896),
    ("9:16", 768, 1344),
    ("9:21", 640, 1536),
];
/// Fields that hold the picture to start from.
const PICTURES: [&str; 4] = ["image", "input_image", "image_prompt", "img"];

fn invalid(field: &str, kind: &str, description: &str) -> Failure {
    errors::invalid(field, kind, description).into()
}

/// A checked input.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) drawings: Vec<Drawing>,
    pub(crate) extension: &'static str,
    pub(crate) seed: Option<u64>,
    pub(crate) gives_one: bool,
    /// Why the model will fail on its input.
    pub(crate) failure: Option<String>,
}

/// Checks an input as the model's schema would.
pub(crate) async fn parse(world: &World, model: &str, input: &Value) -> Result<Wanted, Failure> {
    let Value::Object(fields) = input else {
        return Err(invalid(
            "input",
            "invalid_type",
            "Invalid type. Expected: object",
        ));
    };
    if !fields.contains_key("prompt") && !PICTURES.iter().any(|name| fields.contains_key(*name)) {
        return Err(invalid("input", "required", "prompt is required"));
    }
    if let Some(prompt) = fields.get("prompt")
        && !prompt.is_string()
    {
        let given = if prompt.is_number() {
            "integer"
        } else {
            "other"
        };
        let text = format!("Invalid type. Expected: string, given: {given}");
        return Err(invalid("input.prompt", "invalid_type", &text));
    }
    let seed = whole(fields, "seed", 0, u64::MAX)?;
    let count = whole(fields, "num_outputs", 1, 4)?.unwrap_or(1);
    let (format, extension) = format(fields)?;
    let (mut width, mut height) = sides(fields)?;
    let (start, failure) = match picture(world, fields).await {
        Ok(start) => (start, None),
        Err(text) => (None, Some(text)),
    };
    let sized = ["width", "height", "aspect_ratio"]
        .iter()
        .any(|name| fields.contains_key(*name));
    if let Some(start) = &start
        && !sized
    {
        (width, height) = (start.picture.width(), start.picture.height());
    }
    let text = input.to_string();
    let drawing = |number: u64| Drawing {
        digest: digest([model.as_bytes(), text.as_bytes(), &number.to_be_bytes()]),
        width,
        height,
        transparent: false,
        blurred: false,
        format,
        input: start.clone(),
    };
    Ok(Wanted {
        drawings: (0..count).map(drawing).collect(),
        extension,
        seed,
        gives_one: gives_one(model),
        failure,
    })
}

fn whole(
    fields: &Map<String, Value>,
    name: &str,
    least: u64,
    most: u64,
) -> Result<Option<u64>, Failure> {
    let field = format!("input.{name}");
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) if number < least => Err(invalid(
                &field,
                "number_gte",
                &format!("Must be greater than or equal to {least}"),
            )),
            Some(number) if number > most => Err(invalid(
                &field,
                "number_lte",
                &format!("Must be less than or equal to {most}"),
            )),
            Some(number) => Ok(Some(number)),
            None => Err(invalid(
                &field,
                "invalid_type",
                "Invalid type. Expected: integer",
            )),
        },
    }
}

fn format(fields: &Map<String, Value>) -> Result<(imaging::Format, &'static str), Failure> {
    match fields
        .get("output_format")
        .map(|value| value.as_str().unwrap_or_default())
    {
        None | Some("webp") => Ok((imaging::Format::WebpLossless, "webp")),
        Some("png") => Ok((imaging::Format::Png, "png")),
        Some("jpg" | "jpeg") => Ok((imaging::Format::Jpeg { quality: 90 }, "jpg")),
        Some(_) => {
            let text = "output_format must be one of the following: \"webp\", \"jpg\", \"png\"";
            Err(invalid("input.output_format", "enum", text))
        }
    }
}

fn sides(fields: &Map<String, Value>) -> Result<(u32, u32), Failure> {
    let width = whole(fields, "width", 64, MAX_SIDE)?;
    let height = whole(fields, "height", 64, MAX_SIDE)?;
    let ratio = fields
        .get("aspect_ratio")
        .map(|value| value.as_str().unwrap_or_default());
    let (ratio_width, ratio_height) = match ratio {
        None | Some("custom" | "match_input_image") => (1024, 1024),
        Some(wanted) => {
            let found = RATIOS.iter().find(|(name, _, _)| *name == wanted);
            let Some((_, width, height)) = found else {
                let names: Vec<&str> = RATIOS.iter().map(|(name, _, _)| *name).collect();
                let text = format!(
                    "aspect_ratio must be one of the following: {}",
                    names.join(", ")
                );
                return Err(invalid("input.aspect_ratio", "enum", &text));
            };
            (*width, *height)
        }
    };
    let side = |given: Option<u64>, other: u32| given.map_or(other, |given| given as u32);
    Ok((side(width, ratio_width), side(height, ratio_height)))
}

/// The picture to start from with its mask. Addresses that the sandbox cannot read are passed over.
async fn picture(world: &World, fields: &Map<String, Value>) -> Result<Option<Input>, String> {
    let url = PICTURES.iter().find_map(|name| fields.get(*name)?.as_str());
    let Some(picture) = load(world, url).await? else {
        return Ok(None);
    };
    let mask = fields.get("mask").and_then(Value::as_str);
    let area = match load(world, mask).await? {
        Some(mask) => Area::White(mask),
        None => Area::Everywhere,
    };
    Ok(Some(Input { picture, area }))
}

async fn load(world: &World, url: Option<&str>) -> Result<Option<imaging::Picture>, String> {
    let Some(url) = url else {
        return Ok(None);
    };
    let bytes: Bytes = if let Some((_, id)) = url.split_once("/replicate/v1/files/") {
        let uploaded = lock(&world.predictions).upload(id);
        uploaded.ok_or_else(|| "the uploaded file is gone".to_owned())?
    } else if url.starts_with("https:") {
        return Ok(None);
    } else {
        source::from_url(world, url).await?
    };
    let decoded = world.decode(bytes).await;
    decoded
        .map(Some)
        .map_err(|error| format!("cannot identify image file: {error}"))
}
