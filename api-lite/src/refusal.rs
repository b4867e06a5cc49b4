//! Refusals by quota: what is left, and when it begins anew.

use axum::http::{HeaderName, HeaderValue, header};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::Metric;
use serde_json::Value;
use store::intake::QuotaRefusal;
use store::quota::Standing;

use crate::problem::{Code, Problem};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// A brand has used what its plan gives. `402` asks for a larger plan, and for calls `429` for patience; both
/// say how long it is until the period ends.
pub(crate) fn of_quota(refused: &QuotaRefusal, now: DateTime<Utc>) -> Problem {
    let QuotaRefusal {
        metric,
        limit,
        used,
        policy,
        reset_at,
    } = *refused;
    let code = match metric {
        Metric::ApiCall => Code::ApiQuotaExceeded,
        _ => Code::QuotaExceeded,
    };
    let seconds = (reset_at - now).num_seconds().max(0);
    let remaining = limit.saturating_sub(used);
    let mut problem = Problem::from(code)
        .detail(format!("{used} of {limit} {} are used", plural(metric)))
        .with("metric", metric.as_str())
        .with("limit", limit)
        .with("used", used)
        .with("remaining", remaining)
        .with("policy", policy.as_str())
        .with(
            "reset_at",
            Value::from(reset_at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        );
    problem.set_header(header::RETRY_AFTER, HeaderValue::from(seconds));
    // draft-ietf-httpapi-ratelimit-headers: the policy's name, what remains, seconds until it is more.
    if let Ok(field) = HeaderValue::from_str(&format!("\"{metric}\";r={remaining};t={seconds}")) {
        problem.set_header(RATE_LIMIT, field);
    }
    problem
}

/// A brand has made its calls, as far as this process knows.
pub(crate) fn of_calls(standing: &Standing, unwritten: u64, now: DateTime<Utc>) -> Problem {
    let refused = QuotaRefusal {
        metric: Metric::ApiCall,
        limit: standing.allowance.ceiling().unwrap_or(u64::MAX),
        used: standing.used + unwritten,
        policy: standing.allowance.policy,
        reset_at: standing.resets_at(),
    };
    of_quota(&refused, now)
}

fn plural(metric: Metric) -> &'static str {
    match metric {
        Metric::Generation => "generations",
        Metric::ArView => "AR views",
        Metric::ApiCall => "API calls",
        Metric::Storage => "megabyte days",
        Metric::WebhookDelivery => "webhook deliveries",
    }
}
