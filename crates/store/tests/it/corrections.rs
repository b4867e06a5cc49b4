//! Credit notes, voids, payments, and invoices that are given up.

use chrono::{DateTime, Utc};
use store::invoices::{
    self, Credit, CreditPart, InvoiceError, InvoiceKind, InvoiceState, InvoiceSummary, Payment,
};

use crate::ledgers::{adds_up, at, bill, call, differences, invoices, lines, shop};
use crate::world::World;

/// A shop whose March was invoiced: 29.00 and 15 × 0.03.
async fn invoiced() -> (World, InvoiceSummary) {
    let world = shop().await;
    call(&world, "shop", world.now(), 25).await;
    world.clock.set(at("2026-04-01T02:00:00Z"));
    bill(&world).await;
    let invoice = invoices(&world, "shop").await.remove(0);
    (world, invoice)
}

fn payment(
    invoice: &InvoiceSummary,
    amount_minor: i64,
    reference: &str,
    at: DateTime<Utc>,
) -> Payment {
    Payment {
        invoice: invoice.name(),
        amount_minor,
        method: "transfer".to_owned(),
        reference: reference.to_owned(),
        received_at: at,
    }
}

fn credit(
    invoice: &InvoiceSummary,
    parts: &[(i32, Option<i64>)],
    reference: Option<&str>,
) -> Credit {
    Credit {
        invoice: invoice.name(),
        parts: parts
            .iter()
            .map(|(position, quantity)| CreditPart {
                position: *position,
                quantity: *quantity,
            })
            .collect(),
        reason: "five calls failed".to_owned(),
        reference: reference.map(str::to_owned),
    }
}

async fn again(world: &World, invoice: &InvoiceSummary) -> InvoiceSummary {
    let found = invoices::find(&world.db, &invoice.id.to_string())
        .await
        .unwrap();
    found.unwrap().summary
}

#[tokio::test]
async fn a_payment_is_booked_once_by_its_reference() {
    let (world, invoice) = invoiced().await;
    let first = payment(&invoice, 2_000, "bank:1", world.now());
    let booked = invoices::pay(&world.db, world.now(), &first, "test")
        .await
        .unwrap();
    assert_eq!(
        (booked.is_new, booked.state, booked.balance_minor),
        (true, InvoiceState::Open, 945)
    );
    let repeat = invoices::pay(&world.db, world.now(), &first, "test")
        .await
        .unwrap();
    assert_eq!((repeat.is_new, repeat.balance_minor), (false, 945));
    let other = payment(&invoice, 945, "bank:1", world.now());
    let refused = invoices::pay(&world.db, world.now(), &other, "test")
        .await
        .unwrap_err();
    assert!(matches!(refused, InvoiceError::Refused { .. }), "{refused}");
    let rest = payment(&invoice, 945, "bank:2", world.now());
    let booked = invoices::pay(&world.db, world.now(), &rest, "test")
        .await
        .unwrap();
    assert_eq!(
        (booked.state, booked.balance_minor),
        (InvoiceState::Paid, 0)
    );
    assert_eq!(again(&world, &invoice).await.paid_at, Some(world.now()));
    adds_up(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_payment_from_ten_places_at_once_is_booked_once() {
    let (world, invoice) = invoiced().await;
    let one = payment(&invoice, 2_945, "bank:1", world.now());
    let booked = (0..10).map(|_| invoices::pay(&world.db, world.now(), &one, "test"));
    let booked = futures::future::join_all(booked).await;
    let new = booked
        .iter()
        .filter(|booked| booked.as_ref().unwrap().is_new)
        .count();
    assert_eq!(new, 1);
    assert_eq!(again(&world, &invoice).await.paid_minor, 2_945);
    adds_up(&world).await;
}

#[tokio::test]
async fn a_credit_note_mirrors_lines_in_a_series_of_its_own_and_counts_against_the_balance() {
    let (world, invoice) = invoiced().await;
    let part = credit(&invoice, &[(3, Some(5))], Some("ticket 7"));
    let note = invoices::credit(&world.db, world.now(), &part, "test")
        .await
        .unwrap();
    assert_eq!(
        (note.number.as_str(), note.total_minor),
        ("CN-2026-000001", -15)
    );
    let repeat = invoices::credit(&world.db, world.now(), &part, "test")
        .await
        .unwrap();
    assert_eq!(repeat, note, "the same reference is the same credit note");
    let found = invoices::find(&world.db, &note.number)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.summary.kind, InvoiceKind::CreditNote);
    assert_eq!(
        found.summary.state,
        InvoiceState::Paid,
        "nothing has to be sent back"
    );
    assert_eq!(
        found.document.totals.gross.0, 15,
        "a document's amounts are positive"
    );
    assert_eq!(
        lines(&world, note.id).await,
        [(
            -5,
            "API calls beyond those included, Starter plan".to_owned(),
            -15
        )]
    );
    assert_eq!(again(&world, &invoice).await.balance_minor(), 2_930);
    let too_much = credit(&invoice, &[(3, Some(11))], None);
    let refused = invoices::credit(&world.db, world.now(), &too_much, "test")
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("10 can be credited, not 11"),
        "{refused}"
    );
    // The rest of everything makes it paid.
    let rest = invoices::credit(&world.db, world.now(), &credit(&invoice, &[], None), "test")
        .await
        .unwrap();
    assert_eq!(rest.total_minor, -2_930);
    assert_eq!(again(&world, &invoice).await.state, InvoiceState::Paid);
    let nothing =
        invoices::credit(&world.db, world.now(), &credit(&invoice, &[], None), "test").await;
    assert!(nothing.unwrap_err().to_string().contains("nothing left"));
    adds_up(&world).await;
}

