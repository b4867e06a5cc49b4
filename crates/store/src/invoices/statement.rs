//! What a period costs, read from prices, subscription and buckets.
//!
//! It reads what was committed and writes nothing, so a closing, a preview and an audit get the same answer
//! from the same rows. Periods of a brand are closed in their order: what was billed of a period before is what
//! its own and earlier periods' buckets hold.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::invoice::{
    Change, Charge, Currency, LATE, MetricTerms, Minor, PeriodTerms, PlanTerms, Quantity, Standing,
    StatementError, UnitPrice, Units, round_half_up,
};
use domain::{Metric, Plan};
use sqlx::PgConnection;

use super::error::{InvoiceError, RuleError, unbillable};
use crate::error::StoreError;

/// Decimals of an amount in `atelier.plan`.
const MICRO_DECIMALS: u32 = 6;

/// A period's row, as far as its cost goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeriodRow {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    pub(super) fee_from: DateTime<Utc>,
}

/// What a period costs.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) currency: Currency,
    /// Each charge, and the period in which it was used.
    pub(super) charges: Vec<(Charge, DateTime<Utc>)>,
}

impl Statement {
    /// What its charges come to without VAT.
    pub(super) fn net(&self) -> Result<Minor, RuleError> {
        let nets = self.charges.iter().map(|(charge, _)| {
            let quantity = Quantity::whole(charge.quantity);
            charge.unit_price.times(quantity, self.currency)
        });
        let nets = nets.collect::<Result<Vec<_>, _>>()?;
        Ok(Minor::sum(nets)?)
    }
}

/// Whether a period that was closed without an invoice is one because there was nothing to bill, by what was known
/// when it was closed.
pub(crate) async fn comes_to_nothing(
    connection: &mut PgConnection,
    brand: &str,
    period_start: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
) -> Result<bool, InvoiceError> {
    let Some(period) = period(connection, brand, period_start).await? else {
        return Ok(false);
    };
    let found = as_known_by(connection, brand, &period, closed_at).await?;
    Ok(found.net().map_err(unbillable(brand))? == Minor::ZERO)
}

/// What `period` costs by what its buckets hold now.
pub(super) async fn statement(
    connection: &mut PgConnection,
    brand: &str,
    period: &PeriodRow,
) -> Result<Statement, InvoiceError> {
    as_known_by(connection, brand, period, None).await
}

/// The same, by the changes of the subscription that were written down by then.
async fn as_known_by(
    connection: &mut PgConnection,
    brand: &str,
    period: &PeriodRow,
    noted_by: Option<DateTime<Utc>>,
) -> Result<Statement, InvoiceError> {
    let changes = changes(connection, brand, noted_by).await?;
    let (currency, terms) = terms(connection, brand, period, &changes).await?;
    let mut charges: Vec<(Charge, DateTime<Utc>)> = Vec::new();
    let fees = terms.fees(currency).map_err(RuleError::from);
    let fees = fees.map_err(unbillable(brand))?;
    charges.extend(fees.into_iter().map(|fee| (fee, period.start)));
    let used = used(connection, brand, period.start).await?;
    for ((of_period, metric), units) in used {
        if of_period == period.start {
            let found = terms.usage(metric, &[], &units, false);
            charges.extend(found.into_iter().map(|one| (one, of_period)));
            continue;
        }
        let Some(row) = self::period(connection, brand, of_period).await? else {
            return Err(InvoiceError::Unbillable {
                brand: brand.to_owned(),
                why: format!("its late usage is of a period that is not there, {of_period}"),
            });
        };
        let (other, then) = self::terms(connection, brand, &row, &changes).await?;
        if other != currency {
            return Err(unbillable(brand)(RuleError::TwoCurrencies(
                currency.to_string(),
                other.to_string(),
            )));
        }
        let before = billed_before(connection, brand, of_period, period.start, metric).await?;
        let late: Vec<Units> = units.iter().map(|(_, count)| (LATE, *count)).collect();
        let found = then.usage(metric, &before, &late, true);
        charges.extend(found.into_iter().map(|one| (one, of_period)));
    }
    Ok(Statement { currency, charges })
}

