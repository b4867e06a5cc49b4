//! What an image request asks for, checked as the service checks it.

use serde_json::{Map, Value};

use super::errors::ApiError;
use super::models::{self, Model};

const MAX_PROMPT_CHARS: usize = 32_000;
/// Bounds of a free size, in pixels.
const SIDE_STEP: u32 = 16;
const MAX_SIDE: u32 = 3840;
const MIN_PIXELS: u64 = 655_360;
const MAX_PIXELS: u64 = 8_294_400;

/// Which endpoint's parameters are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Generation,
    Edit,
}

/// A checked request.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) model: Model,
    pub(crate) prompt: String,
    pub(crate) n: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) quality: String,
    pub(crate) background: String,
    pub(crate) format: String,
    pub(crate) compression: u8,
    pub(crate) stream: bool,
    pub(crate) partial_images: u32,
    pub(crate) safety_identifier: Option<String>,
}

const SHARED: &[&str] = &[
    "prompt",
    "model",
    "n",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "user",
    "safety_identifier",
    "stream",
    "partial_images",
    "complexity",
];
const GENERATION: &[&str] = &["moderation", "frame_count", "frame_duration_ms", "svg"];
const EDIT: &[&str] = &["image", "images", "mask", "markup", "input_fidelity"];

impl Order {
    /// Checks the fields of a request, in the order in which the service complains.
    pub(crate) fn parse(fields: &Map<String, Value>, sort: Sort) -> Result<Self, ApiError> {
        let prompt = required_text(fields, "prompt")?;
        let name = match fields.get("model") {
            None | Some(Value::Null) => "gpt-image-1.5",
            Some(_) => text(fields, "model")?.unwrap_or_default(),
        };
        let model = models::find(name).ok_or_else(|| ApiError::no_model(name))?;
        known(fields, sort)?;
        if prompt.chars().count() > MAX_PROMPT_CHARS {
            let message = format!(
                "Invalid 'prompt': string too long. Expected a string with maximum length {MAX_PROMPT_CHARS}, \
                 but got a string with length {} instead.",
                prompt.chars().count()
            );
            return Err(ApiError::invalid(
                "prompt",
                "string_above_max_length",
                message,
            ));
        }
        let (width, height) = sides(model, text(fields, "size")?.unwrap_or("auto"))?;
        let qualities: &[&str] = if model.planned {
            &["auto", "low", "medium", "high", "xhigh", "max"]
        } else {
            &["auto", "low", "medium", "high"]
        };
        let format = one_of(fields, "output_format", &["png", "webp", "jpeg"])?;
        let background = one_of(fields, "background", &["auto", "transparent", "opaque"])?;
        if background == "transparent" && format == "jpeg" {
            let message = "Transparent background is not supported for jpeg output format.";
            return Err(ApiError::image("background", "invalid_value", message));
        }
        if sort == Sort::Generation {
            one_of(fields, "moderation", &["auto", "low"])?;
        } else {
            fidelity(fields, model)?;
        }
        Ok(Self {
            model,
            prompt: prompt.to_owned(),
            n: integer(fields, "n", 1, 10)?.unwrap_or(1),
            width,
            height,
            quality: one_of(fields, "quality", qualities)?.to_owned(),
            background: background.to_owned(),
            format: format.to_owned(),
            compression: compression(fields, format)?,
            stream: fields
                .get("stream")
                .is_some_and(|v| *v == true || *v == "true"),
            partial_images: integer(fields, "partial_images", 0, 3)?.unwrap_or(0),
            safety_identifier: text(fields, "safety_identifier")?.map(str::to_owned),
        })
    }

    /// What the answer says about the quality: the service decides what `auto` is.
    pub(crate) fn told_quality(&self) -> &str {
        if self.quality == "auto" {
            "medium"
        } else {
            &self.quality
        }
    }

    pub(crate) fn is_transparent(&self) -> bool {
        self.background == "transparent"
    }

    pub(crate) fn encoding(&self) -> imaging::Format {
        match self.format.as_str() {
            "jpeg" => imaging::Format::Jpeg {
                quality: self.compression.max(1),
            },
            "webp" => imaging::Format::WebpLossless,
            _ => imaging::Format::Png,
        }
    }
}

