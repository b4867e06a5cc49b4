//! What plans cost: dated rows that are only added.
//!
//! The price in force when a period begins holds for the whole period, so a row that begins in the past would
//! change what a brand was promised. Rows begin in the future, and one that is there is never replaced.

use chrono::{DateTime, Utc};
use domain::invoice::UnitPrice;
use domain::{Metric, Plan, QuotaPolicy};
use serde_json::json;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::quota::allowance_of;

/// A plan's fee from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlanFee {
    /// Its name in the database.
    pub plan: String,
    /// From when on.
    pub valid_from: DateTime<Utc>,
    /// The currency.
    pub currency: String,
    /// For a whole period, in millionths of the currency's unit.
    pub monthly_fee_micros: i64,
}

/// What a unit of a metric costs in a plan, from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlanPrice {
    /// The plan's name in the database.
    pub plan: String,
    /// What is counted.
    pub metric: Metric,
    /// From when on.
    pub valid_from: DateTime<Utc>,
    /// The currency.
    pub currency: String,
    /// Units in a whole period that the fee covers; none is without end.
    pub included_units: Option<u64>,
    /// Each unit beyond them.
    pub unit_price: UnitPrice,
    /// What happens beyond them.
    pub policy: QuotaPolicy,
}

/// Why a row was not added. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceFault {
    /// It would begin in the past.
    #[error("prices hold from the beginning of a period on and begin in the future: after {now}")]
    InThePast {
        /// The moment it was asked for.
        now: DateTime<Utc>,
    },
    /// There is a row of this plan, metric and moment, with other numbers.
    #[error("another price is set for this very moment; prices are never replaced")]
    Taken,
    /// Its currency is another than the plan's.
    #[error("the plan is priced in {currency}; its fee and all its prices have one currency")]
    OtherCurrency {
        /// The plan's currency.
        currency: String,
    },
    /// The plan has no fee at this moment.
    #[error("the plan has no fee by then")]
    NoPlan,
}

/// Every fee, by plan and moment.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn fees(db: &Database) -> Result<Vec<PlanFee>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        PlanFee,
        r#"-- store::plans::fees
        SELECT plan, valid_from, currency, monthly_fee_micros FROM atelier.plan
        ORDER BY monthly_fee_micros, plan, valid_from"#
    )
    .fetch_all(&mut *connection)
    .await?)
}

/// Every price, by plan, metric and moment.
///
/// # Errors
/// [`StoreError::Inconsistent`] where a row is no price, naming it.
pub async fn prices(db: &Database) -> Result<Vec<PlanPrice>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::plans::prices
        SELECT plan, metric, valid_from, currency, included_units, unit_price_e10, quota_policy, cap_units
        FROM atelier.plan_price ORDER BY plan, metric, valid_from"#
    )
    .fetch_all(&mut *connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let id = format!("{}/{}", row.plan, row.metric);
            let bad = |column: &'static str, detail: String| StoreError::Inconsistent {
                table: "atelier.plan_price",
                column,
                id: id.clone(),
                detail,
            };
            let metric = row.metric.parse();
            let price = UnitPrice::from_e10(row.unit_price_e10);
            let (_, policy) = allowance_of(&id, None, Some(&row.quota_policy), row.cap_units)?;
            Ok(PlanPrice {
                metric: metric.map_err(|_| bad("metric", row.metric.clone()))?,
                plan: row.plan,
                valid_from: row.valid_from,
                currency: row.currency,
                included_units: row
                    .included_units
                    .and_then(|units| u64::try_from(units).ok()),
                unit_price: price,
                policy: policy.ok_or_else(|| bad("quota_policy", row.quota_policy))?,
            })
        })
        .collect()
}

/// A new price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrice {
    /// In which plan.
    pub plan: Plan,
    /// Of what.
    pub metric: Metric,
    /// From when on.
    pub valid_from: DateTime<Utc>,
    /// The currency, in capitals.
    pub currency: String,
    /// Units that the fee covers; none is without end.
    pub included_units: Option<i64>,
    /// Each unit beyond them, in 10⁻¹⁰ of the currency's unit.
    pub unit_price_e10: i64,
    /// What happens beyond them.
    pub policy: QuotaPolicy,
}

