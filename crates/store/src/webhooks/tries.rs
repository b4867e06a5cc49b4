//! What came of tries: one transaction for many of them.
//!
//! A try's delivery, its row in `"WebhookLog"`, its usage, and what it means for its endpoint are written
//! together or not at all. A delivery changes only while it carries the token under which the try was
//! made, and an endpoint's lane only while the lease is ours.
//!
//! - Dies before the commit, or never gets to it: the delivery stays pending and is made again under the
//!   same `webhook-id`. The receiver's answer is lost, and that is the only way to a duplicate.
//! - The reply to the commit is lost: recording again finds no token and changes nothing. The ids of log
//!   rows and usage would have refused a repeat as well.

use chrono::{DateTime, Utc};
use domain::{BrandId, Metric, UsageId};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::lanes::{Called, LaneLease, LaneState, called, hold, write_states};
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::periods;
use crate::usage::{self, UsageFact};

mod notices;
mod rows;

pub use notices::Notice;

/// What becomes of a delivery after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// It is tried again at this moment.
    Again(DateTime<Utc>),
    /// Nobody tries again unless asked to.
    Exhausted,
}

/// One try that has ended.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Under which lease it was made.
    pub lease: LaneLease,
    /// Whose endpoint it is.
    pub brand: BrandId,
    /// The event.
    pub event: Uuid,
    /// The event's type.
    pub kind: String,
    /// Why it was due.
    pub trigger: String,
    /// The row in `"WebhookLog"`: new for each try.
    pub log_id: String,
    /// When it began.
    pub at: DateTime<Utc>,
    /// Tries on its schedule, this one included.
    pub attempt: u16,
    /// What becomes of the delivery.
    pub fate: Fate,
    /// Whether it is counted as used once it has arrived.
    pub metered: bool,
    /// What was sent where, and what came back.
    pub answer: TryAnswer,
}

/// The try as the log shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TryAnswer {
    /// Where to.
    pub url: String,
    /// What was sent: JSON that PostgreSQL can hold.
    pub payload: String,
    /// The answer's status, where one came.
    pub status_code: Option<u16>,
    /// The kind of failure.
    pub error_class: Option<&'static str>,
    /// The failure in words.
    pub error: Option<String>,
    /// The beginning of the answer's body, without zero bytes.
    pub response: Option<String>,
    /// Whether there was more of it.
    pub response_truncated: bool,
    /// Headers of the answer.
    pub response_headers: Option<Value>,
    /// The address that was connected to.
    pub remote_ip: Option<String>,
    /// Milliseconds altogether.
    pub duration_ms: i32,
    /// Of them, the name's lookup.
    pub dns_ms: Option<i32>,
    /// Of them, connecting.
    pub connect_ms: Option<i32>,
    /// From the start to the first byte of the answer.
    pub first_byte_ms: Option<i32>,
}

/// How an endpoint stands after tries.
#[derive(Debug, Clone)]
pub struct LaneChange {
    /// Its lease.
    pub lease: LaneLease,
    /// Its state, as it is now.
    pub state: LaneState,
    /// The last try, where `"Webhook"` is to show it.
    pub called: Option<Called>,
}

/// What is recorded together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The tries.
    pub tried: Vec<Tried>,
    /// The endpoints that changed by them.
    pub lanes: Vec<LaneChange>,
    /// What their brands are told of them.
    pub notices: Vec<Notice>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.tried.is_empty() && self.lanes.is_empty() && self.notices.is_empty()
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Tries whose delivery was still ours.
    pub written: usize,
    /// Tries whose delivery somebody else has claimed since.
    pub lost: usize,
    /// Endpoints switched off.
    pub disabled: usize,
}

/// Records a batch.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]: record the same batch again. Anything else is
/// about one of the rows: record the endpoints one by one.
pub async fn record(
    db: &Database,
    now: DateTime<Utc>,
    batch: &Batch,
) -> Result<Recorded, StoreError> {
    match record_once(db, now, batch).await {
        Err(StoreError::PeriodDue) => {
            let brands: Vec<String> = batch
                .tried
                .iter()
                .map(|one| one.brand.to_string())
                .collect();
            periods::ensure(db, now, &brands).await?;
            record_once(db, now, batch).await
        }
        other => other,
    }
}

async fn record_once(
    db: &Database,
    now: DateTime<Utc>,
    batch: &Batch,
) -> Result<Recorded, StoreError> {
    if batch.is_empty() {
        return Ok(Recorded::default());
    }
    let mut tx = db.begin("record_webhook_tries").await?;
    let written = rows::deliveries(&mut tx, &batch.tried).await?;
    let ours: Vec<(&Tried, i32)> = batch
        .tried
        .iter()
        .filter_map(|one| {
            let tries = written.get(&(one.event, one.lease.webhook.clone()))?;
            Some((one, *tries))
        })
        .collect();
    rows::logs(&mut tx, &ours).await?;
    let disabled = lanes(&mut tx, now, batch).await?;
    usage::record(&mut tx, now, &facts(&ours)).await?;
    tx.commit().await?;
    Ok(Recorded {
        written: ours.len(),
        lost: batch.tried.len() - ours.len(),
        disabled,
    })
}

async fn lanes(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &Batch,
) -> Result<usize, StoreError> {
    let leases: Vec<LaneLease> = batch.lanes.iter().map(|one| one.lease.clone()).collect();
    if leases.is_empty() {
        return Ok(0);
    }
    let held = hold(tx, &leases).await?;
    let held: Vec<&LaneChange> = batch
        .lanes
        .iter()
        .filter(|one| held.contains(&one.lease))
        .collect();
    let states: Vec<_> = held.iter().map(|one| (&one.lease, &one.state)).collect();
    write_states(tx, &states).await?;
    let ours = batch
        .notices
        .iter()
        .filter(|notice| held.iter().any(|one| one.lease.webhook == notice.webhook()));
    let disabled = notices::tell(tx, now, ours).await?;
    let calls: Vec<_> = held
        .iter()
        .filter_map(|one| Some((&one.lease, &one.state, one.called?)))
        .collect();
    called(tx, &calls).await?;
    Ok(disabled)
}

/// What has arrived is used. Sending it again by hand is the same fact, so it is counted once.
fn facts(ours: &[(&Tried, i32)]) -> Vec<UsageFact> {
    let arrived = ours
        .iter()
        .map(|(one, _)| *one)
        .filter(|one| one.metered && one.fate == Fate::Delivered);
    arrived
        .map(|one| UsageFact {
            id: UsageId::webhook_delivery(one.event, &one.lease.webhook),
            brand: one.brand.clone(),
            metric: Metric::WebhookDelivery,
            units: 1,
            at: one.at,
            metadata: Map::from_iter([
                ("event".to_owned(), one.kind.clone().into()),
                ("webhook_id".to_owned(), one.lease.webhook.clone().into()),
            ]),
        })
        .collect()
}
