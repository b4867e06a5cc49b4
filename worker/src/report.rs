//! What is written down about a generation that has its pictures.

use domain::{BuiltPrompt, CompletedPayload, Currency, OutputPayload};
use imaging::{LayerReport, Report};
use serde_json::{Value, json};
use store::settle::{Asset, Done, Outcome};
use url::Url;

use crate::job::{Job, millis};
use crate::moderation;
use crate::output::{FULL, Made, THUMBNAIL};
use crate::spend::Paid;
use crate::worker::Worker;

/// The settlement of a job that has its pictures.
pub(crate) fn done(
    worker: &Worker,
    job: &Job,
    prompt: &BuiltPrompt,
    paid: Paid,
    made: Made,
    assets: Vec<Asset>,
) -> Outcome {
    let claim = &job.claim;
    let url = |variant: &str| {
        picture_url(
            &worker.settings.public_url,
            claim.public_id.as_str(),
            variant,
        )
    };
    let output = |asset: &Asset| OutputPayload {
        variant: asset.variant.clone(),
        url: url(&asset.variant),
        width: asset.width_px,
        height: asset.height_px,
        bytes: asset.size_bytes,
    };
    let since_accepted = (worker.clock.now() - claim.created_at)
        .to_std()
        .unwrap_or_default();
    Outcome::Done(Box::new(Done {
        output_url: url(FULL),
        thumbnail_url: url(THUMBNAIL),
        final_prompt: prompt.prompt.clone(),
        negative_prompt: prompt.negative_prompt.clone(),
        report: report(worker, job, prompt, &paid, &made),
        processing_ms: i32::try_from(job.claimed_at.elapsed().as_millis()).unwrap_or(i32::MAX),
        tokens: paid.tokens,
        cost: paid.cost,
        payload: CompletedPayload {
            public_id: claim.public_id.clone(),
            product_id: claim.product_id.clone(),
            outputs: assets.iter().map(output).collect(),
            cost: paid.cost,
            currency: Currency::Usd,
            processing_ms: millis(since_accepted),
        },
        assets,
    }))
}

fn report(worker: &Worker, job: &Job, prompt: &BuiltPrompt, paid: &Paid, made: &Made) -> Value {
    let texts = texts(&made.report);
    let notes: Vec<&String> = prompt.notes.iter().chain(&made.notes).collect();
    json!({
        "provider": paid.provider,
        "model": paid.model,
        "provider_ref": paid.provider_ref,
        "attempt": paid.attempt.to_string(),
        "stages_ms": job.stages.all(),
        "text": texts,
        "prompt_notes": notes,
        "moderation": job.moderated.as_ref().map(moderation::record),
        "provider_notes": paid.notes,
        "template_hash": prompt.template_hash,
        "session": worker.session.to_string(),
        "worker": service_name(),
    })
}

fn service_name() -> String {
    format!("{}/{}", crate::ROLE.name, crate::ROLE.version)
}

/// How every text came out.
pub(crate) fn texts(report: &Report) -> Vec<Value> {
    report.layers.iter().filter_map(text).collect()
}

fn text(layer: &LayerReport) -> Option<Value> {
    let text = layer.text.as_ref()?;
    Some(json!({
        "zone": layer.id,
        "text": text.text,
        "font": text.font,
        "fallback_fonts": text.fallback_fonts,
        "size_px": text.size_px,
        "lines": text.lines,
        "below_min_size": text.below_min_size,
    }))
}

/// `{public}/media/{public id}/{variant}`.
fn picture_url(public: &Url, public_id: &str, variant: &str) -> String {
    format!(
        "{}/media/{public_id}/{variant}",
        public.as_str().trim_end_matches('/')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_built_under_the_public_url_with_or_without_a_path() {
        for (public, expected) in [
            (
                "https://pictures.example",
                "https://pictures.example/media/gen_1/full",
            ),
            (
                "http://127.0.0.1:8080/",
                "http://127.0.0.1:8080/media/gen_1/full",
            ),
            (
                "https://shop.example/atelier/",
                "https://shop.example/atelier/media/gen_1/full",
            ),
        ] {
            assert_eq!(
                picture_url(&public.parse().unwrap(), "gen_1", "full"),
                expected
            );
        }
    }
}
