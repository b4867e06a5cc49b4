//! What a brand has used, added up for it to read.
//!
//! It reads `"UsageRecord"`, the records themselves, so that what a brand sees is what was counted and not a
//! second number beside it. A range is bounded by the caller; the index (brand, type, time) serves it.

use chrono::{DateTime, Utc};
use domain::{BrandId, Metric};

use crate::database::Database;
use crate::error::StoreError;
use crate::time::to_public;

/// What records are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// The day in UTC.
    Day,
    /// The product of the generation.
    Product,
    /// The provider whose picture was used.
    Provider,
    /// The metric alone.
    Metric,
}

impl GroupBy {
    /// Its name in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Product => "product",
            Self::Provider => "provider",
            Self::Metric => "metric",
        }
    }
}

impl std::str::FromStr for GroupBy {
    type Err = domain::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Day, Self::Product, Self::Provider, Self::Metric];
        all.into_iter()
            .find(|group| group.as_str() == text)
            .ok_or_else(|| domain::UnknownName(text.to_owned()))
    }
}

/// One sum.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UsageSum {
    /// The day, product or provider; none where the records have none, and when only metrics are asked for.
    pub key: Option<String>,
    /// What was counted.
    pub metric: Metric,
    /// How much.
    pub units: i64,
    /// How many records.
    pub records: i64,
    /// What providers charged for it, in millionths of a dollar.
    pub provider_cost_micros: i64,
}

/// The sums of a brand's records from `from` until before `to`, by key and metric, at most `most` of them.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn sums(
    db: &Database,
    brand: &BrandId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    group: GroupBy,
    most: i64,
) -> Result<Vec<UsageSum>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::usage_report::sums
        SELECT CASE $4 WHEN 'day' THEN to_char(r."recordedAt", 'YYYY-MM-DD')
                WHEN 'product' THEN g."productId" WHEN 'provider' THEN a.provider END AS key,
            r.type AS metric, sum(r.count)::bigint AS "units!", count(*) AS "records!",
            COALESCE(sum((r.metadata ->> 'provider_cost_micros')::bigint), 0)::bigint AS "cost!"
        FROM "UsageRecord" r
        LEFT JOIN "Generation" g ON $4 = 'product' AND g.id = r.metadata ->> 'generation_id'
        LEFT JOIN LATERAL (
            SELECT t.provider FROM atelier.attempt t
            WHERE $4 = 'provider' AND t.job_id = atelier.job_id(r.metadata ->> 'generation_id')
                AND t.state = 'settled'
            ORDER BY t.closed_at DESC LIMIT 1) a ON true
        WHERE r."brandId" = $1 AND r.type = ANY($6) AND r."recordedAt" >= $2 AND r."recordedAt" < $3
        GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2 LIMIT $5"#,
        brand.as_str(),
        to_public(from),
        to_public(to),
        group.as_str(),
        most,
        &Metric::ALL.map(|metric| metric.to_string())
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(UsageSum {
                metric: row.metric.parse().map_err(|_| StoreError::Inconsistent {
                    table: "UsageRecord",
                    column: "type",
                    id: brand.to_string(),
                    detail: row.metric.clone(),
                })?,
                key: row.key,
                units: row.units,
                records: row.records,
                provider_cost_micros: row.cost,
            })
        })
        .collect()
}
