//! Short ways to use units, close periods and look at what was billed.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{BrandId, Plan};
use store::Database;
use store::audits::{self, Difference};
use store::billing::{self, Cursor, Round, Scope};
use store::invoices::{Filter, InvoiceSummary};
use store::metering::{self, CountedCalls};
use uuid::Uuid;

use crate::world::World;

/// STARTER includes ten API calls a period and asks 0.03 for each other one; PROFESSIONAL forty, and 0.02.
pub const PRICES: &str = "
    UPDATE atelier.plan_price SET included_units = 10, unit_price_e10 = 300000000
        WHERE plan = 'STARTER' AND metric = 'api_call';
    UPDATE atelier.plan_price SET included_units = 40, unit_price_e10 = 200000000
        WHERE plan = 'PROFESSIONAL' AND metric = 'api_call'";

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A world with prices and one more brand, `shop`, on STARTER since the first of March.
pub async fn shop() -> World {
    let world = World::new().await;
    world.run(PRICES).await;
    world.clock.set(at("2026-03-01T00:00:00Z"));
    world.brand("shop", Plan::Starter, 100).await;
    begin(&world, "shop").await;
    world
}

/// Lets a brand's first period begin.
pub async fn begin(world: &World, brand: &str) {
    store::periods::ensure(&world.db, world.now(), &[brand.to_owned()])
        .await
        .unwrap();
}

/// A brand makes calls, which are written down now and happened at `at`.
pub async fn call(world: &World, brand: &str, at: DateTime<Utc>, calls: u32) {
    let counted = CountedCalls {
        process: Uuid::new_v4(),
        interval: 0,
        at,
        calls: BTreeMap::from([(BrandId::from(brand), calls)]),
    };
    metering::record_calls(&world.db, world.now(), &counted)
        .await
        .unwrap();
}

/// Rounds of billing for everybody until nothing is due.
pub async fn bill(world: &World) -> Vec<Round> {
    bill_by(&world.db, world.now()).await.unwrap()
}

pub async fn bill_by(
    db: &Database,
    now: DateTime<Utc>,
) -> Result<Vec<Round>, store::invoices::InvoiceError> {
    let scope = Scope {
        brand: None,
        grace: TimeDelta::zero(),
        most: 50,
    };
    let mut rounds = Vec::new();
    let mut cursor = Cursor::default();
    loop {
        let round = billing::round(db, now, &scope, &mut cursor).await?;
        let idle = round.changed() == 0 && !round.more;
        rounds.push(round);
        if idle {
            return Ok(rounds);
        }
    }
}

/// A brand's invoices, the first one first.
pub async fn invoices(world: &World, brand: &str) -> Vec<InvoiceSummary> {
    let filter = Filter {
        brand: Some(brand.into()),
        ..Filter::default()
    };
    let mut found = store::invoices::list(&world.db, &filter, 1_000)
        .await
        .unwrap();
    found.reverse();
    found
}

/// The lines of an invoice: quantity, description, net.
pub async fn lines(world: &World, id: Uuid) -> Vec<(i64, String, i64)> {
    sqlx::query_as(
        "SELECT quantity, description, net_minor FROM atelier.invoice_line
         WHERE invoice_id = $1 ORDER BY position",
    )
    .bind(id)
    .fetch_all(&world.sql)
    .await
    .unwrap()
}

pub async fn differences(world: &World) -> Vec<Difference> {
    audits::money(&world.db, None).await.unwrap()
}

/// Asserts that everything adds up.
pub async fn adds_up(world: &World) {
    let found = differences(world).await;
    assert!(found.is_empty(), "{found:#?}");
}

/// Plan and status of a brand's row.
pub async fn standing(world: &World, brand: &str) -> (String, String) {
    sqlx::query_as(
        r#"SELECT "subscriptionPlan"::text, "subscriptionStatus"::text FROM "Brand" WHERE id = $1"#,
    )
    .bind(brand)
    .fetch_one(&world.sql)
    .await
    .unwrap()
}
