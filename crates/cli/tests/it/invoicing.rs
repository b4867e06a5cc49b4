//! From a used month to a paid invoice, with the real programs: closed by the command, written and sent to Stripe by the
//! scheduler, read over HTTP; and what others' programs say of the files.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::foreign::python_env;
use testkit::{FakeStripe, ManualClock, StripeFault, wait};

use crate::cluster::{Cluster, Role};
use crate::processes::{PATIENCE, root};

const LINK_SECRET: &str = "a secret of links of thirty-two bytes and more";
const STRIPE_SECRET: &str = "whsec_of_the_test";

/// A seller of each regime; the last one stays.
fn seller(regime: &str) -> String {
    let (country, city, registration, vat) = match regime {
        "not_subject" => (
            "CH",
            "Lausanne",
            "CHE-123.456.788",
            "regime = \"not_subject\"",
        ),
        "small_business" => (
            "FR",
            "Paris",
            "303265045",
            "regime = \"small_business\"\ntax_number = \"303265045\"\n\
             text = \"TVA non applicable, art. 293 B du CGI\"\nvatex = \"VATEX-FR-FRANCHISE\"",
        ),
        _ => (
            "FR",
            "Paris",
            "303265045",
            "regime = \"registered\"\nvat_id = \"FR40303265045\"\noss = true",
        ),
    };
    let logo = root().join("crates/documents/tests/logo.png");
    format!(
        "logo = {logo:?}\n[seller]\nname = \"Atelier Exemple\"\n\
         address = {{ lines = [\"Rue du Lac 5\"], postcode = \"1003\", city = {city:?}, country = {country:?} }}\n\
         registrations = [{{ label = \"No\", id = {registration:?} }}]\n\
         bank = {{ iban = \"CH9300762011623852957\" }}\nterms = {{ payment_days = 14 }}\n[seller.vat]\n{vat}\n"
    )
}

fn buyer(country: &str, vat_id: &str) -> String {
    let vat_id = match vat_id {
        "" => String::new(),
        id => format!("vat_id = {id:?}\n"),
    };
    format!(
        "[buyer]\nname = \"Boutique Zoé & Léo <Cadeaux>\"\nlanguage = \"fr\"\n{vat_id}\
         contact = {{ email = \"compta@zoe.example\" }}\n\
         address = {{ lines = [\"1 place du Marché\"], postcode = \"69001\", city = \"Ville\", country = {country:?} }}\n"
    )
}

impl Cluster {
    fn set_up(&self, name: &str, command: &[&str], text: &str) {
        let file = self.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        self.atelier(&[command, &["--file", file.to_str().unwrap()]].concat());
    }

    /// A brand on STARTER with a buyer.
    fn shop(&self, id: &str, country: &str, vat_id: &str) {
        self.atelier(&["brand", "create", id, "--name", id, "--plan", "STARTER"]);
        let profile = ["billing-profile", "set", "--brand", id];
        self.set_up("buyer.toml", &profile, &buyer(country, vat_id));
    }

