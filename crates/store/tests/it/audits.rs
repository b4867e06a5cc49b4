//! The money audit finds what does not add up, and names it.

use store::audits::{CHECKS, Difference};
use store::invoices::{Credit, Payment};

use crate::ledgers::{adds_up, at, bill, call, differences, shop};
use crate::world::{World, done};

/// Two brands with everything: usage billed, late and open, payments, credits, a period that came to nothing.
async fn business() -> World {
    let world = shop().await;
    world.brand("free", domain::Plan::Free, 100).await;
    crate::ledgers::begin(&world, "free").await;
    crate::ledgers::begin(&world, "a").await;
    call(&world, "shop", world.now(), 25).await;
    call(&world, "free", world.now(), 5).await;
    let claimed = world.fetched().await;
    world.settle(&[done(claimed.lease)]).await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    call(&world, "shop", at("2026-03-30T00:00:00Z"), 2).await;
    call(&world, "shop", world.now(), 4).await;
    let invoice = crate::ledgers::invoices(&world, "shop")
        .await
        .remove(0)
        .name();
    let credit = Credit {
        invoice: invoice.clone(),
        parts: vec![store::invoices::CreditPart {
            position: 3,
            quantity: Some(2),
        }],
        reason: "test".to_owned(),
        reference: None,
    };
    store::invoices::credit(&world.db, world.now(), &credit, "test")
        .await
        .unwrap();
    let payment = Payment {
        invoice,
        amount_minor: 100,
        method: "transfer".to_owned(),
        reference: "bank:1".to_owned(),
        received_at: world.now(),
    };
    store::invoices::pay(&world.db, world.now(), &payment, "test")
        .await
        .unwrap();
    world
        .run(
            "ALTER TABLE atelier.invoice DISABLE TRIGGER USER;
             ALTER TABLE atelier.invoice_line DISABLE TRIGGER USER;
             ALTER TABLE atelier.subscription_change DISABLE TRIGGER USER",
        )
        .await;
    world
}

