//! Worked examples of what periods cost, and laws that hold for any.

use proptest::prelude::*;

use super::*;
use crate::invoice::{Language, MetricTerms, Minor, Quantity, describe};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn terms() -> BTreeMap<Plan, PlanTerms> {
    let plan = |fee: i64, included: i64, cents: i64| PlanTerms {
        fee: Minor(fee),
        metrics: BTreeMap::from([(
            Metric::Generation,
            MetricTerms {
                included: Some(included),
                unit_price: UnitPrice::from_e10(cents * 100_000_000),
            },
        )]),
    };
    BTreeMap::from([
        (Plan::Free, plan(0, 100, 0)),
        (Plan::Starter, plan(2_900, 20, 75)),
        (Plan::Professional, plan(9_900, 100, 60)),
    ])
}

fn change(seq: i32, from: &str, plan: Plan, standing: Standing) -> Change {
    Change {
        seq,
        from: day(from),
        plan,
        standing,
    }
}

fn march(changes: &[Change]) -> PeriodTerms {
    let days = (day("2026-03-01"), day("2026-04-01"));
    PeriodTerms::new(days, days.0, changes, &terms()).unwrap()
}

/// The charges as lines of text: quantity, description, net in cents.
fn lines(period: &PeriodTerms, units: &[Units]) -> Vec<String> {
    let mut charges = period.fees(Currency::EUR).unwrap();
    charges.extend(period.usage(Metric::Generation, &[], units, false));
    let text = |charge: &Charge| {
        let net = charge
            .unit_price
            .times(Quantity::whole(charge.quantity), Currency::EUR)
            .unwrap();
        format!(
            "{} × {}: {}",
            charge.quantity,
            describe(charge, Language::En),
            net.0
        )
    };
    charges.iter().map(text).collect()
}

#[test]
fn a_whole_month_is_one_fee_and_what_is_over() {
    let period = march(&[change(1, "2026-01-05", Plan::Starter, Standing::Subscribed)]);
    assert_eq!(
        lines(&period, &[(1, 55)]),
        [
            "1 × Starter plan: 2900",
            "20 × Generations, included: 0",
            "35 × Generations beyond those included, Starter plan: 2625",
        ]
    );
}

#[test]
fn going_up_in_the_middle_charges_both_fees_by_days_and_pools_what_is_included() {
    let period = march(&[
        change(1, "2026-01-05", Plan::Starter, Standing::Subscribed),
        change(2, "2026-03-11", Plan::Professional, Standing::Subscribed),
    ]);
    // 20 × 10/31 and 100 × 21/31, rounded up: 7 and 68.
    assert_eq!(
        lines(&period, &[(1, 15), (2, 70)]),
        [
            "10 × Starter plan, 10 of 31 days: 935",
            "21 × Professional plan, 21 of 31 days: 6706",
            "75 × Generations, included: 0",
            "10 × Generations beyond those included, Professional plan: 600",
        ]
    );
}

#[test]
fn a_plan_that_is_used_up_in_a_morning_and_left_is_charged_at_its_own_price() {
    let period = march(&[
        change(1, "2026-01-05", Plan::Professional, Standing::Subscribed),
        change(2, "2026-03-01", Plan::Free, Standing::Subscribed),
    ]);
    assert_eq!(
        lines(&period, &[(1, 150), (2, 40)]),
        [
            "140 × Generations, included: 0",
            "50 × Generations beyond those included, Professional plan: 3000",
        ]
    );
}

#[test]
fn falling_behind_with_payment_and_coming_back_splits_nothing() {
    let subscribed = |seq, from| change(seq, from, Plan::Starter, Standing::Subscribed);
    let period = march(&[
        subscribed(1, "2026-01-05"),
        subscribed(2, "2026-03-09"),
        subscribed(3, "2026-03-12"),
    ]);
    assert_eq!(
        lines(&period, &[(1, 5), (3, 5)])[0],
        "1 × Starter plan: 2900"
    );
}

