//! `atelier invoice close`: rounds of billing until nothing is due.

use anyhow::bail;
use chrono::{DateTime, TimeDelta, Utc};
use domain::BrandId;
use serde_json::json;
use store::Database;
use store::billing::{self, Cursor, Round, Scope};

use crate::output;

/// How many of each thing one round does at most.
const BATCH: i64 = 200;

pub(super) async fn run(
    db: &Database,
    now: DateTime<Utc>,
    brand: Option<BrandId>,
    grace_s: u32,
    as_json: bool,
) -> anyhow::Result<()> {
    let scope = Scope {
        brand,
        grace: TimeDelta::seconds(i64::from(grace_s)),
        most: BATCH,
    };
    let mut sum = Round::default();
    let mut cursor = Cursor::default();
    loop {
        let round = billing::round(db, now, &scope, &mut cursor).await?;
        let idle = round.changed() == 0 && !round.more;
        if round.is_last_page {
            // The next pass names them again.
            sum.unbillable.clone_from(&round.unbillable);
        } else {
            sum.unbillable.extend(round.unbillable.iter().cloned());
        }
        add(&mut sum, round);
        if idle {
            break;
        }
    }
    if as_json {
        let issued = sum.issued.iter().map(|one| {
            json!({
                "number": one.number, "id": one.id, "brand": one.brand,
                "total_minor": one.total_minor, "currency": one.currency,
            })
        });
        output::json(&json!({
            "periods_begun": sum.begun, "changes_noticed": sum.noticed, "trials_ended": sum.trials_ended,
            "drafted": sum.drafted, "closed_with_nothing": sum.nothing,
            "issued": issued.collect::<Vec<_>>(),
            "dunned": sum.dunned.steps, "brands_canceled": sum.dunned.canceled,
            "unbillable": sum.unbillable,
        }))?;
    } else {
        for one in &sum.issued {
            let total = super::amount(one.total_minor, &one.currency);
            output::data(&format!(
                "{}  {}  {total} {}",
                one.number, one.brand, one.currency
            ));
        }
        output::note(&sum.detail());
    }
    if sum.unbillable.is_empty() {
        return Ok(());
    }
    for one in &sum.unbillable {
        output::note(&format!(
            "{}, period from {}: {}",
            one.brand, one.period_start, one.why
        ));
    }
    bail!("{} periods could not be closed", sum.unbillable.len())
}

fn add(sum: &mut Round, round: Round) {
    sum.begun += round.begun;
    sum.noticed += round.noticed;
    sum.trials_ended += round.trials_ended;
    sum.drafted += round.drafted;
    sum.nothing += round.nothing;
    sum.issued.extend(round.issued);
    sum.dunned.steps += round.dunned.steps;
    sum.dunned.canceled += round.dunned.canceled;
}
