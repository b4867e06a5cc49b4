//! Reading what a brand may use and has used.

use chrono::{DateTime, Utc};
use domain::{Allowance, BrandId, Metric, QuotaPolicy};

use super::{Period, of_generations};
use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::intake::QuotaRefusal;

/// Where a brand stands with one limited metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub brand: BrandId,
    /// Of what.
    pub metric: Metric,
    /// What it may use.
    pub allowance: Allowance,
    /// What it has used.
    pub used: u64,
    pub(crate) period: Period,
}

impl Standing {
    /// When the period ends and the count begins anew.
    pub fn resets_at(&self) -> DateTime<Utc> {
        self.period.end
    }

    /// As it is told to whoever is refused.
    pub(crate) fn refusal(&self) -> QuotaRefusal {
        QuotaRefusal {
            metric: self.metric,
            limit: self.allowance.ceiling().unwrap_or(u64::MAX),
            used: self.used,
            policy: self.allowance.policy,
            reset_at: self.period.end,
        }
    }
}

/// One metric of a brand's quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricQuota {
    /// What is counted.
    pub metric: Metric,
    /// What may be used.
    pub allowance: Allowance,
    /// Units used in the period.
    pub used: u64,
    /// Units held by what is under way.
    pub reserved: u64,
}

/// A brand's quota in its current period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaReport {
    /// The plan's name.
    pub plan: String,
    /// The subscription's state.
    pub status: String,
    /// When the period began.
    pub period_start: DateTime<Utc>,
    /// When it ends.
    pub period_end: DateTime<Utc>,
    /// Every metric, in the order of [`Metric::ALL`].
    pub metrics: Vec<MetricQuota>,
}

/// The policy of stored columns; none where there is no price.
pub(crate) fn allowance_of(
    brand: &str,
    included: Option<i64>,
    policy: Option<&str>,
    cap: Option<i64>,
) -> Result<(Option<i64>, Option<QuotaPolicy>), StoreError> {
    let cap = cap.and_then(|cap| u64::try_from(cap).ok());
    let policy = policy
        .map(|name| QuotaPolicy::from_name(name, cap))
        .transpose();
    let policy = policy.map_err(|unknown| StoreError::Inconsistent {
        table: "atelier.plan_price",
        column: "quota_policy",
        id: brand.to_owned(),
        detail: unknown.0,
    })?;
    Ok((included, policy))
}

fn units(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Where brands stand with those of these metrics that a plan limits. Others are left out, and so are brands
/// without a period, which have used nothing.
pub(crate) async fn limited(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    asked: &[(BrandId, Metric)],
) -> Result<Vec<Standing>, StoreError> {
    let brands: Vec<String> = asked.iter().map(|(brand, _)| brand.to_string()).collect();
    let metrics: Vec<String> = asked.iter().map(|(_, metric)| metric.to_string()).collect();
    let rows = sqlx::query!(
        r#"-- store::quota::limited
        SELECT b.id, u.metric AS "metric!", p.period_start, p.period_end,
            q.included_units AS "included!", q.quota_policy, q.cap_units,
            (SELECT COALESCE(sum(k.units), 0)::bigint FROM atelier.usage_bucket k
             WHERE k.brand_id = b.id AND k.period_start = p.period_start AND k.metric = u.metric
                AND k.of_period = p.period_start) AS "used!"
        FROM unnest($1::text[], $2::text[]) AS u (brand_id, metric)
        JOIN "Brand" b ON b.id = u.brand_id
        JOIN LATERAL (
            SELECT period_start, period_end FROM atelier.billing_period
            WHERE brand_id = b.id AND period_start <= $3 AND period_end > $3
            ORDER BY period_start DESC LIMIT 1) p ON true
        JOIN LATERAL (
            SELECT included_units, quota_policy, cap_units FROM atelier.plan_price
            WHERE plan = b."subscriptionPlan"::text AND metric = u.metric AND valid_from <= p.period_start
            ORDER BY valid_from DESC LIMIT 1) q ON q.included_units IS NOT NULL"#,
        &brands,
        &metrics,
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let policy = Some(row.quota_policy.as_str());
            let (_, policy) = allowance_of(&row.id, Some(row.included), policy, row.cap_units)?;
            Ok(Standing {
                metric: metric_of(&row.id, &row.metric)?,
                brand: BrandId(row.id),
                allowance: Allowance {
                    included: Some(units(row.included)),
                    policy: policy.unwrap_or(QuotaPolicy::Block),
                },
                used: units(row.used),
                period: Period {
                    start: row.period_start,
                    end: row.period_end,
                },
            })
        })
        .collect()
}