/// The check that finds it, what is done to the rows, what undoes it, and a part of what is said.
const PLANTED: &[(&str, &str, &str, &str)] = &[
    (
        "usage_of_generations",
        r#"CREATE TABLE kept AS SELECT * FROM "UsageRecord" WHERE type = 'generation';
           DELETE FROM "UsageRecord" WHERE type = 'generation'"#,
        r#"INSERT INTO "UsageRecord" SELECT * FROM kept; DROP TABLE kept"#,
        "it is done and has no usage record",
    ),
    (
        "usage_of_generations",
        r#"INSERT INTO "UsageRecord" (id, "brandId", type) VALUES ('generation:x', 'a', 'generation')"#,
        r#"DELETE FROM "UsageRecord" WHERE id = 'generation:x'"#,
        "it has a usage record and is not there",
    ),
    (
        "usage_twice",
        r#"INSERT INTO "UsageRecord" (id, "brandId", type, metadata, "recordedAt")
           SELECT 'again', "brandId", type, metadata, "recordedAt" FROM "UsageRecord" WHERE type = 'generation'"#,
        r#"DELETE FROM "UsageRecord" WHERE id = 'again'"#,
        "it is recorded under again and generation:",
    ),
    (
        "buckets",
        "UPDATE atelier.usage_bucket SET units = units + 1 WHERE brand_id = 'shop' AND sealed_by IS NULL
            AND of_period = period_start",
        "UPDATE atelier.usage_bucket SET units = units - 1 WHERE brand_id = 'shop' AND sealed_by IS NULL
            AND of_period = period_start",
        "the records say 6, the buckets 7",
    ),
    (
        "billed",
        "UPDATE atelier.invoice_line SET quantity = 11 WHERE kind = 'included' AND metric = 'api_call'",
        "UPDATE atelier.invoice_line SET quantity = 10 WHERE kind = 'included' AND metric = 'api_call'",
        "its buckets say 25, its lines 26",
    ),
    (
        "sealed",
        "UPDATE atelier.usage_bucket b SET sealed_by = i.id FROM atelier.invoice i
         WHERE b.brand_id = 'shop' AND b.sealed_by IS NULL AND i.brand_id = 'a'",
        "UPDATE atelier.usage_bucket SET sealed_by = NULL WHERE brand_id = 'shop' AND period_start >= '2026-04-01'",
        "which is not its invoice",
    ),
    (
        "periods",
        "UPDATE atelier.billing_period SET status = 'closed', closed_at = now()
         WHERE brand_id = 'shop' AND period_start = '2026-04-01'",
        "UPDATE atelier.billing_period SET status = 'open', closed_at = NULL
         WHERE brand_id = 'shop' AND period_start = '2026-04-01'",
        "closed without an invoice, and there is something to bill",
    ),
    (
        "periods",
        "UPDATE atelier.billing_period SET status = 'open', closed_at = NULL
         WHERE brand_id = 'shop' AND period_start = '2026-03-01'",
        "UPDATE atelier.billing_period SET status = 'closed', closed_at = now()
         WHERE brand_id = 'shop' AND period_start = '2026-03-01'",
        "it is open and has the invoice INV-2026-",
    ),
    (
        "counter",
        r#"UPDATE "Brand" SET "monthlyGenerations" = 3 WHERE id = 'shop'"#,
        r#"UPDATE "Brand" SET "monthlyGenerations" = 0 WHERE id = 'shop'"#,
        "the counter says 3; jobs hold 0, used were 0",
    ),
    (
        "subscription",
        "INSERT INTO atelier.subscription_change VALUES ('shop', 2, now(), 'FREE', 'ACTIVE', 'operator', now())",
        "DELETE FROM atelier.subscription_change WHERE seq = 2",
        "counts under change 1, its last is 2",
    ),
    (
        "series",
        "UPDATE atelier.invoice SET number = 7, number_text = 'INV-2026-000007' WHERE number_text = 'INV-2026-000001'",
        "UPDATE atelier.invoice SET number = 1, number_text = 'INV-2026-000001' WHERE number = 7",
        "number 1 is missing",
    ),
    (
        "series",
        "UPDATE atelier.invoice SET number_text = 'INV-2026-01' WHERE number_text = 'INV-2026-000001'",
        "UPDATE atelier.invoice SET number_text = 'INV-2026-000001' WHERE number_text = 'INV-2026-01'",
        "it is printed as INV-2026-01 and is number 1",
    ),
    (
        "totals",
        "UPDATE atelier.invoice_line SET net_minor = 46 WHERE kind = 'overage'",
        "UPDATE atelier.invoice_line SET net_minor = 45 WHERE kind = 'overage'",
        "its lines come to 2946, its net is 2945",
    ),
    (
        "documents",
        "UPDATE atelier.invoice SET document = jsonb_set(document, '{number}', '\"INV-2026-000009\"') WHERE brand_id = 'a'",
        "UPDATE atelier.invoice SET document = jsonb_set(document, '{number}', to_jsonb(number_text)) WHERE brand_id = 'a'",
        "its document's number is Some(\"INV-2026-000009\")",
    ),
    (
        "documents",
        "UPDATE atelier.invoice SET document = jsonb_set(document, '{totals,gross}', '1') WHERE brand_id = 'a'",
        "UPDATE atelier.invoice SET document = jsonb_set(document, '{totals,gross}', to_jsonb(total_minor)) WHERE brand_id = 'a'",
        "its document breaks BR-CO-15",
    ),
    (
        "documents",
        "UPDATE atelier.invoice_line SET description = 'Other' WHERE kind = 'overage'",
        "UPDATE atelier.invoice_line SET description = 'API calls beyond those included, Starter plan' WHERE kind = 'overage'",
        "its document's lines are not its rows",
    ),
    (
        "payments",
        "UPDATE atelier.invoice SET state = 'paid', paid_at = now() WHERE brand_id = 'shop' AND kind = 'regular'",
        "UPDATE atelier.invoice SET state = 'open', paid_at = NULL WHERE brand_id = 'shop' AND kind = 'regular'",
        "it is paid and 2945 was asked for, 100 paid, 6 credited",
    ),
    (
        "credits",
        "UPDATE atelier.invoice_line SET quantity = -16 WHERE kind = 'correction'",
        "UPDATE atelier.invoice_line SET quantity = -2 WHERE kind = 'correction'",
        "of 15 were credited 16",
    ),
    (
        "public",
        r#"UPDATE "Invoice" SET amount = amount + 1 WHERE "brandId" = 'a'"#,
        r#"UPDATE "Invoice" SET amount = amount - 1 WHERE "brandId" = 'a'"#,
        "in \"Invoice\" it is open over",
    ),
];

#[tokio::test]
async fn each_kind_of_difference_is_found_and_named() {
    let world = business().await;
    adds_up(&world).await;
    for (check, plant, undo, said) in PLANTED {
        world.run(plant).await;
        let found = differences(&world).await;
        let is_named = |one: &&Difference| one.check == *check && one.detail.contains(said);
        assert!(
            found.iter().any(|one| is_named(&one)),
            "{check}, {said}: {found:#?}"
        );
        world.run(undo).await;
        adds_up(&world).await;
    }
    let planted: std::collections::BTreeSet<&str> = PLANTED.iter().map(|one| one.0).collect();
    assert_eq!(planted.len(), CHECKS.len(), "every check was tried");
}
