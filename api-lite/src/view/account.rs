//! What a brand has used and may use, as `/v1` shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::quota::{MetricQuota, QuotaReport};
use store::usage_report::UsageSum;

/// A brand's quota in its current period.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct QuotaView {
    /// The plan's name.
    #[schema(example = "STARTER")]
    plan: String,
    /// The subscription's state.
    #[schema(example = "ACTIVE")]
    subscription_status: String,
    /// When the period began.
    period_start: DateTime<Utc>,
    /// When it ends and every count begins anew.
    resets_at: DateTime<Utc>,
    /// One entry per metric.
    metrics: Vec<MetricQuotaView>,
}

/// One metric of a quota.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct MetricQuotaView {
    /// `generation`, `ar_view`, `api_call`, `storage` (megabytes kept for a day) or `webhook_delivery`.
    #[schema(example = "generation")]
    metric: &'static str,
    /// Units that are paid for with the plan; null is without end.
    included: Option<u64>,
    /// The most that can be used in the period; null where nothing is refused.
    limit: Option<u64>,
    /// Units used.
    used: u64,
    /// Units held by generations under way. They are used when it succeeds and come back when it does not.
    reserved: u64,
    /// What is left before requests are refused; null where nothing is refused.
    remaining: Option<u64>,
    /// What happens beyond `included`: `block` refuses, `charge` bills, `charge_capped` bills up to `limit`.
    #[schema(example = "block")]
    policy: &'static str,
    /// When the count begins anew.
    resets_at: DateTime<Utc>,
}

impl From<QuotaReport> for QuotaView {
    fn from(report: QuotaReport) -> Self {
        let resets_at = report.period_end;
        let metrics = report.metrics.into_iter();
        Self {
            plan: report.plan,
            subscription_status: report.status,
            period_start: report.period_start,
            resets_at,
            metrics: metrics
                .map(|one| MetricQuotaView::of(&one, resets_at))
                .collect(),
        }
    }
}

impl MetricQuotaView {
    fn of(quota: &MetricQuota, resets_at: DateTime<Utc>) -> Self {
        let MetricQuota {
            metric,
            allowance,
            used,
            reserved,
        } = *quota;
        Self {
            metric: metric.as_str(),
            included: allowance.included,
            limit: allowance.ceiling(),
            used,
            reserved,
            remaining: allowance.remaining(used + reserved),
            policy: allowance.policy.as_str(),
            resets_at,
        }
    }
}

/// What was used in a range of time.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct UsageView {
    /// From this instant on.
    pub(crate) from: DateTime<Utc>,
    /// Until before this instant.
    pub(crate) to: DateTime<Utc>,
    /// What the sums are grouped by.
    #[schema(example = "day")]
    pub(crate) group_by: &'static str,
    /// Whether there are more sums than are shown; ask for a shorter range.
    pub(crate) truncated: bool,
    /// The sums, by key and metric.
    pub(crate) data: Vec<UsageSumView>,
}

/// One sum.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct UsageSumView {
    /// The day (`YYYY-MM-DD`, UTC), product or provider; null where the usage has none.
    key: Option<String>,
    /// What was counted.
    #[schema(example = "generation")]
    metric: &'static str,
    /// How many units.
    units: i64,
    /// What providers charged for it, in US dollars with six decimals.
    #[schema(example = "0.040000")]
    provider_cost_usd: String,
}

impl From<UsageSum> for UsageSumView {
    fn from(sum: UsageSum) -> Self {
        Self {
            key: sum.key,
            metric: sum.metric.as_str(),
            units: sum.units,
            provider_cost_usd: domain::Micros(sum.provider_cost_micros).to_decimal(),
        }
    }
}
