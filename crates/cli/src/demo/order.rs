//! One generation per demo product, from the request to the downloaded pictures.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use domain::{ProductSpec, PublicId, ZoneSpec, ZoneType};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::client::Client;
use super::{Stage, elapsed_ms};
use crate::output;

/// How long one generation may take here.
const FINISH_WITHIN: Duration = Duration::from_secs(60);

/// How long one may take where a real service draws: minutes are usual there.
const REAL_WITHIN: Duration = Duration::from_secs(600);

/// How often its state is asked for.
const ASK_EVERY: Duration = Duration::from_millis(25);

/// A generation that has its pictures.
pub(super) struct Finished {
    pub(super) id: PublicId,
    pub(super) product: String,
    pub(super) pictures: Vec<Picture>,
    /// From the start of the demonstration until the pictures were here.
    pub(super) after_ms: u64,
}

/// One downloaded picture.
pub(super) struct Picture {
    pub(super) variant: String,
    pub(super) url: String,
    pub(super) extension: &'static str,
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) bytes: Bytes,
}

/// Sends one request per product, then waits for each and fetches its pictures.
pub(super) async fn one_per_product(
    stage: &Stage,
    started: Instant,
) -> anyhow::Result<Vec<Finished>> {
    let client = Client::new(&stage.fleet.api_url, &stage.seeded.secret_key);
    let mut accepted = Vec::new();
    for product in &stage.seeded.products {
        let answer = client.post("/v1/generations", &request(product)).await?;
        let id = text(&answer, "id")?;
        output::note(&format!("accepted {id} for {}", product.slug));
        accepted.push((product, PublicId::parse(&id)?));
    }
    let mut finished = Vec::new();
    let within = match stage.studio.is_real {
        true => REAL_WITHIN,
        false => FINISH_WITHIN,
    };
    for (product, id) in accepted {
        let answer = wait_for(&client, &id, within).await?;
        let pictures = fetch(&client, &answer).await?;
        let after_ms = elapsed_ms(started);
        output::note(&format!(
            "finished {id} for {} after {after_ms} ms",
            product.slug
        ));
        finished.push(Finished {
            id,
            product: product.slug.clone(),
            pictures,
            after_ms,
        });
    }
    Ok(finished)
}

/// The body of `POST /v1/generations` for a product.
pub(super) fn request(product: &ProductSpec) -> Value {
    let customizations: Map<String, Value> = product
        .zones
        .iter()
        .filter_map(|zone| Some((zone.id.clone(), value_for(zone)?)))
        .collect();
    json!({ "product_id": product.id, "customizations": customizations, "session_id": "demo" })
}

/// What the demo's shopper puts into a zone.
fn value_for(zone: &ZoneSpec) -> Option<Value> {
    match zone.kind {
        ZoneType::Text if zone.required => Some(json!({ "text": "Zoé & Léo" })),
        ZoneType::Text => Some(json!({ "text": "Depuis 2019" })),
        ZoneType::Pattern => Some(json!({ "pattern": "golden waves on deep blue" })),
        _ => None,
    }
}

/// Asks for the generation until it has ended.
async fn wait_for(client: &Client, id: &PublicId, within: Duration) -> anyhow::Result<Value> {
    let since = Instant::now();
    let mut said = String::new();
    loop {
        let answer = client.get(&format!("/v1/generations/{id}")).await?;
        let state = text(&answer, "state")?;
        if state != said {
            output::note(&format!("  {id} is {state}"));
            said.clone_from(&state);
        }
        match state.as_str() {
            "succeeded" => return Ok(answer),
            "queued" | "processing" if since.elapsed() < within => sleep(ASK_EVERY).await,
            "queued" | "processing" => bail!("{id} is still {state} after {within:?}"),
            _ => bail!("{id} is {state}: {answer}"),
        }
    }
}

/// Downloads every picture of an answer.
async fn fetch(client: &Client, answer: &Value) -> anyhow::Result<Vec<Picture>> {
    let outputs = answer
        .get("outputs")
        .and_then(Value::as_object)
        .context("no outputs")?;
    let mut pictures = Vec::new();
    for (variant, output) in outputs {
        let url = text(output, "url")?;
        let side = |name: &str| output.get(name).and_then(Value::as_u64).unwrap_or(0);
        pictures.push(Picture {
            variant: variant.clone(),
            extension: match text(output, "content_type")?.as_str() {
                "image/jpeg" => "jpg",
                "image/webp" => "webp",
                _ => "png",
            },
            width: side("width"),
            height: side("height"),
            bytes: client.download(&url).await?,
            url,
        });
    }
    Ok(pictures)
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    let found = value.get(name).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {name:?} in {value}"))?
        .to_owned())
}