    async fn text(&self, sql: &str) -> String {
        self.look().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn rendered(&self) {
        let client = self.look().await;
        let missing = "SELECT count(*) FROM atelier.invoice WHERE rendered_at IS NULL";
        wait::until("every invoice to have its files", PATIENCE, async || {
            client
                .query_one(missing, &[])
                .await
                .unwrap()
                .get::<_, i64>(0)
                == 0
        })
        .await
        .unwrap();
    }

    /// The files of every invoice by its number, from the object store.
    async fn files(&self) -> BTreeMap<String, (Vec<u8>, Vec<u8>)> {
        let rows = "SELECT number_text, pdf_key, xml_key FROM atelier.invoice WHERE rendered_at IS NOT NULL";
        let rows = self.look().await.query(rows, &[]).await.unwrap();
        let objects = self.folder.path().join("objects");
        let read = |key: String| std::fs::read(objects.join(key)).unwrap();
        rows.iter()
            .map(|row| (row.get(0), (read(row.get(1)), read(row.get(2)))))
            .collect()
    }
}

/// So many days from now. After 62, every period that is open now is over.
async fn in_days(cluster: &Cluster, days: u32) -> String {
    let sql = format!(
        "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '{days} days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    );
    cluster.text(&sql).await
}

fn judge(files: &BTreeMap<String, (Vec<u8>, Vec<u8>)>) -> Value {
    let folder = tempfile::tempdir().unwrap();
    for (number, (pdf, xml)) in files {
        std::fs::write(folder.path().join(format!("{number}.pdf")), pdf).unwrap();
        std::fs::write(folder.path().join(format!("{number}.xml")), xml).unwrap();
    }
    let env = python_env("invoices").unwrap();
    let mut judge: Command = env.command(root().join("crates/documents/tests/judge.py"));
    let said = judge.arg(folder.path()).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invoice_that_billing_issues_passes_the_official_rules() {
    let mut cluster = Cluster::seeded().await;
    let (today, later) = (in_days(&cluster, 0).await, in_days(&cluster, 62).await);
    let cases = [
        ("home", "registered", "FR", ""),
        ("oss", "registered", "IT", ""),
        ("reverse", "registered", "DE", "DE123456789"),
        ("abroad", "registered", "US", ""),
        ("swiss", "not_subject", "FR", "FR83404833048"),
        ("small", "small_business", "FR", ""),
    ];
    for (id, regime, country, vat_id) in cases {
        cluster.set_up("seller.toml", &["seller", "set"], &seller(regime));
        cluster.shop(id, country, vat_id);
        // The first begins the brand's period, the second ends it.
        for now in [&today, &later] {
            cluster.atelier(&["invoice", "close", "--brand", id, "--now", now]);
        }
    }
    let first = cluster
        .text("SELECT min(number_text) FROM atelier.invoice WHERE brand_id = 'home'")
        .await;
    let reason = ["--reason", "two days were lost"];
    cluster.atelier(
        &[
            &["invoice", "credit", &first, "--line", "1"],
            reason.as_slice(),
        ]
        .concat(),
    );
    let _scheduler = cluster.start("scheduler", &[]).await;
    cluster.rendered().await;
    let files = cluster.files().await;
    assert!(files.len() > cases.len(), "{:?}", files.keys());
    let said = judge(&files);
    for number in files.keys() {
        let said = &said[number];
        assert_eq!(
            (&said["rules"], &said["schema"]),
            (&json!([]), &json!([])),
            "{number}: {said}"
        );
        assert_eq!(
            (&said["page"]["pdfa"], &said["page"]["same_xml"]),
            (&"3B".into(), &true.into())
        );
    }
    // Each treatment was met.
    let met = "SELECT string_agg(DISTINCT vat_category || vat_rate_bp, ' ' ORDER BY vat_category || vat_rate_bp)
        FROM atelier.invoice_line WHERE net_minor <> 0";
    assert_eq!(cluster.text(met).await, "AE0 E0 O0 S2000 S2200");
}

/// Sends every event of Stripe's so far, newest first and each twice.
async fn tell(stripe: &FakeStripe, api: &Role) {
    let client = reqwest::Client::new();
    let mut events = stripe.events(STRIPE_SECRET);
    events.reverse();
    for event in events.iter().flat_map(|event| [event, event]) {
        let sent = client.post(format!("{}/v1/stripe/webhook", api.url()));
        let sent = sent.header("stripe-signature", &event.signature);
        let status = sent.body(event.body.clone()).send().await.unwrap().status();
        assert_eq!(status, 204, "{}", event.kind);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_month_becomes_one_invoice_that_is_collected_once_however_often_its_sender_dies() {
    let mut cluster = Cluster::seeded().await;
    // The fake signs by this clock, and api-lite reads the machine's.
    let machine = cluster.text("SELECT now()::text").await;
    let clock = ManualClock::new(format!("{}:00", machine.replace(' ', "T")).parse().unwrap());
    let stripe = FakeStripe::start(Arc::new(clock.clone())).await.unwrap();
    let url = stripe.base_url();
    cluster.set_up("seller.toml", &["seller", "set"], &seller("registered"));
    let profile = ["billing-profile", "set", "--brand", "brand_1"];
    cluster.set_up("buyer.toml", &profile, &buyer("FR", ""));
    cluster.atelier(&[
        "subscription",
        "set",
        "--brand",
        "brand_1",
        "--plan",
        "STARTER",
    ]);
    let api = cluster
        .start(
            "api-lite",
            &[
                ("ATELIER_LINK_SECRET", LINK_SECRET),
                ("ATELIER_STRIPE_WEBHOOK_SECRET", STRIPE_SECRET),
            ],
        )
        .await;
    let _worker = cluster.start("worker", &[]).await;
    let settings = [
        ("ATELIER_LINK_SECRET", LINK_SECRET),
        ("ATELIER_PUBLIC_URL", "https://api.example"),
        ("ATELIER_STRIPE_SECRET_KEY", "sk_test"),
        ("ATELIER_STRIPE_BASE_URL", &url),
        ("ATELIER_SCHEDULER_STRIPE_PERIOD_MS", "50"),
        ("ATELIER_SCHEDULER_DOCUMENTS_PERIOD_MS", "50"),
    ];
    let mut scheduler = cluster.start("scheduler", &settings).await;
    cluster.order_many(&api, 3).await;
    cluster.all_done(3, Duration::from_secs(60)).await;
    stripe.arm(StripeFault::Slow(Duration::from_millis(150)), 1_000);
    let now = in_days(&cluster, 62).await;
    cluster.atelier(&["invoice", "close", "--brand", "brand_1", "--now", &now]);
    // The scheduler is killed again and again, whatever it is doing.
    for round in 1..=4 {
        let seen = stripe.requests().len();
        let moved = wait::until("a request to arrive", Duration::from_secs(10), async || {
            stripe.requests().len() > seen
                || stripe.invoices().iter().any(|one| one["status"] == "open")
        });
        moved.await.unwrap();
        scheduler.process.kill9().await.unwrap();
        let lapse = "UPDATE atelier.stripe_op SET lease_until = now() - interval '1 s'";
        cluster.look().await.batch_execute(lapse).await.unwrap();
        let lapse = "UPDATE atelier.duty_lease SET expires_at = now() - interval '1 s'";
        cluster.look().await.batch_execute(lapse).await.unwrap();
        if round == 4 {
            stripe.disarm();
        }
        scheduler = cluster.start("scheduler", &settings).await;
    }
    cluster.rendered().await;
    let invoices = cluster
        .number("SELECT count(*) FROM atelier.invoice WHERE total_minor > 0")
        .await;
    wait::until(
        "every invoice to stand open at Stripe",
        PATIENCE,
        async || {
            let open = stripe.invoices();
            let open = open.iter().filter(|one| one["status"] == "open");
            i64::try_from(open.count()).unwrap() == invoices
        },
    )
    .await
    .unwrap();
    let there = stripe.invoices();
    assert_eq!(i64::try_from(there.len()).unwrap(), invoices, "{there:#?}");
    assert_eq!(stripe.customers().len(), 1);
    let total: i64 = there.iter().map(|one| one["total"].as_i64().unwrap()).sum();
    let ours = "SELECT sum(total_minor)::bigint FROM atelier.invoice";
    assert_eq!(total, cluster.number(ours).await);
    // The buyer pays, and is heard once.
    for invoice in &there {
        assert!(stripe.pay(invoice["id"].as_str().unwrap()));
    }
    tell(&stripe, &api).await;
    assert_eq!(
        cluster
            .number(
                "SELECT count(*) FROM atelier.invoice WHERE state <> 'paid' AND total_minor > 0"
            )
            .await,
        0
    );
    assert_eq!(
        cluster
            .number("SELECT sum(amount_minor)::bigint FROM atelier.payment")
            .await,
        total
    );
    read_the_files(&cluster, &api).await;
    cluster.atelier(&["audit", "money"]);
}

/// The brand reads its invoices with its key, and a page with the address alone.
async fn read_the_files(cluster: &Cluster, api: &Role) {
    let client = reqwest::Client::new();
    let listed = client
        .get(format!("{}/v1/invoices", api.url()))
        .bearer_auth(&cluster.key);
    let listed: Value = listed.send().await.unwrap().json().await.unwrap();
    let invoice = listed["data"].as_array().unwrap().last().unwrap();
    assert_eq!(invoice["status"], "paid", "{invoice}");
    let page = client
        .get(invoice["links"]["pdf"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(page.headers()["content-type"], "application/pdf");
    let bytes = page.bytes().await.unwrap();
    let number = invoice["number"].as_str().unwrap();
    assert!(bytes == cluster.files().await[number].0);
    let shown = format!(
        r#"SELECT "pdfUrl" FROM "Invoice" WHERE id = '{}'"#,
        invoice["id"].as_str().unwrap()
    );
    let shown = cluster.text(&shown).await;
    let path = shown.strip_prefix("https://api.example").unwrap();
    let page = client
        .get(format!("{}{path}", api.url()))
        .send()
        .await
        .unwrap();
    assert!(page.bytes().await.unwrap() == bytes);
}