#[tokio::test]
async fn what_was_paid_beyond_a_credit_stays_owed_until_it_is_sent_back() {
    let (world, invoice) = invoiced().await;
    let paid = payment(&invoice, 2_945, "bank:1", world.now());
    invoices::pay(&world.db, world.now(), &paid, "test")
        .await
        .unwrap();
    let note = invoices::credit(
        &world.db,
        world.now(),
        &credit(&invoice, &[(3, None)], None),
        "test",
    )
    .await
    .unwrap();
    let found = invoices::find(&world.db, &note.number)
        .await
        .unwrap()
        .unwrap()
        .summary;
    assert_eq!((found.state, note.total_minor), (InvoiceState::Open, -45));
    let refund = payment(&found, 46, "bank:out:1", world.now());
    assert!(
        invoices::pay(&world.db, world.now(), &refund, "test")
            .await
            .is_err()
    );
    let refund = payment(&found, 45, "bank:out:2", world.now());
    let booked = invoices::pay(&world.db, world.now(), &refund, "test")
        .await
        .unwrap();
    assert_eq!(
        (booked.state, booked.balance_minor),
        (InvoiceState::Paid, 0)
    );
    adds_up(&world).await;
}

#[tokio::test]
async fn a_void_invoice_is_mirrored_as_a_whole_and_its_period_is_invoiced_anew() {
    let (world, invoice) = invoiced().await;
    world
        .run(r#"UPDATE "Brand" SET "companyName" = 'Right SARL' WHERE id = 'shop'"#)
        .await;
    let number = invoice.name();
    let voided = invoices::void(
        &world.db,
        world.now(),
        &number,
        "wrong company",
        true,
        "test",
    )
    .await
    .unwrap();
    assert_eq!(voided.credit_note.total_minor, -2_945);
    assert_eq!(again(&world, &invoice).await.state, InvoiceState::Void);
    let refused = invoices::void(&world.db, world.now(), &number, "again", true, "test").await;
    assert!(matches!(refused, Err(InvoiceError::Refused { .. })));
    adds_up(&world).await;
    bill(&world).await;
    let documents = invoices(&world, "shop").await;
    assert_eq!(documents.len(), 3);
    let anew = documents
        .iter()
        .find(|one| one.number.as_deref() == Some("INV-2026-000002"))
        .unwrap();
    assert_eq!(anew.total_minor, 2_945);
    let document = invoices::document(&world.db, anew.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(document.head.buyer.name, "Right SARL");
    adds_up(&world).await;
}

#[tokio::test]
async fn a_void_invoice_that_is_not_issued_anew_keeps_what_it_billed() {
    let (world, invoice) = invoiced().await;
    invoices::void(
        &world.db,
        world.now(),
        &invoice.name(),
        "a gift",
        false,
        "test",
    )
    .await
    .unwrap();
    bill(&world).await;
    assert_eq!(invoices(&world, "shop").await.len(), 2);
    adds_up(&world).await;
}

#[tokio::test]
async fn an_invoice_that_was_paid_in_part_is_not_voided_and_one_given_up_can_still_be_paid() {
    let (world, invoice) = invoiced().await;
    let part = payment(&invoice, 45, "bank:1", world.now());
    invoices::pay(&world.db, world.now(), &part, "test")
        .await
        .unwrap();
    let refused = invoices::void(&world.db, world.now(), &invoice.name(), "no", false, "test")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("credit the rest"), "{refused}");
    assert!(
        invoices::uncollectible(&world.db, world.now(), &invoice.name(), "gone", "test")
            .await
            .unwrap()
    );
    assert!(
        !invoices::uncollectible(&world.db, world.now(), &invoice.name(), "gone", "test")
            .await
            .unwrap()
    );
    let rest = payment(&invoice, 2_900, "bank:2", world.now());
    let booked = invoices::pay(&world.db, world.now(), &rest, "test")
        .await
        .unwrap();
    assert_eq!(booked.state, InvoiceState::Paid);
    adds_up(&world).await;
}

#[tokio::test]
async fn nobody_can_change_or_delete_what_was_issued() {
    let (world, invoice) = invoiced().await;
    for statement in [
        "UPDATE atelier.invoice SET total_minor = 1, net_minor = 1",
        "UPDATE atelier.invoice SET document = '{}'",
        "UPDATE atelier.invoice SET number = 7",
        "DELETE FROM atelier.invoice",
        "UPDATE atelier.invoice_line SET quantity = 1",
        "DELETE FROM atelier.invoice_line",
        "TRUNCATE atelier.invoice CASCADE",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&world.sql).await;
        assert!(refused.is_err(), "{statement}");
    }
    assert_eq!(again(&world, &invoice).await, invoice);
    assert!(differences(&world).await.is_empty());
}
