//! The brand's row: may it order, and how much is left.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Allowance, BrandId, Metric};

use super::{Accepted, Decision, QuotaRefusal, Refusal};
use crate::database::Transaction;
use crate::error::StoreError;
use crate::quota::{Crossing, Period, allowance_of, of_generations, tell};

/// What the intake must know of a brand, read under its row lock.
pub(super) struct BrandQuota {
    id: String,
    status: String,
    subscription: String,
    deleted: bool,
    used: u64,
    allowance: Allowance,
    period: Period,
}

impl BrandQuota {
    /// Why the brand may not order, if it may not.
    pub(super) fn closed(&self) -> Option<&'static str> {
        if self.deleted {
            Some("the brand was deleted")
        } else if self.status == "SUSPENDED" {
            Some("the brand is suspended")
        } else if self.subscription == "CANCELED" {
            Some("the subscription was cancelled")
        } else {
            None
        }
    }
}

/// Locks the brands' rows in the order of their ids and reads them, with the price that was in force when
/// their period began. Their counters must be those of the period that holds `now`:
/// [`StoreError::PeriodDue`] otherwise.
pub(super) async fn lock_brands(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    ids: Vec<String>,
) -> Result<HashMap<String, BrandQuota>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::intake::lock_brands
        SELECT b.id, b.status::text AS "status!", b."subscriptionStatus"::text AS "subscription!",
               b."deletedAt" IS NOT NULL AS "deleted!",
               b."monthlyGenerations" AS used, b."maxMonthlyGenerations" AS "limit",
               p.period_start AS "period_start?", p.period_end AS "period_end?",
               q.included_units AS "included?", q.quota_policy AS "policy?", q.cap_units AS "cap?"
        FROM "Brand" b
        LEFT JOIN LATERAL (
            SELECT period_start, period_end FROM atelier.billing_period
            WHERE brand_id = b.id AND period_end > $2 ORDER BY period_start DESC LIMIT 1) p ON true
        LEFT JOIN LATERAL (
            SELECT included_units, quota_policy, cap_units FROM atelier.plan_price
            WHERE plan = b."subscriptionPlan"::text AND metric = 'generation'
                AND valid_from <= p.period_start
            ORDER BY valid_from DESC LIMIT 1) q ON true
        WHERE b.id = ANY($1) ORDER BY b.id FOR NO KEY UPDATE OF b"#,
        &ids,
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut brands = HashMap::new();
    for row in rows {
        let (Some(start), Some(end)) = (row.period_start, row.period_end) else {
            return Err(StoreError::PeriodDue);
        };
        let (included, policy) =
            allowance_of(&row.id, row.included, row.policy.as_deref(), row.cap)?;
        let quota = BrandQuota {
            id: row.id.clone(),
            allowance: of_generations(row.limit, included, policy, &row.subscription),
            status: row.status,
            subscription: row.subscription,
            deleted: row.deleted,
            used: u64::try_from(row.used).unwrap_or(0),
            period: Period { start, end },
        };
        brands.insert(row.id, quota);
    }
    Ok(brands)
}

/// Gives units to the requests in order until the brand's ceiling; refuses the rest. Returns how many
/// were given.
pub(super) fn share_out(
    brand: &BrandQuota,
    requests: &[usize],
    decisions: &mut [Option<Decision>],
) -> i32 {
    let granted = brand.allowance.grant(brand.used, requests.len() as u64);
    for (place, index) in requests.iter().enumerate() {
        decisions[*index] = Some(if (place as u64) < granted {
            Ok(Accepted::Created)
        } else {
            Err(Refusal::Quota(QuotaRefusal {
                metric: Metric::Generation,
                limit: brand.allowance.ceiling().unwrap_or(u64::MAX),
                used: brand.used + granted,
                policy: brand.allowance.policy,
                reset_at: brand.period.end,
            }))
        });
    }
    i32::try_from(granted).unwrap_or(i32::MAX)
}

/// Tells the brands of the thresholds that these units reach. Under their rows' locks, so exact; without a
/// statement where none is reached.
pub(super) async fn tell_thresholds(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brands: &HashMap<String, BrandQuota>,
    taken: &[(String, i32)],
) -> Result<(), StoreError> {
    let crossings: Vec<Crossing> = taken
        .iter()
        .filter_map(|(id, units)| {
            let brand = brands.get(id)?;
            Some(Crossing {
                brand: BrandId(brand.id.clone()),
                metric: Metric::Generation,
                period: brand.period,
                measure: brand.allowance.measure()?,
                before: brand.used,
                after: brand.used + u64::try_from(*units).unwrap_or(0),
            })
        })
        .collect();
    tell(tx, now, &crossings).await
}

/// Writes the units taken to the brands' rows.
pub(super) async fn take(tx: &mut Transaction, taken: &[(String, i32)]) -> Result<(), StoreError> {
    if taken.is_empty() {
        return Ok(());
    }
    let (ids, counts): (Vec<String>, Vec<i32>) = taken.iter().cloned().unzip();
    sqlx::query!(
        r#"-- store::intake::take_quota
        UPDATE "Brand" b SET "monthlyGenerations" = b."monthlyGenerations" + u.count
        FROM unnest($1::text[], $2::int[]) AS u (id, count) WHERE b.id = u.id"#,
        &ids,
        &counts
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
