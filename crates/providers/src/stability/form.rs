//! From a request to the form that Stability takes. Pure.

use http::Method;

use super::NAME;
use super::words::{self, Style};
use crate::error::ProviderError;
use crate::models::{MaskConvention, ModelRow};
use crate::multipart::Form;
use crate::request::{Background, ImageRequest, InputImage, Operation};
use crate::rows::Rows;
use crate::wire::Prepared;
use crate::{mask, money};

const GENERATE: &str = "/v2beta/stable-image/generate/";
const EDIT: &str = "/v2beta/stable-image/edit/";
/// How far a picture drawn anew may leave the one it starts from, of 1. The service demands a number
/// and suggests none; at about the middle the shape of the thing stays.
const STRENGTH: &str = "0.6";
/// Furthest a picture is drawn on to one side, in pixels.
const MAX_MARGIN_PX: u32 = 2_000;
/// Longest value of its headers about the client.
const MAX_CLIENT_CHARS: usize = 256;

/// A form with the notes about what had to be changed.
struct Draft<'a> {
    request: &'a ImageRequest,
    form: Form,
    notes: Vec<String>,
}

/// See [`Provider::prepare`](crate::Provider::prepare).
pub(super) fn prepare(rows: &Rows, request: &ImageRequest) -> Result<Prepared, ProviderError> {
    let found = rows
        .find(&request.model)
        .ok_or_else(|| invalid("no such model"))?;
    check(&found.model, request)?;
    let model = found.model.name.as_str();
    let mut draft = Draft {
        request,
        form: Form::new(),
        notes: found.note.clone().into_iter().collect(),
    };
    if !matches!(request.quality.as_str(), "" | "auto" | "standard") {
        draft.note("the provider has no choice of quality; the model decides");
    }
    let path = draft.fill(model)?;
    let encoded = draft.form.encode(request.attempt);
    Ok(Prepared {
        attempt: request.attempt,
        model: model.to_owned(),
        price: money::at_most(&found.model.price),
        method: Method::POST,
        path,
        content_type: encoded.content_type,
        headers: headers(request),
        body: encoded.body,
        uploads: Vec::new(),
        notes: draft.notes,
    })
}

fn check(row: &ModelRow, request: &ImageRequest) -> Result<(), ProviderError> {
    let kind = request.operation.kind();
    if !row.operations.contains(&kind) {
        return Err(invalid(&format!("{} does not {}", row.name, kind.name())));
    }
    if request.background == Background::Transparent && !row.transparent {
        let detail = format!("{} draws no transparent background", row.name);
        return Err(invalid(&detail));
    }
    let limit = row.max_prompt_chars as usize;
    let too_long = |text: &str| text.chars().count() > limit;
    if too_long(&request.prompt) || request.negative_prompt.as_deref().is_some_and(too_long) {
        return Err(invalid(&format!(
            "a prompt is longer than {limit} characters"
        )));
    }
    let needs_prompt = matches!(
        request.operation,
        Operation::Generate | Operation::Edit { .. }
    );
    if needs_prompt && request.prompt.is_empty() {
        return Err(invalid("a prompt is needed"));
    }
    Ok(())
}

