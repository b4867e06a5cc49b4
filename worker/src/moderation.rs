//! Asking a moderation service about what a shopper wrote and uploaded, before anything is paid.
//!
//! Only for brands whose policy says so. One question for all the words and the first picture, one more for
//! each further picture. What a shopper chose from the brand's own lists is not asked about.
//!
//! The decision is committed before it has a consequence and holds for the job's life: whoever takes the
//! job up again finds it. Where nobody could look, the policy decides: *open* goes on, with a note in
//! the record, and *closed* waits and fails in the end. A job whose call is open in the ledger is past this.
//! Asking costs nothing, so everything here may be dropped at any await and done again.

use std::sync::Arc;
use std::time::Duration;

use domain::{Customizations, FailureCode, ModerationDecision, ModerationFailure};
use imaging::{Cost, Format, Picture, encode, thumbnail};
use providers::{
    CallContext, Credential, ErrorKind, InputImage, Moderation, ModerationVerdict, Next,
};
use serde_json::{Value, json};
use service::telemetry::error_chain;
use store::moderations::{self, Moderated};
use store::products::CatalogEntry;
use tokio::time::{Instant, sleep};

use crate::inputs::{self, Inputs};
use crate::job::{Job, Stage};
use crate::stop::Stop;
use crate::verdict;
use crate::worker::Worker;

/// Pictures are shown at no more than this: as much as a look needs, and a few hundred kilobytes.
const LONGEST_PX: u32 = 768;
/// A job that nobody could look at is left alone this long, and up to twice as long.
const PAUSE: Duration = Duration::from_secs(5);

/// What the generation's record says of a look.
pub(crate) fn record(moderated: &Moderated) -> Value {
    json!({
        "service": "openai",
        "decision": moderated.decision.as_str(),
        "categories": moderated.categories,
    })
}

/// Lets a job go on whose words and pictures are accepted, and ends it where they are not.
pub(crate) async fn pass(
    worker: &Worker,
    job: &mut Job,
    entry: &CatalogEntry,
    customizations: &Customizations,
    inputs: &Inputs,
) -> Result<(), Stop> {
    if entry.policy.moderation == domain::Moderation::Off {
        return Ok(());
    }
    let stage = Stage::begin(&worker.metrics, "moderation");
    let words = words(job, customizations);
    let looking = async {
        let known = moderations::find(&worker.db, job.claim.lease.job).await;
        let known = known.map_err(|error| away(&error))?;
        let is_past = job.claim.open_attempt.is_some();
        let is_final = |known: &Moderated| known.decision != ModerationDecision::Unseen;
        if is_past || known.as_ref().is_some_and(is_final) {
            return Ok(known);
        }
        if words.is_empty() && inputs.pictures.is_empty() {
            return Ok(None);
        }
        let failure = entry.policy.moderation_failure;
        let moderated = look(worker, job, &words, inputs, failure).await?;
        decide(worker, job, &moderated).await?;
        Ok(Some(moderated))
    };
    let looked = job.unless_stopped(worker, looking).await;
    job.moderated = stage.end(job, looked)?;
    match &job.moderated {
        Some(known) if known.decision == ModerationDecision::Flagged => {
            Err(Stop::Failed(FailureCode::ContentPolicy))
        }
        _ => Ok(()),
    }
}

/// Everything that the shopper wrote, a line each.
fn words(job: &Job, customizations: &Customizations) -> String {
    let zones = customizations.words().map(|(_, words)| words);
    let lines: Vec<&str> = zones.chain(job.claim.user_prompt.as_deref()).collect();
    lines.join("\n")
}

/// Asks, and says what an answer that did not come means.
async fn look(
    worker: &Worker,
    job: &Job,
    words: &str,
    inputs: &Inputs,
    failure: ModerationFailure,
) -> Result<Moderated, Stop> {
    let asked = match ask(worker, job, words, inputs).await? {
        Ok(verdict) => {
            let decision = match verdict.flagged {
                true => ModerationDecision::Flagged,
                false => ModerationDecision::Passed,
            };
            Ok(Moderated {
                decision,
                categories: verdict.categories,
            })
        }
        Err(unanswered) => match failure {
            ModerationFailure::Open => Ok(Moderated {
                decision: ModerationDecision::Unseen,
                categories: Vec::new(),
            }),
            ModerationFailure::Closed => Err(unanswered.into_stop(worker, job)),
        },
    };
    let outcome = match &asked {
        Ok(moderated) => moderated.decision.as_str(),
        Err(_) => "unavailable",
    };
    let counter = &worker.metrics.moderations_total;
    counter.with_label_values(&[outcome]).inc();
    asked
}

/// A question without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// It may have one later.
    Passing,
    /// It will not, as the settings or the pictures are.
    Lasting,
}

