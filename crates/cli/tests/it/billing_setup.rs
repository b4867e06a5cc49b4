//! Who sells, who buys, what it costs: the commands and their files.

use std::process::Output;

use serde_json::Value;
use testkit::TestDatabase;

use crate::processes::{command, root};

const SELLER: &str = r#"
invoice_prefix = "FA"
logo = "logo.png"

[seller]
name = "Atelier Exemple SAS"
address = { lines = ["12 rue des Lilas"], postcode = "75011", city = "Paris", country = "FR" }
registrations = [{ label = "SIREN", id = "303265045", scheme = "0002" }]
contact = { email = "facturation@atelier.example" }
bank = { iban = "FR76 3000 6000 0112 3456 7890 189", bic = "AGRIFRPP" }
terms = { payment_days = 30 }

[seller.vat]
regime = "registered"
vat_id = "FR40303265045"
oss = true
"#;

const BUYER: &str = r#"
payment_days = 60

[buyer]
name = "Boutique Zoé"
address = { postcode = "69001", city = "Lyon", country = "FR" }
vat_id = "FR83404833048"
language = "fr"
"#;

struct Bench {
    database: TestDatabase,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let bench = Self {
            database: TestDatabase::empty().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        let logo = root().join("crates/documents/tests/logo.png");
        std::fs::copy(logo, bench.folder.path().join("logo.png")).unwrap();
        bench.ok(&["migrate", "up"]);
        bench.ok(&["brand", "create", "shop", "--name", "Shop"]);
        bench
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let objects = format!("file://{}", self.folder.path().join("objects").display());
        command()
            .args(arguments)
            .env("ATELIER_DATABASE_URL", self.database.url())
            .env("ATELIER_OBJECT_STORE", objects)
            .output()
            .unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert!(run.status.success(), "{arguments:?}: {run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.status.code(), Some(1), "{arguments:?}: {run:?}");
        String::from_utf8(run.stderr).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    fn file(&self, text: &str) -> String {
        let path = self.folder.path().join("file.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_seller_is_set_from_a_file_with_its_logo_and_shown() {
    let bench = Bench::start().await;
    let untouched = bench.run(&["seller", "show"]);
    assert!(
        String::from_utf8_lossy(&untouched.stderr).contains("nobody has set"),
        "{untouched:?}"
    );
    let file = bench.file(SELLER);
    assert_eq!(
        bench.ok(&["seller", "set", "--check", "--file", &file]),
        "Atelier Exemple SAS  ok\n"
    );
    assert_eq!(bench.json(&["seller", "show"])["updated_at"], Value::Null);
    bench.ok(&["seller", "set", "--file", &file]);
    let shown = bench.json(&["seller", "show"]);
    assert_eq!(
        (&shown["invoice_prefix"], &shown["credit_prefix"]),
        (&"FA".into(), &"CN".into())
    );
    let seller = &shown["seller"];
    assert_eq!(seller["bank"]["iban"], "FR7630006000011234567890189");
    let key = seller["logo"].as_str().unwrap();
    let stored = std::fs::read(bench.folder.path().join("objects").join(key)).unwrap();
    assert_eq!(
        stored,
        std::fs::read(bench.folder.path().join("logo.png")).unwrap()
    );
    // The same again is the same; prefixes that are not given stay.
    let file = bench.file(&SELLER.replace("invoice_prefix = \"FA\"", ""));
    bench.ok(&["seller", "set", "--file", &file]);
    assert_eq!(bench.json(&["seller", "show"])["invoice_prefix"], "FA");
    let noted =
        "SELECT count(*) FROM atelier.audit_log WHERE action = 'seller.set' AND actor = 'cli'";
    assert_eq!(number(bench.database.url(), noted).await, 2);
}

#[tokio::test]
async fn every_fault_of_a_file_is_named_at_once_and_nothing_is_changed() {
    let bench = Bench::start().await;
    let wrong = SELLER
        .replace("0112 3456", "0112 3465")
        .replace("FR40303265045", "DE123456789")
        .replace("contact = { email", "contact = { mail")
        .replace("\"FA\"", "\"fa1\"");
    let said = bench.refused(&["seller", "set", "--file", &bench.file(&wrong)]);
    for pointer in [
        "/seller/bank/iban",
        "/seller/vat/vat_id",
        "/seller/contact/mail",
        "/invoice_prefix",
    ] {
        assert!(said.contains(pointer), "{pointer}: {said}");
    }
    for (from, to, expected) in [
        ("country = \"FR\"", "country = \"France\"", "country code"),
        ("name = \"Atelier Exemple SAS\"", "", "name"),
        ("logo.png", "gone.png", "/logo gone.png"),
        ("logo.png", "file.toml", "neither PNG nor JPEG"),
        ("[seller", "[vendor", "vendor"),
        (
            "invoice_prefix = \"FA\"",
            "invoice_prefix = \"CN\"",
            "different prefixes",
        ),
    ] {
        let said = bench.refused(&[
            "seller",
            "set",
            "--file",
            &bench.file(&SELLER.replace(from, to)),
        ]);
        assert!(said.contains(expected), "{to}: {said}");
    }
    assert_eq!(bench.json(&["seller", "show"])["updated_at"], Value::Null);
}

#[tokio::test]
async fn a_brands_buyer_is_set_and_shown() {
    let bench = Bench::start().await;
    let none = bench.refused(&["billing-profile", "show", "--brand", "shop"]);
    assert!(none.contains("its own row"), "{none}");
    let file = bench.file(BUYER);
    let set = ["billing-profile", "set", "--brand", "shop", "--file", &file];
    assert_eq!(bench.ok(&set), "shop: Boutique Zoé  set\n");
    let shown = bench.json(&["billing-profile", "show", "--brand", "shop"]);
    assert_eq!(
        (&shown["payment_days"], &shown["buyer"]["language"]),
        (&60.into(), &"fr".into())
    );
    let other = [
        "billing-profile",
        "set",
        "--brand",
        "nobody",
        "--file",
        &file,
    ];
    assert!(bench.refused(&other).contains("no brand nobody"));
    let wrong = bench.file(
        &BUYER
            .replace("FR83404833048", "DE123456789")
            .replace("60", "181"),
    );
    let set = [
        "billing-profile",
        "set",
        "--brand",
        "shop",
        "--file",
        &wrong,
    ];
    let said = bench.refused(&set);
    assert!(
        said.contains("/buyer/vat_id") && said.contains("/payment_days"),
        "{said}"
    );
}

#[tokio::test]
async fn prices_begin_in_the_future_and_are_never_replaced() {
    let bench = Bench::start().await;
    let listed = bench.ok(&["plan", "list"]);
    assert!(
        listed.contains("STARTER") && listed.contains("0.75"),
        "{listed}"
    );
    let plans = bench.json(&["plan", "list", "--json"]);
    assert_eq!(plans["fees"].as_array().unwrap().len(), 4);
    assert_eq!(plans["prices"].as_array().unwrap().len(), 20);
    let price = |unit: &'static str, from: &'static str| {
        vec![
            "plan",
            "price",
            "starter",
            "generation",
            "--unit-price",
            unit,
            "--included",
            "25",
            "--policy",
            "charge_capped",
            "--cap",
            "500",
            "--from",
            from,
        ]
    };
    bench.ok(&price("0.70", "2999-01-01T00:00:00Z"));
    bench.ok(&price("0.70", "2999-01-01T00:00:00Z"));
    let other = bench.refused(&price("0.71", "2999-01-01T00:00:00Z"));
    assert!(other.contains("never replaced"), "{other}");
    let past = bench.refused(&price("0.70", "2026-01-01T00:00:00Z"));
    assert!(past.contains("begin in the future"), "{past}");
    let dollars = [
        price("0.70", "2999-02-01T00:00:00Z"),
        vec!["--currency", "USD"],
    ]
    .concat();
    assert!(bench.refused(&dollars).contains("priced in EUR"));
    let fee = |amount: &'static str| {
        vec![
            "plan",
            "fee",
            "STARTER",
            "--monthly",
            amount,
            "--from",
            "2999-01-01T00:00:00Z",
        ]
    };
    bench.ok(&fee("31.50"));
    assert!(bench.refused(&fee("31.505")).contains("2 decimals"));
    let plans = bench.json(&["plan", "list", "--json"]);
    let fees = plans["fees"].as_array().unwrap();
    let new = fees
        .iter()
        .find(|fee| fee["valid_from"] == "2999-01-01T00:00:00Z")
        .unwrap();
    assert_eq!(
        (&new["plan"], &new["monthly_fee_micros"]),
        (&"STARTER".into(), &31_500_000.into())
    );
    let kept = r#"SELECT included_generations::bigint FROM atelier.plan WHERE plan = 'STARTER' AND valid_from > '2900-01-01'"#;
    assert_eq!(
        number(bench.database.url(), kept).await,
        20,
        "for processes from before billing"
    );
}

#[tokio::test]
async fn no_step_at_stripe_is_stuck_at_first_and_an_unknown_one_cannot_be_released() {
    let bench = Bench::start().await;
    assert_eq!(bench.ok(&["stripe", "stuck"]), "");
    let said = bench.refused(&["stripe", "release", "atelier:invoice:1:v1"]);
    assert!(said.contains("atelier stripe stuck"), "{said}");
}

async fn number(url: &str, sql: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The file in the command's own help must be one that it takes.
#[tokio::test]
async fn the_files_that_the_help_shows_are_taken() {
    let bench = Bench::start().await;
    for command in ["seller", "billing-profile"] {
        let help = bench.ok(&[command, "set", "--help"]);
        let file: String = help
            .lines()
            .skip_while(|line| {
                !line.trim_start().starts_with(if command == "seller" {
                    "invoice_prefix"
                } else {
                    "payment_days"
                })
            })
            .take_while(|line| line.is_empty() || line.starts_with("  "))
            .map(|line| format!("{line}\n"))
            .collect();
        let file = bench.file(&file);
        let brand = ["--brand", "shop"];
        let more: &[&str] = if command == "seller" { &[] } else { &brand };
        bench.ok(&[&[command, "set", "--file", &file], more].concat());
    }
}
