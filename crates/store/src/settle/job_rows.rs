//! The guarded move of the jobs' own rows.

use chrono::{DateTime, Utc};
use domain::{JobState, Move};

use super::{Applied, Outcome, Settlement};
use crate::database::Transaction;
use crate::error::StoreError;

/// The columns one settlement writes.
struct JobRow {
    state: JobState,
    quota: &'static str,
    reason: Option<String>,
    run_at: Option<DateTime<Utc>>,
    lane: Option<&'static str>,
    tries: i16,
}

/// Moves every job whose fence and session still match. Returns those that moved.
pub(super) async fn move_on(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &[&Settlement],
) -> Result<Applied, StoreError> {
    let rows: Vec<JobRow> = batch
        .iter()
        .map(|settlement| job_row(&settlement.outcome))
        .collect();
    let moved = sqlx::query_scalar!(
        r#"-- store::settle::move_on
        UPDATE atelier.job j
        SET state = u.state, session_id = NULL, quota = u.quota, reason = u.reason,
            run_at = COALESCE(u.run_at, j.run_at), lane = COALESCE(u.lane, j.lane),
            dispatched_at = NULL, tries = j.tries + u.tries,
            ended_at = CASE WHEN u.state IN ('done', 'failed', 'canceled', 'expired') THEN $10::timestamptz END
        FROM (
            SELECT u.*
            FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                $7::timestamptz[], $8::text[], $9::smallint[])
                AS u (id, fence, session_id, state, quota, reason, run_at, lane, tries)
            JOIN atelier.job l ON l.id = u.id
            ORDER BY u.id FOR UPDATE OF l
        ) u
        WHERE j.id = u.id AND j.fence = u.fence AND j.session_id = u.session_id
            AND j.state = 'running'
        RETURNING j.id"#,
        &column(batch, |s| s.lease.job.0),
        &column(batch, |s| s.lease.fence.0),
        &column(batch, |s| s.lease.session.0),
        &column(&rows, |r| r.state.as_str().to_owned()),
        &column(&rows, |r| r.quota.to_owned()),
        &column(&rows, |r| r.reason.clone()) as &[Option<String>],
        &column(&rows, |r| r.run_at) as &[Option<DateTime<Utc>>],
        &column(&rows, |r| r.lane.map(str::to_owned)) as &[Option<String>],
        &column(&rows, |r| r.tries),
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(moved.into_iter().collect())
}

fn job_row(outcome: &Outcome) -> JobRow {
    match outcome {
        Outcome::Done(_) => JobRow {
            state: after(Move::Settle),
            quota: "committed",
            reason: None,
            run_at: None,
            lane: None,
            tries: 0,
        },
        Outcome::Ended(ended) => JobRow {
            state: ended.state(),
            quota: "released",
            reason: Some(ended.ending.reason().as_str().to_owned()),
            run_at: None,
            lane: None,
            tries: 0,
        },
        Outcome::Retry {
            run_at,
            counted,
            code,
        } => JobRow {
            state: after(Move::Retry),
            quota: "reserved",
            reason: Some(code.clone()),
            run_at: Some(*run_at),
            lane: Some("retry"),
            tries: i16::from(*counted),
        },
        Outcome::Held { reason } => JobRow {
            state: after(Move::Hold),
            quota: "reserved",
            reason: Some(reason.clone()),
            run_at: None,
            lane: None,
            tries: 0,
        },
    }
}

/// The state a running job reaches by `action`. The table has each of the moves used here; a test
/// below holds that.
fn after(action: Move) -> JobState {
    JobState::Running.after(action).unwrap_or(JobState::Held)
}

fn column<I, T>(batch: &[I], of: impl Fn(&I) -> T) -> Vec<T> {
    batch.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_a_settlement_makes_is_in_the_table() {
        for action in [Move::Settle, Move::Retry, Move::Hold] {
            assert_eq!(JobState::Running.after(action), Ok(after(action)));
        }
    }
}
