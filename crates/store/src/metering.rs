//! Usage that is not a row's fate but a measurement: API calls that processes counted, and what is stored.
//!
//! - **API calls** are counted in the memory of a process and written once per interval and brand. The record's
//!   id names brand, process and interval, so an interval that is written again, because the reply to its
//!   commit was lost, writes nothing. A process that is killed loses at most the interval it was counting.
//! - **Storage** is measured once a day: megabytes of stored pictures, so the unit is a megabyte kept for a day.
//!   The first measurement of a UTC day holds. A sum of days was preferred to a peak: it is what most object
//!   stores bill, a day's mistake costs a day, and it adds up in buckets as everything else does.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{BrandId, Metric, UsageId};
use serde_json::Map;
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;
use crate::periods;
use crate::usage::{self, UsageFact};

/// Bytes in a megabyte, the unit of storage.
pub const MEGABYTE_BYTES: i64 = 1_000_000;

/// Calls that one process counted in one of its intervals.
#[derive(Debug, Clone)]
pub struct CountedCalls {
    /// Which process: new with each start.
    pub process: Uuid,
    /// Which of its intervals, from 0.
    pub interval: u64,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// How many calls each brand made.
    pub calls: BTreeMap<BrandId, u32>,
}

/// Writes an interval. Writing it again changes nothing. Returns how many records were new.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]: write the same interval again.
pub async fn record_calls(
    db: &Database,
    now: DateTime<Utc>,
    counted: &CountedCalls,
) -> Result<usize, StoreError> {
    let facts: Vec<UsageFact> = counted
        .calls
        .iter()
        .filter(|(_, calls)| **calls > 0)
        .map(|(brand, calls)| UsageFact {
            id: UsageId::api_calls(brand, counted.process, counted.interval),
            brand: brand.clone(),
            metric: Metric::ApiCall,
            units: i32::try_from(*calls).unwrap_or(i32::MAX),
            at: counted.at,
            metadata: Map::new(),
        })
        .collect();
    record_all(db, now, "api_calls", &facts).await
}

/// What one page of the daily measurement came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Records that were new.
    pub recorded: usize,
    /// The last brand looked at; none when the page was the last.
    pub up_to: Option<BrandId>,
}

/// Measures what the next brands after `after` have stored, at most `most` of them, and records it for the day
/// of `now`. A brand that has nothing stored gets no record.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]: measure the same page again.
pub async fn measure_storage(
    db: &Database,
    now: DateTime<Utc>,
    after: Option<&BrandId>,
    most: i64,
) -> Result<Measured, StoreError> {
    let mut connection = db.connection().await?;
    let brands = sqlx::query_scalar!(
        r#"-- store::metering::page
        SELECT id FROM "Brand" WHERE id > $1 ORDER BY id LIMIT $2"#,
        after.map_or("", BrandId::as_str),
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    let is_full = i64::try_from(brands.len()).unwrap_or(i64::MAX) == most;
    let up_to = brands.last().filter(|_| is_full).cloned().map(BrandId);
    let day = now.date_naive();
    let ids: Vec<String> = brands
        .iter()
        .map(|brand| UsageId::storage(&BrandId(brand.clone()), day).to_string())
        .collect();
    // Only brands that were not measured today: the sum walks all of a brand's pictures.
    let rows = sqlx::query!(
        r#"-- store::metering::stored
        SELECT j.brand_id, sum(a.size_bytes)::bigint AS "bytes!"
        FROM unnest($1::text[], $2::text[]) AS u (brand_id, id)
        JOIN atelier.job j ON j.brand_id = u.brand_id
        JOIN atelier.asset a ON a.job_id = j.id
        WHERE NOT EXISTS (SELECT 1 FROM "UsageRecord" r WHERE r.id = u.id)
        GROUP BY j.brand_id ORDER BY j.brand_id"#,
        &brands,
        &ids
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let facts: Vec<UsageFact> = rows
        .into_iter()
        .filter(|row| row.bytes > 0)
        .map(|row| {
            let brand = BrandId(row.brand_id);
            let megabytes = (row.bytes + MEGABYTE_BYTES - 1) / MEGABYTE_BYTES;
            UsageFact {
                id: UsageId::storage(&brand, day),
                brand,
                metric: Metric::Storage,
                units: i32::try_from(megabytes).unwrap_or(i32::MAX),
                at: now,
                metadata: Map::from_iter([("bytes".to_owned(), row.bytes.into())]),
            }
        })
        .collect();
    let recorded = record_all(db, now, "storage", &facts).await?;
    Ok(Measured { recorded, up_to })
}

/// Records facts in a transaction of their own.
async fn record_all(
    db: &Database,
    now: DateTime<Utc>,
    name: &'static str,
    facts: &[UsageFact],
) -> Result<usize, StoreError> {
    match record_once(db, now, name, facts).await {
        Err(StoreError::PeriodDue) => {
            let brands: Vec<String> = facts.iter().map(|fact| fact.brand.to_string()).collect();
            periods::ensure(db, now, &brands).await?;
            record_once(db, now, name, facts).await
        }
        other => other,
    }
}

async fn record_once(
    db: &Database,
    now: DateTime<Utc>,
    name: &'static str,
    facts: &[UsageFact],
) -> Result<usize, StoreError> {
    if facts.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin(name).await?;
    let new = usage::record(&mut tx, now, facts).await?;
    tx.commit().await?;
    Ok(new.into_iter().filter(|new| *new).count())
}
