//! What a brand may spend at providers in its period, and what it has spent.
//!
//! The limit is `"Brand"."aiCostLimitCents"`, as the older platform set it. A call's upper bound is
//! reserved in the transaction that opens its attempt ([`crate::ledger::open`]) and its cost is booked in
//! the one that records it ([`crate::ledger::record`]); between the two, the attempt's own row is the
//! reservation. So a dead worker's reservation lives as long as its attempt is open, and no sum can
//! drift away from the ledger.
//!
//! Amounts are millionths of a US dollar. `"aiCostUsedCents"` follows every few seconds ([`mirror`]),
//! rounded up to whole cents once for the whole period, and never per picture: a picture of 0.4 cents must
//! not count as 1. What the older platform adds to that column by itself counts against the limit too.
//!
//! A period ends at `"aiCostResetAt"`; the next one ends a month later. The first call after the end
//! begins it.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use domain::{BrandId, Micros};

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::time::to_public;

/// Micro-dollars in a cent.
const CENT: i64 = 10_000;

/// A brand's budget as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Whose.
    pub brand: BrandId,
    /// The limit of a period.
    pub limit: Micros,
    /// Spent in this period by us.
    pub spent: Micros,
    /// Spent in this period by the older platform.
    pub spent_elsewhere: Micros,
    /// Reserved by calls whose cost is not known yet.
    pub reserved: Micros,
    /// When the period ends; none before the first call.
    pub resets_at: Option<DateTime<Utc>>,
}

/// A share of a limit that a brand has reached for the first time in its period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetAlert {
    /// Whose.
    pub brand: BrandId,
    /// 80 or 100.
    pub percent: i16,
}

/// A brand's budget; none where there is no such brand.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(db: &Database, brand: &BrandId) -> Result<Option<Budget>, StoreError> {
    let mut connection = db.connection().await?;
    let row = sqlx::query!(
        r#"-- store::budgets::find
        SELECT b."aiCostLimitCents"::bigint AS "limit_cents!",
            GREATEST(b."aiCostUsedCents" - COALESCE(s.mirrored_cents, 0), 0) AS "others_cents!",
            COALESCE(s.spent_micros, 0) AS "spent!", s.resets_at AS "resets_at?",
            (SELECT COALESCE(sum(a.reserved_micros), 0)::bigint FROM atelier.attempt a
             WHERE a.brand_id = b.id AND a.state IN ('submitting', 'accepted', 'unknown')
                 AND a.reserved_micros > 0) AS "reserved!"
        FROM "Brand" b LEFT JOIN atelier.budget s ON s.brand_id = b.id WHERE b.id = $1"#,
        brand.as_str()
    )
    .fetch_optional(&mut *connection)
    .await?;
    Ok(row.map(|row| Budget {
        brand: brand.clone(),
        limit: Micros(row.limit_cents * CENT),
        spent: Micros(row.spent),
        spent_elsewhere: Micros(row.others_cents * CENT),
        reserved: Micros(row.reserved),
        resets_at: row.resets_at.map(crate::time::from_public),
    }))
}

/// Sets a brand's limit for every period. Returns whether there is such a brand.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn set_limit(db: &Database, brand: &BrandId, cents: i32) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    let done = sqlx::query!(
        r#"-- store::budgets::set_limit
        UPDATE "Brand" SET "aiCostLimitCents" = $2 WHERE id = $1"#,
        brand.as_str(),
        cents
    )
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks the budgets of these brands until the transaction ends, in the order of their ids, and begins
/// the periods that are due. What is summed up under the lock must be summed by a later statement: this
/// one's snapshot may be older than what the lock waited for.
pub(crate) async fn lock(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brands: &[String],
) -> Result<(), StoreError> {
    let current = sqlx::query_scalar!(
        r#"-- store::budgets::lock
        SELECT s.brand_id FROM atelier.budget s JOIN "Brand" b ON b.id = s.brand_id
        WHERE s.brand_id = ANY($1) AND s.resets_at > $2
            AND s.resets_at = b."aiCostResetAt"
        ORDER BY s.brand_id FOR UPDATE OF s"#,
        brands,
        to_public(now)
    )
    .fetch_all(&mut **tx)
    .await?;
    for brand in brands.iter().filter(|brand| !current.contains(brand)) {
        begin_period(tx, now, brand).await?;
    }
    Ok(())
}