/// The row of a period.
pub(super) async fn period(
    connection: &mut PgConnection,
    brand: &str,
    start: DateTime<Utc>,
) -> Result<Option<PeriodRow>, StoreError> {
    Ok(sqlx::query_as!(
        PeriodRow,
        r#"-- store::invoices::period
        SELECT period_start AS start, period_end AS "end", fee_from FROM atelier.billing_period
        WHERE brand_id = $1 AND period_start = $2"#,
        brand,
        start
    )
    .fetch_optional(connection)
    .await?)
}

/// Those that were written down by then, or all.
async fn changes(
    connection: &mut PgConnection,
    brand: &str,
    noted_by: Option<DateTime<Utc>>,
) -> Result<Vec<Change>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::invoices::changes
        SELECT seq, effective_at, plan, status FROM atelier.subscription_change
        WHERE brand_id = $1 AND ($2::timestamptz IS NULL OR noted_at <= $2) ORDER BY seq"#,
        brand,
        noted_by
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let wrong = |column, detail: &str| StoreError::Inconsistent {
                table: "atelier.subscription_change",
                column,
                id: format!("{brand}/{}", row.seq),
                detail: detail.to_owned(),
            };
            Ok(Change {
                seq: row.seq,
                from: row.effective_at.date_naive(),
                plan: row.plan.parse().map_err(|_| wrong("plan", &row.plan))?,
                standing: Standing::of_status(&row.status)
                    .ok_or_else(|| wrong("status", &row.status))?,
            })
        })
        .collect()
}

/// The terms of a period, at the prices in force when it began.
async fn terms(
    connection: &mut PgConnection,
    brand: &str,
    period: &PeriodRow,
    changes: &[Change],
) -> Result<(Currency, PeriodTerms), InvoiceError> {
    let plans = plans(connection, period.start).await?;
    let rules = unbillable(brand);
    let days = (period.start.date_naive(), period.end.date_naive());
    let named: Vec<Plan> = changes
        .iter()
        .filter(|change| change.from < days.1)
        .map(|change| change.plan)
        .collect();
    let mut currency: Option<Currency> = None;
    for plan in &named {
        let Some((of_plan, _)) = plans.get(plan) else {
            return Err(rules(StatementError::NoTerms(*plan).into()));
        };
        match currency {
            Some(other) if other != *of_plan => {
                return Err(rules(RuleError::TwoCurrencies(
                    other.to_string(),
                    of_plan.to_string(),
                )));
            }
            _ => currency = Some(*of_plan),
        }
    }
    let of_plans = plans.into_iter().map(|(plan, (_, terms))| (plan, terms));
    let of_plans: BTreeMap<Plan, PlanTerms> = of_plans.collect();
    let fee_from = period.fee_from.date_naive();
    let terms = PeriodTerms::new(days, fee_from, changes, &of_plans);
    let terms = terms.map_err(|error| rules(error.into()))?;
    Ok((currency.unwrap_or(Currency::EUR), terms))
}