fn metric_of(brand: &str, name: &str) -> Result<Metric, StoreError> {
    name.parse().map_err(|_| StoreError::Inconsistent {
        table: "atelier.plan_price",
        column: "metric",
        id: brand.to_owned(),
        detail: name.to_owned(),
    })
}

/// Where brands stand with a metric, as committed. Only those whose plan limits it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn standing(
    db: &Database,
    now: DateTime<Utc>,
    brands: &[BrandId],
    metric: Metric,
) -> Result<Vec<Standing>, StoreError> {
    let asked: Vec<(BrandId, Metric)> =
        brands.iter().map(|brand| (brand.clone(), metric)).collect();
    let mut tx = db.begin("quota_standing").await?;
    let found = limited(&mut tx, now, &asked).await?;
    tx.commit().await?;
    Ok(found)
}

/// Every metric of a brand, by one statement, so that the numbers belong together. `None` where there is no
/// such brand, or no period for `now` has begun: see [`super::of_brand`].
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn report(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
) -> Result<Option<QuotaReport>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::quota::report
        SELECT b."subscriptionPlan"::text AS "plan!", b."subscriptionStatus"::text AS "status!",
            b."monthlyGenerations" AS counted, b."maxMonthlyGenerations" AS "limit",
            p.period_start, p.period_end, u.metric AS "metric!",
            q.included_units AS "included?", q.quota_policy AS "policy?", q.cap_units AS "cap?",
            (SELECT COALESCE(sum(k.units), 0)::bigint FROM atelier.usage_bucket k
             WHERE k.brand_id = b.id AND k.period_start = p.period_start AND k.metric = u.metric
                AND k.of_period = p.period_start) AS "used!",
            CASE u.metric WHEN 'generation' THEN
                (SELECT count(*) FROM atelier.job j WHERE j.brand_id = b.id AND j.quota = 'reserved')
            ELSE 0 END AS "reserved!"
        FROM "Brand" b
        JOIN LATERAL (
            SELECT period_start, period_end FROM atelier.billing_period
            WHERE brand_id = b.id AND period_start <= $2 AND period_end > $2
            ORDER BY period_start DESC LIMIT 1) p ON true
        CROSS JOIN unnest($3::text[]) AS u (metric)
        LEFT JOIN LATERAL (
            SELECT included_units, quota_policy, cap_units FROM atelier.plan_price
            WHERE plan = b."subscriptionPlan"::text AND metric = u.metric AND valid_from <= p.period_start
            ORDER BY valid_from DESC LIMIT 1) q ON true
        WHERE b.id = $1"#,
        brand.as_str(),
        now,
        &Metric::ALL.map(|metric| metric.to_string())
    )
    .fetch_all(&mut *connection)
    .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut report = QuotaReport {
        plan: first.plan.clone(),
        status: first.status.clone(),
        period_start: first.period_start,
        period_end: first.period_end,
        metrics: Vec::new(),
    };
    for row in &rows {
        let metric = metric_of(brand.as_str(), &row.metric)?;
        let policy = row.policy.as_deref();
        let (included, policy) = allowance_of(brand.as_str(), row.included, policy, row.cap)?;
        let reserved = units(row.reserved);
        let is_generation = metric == Metric::Generation;
        report.metrics.push(MetricQuota {
            metric,
            allowance: match policy {
                _ if is_generation => of_generations(row.limit, included, policy, &row.status),
                Some(policy) => Allowance {
                    included: included.map(units),
                    policy,
                },
                None => Allowance::UNLIMITED,
            },
            // The brand's counter holds what is under way, and what the older platform has counted.
            used: match is_generation {
                true => units(i64::from(row.counted)).saturating_sub(reserved),
                false => units(row.used),
            },
            reserved,
        });
    }
    report
        .metrics
        .sort_by_key(|one| Metric::ALL.iter().position(|metric| *metric == one.metric));
    Ok(Some(report))
}