/// Adds a price, as `actor`. The same row again is no fault.
///
/// # Errors
/// [`StoreError::Unavailable`]; then nothing or all was written.
pub async fn add_price(
    db: &Database,
    now: DateTime<Utc>,
    actor: &str,
    price: &NewPrice,
) -> Result<Result<(), PriceFault>, StoreError> {
    let (policy, cap) = match price.policy {
        QuotaPolicy::ChargeCapped { cap } => ("charge_capped", i64::try_from(cap).ok()),
        other => (other.as_str(), None),
    };
    let mut tx = db.begin("add_price").await?;
    if let Err(fault) = check(&mut tx, now, price.plan, price.valid_from, &price.currency).await? {
        return Ok(Err(fault));
    }
    let plan = price.plan.as_str();
    let stands = sqlx::query_scalar!(
        r#"-- store::plans::add_price
        WITH added AS (
            INSERT INTO atelier.plan_price (plan, metric, valid_from, currency, included_units, unit_price_e10,
                quota_policy, cap_units)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (plan, metric, valid_from) DO NOTHING
            RETURNING true AS yes)
        SELECT EXISTS (SELECT 1 FROM added) OR EXISTS (
            SELECT 1 FROM atelier.plan_price WHERE plan = $1 AND metric = $2 AND valid_from = $3
                AND currency = $4 AND included_units IS NOT DISTINCT FROM $5 AND unit_price_e10 = $6
                AND quota_policy = $7 AND cap_units IS NOT DISTINCT FROM $8) AS "stands!""#,
        plan,
        price.metric.as_str(),
        price.valid_from,
        price.currency,
        price.included_units,
        price.unit_price_e10,
        policy,
        cap
    )
    .fetch_one(&mut *tx)
    .await?;
    if !stands {
        return Ok(Err(PriceFault::Taken));
    }
    let detail = json!({
        "metric": price.metric, "valid_from": price.valid_from, "currency": price.currency,
        "included_units": price.included_units, "unit_price_e10": price.unit_price_e10,
        "quota_policy": policy, "cap_units": cap,
    });
    note(&mut tx, now, actor, "plan.price", plan, &detail).await?;
    tx.commit().await?;
    Ok(Ok(()))
}

/// Adds a fee, as `actor`. The same row again is no fault. Processes from before billing read the price of
/// generations beside it, so that is carried on.
///
/// # Errors
/// [`StoreError::Unavailable`]; then nothing or all was written.
pub async fn add_fee(
    db: &Database,
    now: DateTime<Utc>,
    actor: &str,
    plan: Plan,
    fee: &PlanFee,
) -> Result<Result<(), PriceFault>, StoreError> {
    let mut tx = db.begin("add_fee").await?;
    if let Err(fault) = check(&mut tx, now, plan, fee.valid_from, &fee.currency).await? {
        return Ok(Err(fault));
    }
    let plan = plan.as_str();
    let stands = sqlx::query_scalar!(
        r#"-- store::plans::add_fee
        WITH added AS (
            INSERT INTO atelier.plan (plan, valid_from, currency, monthly_fee_micros, included_generations,
                overage_unit_micros, quota_policy)
            SELECT plan, $2, currency, $3, included_generations, overage_unit_micros, quota_policy
            FROM atelier.plan WHERE plan = $1 AND valid_from <= $2 ORDER BY valid_from DESC LIMIT 1
            ON CONFLICT (plan, valid_from) DO NOTHING RETURNING true AS yes)
        SELECT EXISTS (SELECT 1 FROM added) OR EXISTS (
            SELECT 1 FROM atelier.plan WHERE plan = $1 AND valid_from = $2 AND monthly_fee_micros = $3) AS "stands!""#,
        plan,
        fee.valid_from,
        fee.monthly_fee_micros
    )
    .fetch_one(&mut *tx)
    .await?;
    if !stands {
        return Ok(Err(PriceFault::Taken));
    }
    let detail = json!(fee);
    note(&mut tx, now, actor, "plan.fee", plan, &detail).await?;
    tx.commit().await?;
    Ok(Ok(()))
}

async fn check(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    plan: Plan,
    from: DateTime<Utc>,
    currency: &str,
) -> Result<Result<(), PriceFault>, StoreError> {
    if from <= now {
        return Ok(Err(PriceFault::InThePast { now }));
    }
    let known = sqlx::query_scalar!(
        r#"-- store::plans::currency
        SELECT currency FROM atelier.plan WHERE plan = $1 AND valid_from <= $2
        ORDER BY valid_from DESC LIMIT 1"#,
        plan.as_str(),
        from
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(match known {
        None => Err(PriceFault::NoPlan),
        Some(known) if known != currency => Err(PriceFault::OtherCurrency { currency: known }),
        Some(_) => Ok(()),
    })
}

async fn note(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    actor: &str,
    action: &str,
    plan: &str,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::plans::note
        INSERT INTO atelier.audit_log (at, actor, action, subject, detail)
        VALUES ($1, $2, $3, 'plan:' || $4, $5)"#,
        now,
        actor,
        action,
        plan,
        detail
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
