//! Periods that end, and the invoices that follow.

use domain::Plan;
use store::invoices::{InvoiceKind, InvoiceState};

use crate::ledgers::{adds_up, at, begin, bill, call, differences, invoices, lines, shop};
use crate::world::{World, done};

#[tokio::test]
async fn a_period_becomes_one_invoice_with_number_event_and_public_row() {
    let world = shop().await;
    world.clock.set(at("2026-03-20T00:00:00Z"));
    call(&world, "shop", world.now(), 25).await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let [invoice] = &invoices(&world, "shop").await[..] else {
        panic!("one invoice");
    };
    assert_eq!(invoice.number.as_deref(), Some("INV-2026-000001"));
    assert_eq!(invoice.state, InvoiceState::Open);
    // 29.00 and 15 calls at 0.03.
    assert_eq!((invoice.net_minor, invoice.total_minor), (2_945, 2_945));
    assert_eq!(
        invoice.due_at,
        Some(at("2026-04-16T00:00:00Z")),
        "14 days, then it is overdue"
    );
    let found: Vec<_> = lines(&world, invoice.id).await;
    assert_eq!(
        found,
        [
            (1, "Starter plan".to_owned(), 2_900),
            (10, "API calls, included".to_owned(), 0),
            (
                15,
                "API calls beyond those included, Starter plan".to_owned(),
                45
            ),
        ]
    );
    let document = store::invoices::find(&world.db, "INV-2026-000001")
        .await
        .unwrap();
    let head = document.unwrap().document.head;
    assert_eq!(head.due_on.unwrap().to_string(), "2026-04-15");
    assert_eq!(
        (head.period.from.to_string(), head.period.to.to_string()),
        ("2026-03-01".to_owned(), "2026-03-31".to_owned())
    );
    let body: Vec<u8> = sqlx::query_scalar(
        "SELECT body FROM atelier.outbox WHERE kind = 'invoice.finalized' AND brand_id = 'shop'",
    )
    .fetch_one(&world.sql)
    .await
    .unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["data"]["number"], "INV-2026-000001");
    assert_eq!(body["data"]["total_cents"], 2_945);
    assert_eq!(body["data"]["due_date"], "2026-04-15");
    let public: (String, String, String) =
        sqlx::query_as(r#"SELECT amount::text, status, currency FROM "Invoice" WHERE id = $1"#)
            .bind(invoice.id.to_string())
            .fetch_one(&world.sql)
            .await
            .unwrap();
    assert_eq!(public, ("29.45".into(), "open".into(), "eur".into()));
    adds_up(&world).await;
}

#[tokio::test]
async fn running_it_again_changes_nothing() {
    let world = shop().await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let count = "SELECT (SELECT count(*) FROM atelier.invoice) + (SELECT count(*) FROM atelier.outbox)
        + (SELECT count(*) FROM atelier.audit_log) + (SELECT sum(next_number)::bigint FROM atelier.invoice_series)";
    let before = world.number(count).await;
    let rounds = bill(&world).await;
    assert_eq!(rounds.len(), 1);
    assert_eq!(rounds[0].changed(), 0);
    assert_eq!(world.number(count).await, before);
}

#[tokio::test]
async fn a_period_that_comes_to_nothing_spends_no_number() {
    let world = shop().await;
    world.brand("free", Plan::Free, 100).await;
    begin(&world, "free").await;
    call(&world, "free", world.now(), 7).await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    let rounds = bill(&world).await;
    assert_eq!(rounds.iter().map(|round| round.nothing).sum::<u64>(), 1);
    assert_eq!(invoices(&world, "free").await, []);
    let open =
        "SELECT count(*) FROM atelier.billing_period WHERE brand_id = 'free' AND status = 'closed'";
    assert_eq!(world.number(open).await, 1);
    adds_up(&world).await;
    // Had there been something to bill, the audit would say so.
    world
        .run("UPDATE atelier.plan SET monthly_fee_micros = 1000000 WHERE plan = 'FREE'")
        .await;
    let found = differences(&world).await;
    assert!(found.iter().any(|one| one.check == "periods"), "{found:?}");
}

#[tokio::test]
async fn a_plan_that_changes_in_the_middle_is_charged_by_days_and_counts_each_unit_where_it_was_used()
 {
    let world = shop().await;
    call(&world, "shop", world.now(), 12).await;
    world.clock.set(at("2026-03-11T09:00:00Z"));
    let order = store::subscriptions::Order {
        plan: Some(Plan::Professional),
        ..Default::default()
    };
    let brand = "shop".into();
    let set =
        async || store::subscriptions::set(&world.db, world.now(), &brand, &order, "test").await;
    assert_eq!(set().await.unwrap(), Some(true));
    assert_eq!(set().await.unwrap(), Some(false));
    call(&world, "shop", world.now(), 30).await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let invoice = invoices(&world, "shop").await.remove(0);
    assert_eq!(
        lines(&world, invoice.id).await,
        [
            (10, "Starter plan, 10 of 31 days".to_owned(), 935),
            (21, "Professional plan, 21 of 31 days".to_owned(), 6_706),
            // 10 × 10/31 and 40 × 21/31, rounded up: 4 and 28.
            (32, "API calls, included".to_owned(), 0),
            (
                10,
                "API calls beyond those included, Professional plan".to_owned(),
                20
            ),
        ]
    );
    adds_up(&world).await;
}