impl Unanswered {
    fn into_stop(self, worker: &Worker, job: &Job) -> Stop {
        let unavailable = Stop::Failed(FailureCode::ModerationUnavailable);
        if self == Self::Lasting {
            return unavailable;
        }
        let asked = PAUSE.mul_f64(1.0 + rand::random::<f64>());
        match verdict::retry(worker, job, ErrorKind::Unavailable, Some(asked)) {
            Stop::Retry { after, .. } => Stop::Retry {
                after,
                counted: !verdict::waits_out(worker, job),
                code: FailureCode::ModerationUnavailable.as_str(),
            },
            _ => unavailable,
        }
    }
}

/// Asks everything there is to ask, within one deadline. The outer error ends the job whatever its policy.
async fn ask(
    worker: &Worker,
    job: &Job,
    words: &str,
    inputs: &Inputs,
) -> Result<Result<ModerationVerdict, Unanswered>, Stop> {
    let brand = &job.claim.brand_id;
    let keys = worker
        .keyring
        .free_of_charge(brand, Moderation::PROVIDER)
        .await;
    let keys = keys.map_err(|error| away(&error))?;
    let deadline = Instant::now() + worker.settings.moderation_timeout;
    let mut pictures = Vec::new();
    for picture in inputs.pictures.values() {
        pictures.push(shown(worker, picture).await?);
    }
    let first = pictures.pop();
    let mut verdict = match one(worker, &keys, words, first.as_ref(), deadline).await {
        Ok(verdict) => verdict,
        Err(unanswered) => return Ok(Err(unanswered)),
    };
    for picture in &pictures {
        match one(worker, &keys, "", Some(picture), deadline).await {
            Ok(more) => {
                verdict.flagged |= more.flagged;
                verdict.categories.extend(more.categories);
            }
            // Who is flagged already is flagged whatever else there is.
            Err(_) if verdict.flagged => break,
            Err(unanswered) => return Ok(Err(unanswered)),
        }
    }
    verdict.categories.sort();
    verdict.categories.dedup();
    Ok(Ok(verdict))
}

/// One question, with each key that is refused followed by the next, repeated until the deadline.
async fn one(
    worker: &Worker,
    keys: &[Credential],
    words: &str,
    picture: Option<&InputImage>,
    deadline: Instant,
) -> Result<ModerationVerdict, Unanswered> {
    let mut keys = keys.iter();
    let Some(mut credential) = keys.next() else {
        tracing::error!("a brand wants moderation, and there is no key for it");
        return Err(Unanswered::Lasting);
    };
    loop {
        // A call that hangs leaves time for another.
        let half = deadline.saturating_duration_since(Instant::now()) / 2;
        let call = CallContext {
            credential,
            deadline: Instant::now() + half.max(Duration::from_millis(50)),
        };
        let error = match worker.moderation.check(words, picture, call).await {
            Ok(verdict) => return Ok(verdict),
            Err(error) => error,
        };
        tracing::warn!(
            error = error_chain(&error),
            key = credential.id(),
            "no moderation"
        );
        let is_keys = matches!(error.kind(), ErrorKind::Auth | ErrorKind::QuotaExhausted);
        match (is_keys, error.next()) {
            (true, _) | (_, Next::OtherKey) => match keys.next() {
                Some(next) => credential = next,
                None => return Err(Unanswered::Lasting),
            },
            (_, Next::Stop) => return Err(Unanswered::Lasting),
            (_, next) => {
                let pause = match next {
                    Next::SameAfter(pause) | Next::PollAfter(pause) => pause,
                    _ => Duration::ZERO,
                };
                let pause = pause.max(Duration::from_millis(200));
                if Instant::now() + pause >= deadline {
                    return Err(Unanswered::Passing);
                }
                sleep(pause).await;
            }
        }
    }
}

/// A picture as it is shown to the service.
async fn shown(worker: &Worker, picture: &Arc<Picture>) -> Result<InputImage, Stop> {
    let picture = Arc::clone(picture);
    let cost = Cost::of_pixels(picture.pixel_count());
    let work = move |_: &imaging::Stop| {
        let small = thumbnail(&picture, LONGEST_PX)?;
        encode(&small, Format::JPEG_85)
    };
    let encoded = worker.pool.run(cost, work).await;
    let bytes = encoded.map_err(|error| inputs::of_pool(&error))?;
    let bytes = bytes.map_err(|error| {
        tracing::error!(error = error_chain(&error), "a picture cannot be encoded");
        Stop::Failed(FailureCode::ProcessingFailed)
    })?;
    Ok(InputImage {
        bytes: bytes.into(),
        content_type: "image/jpeg",
    })
}

/// Commits the decision. One that another owner of the job made first is his to act on.
async fn decide(worker: &Worker, job: &Job, moderated: &Moderated) -> Result<(), Stop> {
    let (now, lease) = (worker.clock.now(), job.claim.lease);
    match moderations::decide(&worker.db, now, lease, moderated).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stop::Lost),
        Err(error) => Err(away(&error)),
    }
}

fn away(error: &store::StoreError) -> Stop {
    let error = error_chain(error);
    tracing::warn!(error, "a moderation cannot be read or written");
    Stop::passing("database_unavailable")
}