/// Every plan at the prices in force at `at`; a plan that came later has its first ones.
async fn plans(
    connection: &mut PgConnection,
    at: DateTime<Utc>,
) -> Result<BTreeMap<Plan, (Currency, PlanTerms)>, StoreError> {
    let fees = sqlx::query!(
        r#"-- store::invoices::fees
        SELECT DISTINCT ON (plan) plan, currency, monthly_fee_micros FROM atelier.plan
        ORDER BY plan, valid_from > $1, abs(extract(epoch FROM valid_from - $1))"#,
        at
    )
    .fetch_all(&mut *connection)
    .await?;
    let prices = sqlx::query!(
        r#"-- store::invoices::prices
        SELECT DISTINCT ON (plan, metric) plan, metric, included_units, unit_price_e10
        FROM atelier.plan_price
        ORDER BY plan, metric, valid_from > $1, abs(extract(epoch FROM valid_from - $1))"#,
        at
    )
    .fetch_all(connection)
    .await?;
    let mut plans = BTreeMap::new();
    for row in fees {
        let wrong = |column, detail: &str| StoreError::Inconsistent {
            table: "atelier.plan",
            column,
            id: row.plan.clone(),
            detail: detail.to_owned(),
        };
        let plan: Plan = row
            .plan
            .parse()
            .map_err(|_| wrong("plan", "no plan of ours"))?;
        let currency: Currency = row
            .currency
            .parse()
            .map_err(|_| wrong("currency", &row.currency))?;
        let scale = 10_i128.pow(MICRO_DECIMALS.saturating_sub(currency.exponent()));
        let fee = round_half_up(i128::from(row.monthly_fee_micros), scale)
            .and_then(|fee| Minor::try_from(fee).ok())
            .ok_or_else(|| wrong("monthly_fee_micros", "too large"))?;
        let metrics = BTreeMap::new();
        plans.insert(plan, (currency, PlanTerms { fee, metrics }));
    }
    for row in prices {
        let key = (row.plan.parse::<Plan>(), row.metric.parse::<Metric>());
        let (Ok(plan), Ok(metric)) = key else {
            continue;
        };
        if let Some((_, terms)) = plans.get_mut(&plan) {
            let priced = MetricTerms {
                included: row.included_units,
                unit_price: UnitPrice::from_e10(row.unit_price_e10),
            };
            terms.metrics.insert(metric, priced);
        }
    }
    Ok(plans)
}

/// Units in the buckets of a period, by the period they were used in and metric.
async fn used(
    connection: &mut PgConnection,
    brand: &str,
    start: DateTime<Utc>,
) -> Result<BTreeMap<(DateTime<Utc>, Metric), Vec<Units>>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::invoices::used
        SELECT metric, of_period, change_seq, sum(units)::bigint AS "units!"
        FROM atelier.usage_bucket WHERE brand_id = $1 AND period_start = $2
        GROUP BY metric, of_period, change_seq HAVING sum(units) > 0
        ORDER BY metric, of_period, change_seq"#,
        brand,
        start
    )
    .fetch_all(connection)
    .await?;
    let mut used: BTreeMap<_, Vec<Units>> = BTreeMap::new();
    for row in rows {
        let metric: Metric = row.metric.parse().map_err(|_| StoreError::Inconsistent {
            table: "atelier.usage_bucket",
            column: "metric",
            id: brand.to_owned(),
            detail: row.metric.clone(),
        })?;
        let units = used.entry((row.of_period, metric)).or_default();
        units.push((row.change_seq, row.units));
    }
    Ok(used)
}

/// Units used in `of_period` that periods before `start` have billed.
async fn billed_before(
    connection: &mut PgConnection,
    brand: &str,
    of_period: DateTime<Utc>,
    start: DateTime<Utc>,
    metric: Metric,
) -> Result<Vec<Units>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::invoices::billed_before
        SELECT period_start, change_seq, sum(units)::bigint AS "units!" FROM atelier.usage_bucket
        WHERE brand_id = $1 AND of_period = $2 AND period_start < $3 AND metric = $4
        GROUP BY period_start, change_seq ORDER BY period_start, change_seq"#,
        brand,
        of_period,
        start,
        metric.as_str()
    )
    .fetch_all(connection)
    .await?;
    let seq = |in_period: DateTime<Utc>, seq: i32| match in_period == of_period {
        true => seq,
        false => LATE,
    };
    Ok(rows
        .into_iter()
        .map(|row| (seq(row.period_start, row.change_seq), row.units))
        .collect())
}
