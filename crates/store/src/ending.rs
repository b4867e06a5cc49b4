//! The common part of every end without pictures, whoever decides it: worker, customer or scheduler.
//!
//! The job's own row has been moved by a conditional update before, in the same transaction; that is
//! what makes a unit of quota go back exactly once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{BrandId, Ending, Event, GenerationId, JobState};
use serde_json::Value;

use crate::database::Transaction;
use crate::error::StoreError;
use crate::events::{self, Subject};
use crate::time::to_public;

/// A job that has just ended without pictures.
pub(crate) struct EndedRow {
    job: GenerationId,
    brand_id: BrandId,
    ending: Ending,
    /// The prompt, if it was built.
    pub(crate) final_prompt: Option<String>,
    /// What is to stand in the generation's record.
    pub(crate) report: Option<Value>,
    event: Event,
}

impl EndedRow {
    pub(crate) fn new(subject: &Subject<'_>, ending: Ending, now: DateTime<Utc>) -> Self {
        Self {
            job: subject.id,
            brand_id: subject.brand_id.clone(),
            ending,
            final_prompt: None,
            report: None,
            event: events::failed(subject, ending, now),
        }
    }
}

/// The state of a job that ended so.
pub(crate) fn state_of(ending: Ending) -> JobState {
    match ending {
        Ending::Failed(_) => JobState::Failed,
        Ending::Canceled => JobState::Canceled,
        Ending::Expired => JobState::Expired,
    }
}

/// Writes the generations' rows, closes what is open in the ledger, returns the quota, writes the
/// events.
pub(crate) async fn write(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    rows: &[EndedRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    write_generations(tx, now, rows).await?;
    close_attempts(tx, now, rows).await?;
    return_quota(tx, rows).await?;
    crate::outbox::write(tx, now, &column(rows, |r| r.event.clone())).await
}

async fn write_generations(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    rows: &[EndedRow],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::ending::generations
        UPDATE "Generation" g
        SET status = u.status::"GenerationStatus", "errorCode" = u.code, "errorMessage" = u.message,
            "finalPrompt" = COALESCE(u.final_prompt, g."finalPrompt"), "completedAt" = $6,
            "aiResponse" = COALESCE(u.report, g."aiResponse"),
            "retryCount" = (SELECT j.tries FROM atelier.job j WHERE j.id = atelier.job_id(u.id))
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
            $7::jsonb[]) AS u (id, status, code, message, final_prompt, report)
        WHERE g.id = u.id"#,
        &column(rows, |r| r.job.as_text()),
        &column(rows, |r| state_of(r.ending).generation_status().to_owned()),
        &column(rows, |r| r.ending.reason().as_str().to_owned()),
        &column(rows, |r| r.ending.reason().message().to_owned()),
        &column(rows, |r| r.final_prompt.clone()) as &[Option<String>],
        to_public(now),
        &column(rows, |r| r.report.clone()) as &[Option<Value>]
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// An answer that was paid for and is not used stays in the ledger with its cost; an attempt whose
/// outcome is unknown stays open for the reconciler.
async fn close_attempts(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    rows: &[EndedRow],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::ending::attempts
        UPDATE atelier.attempt SET state = 'settled', closed_at = $2
        WHERE job_id = ANY($1) AND state = 'fetched'"#,
        &column(rows, |r| r.job.0),
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Returns one unit per job. The brands' rows are locked in the order of their ids, as the intake
/// does.
async fn return_quota(tx: &mut Transaction, rows: &[EndedRow]) -> Result<(), StoreError> {
    let mut units: BTreeMap<&str, i32> = BTreeMap::new();
    for row in rows {
        *units.entry(row.brand_id.as_str()).or_default() += 1;
    }
    let (ids, counts): (Vec<String>, Vec<i32>) = units
        .into_iter()
        .map(|(id, count)| (id.to_owned(), count))
        .unzip();
    sqlx::query!(
        r#"-- store::ending::return_quota
        UPDATE "Brand" b SET "monthlyGenerations" = GREATEST(b."monthlyGenerations" - u.count, 0)
        FROM (
            SELECT u.id, u.count FROM unnest($1::text[], $2::int[]) AS u (id, count)
            JOIN "Brand" l ON l.id = u.id ORDER BY u.id FOR NO KEY UPDATE OF l
        ) u
        WHERE b.id = u.id"#,
        &ids,
        &counts
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn column<T>(rows: &[EndedRow], of: impl Fn(&EndedRow) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
