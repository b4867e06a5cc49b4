//! Thresholds: a row each, and the event beside it.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{BrandId, Event, EventKind, Metric, QuotaThreshold, crossed};

use super::{Period, Standing};
use crate::database::Transaction;
use crate::error::StoreError;

/// Units used up to a point of a period, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    pub(crate) brand: BrandId,
    pub(crate) metric: Metric,
    pub(crate) period: Period,
    /// What the shares are of.
    pub(crate) measure: u64,
    pub(crate) before: u64,
    pub(crate) after: u64,
}

impl Crossing {
    /// Everything reached in the period so far; what was told already is told no second time.
    pub(super) fn up_to_now(standing: &Standing) -> Self {
        Self {
            brand: standing.brand.clone(),
            metric: standing.metric,
            period: standing.period,
            measure: standing.allowance.measure().unwrap_or(0),
            before: 0,
            after: standing.used,
        }
    }
}

/// One threshold that was reached.
struct Alert<'a> {
    crossing: &'a Crossing,
    percent: u8,
}

/// Writes a row and an event for each threshold that lies between, unless it was told in this period before.
/// Costs nothing where none does.
pub(crate) async fn tell(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    crossings: &[Crossing],
) -> Result<(), StoreError> {
    let alerts: Vec<Alert<'_>> = crossings
        .iter()
        .flat_map(|crossing| {
            crossed(crossing.measure, crossing.before, crossing.after)
                .map(move |percent| Alert { crossing, percent })
        })
        .collect();
    if alerts.is_empty() {
        return Ok(());
    }
    let new = insert(tx, now, &alerts).await?;
    let events: Vec<Event> = alerts
        .iter()
        .filter(|alert| {
            let crossing = alert.crossing;
            new.iter().any(|(brand, metric, percent)| {
                *brand == crossing.brand.as_str()
                    && *metric == crossing.metric.as_str()
                    && *percent == i16::from(alert.percent)
            })
        })
        .map(|alert| event(alert, now))
        .collect();
    crate::outbox::write(tx, now, &events).await
}

/// Returns brand, metric and percent of the rows that were not there.
async fn insert(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    alerts: &[Alert<'_>],
) -> Result<Vec<(String, String, i16)>, StoreError> {
    let units = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
    let rows = sqlx::query!(
        r#"-- store::quota::insert_alerts
        INSERT INTO atelier.quota_alert (brand_id, metric, period_start, threshold_percent,
            used_units, of_units, crossed_at)
        SELECT u.brand_id, u.metric, u.period_start, u.percent, u.used, u.measure, $7
        FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::smallint[], $5::bigint[],
            $6::bigint[]) AS u (brand_id, metric, period_start, percent, used, measure)
        ORDER BY u.brand_id, u.metric, u.period_start, u.percent
        ON CONFLICT (brand_id, metric, period_start, threshold_percent) DO NOTHING
        RETURNING brand_id, metric, threshold_percent"#,
        &column(alerts, |a| a.crossing.brand.to_string()),
        &column(alerts, |a| a.crossing.metric.to_string()),
        &column(alerts, |a| a.crossing.period.start),
        &column(alerts, |a| i16::from(a.percent)),
        &column(alerts, |a| units(a.crossing.after)),
        &column(alerts, |a| units(a.crossing.measure)),
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.brand_id, row.metric, row.threshold_percent))
        .collect())
}

fn event(alert: &Alert<'_>, now: DateTime<Utc>) -> Event {
    let (crossing, percent) = (alert.crossing, alert.percent);
    let (kind, period) = (EventKind::QuotaThreshold, crossing.period);
    let data = QuotaThreshold {
        limit: crossing.measure,
        metric: crossing.metric.to_string(),
        percent,
        period_end: period.end,
        period_start: period.start,
        used: crossing.after,
    };
    let since = period.start.to_rfc3339_opts(SecondsFormat::Secs, true);
    let (brand, metric) = (&crossing.brand, crossing.metric);
    let key = format!("{kind}:{brand}:{metric}:{since}:{percent}");
    Event::of_fact(kind, key, brand.clone(), now, data.to_data())
}

fn column<T>(alerts: &[Alert<'_>], of: impl Fn(&Alert<'_>) -> T) -> Vec<T> {
    alerts.iter().map(of).collect()
}
