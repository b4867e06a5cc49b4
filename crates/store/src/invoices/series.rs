//! Numbers without gaps: the series' row is locked until the documents that got them are committed.

use chrono::{DateTime, Datelike, Utc};

use crate::database::Transaction;
use crate::error::StoreError;

/// Consecutive numbers of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Such as `INV-2026`.
    pub(super) series: String,
    /// The first of them.
    pub(super) first: i64,
}

impl Numbers {
    /// As a number is printed: six digits, more where there are more.
    pub(super) fn text(&self, number: i64) -> String {
        format!("{}-{number:06}", self.series)
    }
}

/// Takes the next `count` numbers of a prefix in the year of `now`. Whoever else wants one waits for this
/// transaction's end; a rollback gives them back.
pub(super) async fn take(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    prefix: &str,
    count: usize,
) -> Result<Numbers, StoreError> {
    let series = format!("{prefix}-{}", now.year());
    sqlx::query!(
        r#"-- store::invoices::begin_series
        INSERT INTO atelier.invoice_series (series, next_number) VALUES ($1, 1)
        ON CONFLICT (series) DO NOTHING"#,
        series
    )
    .execute(&mut **tx)
    .await?;
    let next = sqlx::query_scalar!(
        r#"-- store::invoices::take_numbers
        UPDATE atelier.invoice_series SET next_number = next_number + $2 WHERE series = $1
        RETURNING next_number"#,
        series,
        i64::try_from(count).unwrap_or(i64::MAX)
    )
    .fetch_one(&mut **tx)
    .await?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(Numbers {
        first: next - count,
        series,
    })
}
