//! The brand's row: may it order, and how much is left.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::QuotaPolicy;

use super::{Accepted, Decision, Refusal};
use crate::database::Transaction;
use crate::error::StoreError;

/// What the intake must know of a brand, read under its row lock.
pub(super) struct BrandQuota {
    status: String,
    subscription: String,
    deleted: bool,
    used: i32,
    limit: i32,
    policy: QuotaPolicy,
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

/// Locks the brands' rows in the order of their ids and reads them. Their counters must be those of the
/// period that holds `now`: [`StoreError::PeriodDue`] otherwise.
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
               (SELECT p.quota_policy FROM atelier.plan p
                WHERE p.plan = b."subscriptionPlan"::text AND p.valid_from <= $2
                ORDER BY p.valid_from DESC LIMIT 1) AS policy,
               NOT EXISTS (SELECT 1 FROM atelier.billing_period p
                           WHERE p.brand_id = b.id AND p.period_end > $2) AS "period_due!"
        FROM "Brand" b WHERE b.id = ANY($1) ORDER BY b.id FOR NO KEY UPDATE OF b"#,
        &ids,
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    if rows.iter().any(|row| row.period_due) {
        return Err(StoreError::PeriodDue);
    }
    rows.into_iter()
        .map(|row| {
            // A plan without prices blocks at the limit: the careful reading of missing data.
            let policy = row
                .policy
                .as_deref()
                .unwrap_or("block")
                .parse()
                .map_err(|_| StoreError::Inconsistent {
                    table: "atelier.plan",
                    column: "quota_policy",
                    id: row.id.clone(),
                    detail: format!("unknown policy {:?}", row.policy),
                })?;
            let quota = BrandQuota {
                status: row.status,
                subscription: row.subscription,
                deleted: row.deleted,
                used: row.used,
                limit: row.limit,
                policy,
            };
            Ok((row.id, quota))
        })
        .collect()
}

/// Gives units to the requests in order until the brand's limit; refuses the rest. Returns how many
/// were given.
pub(super) fn share_out(
    brand: &BrandQuota,
    requests: &[usize],
    decisions: &mut [Option<Decision>],
) -> i32 {
    let limit = u64::try_from(brand.limit).unwrap_or(0);
    let used = u64::try_from(brand.used).unwrap_or(0);
    let granted = domain::grant(brand.policy, limit, used, requests.len() as u64);
    for (place, index) in requests.iter().enumerate() {
        decisions[*index] = Some(if (place as u64) < granted {
            Ok(Accepted::Created)
        } else {
            Err(Refusal::Quota {
                limit,
                used: used + granted,
            })
        });
    }
    i32::try_from(granted).unwrap_or(i32::MAX)
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
