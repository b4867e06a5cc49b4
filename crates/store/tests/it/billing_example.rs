//! The month that `docs/billing.md` works by hand, used and closed.

use domain::invoice::{Buyer, Seller};
use domain::{BrandId, Plan};
use serde_json::json;
use store::sellers::{self, SellerSettings};
use store::subscriptions::{self, Order};

use crate::ledgers::{adds_up, at, begin, bill, call, invoices};
use crate::world::World;

/// The page's prices of API calls.
const PRICES: &str = "
    UPDATE atelier.plan_price SET included_units = 20, unit_price_e10 = 7500000000
        WHERE plan = 'STARTER' AND metric = 'api_call';
    UPDATE atelier.plan_price SET included_units = 100, unit_price_e10 = 6000000000
        WHERE plan = 'PROFESSIONAL' AND metric = 'api_call'";

/// The cells of the page's table, row by row.
fn table() -> Vec<Vec<String>> {
    let page = include_str!("../../../../docs/billing.md");
    let (_, example) = page.split_once("## A month worked by hand").unwrap();
    let rows = example.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells
                .map(|cell| cell.trim().trim_matches('*').to_owned())
                .collect()
        })
        .collect()
}

fn minor(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap()
}

/// A seller and a buyer in France.
async fn parties(world: &World, brand: &BrandId) {
    let address = json!({"city": "Paris", "country": "FR"});
    let seller: Seller = serde_json::from_value(json!({
        "name": "Atelier Exemple SAS", "address": address,
        "registrations": [{"label": "SIREN", "id": "303265045"}],
        "vat": {"regime": "registered", "vat_id": "FR40303265045"}, "terms": {"payment_days": 30},
    }))
    .unwrap();
    assert_eq!(seller.faults(), []);
    let settings = SellerSettings {
        profile: seller,
        invoice_prefix: "INV".to_owned(),
        credit_prefix: "CN".to_owned(),
        updated_at: None,
    };
    sellers::set(&world.db, world.now(), "test", &settings)
        .await
        .unwrap();
    let buyer: Buyer =
        serde_json::from_value(json!({"name": "Boutique", "address": address})).unwrap();
    let set = store::billing_profiles::set(&world.db, world.now(), "test", brand, &buyer, None);
    assert!(set.await.unwrap());
}

#[tokio::test]
async fn the_month_worked_by_hand_is_what_the_duty_bills() {
    let world = World::new().await;
    world.run(PRICES).await;
    world.clock.set(at("2026-10-01T00:00:00Z"));
    world.brand("month", Plan::Starter, 100).await;
    let brand = BrandId::from("month");
    begin(&world, "month").await;
    parties(&world, &brand).await;
    call(&world, "month", at("2026-10-20T00:00:00Z"), 20).await;
    world.clock.set(at("2026-11-01T02:00:00Z"));
    bill(&world).await;
    call(&world, "month", at("2026-10-31T23:59:00Z"), 3).await;
    world.clock.set(at("2026-11-05T00:00:00Z"));
    call(&world, "month", world.now(), 30).await;
    world.clock.set(at("2026-11-11T09:00:00Z"));
    let order = Order {
        plan: Some(Plan::Professional),
        ..Order::default()
    };
    subscriptions::set(&world.db, world.now(), &brand, &order, "test")
        .await
        .unwrap();
    world.clock.set(at("2026-11-20T00:00:00Z"));
    call(&world, "month", world.now(), 120).await;
    world.clock.set(at("2026-12-01T02:00:00Z"));
    bill(&world).await;
    let found = invoices(&world, "month").await;
    assert_eq!(found.len(), 2);
    let november = &found[1];
    let mut lines: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT quantity, unit_price_e10, net_minor FROM atelier.invoice_line WHERE invoice_id = $1",
    )
    .bind(november.id)
    .fetch_all(&world.sql)
    .await
    .unwrap();
    let (mut by_hand, mut sums) = (Vec::new(), Vec::new());
    for row in table() {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        match cells[..] {
            [_, "", "", sum] => sums.push(minor(sum)),
            [_, quantity, price, net] => {
                let price: domain::invoice::UnitPrice = price.parse().unwrap();
                by_hand.push((quantity.parse().unwrap(), price.e10().unwrap(), minor(net)));
            }
            ref other => panic!("{other:?}"),
        }
    }
    by_hand.sort_unstable();
    lines.sort_unstable();
    assert_eq!(lines, by_hand);
    assert_eq!(by_hand.len(), 5);
    let vat = november.total_minor - november.net_minor;
    assert_eq!(sums, [november.net_minor, vat, november.total_minor]);
    adds_up(&world).await;
}