/// Begins a brand's period: there was none, it is over, or the older platform began one.
async fn begin_period(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brand: &str,
) -> Result<(), StoreError> {
    let now = to_public(now);
    let Some(platform) = sqlx::query_scalar!(
        r#"-- store::budgets::begin_period
        SELECT "aiCostResetAt" FROM "Brand" WHERE id = $1 FOR NO KEY UPDATE"#,
        brand
    )
    .fetch_optional(&mut **tx)
    .await?
    else {
        return Ok(());
    };
    // By a statement of its own: the one before may have waited for somebody who began the period, and
    // its snapshot would not show the row that they made, nor what has been booked on it since.
    let ours = sqlx::query_scalar!(
        r#"-- store::budgets::begun
        SELECT resets_at FROM atelier.budget WHERE brand_id = $1 FOR UPDATE"#,
        brand
    )
    .fetch_optional(&mut **tx)
    .await?;
    let end = platform.or(ours);
    let over = end.is_some_and(|end| end <= now);
    let resets_at = match end {
        Some(end) if !over => end,
        Some(end) => next_end(end, now),
        None => first_of_next_month(now),
    };
    // Somebody else may have begun it since the look before the brand's row was locked.
    if ours == Some(resets_at) && platform == Some(resets_at) {
        return Ok(());
    }
    let restored = platform.is_none() && ours == Some(resets_at);
    sqlx::query!(
        r#"-- store::budgets::write_period
        INSERT INTO atelier.budget AS s (brand_id, resets_at) VALUES ($1, $2)
        ON CONFLICT (brand_id) DO UPDATE SET resets_at = EXCLUDED.resets_at,
            spent_micros = CASE WHEN $3 THEN s.spent_micros ELSE 0 END,
            mirrored_cents = CASE WHEN $3 THEN s.mirrored_cents ELSE 0 END,
            alerted_percent = CASE WHEN $3 THEN s.alerted_percent ELSE 0 END"#,
        brand,
        resets_at,
        restored
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"-- store::budgets::write_reset
        UPDATE "Brand" SET "aiCostResetAt" = $2,
            "aiCostUsedCents" = CASE WHEN $3 THEN 0 ELSE "aiCostUsedCents" END
        WHERE id = $1"#,
        brand,
        resets_at,
        over
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The first end after `now` that lies whole months after `end`.
fn next_end(end: NaiveDateTime, now: NaiveDateTime) -> NaiveDateTime {
    (1..=1_200)
        .filter_map(|months| end.checked_add_months(Months::new(months)))
        .find(|next| *next > now)
        .unwrap_or_else(|| first_of_next_month(now))
}

fn first_of_next_month(now: NaiveDateTime) -> NaiveDateTime {
    let first = NaiveDate::from_ymd_opt(now.year(), now.month(), 1).unwrap_or(now.date());
    let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
    next.and_time(NaiveTime::MIN)
}

/// Books costs, in the transaction that records them. Returns the alerts that became due.
pub(crate) async fn book(
    tx: &mut Transaction,
    costs: &BTreeMap<String, i64>,
) -> Result<Vec<BudgetAlert>, StoreError> {
    if costs.is_empty() {
        return Ok(Vec::new());
    }
    let (brands, micros): (Vec<String>, Vec<i64>) =
        costs.iter().map(|(b, m)| (b.clone(), *m)).unzip();
    let rows = sqlx::query!(
        r#"-- store::budgets::book
        UPDATE atelier.budget s
        SET spent_micros = s.spent_micros + u.micros,
            alerted_percent = GREATEST(s.alerted_percent, CASE
                WHEN s.spent_micros + u.micros + u.others >= u.allowed THEN 100
                WHEN (s.spent_micros + u.micros + u.others) * 5 >= u.allowed * 4 THEN 80
                ELSE 0 END)
        FROM (
            SELECT l.brand_id, u.micros, l.alerted_percent AS before,
                b."aiCostLimitCents" * 10000::bigint AS allowed,
                GREATEST(b."aiCostUsedCents" - l.mirrored_cents, 0) * 10000::bigint AS others
            FROM unnest($1::text[], $2::bigint[]) AS u (brand_id, micros)
            JOIN atelier.budget l ON l.brand_id = u.brand_id
            JOIN "Brand" b ON b.id = u.brand_id
            ORDER BY l.brand_id FOR UPDATE OF l
        ) u
        WHERE s.brand_id = u.brand_id
        RETURNING s.brand_id, s.alerted_percent AS percent, u.before AS "before!""#,
        &brands,
        &micros
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .filter(|row| row.percent > row.before)
        .map(|row| BudgetAlert {
            brand: BrandId(row.brand_id),
            percent: row.percent,
        })
        .collect())
}

/// Brings `"aiCostUsedCents"` up to date, for at most `most` brands. Returns how many it changed. Brands
/// that another transaction holds are left to the next run.
///
/// # Errors
/// [`StoreError::Unavailable`]; call it again.
pub async fn mirror(db: &Database, most: i64) -> Result<u64, StoreError> {
    let mut tx = db.begin("mirror_budgets").await?;
    let done = sqlx::query!(
        r#"-- store::budgets::mirror
        WITH due AS (
            SELECT brand_id, mirrored_cents, (spent_micros + 9999) / 10000 AS cents
            FROM atelier.budget WHERE (spent_micros + 9999) / 10000 <> mirrored_cents
            ORDER BY brand_id LIMIT $1 FOR UPDATE SKIP LOCKED
        ), noted AS (
            UPDATE atelier.budget s SET mirrored_cents = due.cents
            FROM due WHERE s.brand_id = due.brand_id
        )
        UPDATE "Brand" b SET "aiCostUsedCents" =
            LEAST(b."aiCostUsedCents" + due.cents - due.mirrored_cents, 2147483647)::int
        FROM due WHERE b.id = due.brand_id"#,
        most
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn periods_end_whole_months_later_however_long_nobody_looked() {
        let end = at("2026-01-31T09:00:00");
        assert_eq!(next_end(end, end), at("2026-02-28T09:00:00"));
        let late = at("2026-04-02T00:00:00");
        assert_eq!(next_end(end, late), at("2026-04-30T09:00:00"));
        assert_eq!(
            first_of_next_month(at("2026-12-31T23:59:59")),
            at("2027-01-01T00:00:00")
        );
    }
}
