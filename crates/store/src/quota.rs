//! What a brand may use, what it has used, and being told in time.
//!
//! - Generations are counted in the brand's own row, at intake ([`crate::intake`], ADR 0005). A threshold is
//!   crossed there under the row's lock, and told in the same transaction.
//! - All other metrics are counted in the buckets that [`crate::usage::record`] fills. It asks
//!   [`look_after`] afterwards, which costs one look at the price and nothing more where nothing is limited.
//! - Views in augmented reality can be refused before they happen ([`room`]); API calls are refused by what the
//!   processes remember ([`standing`]). What was stored and what was delivered is a fact already when it is
//!   counted: it is billed or told, never refused.
//!
//! A threshold is told once per brand, metric and period: its row's key sees to that.

mod alerts;
mod limits;

use chrono::{DateTime, Utc};
use domain::{Allowance, BrandId, Metric};

use crate::database::{Database, Transaction};
use crate::error::StoreError;

pub(crate) use alerts::{Crossing, tell};
pub use limits::{MetricQuota, QuotaReport, Standing, report, standing};
pub(crate) use limits::{allowance_of, limited};

/// Tells of thresholds that usage has reached, after it was recorded in this transaction. What another
/// transaction has recorded and not yet committed is not seen; whoever records next sees it.
pub(crate) async fn look_after(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    recorded: &[(BrandId, Metric)],
) -> Result<(), StoreError> {
    let counted = recorded
        .iter()
        .filter(|(_, metric)| *metric != Metric::Generation);
    let mut counted: Vec<(BrandId, Metric)> = counted.cloned().collect();
    counted.sort_by(|a, b| (a.0.as_str(), a.1.as_str()).cmp(&(b.0.as_str(), b.1.as_str())));
    counted.dedup();
    if counted.is_empty() {
        return Ok(());
    }
    let found = limited(tx, now, &counted).await?;
    let crossings: Vec<Crossing> = found.iter().map(Crossing::up_to_now).collect();
    tell(tx, now, &crossings).await
}

/// Whether `units` more of a metric fit under the brand's ceiling; if not, where it stands. Holds other
/// askers for the same brand and metric back until the commit, where there is a ceiling, so that what is
/// granted is exact.
pub(crate) async fn room(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brand: &BrandId,
    metric: Metric,
    units: u64,
) -> Result<Result<(), Standing>, StoreError> {
    let asked = [(brand.clone(), metric)];
    let has_ceiling =
        |found: &[Standing]| found.iter().any(|one| one.allowance.ceiling().is_some());
    if !has_ceiling(&limited(tx, now, &asked).await?) {
        return Ok(Ok(()));
    }
    sqlx::query!(
        r#"-- store::quota::room
        SELECT pg_advisory_xact_lock(hashtextextended($1, 36)) AS locked"#,
        format!("quota:{metric}:{brand}")
    )
    .fetch_one(&mut **tx)
    .await?;
    // By a statement of its own: it sees what those committed who were waited for.
    let found = limited(tx, now, &asked).await?;
    Ok(match found.into_iter().next() {
        Some(one) if one.allowance.grant(one.used, units) < units => Err(one),
        _ => Ok(()),
    })
}

/// A brand's period, as far as a quota goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
}

/// A brand's whole quota in the period that holds `now`, which is begun where nobody has needed it yet.
/// `None` where there is no such brand.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn of_brand(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
) -> Result<Option<QuotaReport>, StoreError> {
    let found = report(db, now, brand).await?;
    if found.is_some() || !crate::brands::exists(db, brand).await? {
        return Ok(found);
    }
    crate::periods::ensure(db, now, &[brand.to_string()]).await?;
    report(db, now, brand).await
}

/// The allowance of generations: a plan that blocks does so at the brand's own limit, others bill what goes
/// beyond what the plan includes. A plan without a price blocks: the careful reading of missing data. On trial
/// nothing is billed, so every plan blocks at what it includes.
pub(crate) fn of_generations(
    limit: i32,
    included: Option<i64>,
    policy: Option<domain::QuotaPolicy>,
    status: &str,
) -> Allowance {
    let limit = u64::try_from(limit).unwrap_or(0);
    let included = included.and_then(|units| u64::try_from(units).ok());
    match policy {
        None | Some(domain::QuotaPolicy::Block) => Allowance {
            included: Some(limit),
            policy: domain::QuotaPolicy::Block,
        },
        Some(_) if status == "TRIALING" => Allowance {
            included,
            policy: domain::QuotaPolicy::Block,
        },
        Some(policy) => Allowance { included, policy },
    }
}
