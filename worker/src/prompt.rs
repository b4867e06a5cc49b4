//! What is asked for, whoever is asked.

use std::sync::Arc;

use domain::{
    BuiltPrompt, Customization, Customizations, FailureCode, ImageData, ImageSource,
    OperationInput, ProductBackground, ProductOperation, PromptInput, PromptRules, Template,
    ZoneValue, build_prompt,
};
use providers::{Background, ImageRequest, InputImage, Model, Operation, OperationKind};
use service::telemetry::error_chain;
use store::claims::Claimed;
use store::products::{self, CatalogEntry};

use crate::inputs::{self, Inputs};
use crate::layers;
use crate::masked::{self, Masked};
use crate::stop::Stop;
use crate::worker::Worker;

/// What is asked for.
pub(crate) struct Order {
    entry: Arc<CatalogEntry>,
    named: Option<Template>,
    customizations: Customizations,
    user_prompt: Option<String>,
    /// The prompt as a model nothing is known of would get it.
    pub(crate) prompt: BuiltPrompt,
    /// The provider and model that the request names.
    pub(crate) asked: (String, String),
    quality: String,
    style: String,
    /// The size that is wanted, in pixels.
    pub(crate) size_px: (u32, u32),
    /// The picture that is edited, once loaded.
    input: Option<InputImage>,
    /// The same with its mask, where a part of it alone may change.
    masked: Option<Masked>,
}

/// Builds the prompt and decides what is wanted.
pub(crate) async fn build(
    worker: &Worker,
    claim: &Claimed,
    entry: &Arc<CatalogEntry>,
    customizations: &Customizations,
) -> Result<Order, Stop> {
    let named = named_template(worker, claim).await?;
    let rules = PromptRules::default();
    let user_prompt = claim.user_prompt.clone();
    let prompt = built(
        entry,
        named.as_ref(),
        customizations,
        user_prompt.as_deref(),
        &rules,
    )?;
    let style = named.as_ref().or(entry.template.as_ref());
    Ok(Order {
        prompt,
        asked: (claim.ai_provider.clone(), claim.model.clone()),
        quality: claim.quality.clone(),
        style: style
            .map(|template| template.style.clone())
            .unwrap_or_default(),
        size_px: layers::generated_size(&entry.product, customizations),
        customizations: words_of(customizations),
        entry: Arc::clone(entry),
        named,
        user_prompt,
        input: None,
        masked: None,
    })
}

impl Order {
    /// Takes the picture that is to be edited out of the inputs, where the product asks for an edit.
    /// What the shopper gave for it is then not composed as it is: the result takes its place.
    pub(crate) async fn take_input(
        &mut self,
        worker: &Worker,
        inputs: &mut Inputs,
        customizations: &mut Customizations,
    ) -> Result<(), Stop> {
        if let Some(zone) = masked::zone(&self.entry) {
            let product = &self.entry.product;
            self.size_px = (product.output_width_px, product.output_height_px);
            self.masked = Some(masked::load(worker, product, zone, inputs).await?);
            return Ok(());
        }
        let picture = match self.entry.generation.operation.input() {
            None => return Ok(()),
            Some(OperationInput::Base) => inputs.base.clone(),
            Some(OperationInput::Zone(id)) => {
                customizations.entries.retain(|entry| entry.zone_id != *id);
                inputs.pictures.remove(id)
            }
        };
        let Some(picture) = picture else {
            tracing::error!(product = %self.entry.product.id, "there is no picture to edit");
            return Err(Stop::Failed(FailureCode::InvalidImage));
        };
        self.size_px = match self.entry.generation.operation {
            // What is cut out of a picture is as large as that picture.
            ProductOperation::RemoveBackground(_) => (picture.width(), picture.height()),
            _ => layers::generated_size(&self.entry.product, customizations),
        };
        self.input = Some(InputImage {
            bytes: inputs::encoded(worker, picture).await?,
            content_type: "image/png",
        });
        Ok(())
    }

    /// Whether a picture goes with it.
    pub(crate) fn has_input(&self) -> bool {
        self.input.is_some() || self.masked.is_some()
    }

