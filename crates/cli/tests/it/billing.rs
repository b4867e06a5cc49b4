//! The operator's commands about money, on a real database.

use std::process::Output;

use serde_json::Value;
use testkit::TestDatabase;

use crate::processes::command;

struct Desk {
    database: TestDatabase,
}

impl Desk {
    /// A brand on STARTER whose first month is over.
    async fn open() -> Self {
        let desk = Self {
            database: TestDatabase::empty().await.unwrap(),
        };
        desk.done(&["migrate", "up"]);
        desk.done(&[
            "brand",
            "create",
            "shop",
            "--name",
            "Tasse & Co",
            "--plan",
            "STARTER",
        ]);
        desk
    }

    fn run(&self, arguments: &[&str]) -> Output {
        command()
            .args(arguments)
            .env("ATELIER_DATABASE_URL", self.database.url())
            .output()
            .unwrap()
    }

    /// What a command that must succeed prints.
    fn done(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert!(run.status.success(), "{arguments:?}: {run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments)).unwrap()
    }

    async fn sql(&self, statement: &str) {
        let (client, connection) =
            tokio_postgres::connect(self.database.url(), tokio_postgres::NoTls)
                .await
                .unwrap();
        tokio::spawn(connection);
        client.batch_execute(statement).await.unwrap();
    }
}

#[tokio::test]
async fn an_invoice_is_previewed_closed_shown_exported_credited_paid_and_audited() {
    let desk = Desk::open().await;
    let preview = desk.done(&["invoice", "preview", "--brand", "shop"]);
    assert!(
        preview.contains("Starter plan") && preview.contains("29.00"),
        "{preview}"
    );
    let far = [
        "invoice",
        "close",
        "--now",
        "2099-01-01T00:00:00Z",
        "--brand",
        "nobody",
        "--json",
    ];
    assert_eq!(desk.json(&far)["issued"], serde_json::json!([]));
    // The brand's first month ends within 31 days.
    let next = (chrono::Utc::now() + chrono::TimeDelta::days(32)).to_rfc3339();
    let close = ["invoice", "close", "--now", next.as_str(), "--json"];
    let closed = desk.json(&close);
    let number = closed["issued"][0]["number"].as_str().unwrap().to_owned();
    assert!(
        number.starts_with("INV-") && number.ends_with("-000001"),
        "{closed}"
    );
    let again = desk.json(&close);
    assert_eq!(
        (&again["issued"], &again["drafted"]),
        (&serde_json::json!([]), &serde_json::json!(0))
    );
    let list = desk.done(&["invoice", "list", "--brand", "shop", "--state", "open"]);
    assert!(
        list.starts_with(&number) && list.contains("29.00 EUR"),
        "{list}"
    );
    let shown = desk.json(&["invoice", "show", &number]);
    assert_eq!(shown["document"]["buyer"]["name"], "Tasse & Co");
    let credit = [
        "invoice",
        "credit",
        &number,
        "--line",
        "1",
        "--reason",
        "a gift",
        "--reference",
        "r1",
    ];
    let note = desk.json(&credit);
    assert_eq!(
        desk.json(&credit),
        note,
        "the same reference, the same credit note"
    );
    assert_eq!(note["total_minor"], -2_900);
    let csv = desk.done(&["invoice", "export"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert!(
        rows[0].starts_with("number,kind,state,brand,buyer,"),
        "{csv}"
    );
    assert_eq!(rows.len(), 3, "{csv}");
    assert!(
        rows.iter()
            .any(|row| row.contains("credit_note,paid,shop,Tasse & Co") && row.contains("-29.00")),
        "{csv}"
    );
    let json = desk.done(&["invoice", "export", "--format", "json", "--kind", "regular"]);
    let row: Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(row["state"], "paid", "credited as a whole");
    desk.done(&["audit", "money"]);
    desk.sql(r#"UPDATE "Brand" SET "monthlyGenerations" = 4"#)
        .await;
    let found = desk.run(&["audit", "money", "--json"]);
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(
        (&found[0]["check"], &found[0]["subject"]),
        (&"counter".into(), &"brand:shop".into())
    );
}

#[tokio::test]
async fn a_payment_a_void_and_a_loss_are_said_and_refused_where_they_make_no_sense() {
    let desk = Desk::open().await;
    desk.done(&["invoice", "preview", "--brand", "shop", "--json"]);
    let next = (chrono::Utc::now() + chrono::TimeDelta::days(32)).to_rfc3339();
    let closed = desk.json(&["invoice", "close", "--now", &next, "--json"]);
    let number = closed["issued"][0]["number"].as_str().unwrap().to_owned();
    let voided = desk.json(&[
        "invoice",
        "void",
        &number,
        "--reason",
        "wrong company",
        "--reissue",
    ]);
    assert_eq!(voided["reissue"], true);
    let anew = desk.json(&["invoice", "close", "--now", &next, "--json"]);
    let second = anew["issued"][0]["number"].as_str().unwrap().to_owned();
    assert!(second.ends_with("-000002"), "{anew}");
    let refused = desk.run(&[
        "invoice",
        "pay",
        &number,
        "--amount",
        "29.00",
        "--reference",
        "bank:1",
    ]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(&number) && said.contains("void"), "{said}");
    let cents = desk.run(&[
        "invoice",
        "pay",
        &second,
        "--amount",
        "29.001",
        "--reference",
        "bank:1",
    ]);
    assert_eq!(cents.status.code(), Some(1));
    desk.done(&["invoice", "uncollectible", &second, "--reason", "gone"]);
    let paid = desk.json(&[
        "invoice",
        "pay",
        &second,
        "--amount",
        "29.00",
        "--reference",
        "bank:1",
    ]);
    assert_eq!(
        (&paid["state"], &paid["is_new"]),
        (&"paid".into(), &true.into())
    );
    let again = desk.json(&[
        "invoice",
        "pay",
        &second,
        "--amount",
        "29.00",
        "--reference",
        "bank:1",
    ]);
    assert_eq!(again["is_new"], false);
    desk.done(&["audit", "money"]);
    assert_eq!(
        desk.run(&["invoice", "show", "INV-1999-000001"])
            .status
            .code(),
        Some(1)
    );
}

#[tokio::test]
async fn a_plan_is_changed_and_its_history_shown() {
    let desk = Desk::open().await;
    let set = [
        "subscription",
        "set",
        "--brand",
        "shop",
        "--plan",
        "PROFESSIONAL",
    ];
    assert_eq!(desk.done(&set), "shop is now PROFESSIONAL ACTIVE\n");
    assert_eq!(desk.done(&set), "shop was already PROFESSIONAL ACTIVE\n");
    let shown = desk.json(&["subscription", "show", "--brand", "shop"]);
    assert_eq!(shown["changes"][1]["reason"], "operator");
    assert_eq!(
        desk.run(&["subscription", "set", "--brand", "shop"])
            .status
            .code(),
        Some(1)
    );
    let nobody = desk.run(&["subscription", "set", "--brand", "nobody", "--plan", "FREE"]);
    assert!(
        String::from_utf8(nobody.stderr)
            .unwrap()
            .contains("there is no brand nobody")
    );
}