#[tokio::test]
async fn usage_that_comes_after_its_period_was_closed_is_on_the_next_invoice_as_late() {
    let world = shop().await;
    call(&world, "shop", world.now(), 8).await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    call(&world, "shop", at("2026-03-31T23:59:00Z"), 5).await;
    call(&world, "shop", world.now(), 3).await;
    world.clock.set(at("2026-05-01T02:00:00Z"));
    bill(&world).await;
    let invoice = invoices(&world, "shop").await.remove(1);
    assert_eq!(
        lines(&world, invoice.id).await,
        [
            (1, "Starter plan".to_owned(), 2_900),
            (2, "API calls, included, reported late, period from 2026-03-01".to_owned(), 0),
            (
                3,
                "API calls beyond those included, Starter plan, reported late, period from 2026-03-01".to_owned(),
                9
            ),
            (3, "API calls, included".to_owned(), 0),
        ]
    );
    adds_up(&world).await;
}

#[tokio::test]
async fn finished_generations_are_billed_and_the_counter_begins_anew() {
    let world = World::new().await;
    for _ in 0..3 {
        let claimed = world.fetched().await;
        world.settle(&[done(claimed.lease)]).await;
    }
    let under_way = world.fetched().await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    assert_eq!(world.used("a").await, 1, "the one under way");
    world.settle(&[done(under_way.lease)]).await;
    let invoice = invoices(&world, "a").await.remove(0);
    assert_eq!(
        lines(&world, invoice.id).await,
        [
            (1, "Enterprise plan".to_owned(), 99_900),
            (3, "Generations, included".to_owned(), 0),
        ]
    );
    adds_up(&world).await;
}

#[tokio::test]
async fn a_brand_that_cannot_be_invoiced_is_named_and_stands_in_nobodys_way() {
    let world = shop().await;
    for n in 0..60 {
        let id = format!("brand_{n:02}");
        world.brand(&id, Plan::Starter, 100).await;
        begin(&world, &id).await;
    }
    // A business elsewhere in the Union cannot be invoiced by a small business without a VAT number.
    world
        .run(
            r#"UPDATE atelier.seller SET profile = '{"name": "Petit", "address": {"country": "FR"},
                "registrations": [{"label": "SIREN", "id": "303265045", "scheme": "0002"}],
                "vat": {"regime": "small_business", "tax_number": "1", "text": "TVA non applicable"},
                "terms": {"payment_days": 14}}';
            UPDATE "Brand" SET country = 'DE', "vatNumber" = 'DE123456789' WHERE id < 'brand_55' AND id <> 'a'"#,
        )
        .await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    let rounds = bill(&world).await;
    let issued: usize = rounds.iter().map(|round| round.issued.len()).sum();
    assert_eq!(issued, 6, "shop, and the last five");
    let why = &rounds
        .iter()
        .find_map(|round| round.unbillable.first())
        .unwrap()
        .why;
    assert!(
        why.contains("brand_") && why.contains("VAT number"),
        "{why}"
    );
    let open = "SELECT count(*) FROM atelier.billing_period WHERE period_end <= '2026-04-01' AND status = 'open'";
    assert_eq!(world.number(open).await, 55);
    world
        .run(r#"UPDATE "Brand" SET "vatNumber" = NULL WHERE country = 'DE'"#)
        .await;
    bill(&world).await;
    assert_eq!(world.number(open).await, 0);
    adds_up(&world).await;
}

#[tokio::test]
async fn a_preview_says_what_closing_would_and_writes_nothing() {
    let world = shop().await;
    call(&world, "shop", world.now(), 25).await;
    let before = world.number("SELECT count(*) FROM atelier.invoice").await;
    let previews = store::invoices::preview(&world.db, world.now(), &"shop".into())
        .await
        .unwrap();
    assert_eq!(
        world.number("SELECT count(*) FROM atelier.invoice").await,
        before
    );
    let [preview] = &previews[..] else {
        panic!("{previews:?}")
    };
    let document = preview.document.as_ref().unwrap();
    assert_eq!(document.totals.gross.0, 2_945);
    assert_eq!(document.head.number, None);
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let id = invoices(&world, "shop").await[0].id;
    let issued = store::invoices::document(&world.db, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (&issued.lines, &issued.totals),
        (&document.lines, &document.totals)
    );
}

#[tokio::test]
async fn each_kind_and_state_is_found_by_its_filter_page_by_page() {
    let world = shop().await;
    for month in ["2026-04", "2026-05", "2026-06"] {
        world.clock.set(at(&format!("{month}-01T02:00:00Z")));
        bill(&world).await;
    }
    let mut filter = store::invoices::Filter {
        brand: Some("shop".into()),
        kind: Some(InvoiceKind::Regular),
        state: Some(InvoiceState::Open),
        issued_only: true,
        after: None,
    };
    let mut numbers = Vec::new();
    while let [one] = &store::invoices::list(&world.db, &filter, 1).await.unwrap()[..] {
        numbers.push(one.period_start.unwrap().date_naive().to_string());
        filter.after = Some((one.created_at, one.id));
    }
    assert_eq!(numbers, ["2026-05-01", "2026-04-01", "2026-03-01"]);
    filter.after = None;
    filter.state = Some(InvoiceState::Paid);
    assert_eq!(
        store::invoices::list(&world.db, &filter, 9).await.unwrap(),
        []
    );
    assert_eq!(
        store::invoices::find(&world.db, "INV-1999-000001")
            .await
            .unwrap(),
        None
    );
}