    /// The fallback list of the product, where it has one.
    pub(crate) fn fallback(&self) -> Option<&[String]> {
        self.entry.generation.fallback.as_deref()
    }

    /// What has to be done.
    pub(crate) fn operation(&self) -> OperationKind {
        match self.entry.generation.operation {
            ProductOperation::Generate => OperationKind::Generate,
            ProductOperation::Edit(_) => OperationKind::Edit,
            ProductOperation::EditZone(_) => OperationKind::Inpaint,
            ProductOperation::RemoveBackground(_) => OperationKind::RemoveBackground,
        }
    }

    /// What is behind the subject.
    pub(crate) fn background(&self) -> Background {
        match self.entry.generation.background {
            ProductBackground::Any => Background::Any,
            ProductBackground::Transparent => Background::Transparent,
            ProductBackground::Opaque => Background::Opaque,
        }
    }

    /// The prompt as this model is to get it.
    pub(crate) fn fitted(&self, model: Option<&Model>) -> Result<BuiltPrompt, Stop> {
        let rules = model.map_or_else(PromptRules::default, |model| PromptRules {
            max_chars: model.max_prompt_chars as usize,
            control_syntax: model.control_syntax,
            negative_prompt: model.negative_prompt,
        });
        if rules == PromptRules::default() {
            return Ok(self.prompt.clone());
        }
        let (named, wish) = (self.named.as_ref(), self.user_prompt.as_deref());
        built(&self.entry, named, &self.customizations, wish, &rules)
    }

    /// Adds to a request what the product asks for, in the words of the model that is asked.
    pub(crate) fn fill(&self, request: ImageRequest, model: Option<&Model>) -> ImageRequest {
        let input = self.input.clone();
        let operation = match (&self.entry.generation.operation, input) {
            (ProductOperation::EditZone(_), _) => match &self.masked {
                Some(masked) => masked.edit(model.map(|model| model.mask).unwrap_or_default()),
                None => Operation::Generate,
            },
            (ProductOperation::Edit(_), Some(image)) => Operation::Edit {
                images: vec![image],
                mask: None,
            },
            (ProductOperation::RemoveBackground(_), Some(image)) => {
                Operation::RemoveBackground { image }
            }
            _ => Operation::Generate,
        };
        ImageRequest {
            quality: self.quality.clone(),
            style: self.style.clone(),
            background: self.background(),
            operation,
            ..request
        }
    }
}

/// The customisations without the bytes of pictures, which no prompt needs.
fn words_of(customizations: &Customizations) -> Customizations {
    let entries = customizations
        .entries
        .iter()
        .map(|entry| match &entry.value {
            ZoneValue::Image(ImageSource::Data(data)) => Customization {
                value: ZoneValue::Image(ImageSource::Data(ImageData {
                    media: data.media,
                    bytes: Vec::new(),
                })),
                zone_id: entry.zone_id.clone(),
            },
            _ => entry.clone(),
        });
    Customizations {
        entries: entries.collect(),
    }
}

fn built(
    entry: &CatalogEntry,
    named: Option<&Template>,
    customizations: &Customizations,
    user_prompt: Option<&str>,
    rules: &PromptRules,
) -> Result<BuiltPrompt, Stop> {
    let product = &entry.product;
    let own = entry.template.as_ref();
    let input = PromptInput {
        product,
        template: named.or(own.filter(|_| product.prompt_template.is_none())),
        customizations,
        user_prompt,
    };
    build_prompt(&input, rules).map_err(|error| {
        tracing::error!(product = %product.id, %error, "the prompt cannot be built");
        Stop::Failed(FailureCode::PromptFailed)
    })
}

/// The template the request names. One that is gone fails the job: another would be another picture.
async fn named_template(worker: &Worker, claim: &Claimed) -> Result<Option<Template>, Stop> {
    let Some(id) = &claim.option.template_id else {
        return Ok(None);
    };
    let found = products::template(&worker.db, &claim.brand_id, id)
        .await
        .map_err(|error| {
            tracing::warn!(error = error_chain(&error), "the template cannot be loaded");
            Stop::passing("database_unavailable")
        })?;
    found
        .map(Some)
        .ok_or(Stop::Failed(FailureCode::PromptFailed))
}
