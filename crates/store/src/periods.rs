//! A brand's periods: when one ends, the next begins, and the monthly counter starts again.
//!
//! Invariants:
//! - At most one period of a brand holds a moment, and its latest period is the one that
//!   `"Brand"."monthlyGenerations"` counts: units held by jobs under way, plus generations finished in
//!   it, plus what the older platform counted (`carried_units`).
//! - A job that is under way when a period ends holds its unit in the next one, and is billed in the
//!   period in which it ends.
//!
//! A period begins when somebody first needs it: an intake, a settlement or the duty `billing`, each of
//! which finds that none holds its `now` ([`StoreError::PeriodDue`]), begins it ([`ensure`]) in a
//! transaction of its own, and runs again. Locks are taken in one order everywhere: a job's row, then
//! periods, then `"Brand"`, each by the brands' ids.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use domain::{BillingMonth, BrandId};

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::time::{from_public, to_public};

/// More periods than this are not made in one go; nobody looks that seldom.
const MOST_AT_ONCE: usize = 240;

/// Begins the periods that hold `now`, where these brands have none. Returns how many brands needed it.
///
/// Each brand is a transaction; dying between two leaves the rest to whoever comes next.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Conflict`]: call it again.
pub async fn ensure(
    db: &Database,
    now: DateTime<Utc>,
    brands: &[String],
) -> Result<usize, StoreError> {
    let mut connection = db.connection().await?;
    let due = sqlx::query_scalar!(
        r#"-- store::periods::due
        SELECT DISTINCT u.id AS "id!" FROM unnest($1::text[]) AS u (id)
        WHERE NOT EXISTS (SELECT 1 FROM atelier.billing_period p
                          WHERE p.brand_id = u.id AND p.period_end > $2)
        ORDER BY 1"#,
        brands,
        now
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    for brand in &due {
        while !begin(db, now, brand).await? {}
    }
    Ok(due.len())
}

/// Brands that have no period for `now`, at most `most` of them. One that is cancelled or deleted needs none
/// until somebody asks for it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn to_begin(
    db: &Database,
    now: DateTime<Utc>,
    brand: Option<&BrandId>,
    most: i64,
) -> Result<Vec<String>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::periods::to_begin
        SELECT b.id FROM "Brand" b
        WHERE b."deletedAt" IS NULL AND b."subscriptionStatus" <> 'CANCELED'
            AND ($2::text IS NULL OR b.id = $2)
            AND NOT EXISTS (SELECT 1 FROM atelier.billing_period p
                WHERE p.brand_id = b.id AND p.period_end > $1)
        ORDER BY b.id LIMIT $3"#,
        now,
        brand.map(BrandId::as_str),
        most
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// A period as the next one follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Latest {
    period_start: DateTime<Utc>,
    period_end: DateTime<Utc>,
    anchor_day: i16,
    change_seq: i32,
}

/// Begins a brand's next period. `false` when somebody else did meanwhile: look again.
async fn begin(db: &Database, now: DateTime<Utc>, brand: &str) -> Result<bool, StoreError> {
    let mut tx = db.begin("begin_period").await?;
    let latest = latest(&mut tx, brand).await?;
    if latest.is_some_and(|latest| latest.period_end > now) {
        return Ok(true);
    }
    if let Some(latest) = latest {
        // Waits for everyone who records usage in it.
        lock(&mut tx, brand, latest.period_start).await?;
    }
    let row = sqlx::query!(
        r#"-- store::periods::lock_brand
        SELECT "createdAt" AS created_at, "subscriptionPlan"::text AS "plan!",
            "subscriptionStatus"::text AS "status!"
        FROM "Brand" WHERE id = $1 FOR NO KEY UPDATE"#,
        brand
    )
    .fetch_optional(&mut *tx)
    .await?;
    // By a statement of its own: what was waited for may have changed what the first one saw.
    if self::latest(&mut tx, brand).await? != latest {
        return Ok(false);
    }
    match latest {
        Some(latest) => {
            let canceled = row.is_some_and(|row| row.status == "CANCELED");
            follow(&mut tx, now, brand, latest, canceled).await?;
            reset_counter(&mut tx, brand).await?;
        }
        None => {
            let (created, plan, status) = match row {
                Some(row) => (from_public(row.created_at), row.plan, row.status),
                // The brand's row is gone while its last jobs end.
                None => (now, "FREE".to_owned(), "CANCELED".to_owned()),
            };
            let first = First {
                brand,
                created,
                plan,
                status,
            };
            begin_first(&mut tx, now, &first).await?;
        }
    }
    tx.commit().await?;
    Ok(true)
}

async fn latest(tx: &mut Transaction, brand: &str) -> Result<Option<Latest>, StoreError> {
    Ok(sqlx::query_as!(
        Latest,
        r#"-- store::periods::latest
        SELECT period_start, period_end, anchor_day, change_seq FROM atelier.billing_period
        WHERE brand_id = $1 ORDER BY period_start DESC LIMIT 1"#,
        brand
    )
    .fetch_optional(&mut **tx)
    .await?)
}

