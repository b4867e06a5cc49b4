//! `atelier plan`: what plans cost.

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::invoice::{Currency, UnitPrice};
use domain::{Clock, Metric, Micros, Plan, QuotaPolicy};
use serde_json::json;
use service::SystemClock;
use store::plans::{self, NewPrice, PlanFee, PlanPrice};

use crate::args::PlanCommand;
use crate::{output, stores};

pub(super) async fn run(command: PlanCommand) -> anyhow::Result<()> {
    match command {
        PlanCommand::List { json, database } => {
            let db = stores::database(&database).await?;
            let (fees, prices) = (plans::fees(&db).await?, plans::prices(&db).await?);
            if json {
                return output::json(&json!({ "fees": fees, "prices": prices }));
            }
            list(&fees, &prices);
            Ok(())
        }
        PlanCommand::Price {
            plan,
            metric,
            unit_price,
            included,
            policy,
            cap,
            from,
            currency,
            database,
        } => {
            let price = NewPrice {
                plan: plan_of(&plan)?,
                metric: metric_of(&metric)?,
                valid_from: from,
                currency: currency_of(&currency)?.to_string(),
                included_units: included,
                unit_price_e10: price_of(&unit_price)?,
                policy: policy_of(&policy, included, cap)?,
            };
            let db = stores::database(&database).await?;
            plans::add_price(&db, SystemClock.now(), "cli", &price).await??;
            output::data(&format!(
                "{plan} {metric}: {unit_price} {currency} from {}",
                moment(from)
            ));
            Ok(())
        }
        PlanCommand::Fee {
            plan,
            monthly,
            from,
            currency,
            database,
        } => {
            let (known, currency) = (plan_of(&plan)?, currency_of(&currency)?);
            let fee = PlanFee {
                plan: known.as_str().to_owned(),
                valid_from: from,
                currency: currency.to_string(),
                monthly_fee_micros: fee_of(&monthly, currency)?,
            };
            let db = stores::database(&database).await?;
            plans::add_fee(&db, SystemClock.now(), "cli", known, &fee).await??;
            output::data(&format!(
                "{plan}: {monthly} {currency} a month from {}",
                moment(from)
            ));
            Ok(())
        }
    }
}

fn list(fees: &[PlanFee], prices: &[PlanPrice]) {
    for fee in fees {
        let amount = Micros(fee.monthly_fee_micros).to_decimal();
        output::data(&format!(
            "{:<13} {:<17} {:>14} {} a month, from {}",
            fee.plan,
            "fee",
            amount,
            fee.currency,
            moment(fee.valid_from)
        ));
        // The prices stand under the plan's last fee.
        let later = fees
            .iter()
            .any(|other| other.plan == fee.plan && other.valid_from > fee.valid_from);
        for price in prices
            .iter()
            .filter(|price| !later && price.plan == fee.plan)
        {
            let included = price
                .included_units
                .map_or("without end".to_owned(), |units| {
                    format!("{units} included, then {}", beyond(price.policy))
                });
            output::data(&format!(
                "{:<13} {:<17} {:>14} {} each; {included}; from {}",
                price.plan,
                price.metric,
                price.unit_price.to_decimal(2),
                price.currency,
                moment(price.valid_from)
            ));
        }
    }
}

fn beyond(policy: QuotaPolicy) -> String {
    match policy {
        QuotaPolicy::Block => "refused".to_owned(),
        QuotaPolicy::Charge => "billed".to_owned(),
        QuotaPolicy::ChargeCapped { cap } => format!("billed up to {cap}"),
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn plan_of(text: &str) -> anyhow::Result<Plan> {
    let plan = text.to_uppercase().parse();
    plan.with_context(|| format!("{text:?}: a plan is FREE, STARTER, PROFESSIONAL or ENTERPRISE"))
}

fn metric_of(text: &str) -> anyhow::Result<Metric> {
    let names = Metric::ALL.map(Metric::as_str).join(", ");
    text.parse()
        .with_context(|| format!("{text:?}: a metric is one of {names}"))
}

fn currency_of(text: &str) -> anyhow::Result<Currency> {
    text.to_uppercase()
        .parse()
        .with_context(|| format!("--currency {text:?}"))
}

fn price_of(text: &str) -> anyhow::Result<i64> {
    let price: UnitPrice = text.parse().with_context(|| {
        format!(
            "--unit-price {text:?}: a decimal such as 0.75 or 0.0004, with at most ten decimals"
        )
    })?;
    ensure!(
        !price.is_negative(),
        "--unit-price {text:?}: it must not be negative"
    );
    price
        .e10()
        .with_context(|| format!("--unit-price {text:?} is too large"))
}

/// A fee in millionths; one that is no whole number of cents could not be paid.
fn fee_of(text: &str, currency: Currency) -> anyhow::Result<i64> {
    let e10 = price_of(text).with_context(|| format!("--monthly {text:?}"))?;
    let minor = 10_i64.pow(10 - currency.exponent().min(10));
    ensure!(
        e10 % minor == 0,
        "--monthly {text:?}: {currency} has {} decimals",
        currency.exponent()
    );
    Ok(e10 / 10_000)
}

fn policy_of(text: &str, included: Option<i64>, cap: Option<i64>) -> anyhow::Result<QuotaPolicy> {
    match (text, included, cap) {
        ("charge_capped", Some(included), Some(cap)) if cap < included => {
            bail!("--cap {cap} is less than the {included} that are included and paid for")
        }
        ("charge_capped", Some(_), Some(cap)) => Ok(QuotaPolicy::ChargeCapped {
            cap: u64::try_from(cap)?,
        }),
        ("charge_capped", Some(_), None) => bail!("--policy charge_capped needs --cap"),
        ("block" | "charge", _, Some(_)) => bail!("--cap goes with --policy charge_capped alone"),
        ("block" | "charge_capped", None, _) => {
            bail!(
                "--policy {text} needs --included: without it there is no end of units, and nothing to refuse"
            )
        }
        _ => text
            .parse()
            .with_context(|| format!("--policy {text:?}: block, charge or charge_capped")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_and_prices_are_read_exactly_or_refused() {
        assert_eq!(price_of("0.75").unwrap(), 7_500_000_000);
        assert_eq!(price_of("0.0000000001").unwrap(), 1);
        for bad in ["", "-1", "1,5", "0.00000000001", "1e3", "99999999999999"] {
            assert!(price_of(bad).is_err(), "{bad}");
        }
        assert_eq!(fee_of("29.90", Currency::EUR).unwrap(), 29_900_000);
        let error = fee_of("29.905", Currency::EUR).unwrap_err().to_string();
        assert!(error.contains("2 decimals"), "{error}");
        assert!(fee_of("290", "JPY".parse().unwrap()).is_ok());
        assert!(fee_of("290.5", "JPY".parse().unwrap()).is_err());
    }

    #[test]
    fn a_policy_that_contradicts_its_numbers_is_refused() {
        let capped = QuotaPolicy::ChargeCapped { cap: 5 };
        assert_eq!(
            policy_of("charge_capped", Some(1), Some(5)).unwrap(),
            capped
        );
        assert_eq!(
            policy_of("charge", None, None).unwrap(),
            QuotaPolicy::Charge
        );
        for (text, included, cap) in [
            ("charge_capped", Some(1), None),
            ("charge_capped", None, Some(5)),
            ("charge_capped", Some(6), Some(5)),
            ("charge", Some(1), Some(5)),
            ("block", None, None),
            ("refuse", Some(1), None),
        ] {
            assert!(
                policy_of(text, included, cap).is_err(),
                "{text} {included:?} {cap:?}"
            );
        }
    }
}
