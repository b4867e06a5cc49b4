//! A request in the words of the OpenAI picture API, before it becomes JSON, a form or a tool call.
//!
//! What the server would refuse is refused here, before anything is sent; what the model does not have
//! is replaced by its nearest, and said in a note.

use crate::error::ProviderError;
use crate::models::{Model, NegativePrompt, Priced};
use crate::picture::{media_type, png_size_px};
use crate::request::{Background, ImageRequest, InputImage, Operation};

/// Each input picture is smaller than this (the API's documentation of edits).
const IMAGE_LIMIT_BYTES: usize = 50 * 1024 * 1024;
/// The mask is smaller than this (the same).
const MASK_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// The picture API does not set a seed; servers that do take 32 bits without a sign.
const SEED_BITS: u64 = 0x7fff_ffff;

/// Which optional fields a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// `response_format: "b64_json"` must be asked for. OpenAI's own models refuse the field.
    pub(crate) response_format: bool,
    pub(crate) quality: bool,
    pub(crate) background: bool,
    pub(crate) output_format: bool,
    pub(crate) safety_identifier: bool,
    pub(crate) seed: bool,
}

impl Dialect {
    pub(crate) const OPENAI: Self = Self {
        response_format: false,
        quality: true,
        background: true,
        output_format: true,
        safety_identifier: true,
        seed: false,
    };
}

/// What is asked for.
pub(crate) struct Order<'a> {
    pub(crate) model: &'a Model,
    pub(crate) prompt: String,
    /// Only where the model takes it as a field of its own.
    pub(crate) negative_prompt: Option<&'a str>,
    pub(crate) size_px: (u32, u32),
    /// The model's own word; none for its default.
    pub(crate) quality: Option<String>,
    pub(crate) background: Option<&'static str>,
    pub(crate) images: &'a [InputImage],
    pub(crate) mask: Option<&'a InputImage>,
    pub(crate) shopper: Option<&'a str>,
    pub(crate) seed: u64,
    pub(crate) notes: Vec<String>,
}

impl<'a> Order<'a> {
    /// Checks the request against the model's row.
    ///
    /// # Errors
    /// What this model can never draw.
    pub(crate) fn of(
        provider: &'static str,
        model: &'a Model,
        request: &'a ImageRequest,
    ) -> Result<Self, ProviderError> {
        let invalid = |why: String| ProviderError::invalid(provider, why);
        let operation = request.operation.kind();
        if !model.operations.contains(&operation) {
            let (name, operation) = (&model.name, operation.name());
            return Err(invalid(format!("{name} has no operation {operation}")));
        }
        if request.background == Background::Transparent && !model.transparent {
            let name = &model.name;
            return Err(invalid(format!("{name} has no transparent background")));
        }
        let (images, mask) = inputs(model, &request.operation).map_err(invalid)?;
        let mut notes = Vec::new();
        let prompt = prompt(model, request, &mut notes).map_err(invalid)?;
        Ok(Self {
            prompt,
            negative_prompt: request
                .negative_prompt
                .as_deref()
                .filter(|_| model.negative_prompt == NegativePrompt::Native),
            size_px: size(model, request, &mut notes),
            quality: quality(model, &request.quality, &mut notes),
            background: match request.background {
                Background::Any => None,
                Background::Transparent => Some("transparent"),
                Background::Opaque => Some("opaque"),
            },
            images,
            mask,
            shopper: request.shopper.as_deref(),
            seed: request.seed & SEED_BITS,
            notes: {
                if !request.style.is_empty() {
                    notes.push(format!("{} takes no style; it was left out", model.name));
                }
                notes
            },
            model,
        })
    }

    /// The size as the API writes it.
    pub(crate) fn size(&self) -> String {
        format!("{}x{}", self.size_px.0, self.size_px.1)
    }

    pub(crate) fn priced(&self) -> Priced<'_> {
        Priced {
            quality: self.quality.as_deref().unwrap_or("auto"),
            width_px: self.size_px.0,
            height_px: self.size_px.1,
            input_images: self.images.len() as u32 + u32::from(self.mask.is_some()),
            prompt_bytes: self.prompt.len() + self.negative_prompt.map_or(0, str::len),
        }
    }
}