/// Parameters nobody knows are refused by name; `response_format` and `style` are gone.
fn known(fields: &Map<String, Value>, sort: Sort) -> Result<(), ApiError> {
    let own = if sort == Sort::Generation {
        GENERATION
    } else {
        EDIT
    };
    let unknown = fields
        .keys()
        .find(|key| !SHARED.contains(&key.as_str()) && !own.contains(&key.as_str()));
    match unknown {
        None => Ok(()),
        Some(key) => {
            let message = format!("Unknown parameter: '{key}'.");
            Err(ApiError::invalid(key, "unknown_parameter", message))
        }
    }
}

fn fidelity(fields: &Map<String, Value>, model: Model) -> Result<(), ApiError> {
    if fields.contains_key("input_fidelity") && !model.fidelity {
        let message = format!(
            "The model '{}' does not support the 'input_fidelity' parameter.",
            model.name
        );
        return Err(ApiError::image(
            "input_fidelity",
            "invalid_input_fidelity_model",
            message,
        ));
    }
    one_of(fields, "input_fidelity", &["low", "high"]).map(drop)
}

fn compression(fields: &Map<String, Value>, format: &str) -> Result<u8, ApiError> {
    let given = integer(fields, "output_compression", 0, 100)?;
    if given.is_some_and(|value| value < 100) && format == "png" {
        let message = "Compression less than 100 is not supported for PNG output format";
        return Err(ApiError::image(
            "output_compression",
            "invalid_png_output_compression",
            message,
        ));
    }
    Ok(given.unwrap_or(100) as u8)
}

fn sides(model: Model, size: &str) -> Result<(u32, u32), ApiError> {
    let refuse = |why: &str| {
        let message = format!("Invalid size '{size}'. {why}");
        Err(ApiError::image("size", "invalid_value", message))
    };
    match size {
        "auto" | "1024x1024" => return Ok((1024, 1024)),
        "1536x1024" => return Ok((1536, 1024)),
        "1024x1536" => return Ok((1024, 1536)),
        _ if !model.free_sizes => {
            return refuse("Supported sizes are 1024x1024, 1024x1536, 1536x1024, and auto.");
        }
        _ => {}
    }
    let parsed = size
        .split_once('x')
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let Some((width, height)): Option<(u32, u32)> = parsed else {
        return refuse("Expected 'auto' or WIDTHxHEIGHT.");
    };
    if width == 0 || height == 0 || width % SIDE_STEP != 0 || height % SIDE_STEP != 0 {
        return refuse("Width and height must both be divisible by 16.");
    }
    if width.max(height) > MAX_SIDE {
        return refuse("The longest edge must be at most 3840 pixels.");
    }
    if width.max(height) > 3 * width.min(height) {
        return refuse("The aspect ratio must be between 1:3 and 3:1.");
    }
    let pixels = u64::from(width) * u64::from(height);
    if !(MIN_PIXELS..=MAX_PIXELS).contains(&pixels) {
        return refuse("The image must have between 655360 and 8294400 pixels.");
    }
    Ok((width, height))
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => {
            let message = format!("Invalid type for '{name}': expected a string.");
            Err(ApiError::invalid(name, "invalid_type", message))
        }
    }
}

fn required_text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    match text(fields, name)? {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) => {
            let message = format!(
                "Invalid '{name}': empty string. Expected a string with minimum length 1, but got an empty string instead."
            );
            Err(ApiError::invalid(name, "empty_string", message))
        }
        None => {
            let message = format!("Missing required parameter: '{name}'.");
            Err(ApiError::invalid(
                name,
                "missing_required_parameter",
                message,
            ))
        }
    }
}

/// One of a list, the first being the default.
fn one_of<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
    known: &[&'static str],
) -> Result<&'a str, ApiError> {
    let Some(given) = text(fields, name)? else {
        return Ok(known.first().copied().unwrap_or_default());
    };
    if known.contains(&given) {
        return Ok(given);
    }
    let list: Vec<String> = known.iter().map(|value| format!("'{value}'")).collect();
    let message = format!(
        "Invalid value: '{given}'. Supported values are: {}.",
        list.join(", ")
    );
    Err(ApiError::invalid(name, "invalid_value", message))
}