impl Draft<'_> {
    /// Writes the fields, always in the same order, and gives the path they go to.
    fn fill(&mut self, model: &str) -> Result<String, ProviderError> {
        let path = match &self.request.operation {
            Operation::Generate => {
                self.generate(model);
                return Ok(generate_path(model));
            }
            Operation::Edit { images, mask: None } => {
                self.redraw(model, only(images)?);
                return Ok(generate_path(model));
            }
            Operation::Edit {
                images,
                mask: Some(mask),
            } => {
                self.prompts();
                self.drawn();
                self.masked(only(images)?, mask)?;
                "inpaint"
            }
            Operation::Erase { image, mask } => {
                self.seed();
                self.masked(image, mask)?;
                "erase"
            }
            Operation::Outpaint { image, margins_px } => {
                self.outpaint(image, *margins_px)?;
                "outpaint"
            }
            Operation::RemoveBackground { image } => {
                self.form.text("output_format", "png");
                self.picture("image", image);
                "remove-background"
            }
        };
        Ok(format!("{EDIT}{path}"))
    }

    fn generate(&mut self, model: &str) {
        self.prompts();
        self.service(model, "text-to-image");
        let (ratio, near) = words::aspect_ratio(self.request.width_px, self.request.height_px);
        if !near {
            self.note(&format!(
                "drawn at {ratio}, the nearest ratio that the provider has"
            ));
        }
        self.form.text("aspect_ratio", ratio);
        self.drawn();
    }

    fn redraw(&mut self, model: &str, image: &InputImage) {
        self.prompts();
        self.service(model, "image-to-image");
        self.form.text("strength", STRENGTH);
        self.drawn();
        self.picture("image", image);
    }

    fn outpaint(&mut self, image: &InputImage, margins_px: [u32; 4]) -> Result<(), ProviderError> {
        let [left, top, right, bottom] = margins_px;
        let none = margins_px.iter().all(|px| *px == 0);
        if none || margins_px.iter().any(|px| *px > MAX_MARGIN_PX) {
            let detail = format!("margins are at most {MAX_MARGIN_PX} pixels, and not all 0");
            return Err(invalid(&detail));
        }
        if !self.request.prompt.is_empty() {
            self.form.text("prompt", &*self.request.prompt);
        }
        for (name, px) in [
            ("left", left),
            ("right", right),
            ("up", top),
            ("down", bottom),
        ] {
            if px > 0 {
                self.form.text(name, px.to_string());
            }
        }
        self.seed();
        self.picture("image", image);
        Ok(())
    }

    fn prompts(&mut self) {
        self.form.text("prompt", &*self.request.prompt);
        if let Some(negative) = self
            .request
            .negative_prompt
            .as_deref()
            .filter(|n| !n.is_empty())
        {
            self.form.text("negative_prompt", negative);
        }
    }

    /// The one service that has several models wants to be told which, and from what it starts.
    fn service(&mut self, model: &str, mode: &'static str) {
        if is_sd3(model) {
            self.form.text("model", model);
            self.form.text("mode", mode);
        }
    }

    /// What everything has that is drawn from a prompt.
    fn drawn(&mut self) {
        match words::style(&self.request.style) {
            Style::Preset(preset) => self.form.text("style_preset", preset),
            Style::Plain => {}
            Style::Unknown => self.note("the provider does not know the style; it was left out"),
        }
        self.seed();
    }

    fn seed(&mut self) {
        self.form
            .text("seed", words::seed(self.request.seed).to_string());
        self.form.text("output_format", "png");
    }

    fn masked(&mut self, image: &InputImage, mask: &InputImage) -> Result<(), ProviderError> {
        mask::check(NAME, MaskConvention::WhiteChanges, mask)?;
        self.picture("image", image);
        self.picture("mask", mask);
        Ok(())
    }

    fn picture(&mut self, name: &'static str, picture: &InputImage) {
        let InputImage {
            bytes,
            content_type,
        } = picture;
        let extension = content_type.rsplit('/').next().unwrap_or("png");
        let file_name = format!("{name}.{extension}");
        self.form
            .file(name, &file_name, content_type, bytes.clone());
    }

    fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }
}

fn invalid(detail: &str) -> ProviderError {
    ProviderError::invalid(NAME, detail)
}

fn generate_path(model: &str) -> String {
    let service = if is_sd3(model) { "sd3" } else { model };
    format!("{GENERATE}{service}")
}

fn is_sd3(model: &str) -> bool {
    model.starts_with("sd3")
}

fn only(images: &[InputImage]) -> Result<&InputImage, ProviderError> {
    match images {
        [image] => Ok(image),
        _ => Err(invalid("it takes exactly one picture")),
    }
}

fn headers(request: &ImageRequest) -> Vec<(&'static str, String)> {
    let mut headers = vec![("accept", "image/*".to_owned())];
    if let Some(shopper) = &request.shopper {
        let id = shopper.chars().take(MAX_CLIENT_CHARS).collect();
        headers.push(("stability-client-user-id", id));
    }
    headers
}
