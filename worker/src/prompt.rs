//! What is asked of which provider.

use std::sync::Arc;

use domain::{
    BuiltPrompt, Customizations, FailureCode, Product, PromptInput, PromptRules, Template,
    build_prompt,
};
use providers::Provider;
use service::telemetry::error_chain;
use store::claims::Claimed;
use store::products::{self, CatalogEntry};

use crate::layers;
use crate::stop::Stop;
use crate::worker::Worker;

/// What is asked of which provider.
pub(crate) struct Order {
    pub(crate) prompt: BuiltPrompt,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) model: String,
    pub(crate) quality: String,
    pub(crate) style: String,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
}

/// Builds the prompt and decides provider, model and size.
pub(crate) async fn build(
    worker: &Worker,
    claim: &Claimed,
    entry: &CatalogEntry,
    customizations: &Customizations,
) -> Result<Order, Stop> {
    let named = named_template(worker, claim).await?;
    let product = &entry.product;
    let own = entry
        .template
        .as_ref()
        .filter(|_| product.prompt_template.is_none());
    let input = PromptInput {
        product,
        template: named.as_ref().or(own),
        customizations,
        user_prompt: claim.user_prompt.as_deref(),
    };
    let prompt = build_prompt(&input, &PromptRules::default()).map_err(|error| {
        tracing::error!(product = %product.id, %error, "the prompt cannot be built");
        Stop::Failed(FailureCode::PromptFailed)
    })?;
    let provider = Arc::clone(worker.providers.get(&claim.ai_provider).map_err(|error| {
        tracing::error!(product = %product.id, %error, "no such provider");
        Stop::Failed(FailureCode::ProviderUnavailable)
    })?);
    let model = Some(claim.model.as_str()).filter(|model| !model.is_empty());
    let model = model.unwrap_or(provider.default_model()).to_owned();
    let style = named
        .or_else(|| entry.template.clone())
        .map(|template| template.style);
    let (width_px, height_px) = size(product, customizations, provider.as_ref(), &model);
    Ok(Order {
        prompt,
        provider,
        model,
        quality: claim.quality.clone(),
        style: style.unwrap_or_default(),
        width_px,
        height_px,
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

/// The size to ask for: that of the largest place the picture goes to, as near as the model draws it.
fn size(
    product: &Product,
    customizations: &Customizations,
    provider: &dyn Provider,
    model: &str,
) -> (u32, u32) {
    let (width, height) = layers::generated_size(product, customizations);
    match provider.model(model) {
        Some(model) => model.sizes.nearest(width, height),
        None => (width, height),
    }
}