type Inputs<'a> = (&'a [InputImage], Option<&'a InputImage>);

fn inputs<'a>(model: &Model, operation: &'a Operation) -> Result<Inputs<'a>, String> {
    let (images, mask) = match operation {
        Operation::Generate => return Ok((&[], None)),
        Operation::Edit { images, mask } => (images.as_slice(), mask.as_ref()),
        other => return Err(format!("no operation {} here", other.kind().name())),
    };
    if images.is_empty() || images.len() > model.max_input_images as usize {
        let most = model.max_input_images;
        return Err(format!("{} pictures, not 1 to {most}", images.len()));
    }
    for (at, image) in images.iter().enumerate() {
        let at = at + 1;
        if image.bytes.len() >= IMAGE_LIMIT_BYTES {
            return Err(format!(
                "picture {at} is not below {IMAGE_LIMIT_BYTES} bytes"
            ));
        }
        match media_type(&image.bytes) {
            Some("image/png" | "image/jpeg" | "image/webp") => {}
            _ => return Err(format!("picture {at} is no PNG, JPEG or WebP")),
        }
    }
    if let (Some(mask), Some(first)) = (mask, images.first()) {
        check_mask(mask, first)?;
    }
    Ok((images, mask))
}

fn check_mask(mask: &InputImage, first: &InputImage) -> Result<(), String> {
    if mask.bytes.len() >= MASK_LIMIT_BYTES {
        return Err(format!("the mask is not below {MASK_LIMIT_BYTES} bytes"));
    }
    let Some(mask_px) = png_size_px(&mask.bytes) else {
        return Err("the mask is no PNG".to_owned());
    };
    match png_size_px(&first.bytes) {
        Some(first_px) if first_px != mask_px => Err(format!(
            "the mask has {}x{} pixels, the picture {}x{}",
            mask_px.0, mask_px.1, first_px.0, first_px.1
        )),
        // Of a JPEG or WebP only the provider knows before it is decoded.
        _ => Ok(()),
    }
}

fn prompt(
    model: &Model,
    request: &ImageRequest,
    notes: &mut Vec<String>,
) -> Result<String, String> {
    let most = model.max_prompt_chars as usize;
    let mut prompt = request.prompt.clone();
    let chars = prompt.chars().count();
    if chars == 0 || chars > most {
        return Err(format!("a prompt of {chars} characters, not 1 to {most}"));
    }
    let negative = request.negative_prompt.as_deref().unwrap_or_default();
    if negative.is_empty() {
        return Ok(prompt);
    }
    let folded = format!("\n\nAvoid: {negative}");
    match model.negative_prompt {
        NegativePrompt::Native => {}
        NegativePrompt::Folded if chars + folded.chars().count() <= most => {
            prompt.push_str(&folded);
            notes.push("the negative prompt was put into the prompt".to_owned());
        }
        NegativePrompt::Folded | NegativePrompt::Dropped => {
            notes.push("the negative prompt was left out".to_owned());
        }
    }
    Ok(prompt)
}

fn size(model: &Model, request: &ImageRequest, notes: &mut Vec<String>) -> (u32, u32) {
    let (w, h) = (request.width_px, request.height_px);
    let drawn = model.sizes.nearest(w, h);
    if drawn != (w, h) {
        notes.push(format!(
            "{w}x{h} was wanted, {}x{} was asked for",
            drawn.0, drawn.1
        ));
    }
    drawn
}

/// The model's own word for the quality, or none.
fn quality(model: &Model, wanted: &str, notes: &mut Vec<String>) -> Option<String> {
    if wanted.is_empty() || wanted == "auto" {
        return None;
    }
    let word = model
        .quality_words
        .get(wanted)
        .map_or(wanted, String::as_str);
    if word != wanted {
        notes.push(format!("quality {wanted} was asked for as {word}"));
    }
    if model.qualities.iter().any(|own| own == word) {
        return Some(word.to_owned());
    }
    // The word may be anything that a template holds, so it is not repeated.
    let name = &model.name;
    notes.push(format!("{name} does not know the quality; it was left out"));
    None
}
