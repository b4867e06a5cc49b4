//! Fields that the endpoints share, checked as the service checks them.

use http::HeaderMap;
use http::header::ACCEPT;
use sha2::{Digest, Sha256};

use super::errors::{bad, error};
use crate::answer::Failure;
use crate::form::Form;

const MAX_PROMPT_CHARS: usize = 10_000;
const MAX_SEED: u64 = 4_294_967_294;
const STYLES: [&str; 17] = [
    "3d-model",
    "analog-film",
    "anime",
    "cinematic",
    "comic-book",
    "digital-art",
    "enhance",
    "fantasy-art",
    "isometric",
    "line-art",
    "low-poly",
    "modeling-compound",
    "neon-punk",
    "origami",
    "photographic",
    "pixel-art",
    "tile-texture",
];

/// Aspect ratios and the sides of the pictures, about one megapixel. The real Core draws larger.
const RATIOS: [(&str, u32, u32); 9] = [
    ("1:1", 1024, 1024),
    ("16:9", 1344, 768),
    ("21:9", 1536, 640),
    ("2:3", 832, 1216),
    ("3:2", 1216, 832),
    ("4:5", 896, 1088),
    ("5:4", 1088, 896),
    ("9:16", 768, 1344),
    ("9:21", 640, 1536),
];

/// How the picture is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The bytes.
    Picture,
    /// Base64 in JSON.
    Json,
}

/// Fields that every endpoint has.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) prompt: String,
    pub(crate) negative_prompt: String,
    pub(crate) style: String,
    /// Never zero: a seed that was not chosen is drawn from the request.
    pub(crate) seed: u64,
    /// The seed as it was asked for.
    pub(crate) asked_seed: Option<u64>,
    pub(crate) format: imaging::Format,
    pub(crate) wanted: Wanted,
}

impl Shared {
    /// Checks them. `prompt_needed` is false for edits that take none; `formats` are those that the
    /// endpoint writes, the first being the default.
    pub(crate) fn parse(
        form: &Form,
        headers: &HeaderMap,
        prompt_needed: bool,
        formats: &[&str],
    ) -> Result<Self, Failure> {
        let prompt = form.text("prompt").unwrap_or_default();
        if prompt_needed && prompt.is_empty() {
            return Err(bad("prompt", "cannot be blank"));
        }
        let negative_prompt = form.text("negative_prompt").unwrap_or_default();
        for (name, text) in [("prompt", prompt), ("negative_prompt", negative_prompt)] {
            if text.chars().count() > MAX_PROMPT_CHARS {
                return Err(bad(name, "length must be less than or equal to 10000"));
            }
        }
        for unknown in ["width", "height", "samples", "size", "n"] {
            if form.bytes(unknown).is_some() {
                return Err(bad(unknown, "is not a known field"));
            }
        }
        let style = form.text("style_preset").unwrap_or_default();
        if !style.is_empty() && !STYLES.contains(&style) {
            return Err(bad(
                "style_preset",
                &format!("must be one of: {}", STYLES.join(", ")),
            ));
        }
        let asked_seed = number(form, "seed", 0, MAX_SEED)?;
        let seed = match asked_seed {
            Some(seed) if seed > 0 => seed,
            _ => seed_from(&[prompt, negative_prompt, style]),
        };
        let format = form.text("output_format").unwrap_or_default();
        let format = if format.is_empty() {
            formats.first().copied().unwrap_or("png")
        } else {
            format
        };
        if !formats.contains(&format) {
            return Err(bad(
                "output_format",
                &format!("must be one of: {}", formats.join(", ")),
            ));
        }
        Ok(Self {
            prompt: prompt.to_owned(),
            negative_prompt: negative_prompt.to_owned(),
            style: style.to_owned(),
            seed,
            asked_seed,
            format: match format {
                "jpeg" => imaging::Format::Jpeg { quality: 92 },
                "webp" => imaging::Format::WebpLossless,
                _ => imaging::Format::Png,
            },
            wanted: wanted(headers)?,
        })
    }
}

pub(crate) fn wanted(headers: &HeaderMap) -> Result<Wanted, Failure> {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("*/*");
    let kinds: Vec<&str> = accept
        .split(',')
        .map(|kind| kind.split(';').next().unwrap_or_default().trim())
        .collect();
    if kinds.contains(&"application/json") {
        Ok(Wanted::Json)
    } else if kinds.iter().any(|kind| matches!(*kind, "*/*" | "image/*")) {
        Ok(Wanted::Picture)
    } else {
        let status = http::StatusCode::BAD_REQUEST;
        Err(error(
            status,
            "bad_request",
            "accept: must be one of: image/*, application/json",
        )
        .into())
    }
}

/// The sides of a picture of this aspect ratio; 1:1 if none is given.
pub(crate) fn sides(form: &Form) -> Result<(u32, u32), Failure> {
    let wanted = form
        .text("aspect_ratio")
        .filter(|text| !text.is_empty())
        .unwrap_or("1:1");
    let found = RATIOS.iter().find(|(name, _, _)| *name == wanted);
    found
        .map(|(_, width, height)| (*width, *height))
        .ok_or_else(|| {
            let names: Vec<&str> = RATIOS.iter().map(|(name, _, _)| *name).collect();
            bad(
                "aspect_ratio",
                &format!("must be one of: {}", names.join(", ")),
            )
        })
}

/// A whole number within bounds.
pub(crate) fn number(
    form: &Form,
    name: &str,
    least: u64,
    most: u64,
) -> Result<Option<u64>, Failure> {
    let Some(text) = form.text(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<u64>() {
        Ok(value) if (least..=most).contains(&value) => Ok(Some(value)),
        _ => Err(bad(
            name,
            &format!("must be an integer between {least} and {most}"),
        )),
    }
}

/// A decimal number within bounds.
pub(crate) fn decimal(
    form: &Form,
    name: &str,
    least: f64,
    most: f64,
) -> Result<Option<f64>, Failure> {
    let Some(text) = form.text(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<f64>() {
        Ok(value) if (least..=most).contains(&value) => Ok(Some(value)),
        _ => Err(bad(
            name,
            &format!("must be a number between {least} and {most}"),
        )),
    }
}

fn seed_from(texts: &[&str]) -> u64 {
    let digest = Sha256::digest(texts.join("\u{0}").as_bytes());
    let word = digest
        .iter()
        .take(4)
        .fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
    word.clamp(1, MAX_SEED)
}