/// An integer, also written as text, as forms do.
fn integer(
    fields: &Map<String, Value>,
    name: &str,
    least: u32,
    most: u32,
) -> Result<Option<u32>, ApiError> {
    let value = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let Some(value) = value else {
        let message = format!("Invalid type for '{name}': expected an integer.");
        return Err(ApiError::invalid(name, "invalid_type", message));
    };
    match u32::try_from(value) {
        Ok(value) if (least..=most).contains(&value) => Ok(Some(value)),
        _ => {
            let (code, words) = if value > i64::from(most) {
                (
                    "integer_above_max_value",
                    format!("above maximum value. Expected a value <= {most}"),
                )
            } else {
                (
                    "integer_below_min_value",
                    format!("below minimum value. Expected a value >= {least}"),
                )
            };
            let message = format!("Invalid '{name}': integer {words}, but got {value} instead.");
            Err(ApiError::invalid(name, code, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(fields: Value, sort: Sort) -> (u16, String, String) {
        let Value::Object(fields) = fields else {
            panic!("no object")
        };
        let error = Order::parse(&fields, sort).unwrap_err();
        let text = |value: Option<String>| value.unwrap_or_default();
        (error.status.as_u16(), text(error.code), text(error.param))
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn a_request_is_refused_as_the_service_does() {
        let base = |more: Value| {
            let mut fields = json!({"model": "gpt-image-2", "prompt": "a ring"});
            for (key, value) in more.as_object().unwrap() {
                fields[key] = value.clone();
            }
            fields
        };
        let cases = [
            (
                base(json!({"response_format": "b64_json"})),
                400,
                "unknown_parameter",
                "response_format",
            ),
            (
                base(json!({"model": "dall-e-3"})),
                404,
                "model_not_found",
                "",
            ),
            (
                base(json!({"model": "gpt-image-1"})),
                404,
                "model_not_found",
                "",
            ),
            (base(json!({"n": 11})), 400, "integer_above_max_value", "n"),
            (base(json!({"n": 0})), 400, "integer_below_min_value", "n"),
            (
                base(json!({"size": "1000x1000"})),
                400,
                "invalid_value",
                "size",
            ),
            (
                base(json!({"size": "3856x2000"})),
                400,
                "invalid_value",
                "size",
            ),
            (
                base(json!({"size": "2048x512"})),
                400,
                "invalid_value",
                "size",
            ),
            (
                base(json!({"size": "512x512"})),
                400,
                "invalid_value",
                "size",
            ),
            (
                base(json!({"size": "1280x720", "model": "gpt-image-1.5"})),
                400,
                "invalid_value",
                "size",
            ),
            (
                base(json!({"quality": "max"})),
                400,
                "invalid_value",
                "quality",
            ),
            (
                base(json!({"background": "transparent", "output_format": "jpeg"})),
                400,
                "invalid_value",
                "background",
            ),
            (
                base(json!({"output_compression": 50})),
                400,
                "invalid_png_output_compression",
                "output_compression",
            ),
            (
                base(json!({"prompt": "x".repeat(32_001)})),
                400,
                "string_above_max_length",
                "prompt",
            ),
            (base(json!({"prompt": ""})), 400, "empty_string", "prompt"),
            (
                json!({"model": "gpt-image-2"}),
                400,
                "missing_required_parameter",
                "prompt",
            ),
        ];
        for (fields, status, code, param) in cases {
            let told = refused(fields, Sort::Generation);
            assert_eq!(told, (status, code.to_owned(), param.to_owned()));
        }
        let told = refused(base(json!({"moderation": "low"})), Sort::Edit);
        assert_eq!(told.1, "unknown_parameter");
        let told = refused(base(json!({"input_fidelity": "high"})), Sort::Edit);
        assert_eq!(told.1, "invalid_input_fidelity_model");
    }

    #[test]
    fn a_free_size_within_the_rules_is_taken() {
        let Value::Object(fields) =
            json!({"model": "gpt-image-2", "prompt": "x", "size": "1280x720"})
        else {
            panic!("no object")
        };
        let order = Order::parse(&fields, Sort::Generation).unwrap();
        assert_eq!((order.width, order.height), (1280, 720));
    }
}
