//! From a request to the input of a model. Pure.
//!
//! Each model names its inputs in its own way; what they are called stands in the model's row.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::NAME;
use super::target::Target;
use super::upload;
use crate::error::ProviderError;
use crate::models::{Charged, ModelRow, Sizes};
use crate::money;
use crate::request::{Background, ImageRequest, InputImage, Operation};
use crate::rows::Rows;
use crate::wire::{Prepared, Upload};

/// Longest picture as a `data:` address: Replicate's documentation. Longer ones are uploaded first.
const MAX_DATA_URL_BYTES: usize = 256_000;
/// Replicate keeps a shorter deadline than this no better than this one.
const MIN_DEADLINE_S: u64 = 5;
/// Seeds have 31 bits: some models refuse larger ones, and 2,000,000,000 are enough to tell the
/// predictions of an hour apart.
const SEED_BITS: u64 = 0x7fff_ffff;

/// The part of a row that only Replicate has: what the model calls its inputs, and what is charged
/// when it does not succeed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicateRow {
    /// The field of the prompt; none where the model takes none.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The field of the negative prompt.
    #[serde(default)]
    pub negative_prompt: Option<String>,
    /// How it is told the size.
    pub size: SizeInput,
    /// The field of the one picture it takes.
    #[serde(default)]
    pub image: Option<String>,
    /// The field of the list of pictures it takes.
    #[serde(default)]
    pub images: Option<String>,
    /// The field of the mask.
    #[serde(default)]
    pub mask: Option<String>,
    /// The field of the seed. Without one a lost call cannot be told from others of the same model.
    #[serde(default)]
    pub seed: Option<String>,
    /// What is always sent.
    #[serde(default)]
    pub constants: BTreeMap<String, Value>,
    /// What is sent besides, or instead, when pictures go with it.
    #[serde(default)]
    pub edit_constants: BTreeMap<String, Value>,
    /// The model that a deployment runs, where predictions show that instead of the deployment.
    #[serde(default)]
    pub runs: Option<String>,
    /// Whether a prediction that failed is charged.
    #[serde(default)]
    pub failed_charged: Charged,
    /// Whether one that was cancelled after it had started is charged.
    #[serde(default)]
    pub cancel_charged: Charged,
}

/// How a model is told the size.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SizeInput {
    /// In pixels, by two fields.
    Sides {
        /// The field of the width.
        width: String,
        /// The field of the height.
        height: String,
    },
    /// As a ratio such as `16:9`.
    Ratio {
        /// The field of the ratio.
        field: String,
    },
    /// Not at all: it draws as large as the picture that it is given.
    None,
}

/// The seed of a prediction: the lower 31 bits.
pub(super) fn seed(seed: u64) -> u64 {
    seed & SEED_BITS
}

/// See [`Provider::prepare`](crate::Provider::prepare).
pub(super) fn prepare(rows: &Rows, request: &ImageRequest) -> Result<Prepared, ProviderError> {
    let found = rows
        .find(&request.model)
        .ok_or_else(|| invalid("no such model"))?;
    let row: &ModelRow = &found.model;
    let own = row.replicate.as_deref();
    let own =
        own.ok_or_else(|| invalid("the model's row does not say what its inputs are called"))?;
    let target = Target::parse(&row.name).ok_or_else(|| invalid("no name of a model"))?;
    check(row, own, request)?;
    let mut draft = Draft {
        row,
        own,
        request,
        input: Map::new(),
        uploads: Vec::new(),
        notes: found.note.clone().into_iter().collect(),
    };
    draft.fill()?;
    let mut body = Map::from_iter([("input".to_owned(), Value::Object(draft.input))]);
    if let Target::Version { version, .. } = target {
        body.insert("version".to_owned(), version.into());
    }
    if let Some(url) = &request.callback_url {
        body.insert("webhook".to_owned(), url.as_str().into());
        body.insert(
            "webhook_events_filter".to_owned(),
            json!(["start", "completed"]),
        );
    }
    Ok(Prepared {
        attempt: request.attempt,
        model: row.name.clone(),
        price: money::at_most(&row.price),
        method: Method::POST,
        path: target.path(),
        content_type: "application/json".to_owned(),
        headers: headers(request),
        body: Bytes::from(Value::Object(body).to_string()),
        uploads: draft.uploads,
        notes: draft.notes,
    })
}

fn check(row: &ModelRow, own: &ReplicateRow, request: &ImageRequest) -> Result<(), ProviderError> {
    let kind = request.operation.kind();
    if !row.operations.contains(&kind) {
        return Err(invalid(&format!("{} does not {}", row.name, kind.name())));
    }
    if request.background == Background::Transparent && !row.transparent {
        return Err(invalid(&format!(
            "{} draws no transparent background",
            row.name
        )));
    }
    let limit = row.max_prompt_chars as usize;
    if request.prompt.chars().count() > limit {
        return Err(invalid(&format!(
            "the prompt is longer than {limit} characters"
        )));
    }
    if own.prompt.is_some() && request.prompt.is_empty() {
        return Err(invalid("a prompt is needed"));
    }
    if own.seed.is_some() && request.seed != crate::request::seed_of(request.attempt) {
        // The seed is how a lost call is found again.
        return Err(invalid("the seed must derive from the attempt"));
    }
    Ok(())
}

/// An input with the notes about what had to be changed.
struct Draft<'a> {
    row: &'a ModelRow,
    own: &'a ReplicateRow,
    request: &'a ImageRequest,
    input: Map<String, Value>,
    uploads: Vec<Upload>,
    notes: Vec<String>,
}