async fn lock(
    tx: &mut Transaction,
    brand: &str,
    period_start: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::periods::lock
        SELECT 1 AS "one!" FROM atelier.billing_period
        WHERE brand_id = $1 AND period_start = $2 FOR NO KEY UPDATE"#,
        brand,
        period_start
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}

/// The periods after `latest` until one holds `now`. A cancelled brand is not billed for months in which
/// it was away: it goes on with the one that holds `now`.
async fn follow(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brand: &str,
    latest: Latest,
    canceled: bool,
) -> Result<(), StoreError> {
    let anchor = u32::try_from(latest.anchor_day).unwrap_or(1);
    let today = now.date_naive();
    let mut month = if canceled {
        BillingMonth::holding(anchor, today.max(latest.period_end.date_naive()))
    } else {
        BillingMonth::holding(anchor, latest.period_end.date_naive())
    };
    for _ in 0..MOST_AT_ONCE {
        let start = midnight(month.start()).max(latest.period_end);
        insert(tx, brand, month, start, start, latest.change_seq, 0).await?;
        if month.end() > today {
            break;
        }
        month = month.next();
    }
    Ok(())
}

/// A brand that has no period yet.
struct First<'a> {
    brand: &'a str,
    created: DateTime<Utc>,
    plan: String,
    status: String,
}

/// A brand's first period is the month, counted from the day it was made, that holds `now`: what was
/// used before is not ours to bill. What the older platform has invoiced of it bears no fee.
async fn begin_first(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    first: &First<'_>,
) -> Result<(), StoreError> {
    let invoiced_until = sqlx::query_scalar!(
        r#"-- store::periods::invoiced_until
        SELECT max("periodEnd") FROM "Invoice" WHERE "brandId" = $1 AND status NOT IN ('draft', 'void')"#,
        first.brand
    )
    .fetch_one(&mut **tx)
    .await?;
    let began = invoiced_until.map_or(first.created, from_public);
    let month = BillingMonth::holding(began.day(), now.date_naive());
    let start = midnight(month.start());
    let end = midnight(month.end());
    let fee_from = midnight(began.date_naive()).clamp(start, end);
    let fee_from = if invoiced_until.is_some() {
        fee_from
    } else {
        start
    };
    sqlx::query!(
        r#"-- store::periods::first_change
        INSERT INTO atelier.subscription_change (brand_id, seq, effective_at, plan, status, reason, noted_at)
        VALUES ($1, 1, $2, $3, $4, 'initial', $5) ON CONFLICT DO NOTHING"#,
        first.brand,
        start,
        first.plan,
        first.status,
        now
    )
    .execute(&mut **tx)
    .await?;
    let carried = carried(tx, first.brand, start).await?;
    insert(tx, first.brand, month, start, fee_from, 1, carried).await
}

/// What stands in a brand's counter beyond the jobs under way and what was recorded since `start`.
async fn carried(
    tx: &mut Transaction,
    brand: &str,
    start: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let carried = sqlx::query_scalar!(
        r#"-- store::periods::carried
        SELECT b."monthlyGenerations"
            - (SELECT count(*) FROM atelier.job j WHERE j.brand_id = b.id AND j.quota = 'reserved')
            - (SELECT COALESCE(sum(u.count), 0) FROM "UsageRecord" u
               WHERE u."brandId" = b.id AND u.type = 'generation' AND u."recordedAt" >= $2
                   AND u.id LIKE 'generation:%') AS "carried!"
        FROM "Brand" b WHERE b.id = $1"#,
        brand,
        to_public(start)
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(carried.unwrap_or(0))
}

async fn insert(
    tx: &mut Transaction,
    brand: &str,
    month: BillingMonth,
    start: DateTime<Utc>,
    fee_from: DateTime<Utc>,
    change_seq: i32,
    carried: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::periods::insert
        INSERT INTO atelier.billing_period (brand_id, period_start, period_end, anchor_day, fee_from,
            change_seq, carried_units)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"#,
        brand,
        start,
        midnight(month.end()),
        i16::try_from(month.anchor_day()).unwrap_or(1),
        fee_from,
        change_seq,
        carried
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The counter of a new period: the units that jobs under way hold. A settlement that has not committed
/// holds the period before, and was waited for; every other end of a job waits for the brand's row,
/// which is held here.
async fn reset_counter(tx: &mut Transaction, brand: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::periods::reset_counter
        UPDATE "Brand" b SET "monthlyGenerations" = (
            SELECT count(*) FROM atelier.job j WHERE j.brand_id = b.id AND j.quota = 'reserved')
        WHERE b.id = $1"#,
        brand
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The first moment of a day.
pub(crate) fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
