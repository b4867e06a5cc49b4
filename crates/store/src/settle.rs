//! Ending a claim: one transaction guarded by the fence, for many jobs at once.
//!
//! A settlement writes the job's new state, the generation's row, the usage record, the pictures'
//! rows, the quota and the event together or not at all. A zombie's settlement, whose fence is old,
//! changes nothing and is told so.
//!
//! - Dies before the commit: the job is still running under a dead session and is recovered; its
//!   fetched answer is in the object store, so nothing is paid again.
//! - The reply to the commit is lost: settling again finds the job no longer running and answers
//!   [`Settled::Lost`], which the worker treats as the end of its interest. Usage ids derive from
//!   the generation, so a repeat cannot bill.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use domain::{BrandId, CompletedPayload, Ending, Event, JobState, Micros, ProductId, PublicId};
use serde_json::Value;
use uuid::Uuid;

use crate::database::{Database, Transaction};
use crate::ending::{self, EndedRow};
use crate::error::StoreError;
use crate::events::{self, Subject};
use crate::lease::Lease;
use crate::periods;

mod done;
mod job_rows;

/// How a claim ended.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The right to end it.
    pub lease: Lease,
    /// Whose job it is.
    pub brand_id: BrandId,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a claim.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Pictures exist.
    Done(Box<Done>),
    /// It ended without pictures, for good.
    Ended(Ended),
    /// It is to be tried again.
    Retry {
        /// When it is due.
        run_at: DateTime<Utc>,
        /// Whether this was a try of its own; a 429 or a hand-back is not.
        counted: bool,
        /// The stable code of the reason.
        code: String,
    },
    /// A person or a reconciler must decide.
    Held {
        /// Why.
        reason: String,
    },
}

/// A generation that has its pictures.
#[derive(Debug, Clone)]
pub struct Done {
    /// Where the full picture can be fetched.
    pub output_url: String,
    /// Where the thumbnail can be fetched.
    pub thumbnail_url: String,
    /// The prompt that was sent.
    pub final_prompt: String,
    /// The negative prompt that was sent.
    pub negative_prompt: Option<String>,
    /// What the provider and the pipeline reported: request id, stage times, text drawn.
    pub report: Value,
    /// From claim to settle, in milliseconds.
    pub processing_ms: i32,
    /// Tokens used, where the provider counts them.
    pub tokens: Option<i32>,
    /// What the provider charged.
    pub cost: Micros,
    /// The pictures.
    pub assets: Vec<Asset>,
    /// What `generation.completed` tells.
    pub payload: CompletedPayload,
}

/// One stored picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// `full`, `thumbnail`, or `w640` and the like.
    pub variant: String,
    /// Where it is in the object store.
    pub object_key: String,
    /// Its media type.
    pub content_type: String,
    /// Its width.
    pub width_px: u32,
    /// Its height.
    pub height_px: u32,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// An end without pictures.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Failed (with the code a shopper's page can show), canceled or expired.
    pub ending: Ending,
    /// The generation's id outside, for the event.
    pub public_id: PublicId,
    /// Its product, for the event.
    pub product_id: ProductId,
    /// The prompt, if it was built.
    pub final_prompt: Option<String>,
    /// Why no provider was asked, where it came to that.
    pub report: Option<Value>,
}

impl Ended {
    /// The job's state afterwards.
    pub fn state(&self) -> JobState {
        ending::state_of(self.ending)
    }
}

/// Whether a settlement was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was.
    Applied,
    /// The lease was lost, or an earlier identical settlement had arrived: drop everything.
    Lost,
}

/// Settles a batch in one transaction. Returns one answer per settlement, in order. Of two settlements of
/// one job in the same batch the first counts.
///
/// Must run to its end; a caller that stops waiting does not stop it.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]: settle the same batch again.
pub async fn settle(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[Settlement],
) -> Result<Vec<Settled>, StoreError> {
    let brands: BTreeSet<String> = batch.iter().map(|s| s.brand_id.to_string()).collect();
    let brands: Vec<String> = brands.into_iter().collect();
    match settle_together(db, now, batch).await {
        Err(StoreError::PeriodDue) => {
            periods::ensure(db, now, &brands).await?;
            settle_together(db, now, batch).await
        }
        other => other,
    }
}

async fn settle_together(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[Settlement],
) -> Result<Vec<Settled>, StoreError> {
    let mut tx = db.begin("settle").await?;
    let mut seen = HashSet::new();
    let firsts: Vec<bool> = batch
        .iter()
        .map(|settlement| seen.insert(settlement.lease.job))
        .collect();
    let first: Vec<&Settlement> = batch
        .iter()
        .zip(&firsts)
        .filter_map(|(settlement, first)| first.then_some(settlement))
        .collect();
    let applied = job_rows::move_on(&mut tx, now, &first).await?;
    let ours: Vec<&Settlement> = first
        .into_iter()
        .filter(|settlement| applied.contains(&settlement.lease.job.0))
        .collect();
    write_done(&mut tx, now, &ours).await?;
    write_ended(&mut tx, now, &ours).await?;
    write_waiting(&mut tx, &ours).await?;
    tx.commit().await?;
    Ok(batch
        .iter()
        .zip(firsts)
        .map(
            |(settlement, first)| match first && applied.contains(&settlement.lease.job.0) {
                true => Settled::Applied,
                false => Settled::Lost,
            },
        )
        .collect())
}

async fn write_done(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    ours: &[&Settlement],
) -> Result<(), StoreError> {
    let finished: Vec<(&Settlement, &Done)> = ours
        .iter()
        .filter_map(|settlement| match &settlement.outcome {
            Outcome::Done(done) => Some((*settlement, done.as_ref())),
            _ => None,
        })
        .collect();
    if finished.is_empty() {
        return Ok(());
    }
    done::generations(tx, now, &finished).await?;
    done::attempts(tx, now, &finished).await?;
    done::usage(tx, now, &finished).await?;
    done::assets(tx, &finished).await?;
    let events: Vec<Event> = finished
        .iter()
        .map(|(s, done)| events::completed(s.lease.job, &s.brand_id, &done.payload, now))
        .collect();
    crate::outbox::write(tx, now, &events).await
}

async fn write_ended(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    ours: &[&Settlement],
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for settlement in ours {
        let Outcome::Ended(ended) = &settlement.outcome else {
            continue;
        };
        let subject = Subject {
            id: settlement.lease.job,
            public_id: &ended.public_id,
            brand_id: &settlement.brand_id,
            product_id: &ended.product_id,
        };
        let mut row = EndedRow::new(&subject, ended.ending, now);
        row.final_prompt.clone_from(&ended.final_prompt);
        row.report.clone_from(&ended.report);
        rows.push(row);
    }
    ending::write(tx, now, &rows).await
}

async fn write_waiting(tx: &mut Transaction, ours: &[&Settlement]) -> Result<(), StoreError> {
    let waiting: Vec<Uuid> = ours
        .iter()
        .filter(|settlement| matches!(settlement.outcome, Outcome::Retry { .. }))
        .map(|settlement| settlement.lease.job.0)
        .collect();
    crate::generation_status::set_pending(tx, &waiting).await
}

/// The jobs whose rows moved.
type Applied = HashSet<Uuid>;