impl Draft<'_> {
    fn fill(&mut self) -> Result<(), ProviderError> {
        let (own, request) = (self.own, self.request);
        self.input.extend(own.constants.clone());
        if let Some(field) = &own.prompt {
            self.put(field, request.prompt.as_str());
        }
        if let Some(negative) = request
            .negative_prompt
            .as_deref()
            .filter(|text| !text.is_empty())
        {
            match &own.negative_prompt {
                Some(field) => self.put(field, negative),
                None => self.note("the model takes no negative prompt; it was left out"),
            }
        }
        if !matches!(request.style.as_str(), "" | "auto" | "natural") {
            self.note("the model has no choice of style; the prompt decides");
        }
        self.size();
        if let Some(field) = &own.seed {
            self.put(field, seed(request.seed));
        }
        match &request.operation {
            Operation::Generate => Ok(()),
            Operation::Edit { images, mask } => self.pictures(images, mask.as_ref()),
            Operation::Erase { image, mask } => {
                self.pictures(std::slice::from_ref(image), Some(mask))
            }
            Operation::RemoveBackground { image } => {
                self.pictures(std::slice::from_ref(image), None)
            }
            Operation::Outpaint { .. } => Err(invalid("no model here draws beyond the edges")),
        }
    }

    fn size(&mut self) {
        let wanted = (self.request.width_px, self.request.height_px);
        match &self.own.size {
            SizeInput::Sides { width, height } => {
                let (w, h) = self.row.sizes.nearest(wanted.0, wanted.1);
                if (w, h) != wanted {
                    self.note(&format!(
                        "drawn at {w}x{h}, the nearest size that the model has"
                    ));
                }
                self.put(width, w);
                self.put(height, h);
            }
            SizeInput::Ratio { field } => {
                if let Some((ratio, near)) = nearest_ratio(&self.row.sizes, wanted) {
                    if !near {
                        self.note(&format!(
                            "drawn at {ratio}, the nearest ratio that the model has"
                        ));
                    }
                    self.put(field, ratio);
                }
            }
            SizeInput::None => {}
        }
    }

    fn pictures(
        &mut self,
        images: &[InputImage],
        mask: Option<&InputImage>,
    ) -> Result<(), ProviderError> {
        let own = self.own;
        self.input.extend(own.edit_constants.clone());
        match (&own.images, &own.image, images) {
            (Some(field), _, images) if !images.is_empty() => {
                if images.len() > self.row.max_input_images as usize {
                    return Err(invalid("more pictures than the model takes"));
                }
                let mut all = Vec::with_capacity(images.len());
                for (at, image) in images.iter().enumerate() {
                    all.push(self.picture(format!("/input/{field}/{at}"), image)?);
                }
                self.put(field, all);
            }
            (None, Some(field), [image]) => {
                let picture = self.picture(format!("/input/{field}"), image)?;
                self.put(field, picture);
            }
            _ => return Err(invalid("the model takes exactly one picture")),
        }
        match (mask, &own.mask) {
            (None, _) => Ok(()),
            (Some(mask), Some(field)) => {
                crate::mask::check(NAME, self.row.mask, mask)?;
                let mask = self.picture(format!("/input/{field}"), mask)?;
                self.put(field, mask);
                Ok(())
            }
            (Some(_), None) => Err(invalid("the model takes no mask")),
        }
    }

    /// A picture as it stands in the input: whole, or by its digest until it is uploaded.
    fn picture(&mut self, pointer: String, image: &InputImage) -> Result<String, ProviderError> {
        if let Some(url) = data_url(image) {
            return Ok(url);
        }
        if image.bytes.len() > upload::MAX_FILE_BYTES {
            return Err(invalid("a picture is larger than 100 MB"));
        }
        self.uploads.push(Upload {
            pointer,
            file: image.clone(),
        });
        Ok(upload::placeholder(image))
    }

    fn put(&mut self, field: &str, value: impl Into<Value>) {
        self.input.insert(field.to_owned(), value.into());
    }

    fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }
}

/// The nearest of a model's ratios by factor, and whether it is about the wanted one (to 2 %: a row or
/// two of a small picture).
fn nearest_ratio(sizes: &Sizes, (width_px, height_px): (u32, u32)) -> Option<(String, bool)> {
    let Sizes::Ratios { ratios, .. } = sizes else {
        return None;
    };
    let wanted = f64::from(width_px.max(1)) / f64::from(height_px.max(1));
    let factor = |(w, h): (u32, u32)| {
        let own = f64::from(w) / f64::from(h);
        (own / wanted).max(wanted / own)
    };
    let nearest = ratios
        .iter()
        .copied()
        .min_by(|a, b| factor(*a).total_cmp(&factor(*b)))?;
    Some((
        format!("{}:{}", nearest.0, nearest.1),
        factor(nearest) <= 1.02,
    ))
}

/// A picture as a `data:` address, where that is short enough.
fn data_url(image: &InputImage) -> Option<String> {
    let length = image.bytes.len().div_ceil(3) * 4;
    if length + "data:;base64,".len() + image.content_type.len() > MAX_DATA_URL_BYTES {
        return None;
    }
    let base64 = STANDARD.encode(&image.bytes);
    Some(format!("data:{};base64,{base64}", image.content_type))
}

/// `Cancel-After` counts from the creation: what has not started by then is aborted, free of charge,
/// and what runs is cancelled.
fn headers(request: &ImageRequest) -> Vec<(&'static str, String)> {
    let mut headers = vec![("accept", "application/json".to_owned())];
    if let Some(within) = request.start_within {
        let seconds = within.as_secs().max(MIN_DEADLINE_S);
        headers.push(("cancel-after", format!("{seconds}s")));
    }
    headers
}

fn invalid(detail: &str) -> ProviderError {
    ProviderError::invalid(NAME, detail)
}