#[test]
fn trials_and_cancelled_days_bear_no_fee() {
    let period = march(&[
        change(1, "2026-02-20", Plan::Starter, Standing::Trial),
        change(2, "2026-03-11", Plan::Starter, Standing::Subscribed),
        change(3, "2026-03-21", Plan::Starter, Standing::Canceled),
    ]);
    assert_eq!(
        lines(&period, &[(1, 30), (2, 8), (3, 2)]),
        [
            "10 × Starter plan, 10 of 31 days: 935",
            "37 × Generations, included: 0",
            "3 × Generations beyond those included, Starter plan: 225",
        ]
    );
}

#[test]
fn late_units_find_what_is_left_of_their_own_period() {
    let period = march(&[change(1, "2026-01-05", Plan::Starter, Standing::Subscribed)]);
    let late = period.usage(Metric::Generation, &[(1, 18)], &[(LATE, 5)], true);
    let found: Vec<_> = late.iter().map(|one| (one.kind, one.quantity)).collect();
    assert_eq!(found, [(ChargeKind::Included, 2), (ChargeKind::Overage, 3)]);
    assert_eq!(
        describe(&late[1], Language::En),
        "Generations beyond those included, Starter plan, reported late, period from 2026-03-01"
    );
}

#[test]
fn what_the_older_platform_invoiced_bears_no_fee() {
    let changes = [change(1, "2026-03-01", Plan::Starter, Standing::Subscribed)];
    let days = (day("2026-03-01"), day("2026-04-01"));
    let period = PeriodTerms::new(days, day("2026-03-20"), &changes, &terms()).unwrap();
    assert_eq!(
        lines(&period, &[])[0],
        "12 × Starter plan, 12 of 31 days: 1123"
    );
}

prop_compose! {
    fn any_change()(
        offset in -10..40_i64,
        plan in prop::sample::select(vec![Plan::Free, Plan::Starter, Plan::Professional]),
        standing in prop::sample::select(vec![Standing::Trial, Standing::Subscribed, Standing::Canceled]),
    ) -> (i64, Plan, Standing) {
        (offset, plan, standing)
    }
}

proptest! {
    #[test]
    fn charges_of_any_history_add_up_and_are_never_negative(
        mut changes in prop::collection::vec(any_change(), 1..6),
        units in prop::collection::vec((1..8_i32, 0..200_i64), 0..8),
        before in prop::collection::vec((1..8_i32, 0..50_i64), 0..3),
    ) {
        changes.sort_by_key(|change| change.0);
        let start = day("2026-03-01");
        let all: Vec<Change> = changes
            .iter()
            .zip(1..)
            .map(|((offset, plan, standing), seq)| Change {
                seq,
                from: start + chrono::Duration::days(*offset),
                plan: *plan,
                standing: *standing,
            })
            .collect();
        let days = (start, day("2026-04-01"));
        let Ok(period) = PeriodTerms::new(days, start, &all, &terms()) else {
            prop_assert!(all.iter().all(|change| change.from >= days.1));
            return Ok(());
        };
        let charges = period.usage(Metric::Generation, &before, &units, false);
        let used: i64 = units.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(charges.iter().map(|charge| charge.quantity).sum::<i64>(), used);
        let fees = period.fees(Currency::EUR).unwrap();
        let charged: i64 = fees
            .iter()
            .map(|fee| if fee.unit == Unit::Month { 31 } else { fee.quantity })
            .sum();
        prop_assert!(charged <= 31, "{} days", charged);
        for charge in charges.iter().chain(&fees) {
            prop_assert!(charge.quantity > 0, "{:?}", charge);
            let net = charge.unit_price.times(Quantity::whole(charge.quantity), Currency::EUR);
            prop_assert!(net.unwrap().0 >= 0);
        }
        // Billed in two parts, in the order of use, the same units are included.
        let included = |charges: &[Charge]| -> i64 {
            let kind = |charge: &&Charge| charge.kind == ChargeKind::Included;
            charges.iter().filter(kind).map(|charge| charge.quantity).sum()
        };
        let mut ordered = units;
        ordered.sort_unstable();
        let (first, second) = ordered.split_at(ordered.len() / 2);
        let bill = |before: &[Units], units: &[Units]| {
            included(&period.usage(Metric::Generation, before, units, false))
        };
        prop_assert_eq!(bill(&[], first) + bill(first, second), bill(&[], &ordered));
    }
}
