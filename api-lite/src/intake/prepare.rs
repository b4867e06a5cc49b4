//! The last checks before a request may be accepted, and its ids.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use domain::{BrandId, Customizations, FieldError, GenerationId, Lane, PublicId, Template};
use store::intake::{Client, IdempotencyKey, NewGeneration, RequestOption};
use store::products::CatalogEntry;

use crate::app::App;
use crate::entropy::{Entropy, random};
use crate::layer::RequestContext;
use crate::problem::Problem;
use crate::request::{Draft, idempotency_key};

/// Longest header value that is kept with a generation, in bytes.
const MAX_CLIENT_TEXT_BYTES: usize = 500;

/// The model where neither product nor template names one: the provider's routing chooses.
const ANY_MODEL: &str = "auto";

/// On whose behalf a request is made.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) brand: BrandId,
    pub(crate) lane: Lane,
    /// Names the key, and is the scope of its idempotency keys.
    pub(crate) key_id: String,
    /// Whether a request without a session is at fault.
    pub(crate) session_field: Option<&'static str>,
}

/// Turns a draft into a request that can be accepted.
///
/// # Errors
/// All faults of the request in one problem.
pub(crate) async fn prepare(
    app: &App,
    asker: &Asker,
    context: &RequestContext,
    headers: &HeaderMap,
    mut draft: Draft,
) -> Result<NewGeneration, Problem> {
    let now = app.now();
    let idempotency = idempotency_key(headers)?.map(|key| IdempotencyKey {
        scope: asker.key_id.clone(),
        key,
        fingerprint: draft.fingerprint,
    });
    let ordered = judge(app, asker, &mut draft, now).await?;
    let product = &ordered.entry.product;
    let template = ordered
        .template
        .as_ref()
        .or(ordered.entry.template.as_ref());
    Ok(NewGeneration {
        id: new_id(app.entropy.as_ref(), now),
        public_id: PublicId::from_random(random(app.entropy.as_ref())),
        brand_id: asker.brand.clone(),
        product_id: product.id.clone(),
        key_id: asker.key_id.clone(),
        lane: asker.lane,
        priority: draft.priority,
        weight: 1,
        start_by: draft.start_by,
        deadline: draft.deadline,
        customizations: ordered.customizations.to_json(),
        ai_provider: template
            .map_or(&product.ai_provider, |t| &t.ai_provider)
            .clone(),
        model: template.map_or_else(|| ANY_MODEL.to_owned(), |t| t.model.clone()),
        quality: template.map_or(&product.quality, |t| &t.quality).clone(),
        client: client(headers),
        expires_at: None,
        trace_parent: context.trace().to_string(),
        dispatch_now: false,
        idempotency,
        user_prompt: draft.user_prompt.take(),
        session_id: draft.session_id.take(),
        option: option(draft),
    })
}

/// What a draft without faults asks for.
struct Ordered {
    entry: Arc<CatalogEntry>,
    template: Option<Template>,
    customizations: Customizations,
}

/// Looks up what the draft names, and adds what is at fault to the faults it has.
async fn judge(
    app: &App,
    asker: &Asker,
    draft: &mut Draft,
    now: DateTime<Utc>,
) -> Result<Ordered, Problem> {
    let mut faults = std::mem::take(&mut draft.faults);
    if let (Some(field), None) = (asker.session_field, &draft.session_id) {
        let detail = "this key creates generations of a session only";
        faults.push(FieldError::new(field, "required", detail));
    }
    let template = template(app, asker, draft, &mut faults).await?;
    let entry = product(app, asker, draft, &mut faults, now).await?;
    let customizations = entry.as_ref().and_then(|entry| {
        Customizations::parse(&entry.product, &draft.customizations)
            .map_err(|found| faults.extend(found))
            .ok()
    });
    if let (Some(entry), Some(customizations)) = (&entry, &customizations) {
        faults.extend(denied_words(app, draft, entry, customizations));
    }
    match (entry, customizations) {
        (Some(entry), Some(customizations)) if faults.is_empty() => Ok(Ordered {
            entry,
            template,
            customizations,
        }),
        _ => Err(Problem::invalid(faults)),
    }
}

/// What the operator's list or the brand's own denies.
fn denied_words(
    app: &App,
    draft: &Draft,
    entry: &CatalogEntry,
    customizations: &Customizations,
) -> Vec<FieldError> {
    let pointer = draft.user_prompt_pointer;
    let wish = draft.user_prompt.as_deref().map(|wish| (pointer, wish));
    let mut faults = app.deny_list.check(customizations, wish);
    let own = entry.policy.deny_list.check(customizations, wish);
    faults.extend(
        own.into_iter()
            .filter(|fault| !faults.contains(fault))
            .collect::<Vec<_>>(),
    );
    faults
}

async fn product(
    app: &App,
    asker: &Asker,
    draft: &Draft,
    faults: &mut Vec<FieldError>,
    now: DateTime<Utc>,
) -> Result<Option<Arc<CatalogEntry>>, Problem> {
    if draft.product.is_empty() {
        return Ok(None);
    }
    let found = app.catalog.find(&asker.brand, &draft.product, now).await?;
    let (code, detail) = match &found {
        Some(entry) if entry.product.active => return Ok(found),
        Some(_) => ("product_inactive", "the product is not on offer"),
        None => (
            "unknown_product",
            "the brand has no product with this id or slug",
        ),
    };
    faults.push(FieldError::new(draft.product_pointer, code, detail));
    Ok(None)
}

async fn template(
    app: &App,
    asker: &Asker,
    draft: &Draft,
    faults: &mut Vec<FieldError>,
) -> Result<Option<Template>, Problem> {
    let Some(id) = &draft.template_id else {
        return Ok(None);
    };
    let found = app.catalog.template(&asker.brand, id).await?;
    if found.is_none() {
        let detail = "the brand has no active template with this id";
        faults.push(FieldError::new("/template_id", "unknown_template", detail));
    }
    Ok(found)
}

/// A `UUIDv7` of the process's clock, so that ids sort by acceptance.
fn new_id(entropy: &dyn Entropy, now: DateTime<Utc>) -> GenerationId {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random(entropy));
    GenerationId(id.into_uuid())
}

/// What is kept for abuse handling. The peer's address is the proxy's wherever there is one, and
/// forwarded addresses can be forged, so no address is kept.
fn client(headers: &HeaderMap) -> Client {
    let text = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok())?;
        Some(value.chars().take(MAX_CLIENT_TEXT_BYTES).collect())
    };
    Client {
        ip_address: None,
        user_agent: text(header::USER_AGENT),
        referrer: text(header::REFERER),
    }
}

fn option(draft: Draft) -> Option<RequestOption> {
    let option = RequestOption {
        template_id: draft.template_id,
        webhook_url: draft.webhook_url,
        metadata: draft.metadata,
        widths: draft.widths,
    };
    (option != RequestOption::default()).then_some(option)
}
