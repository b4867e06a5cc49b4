//! Laws that hold for any history of usage, plan changes, corrections and months.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Plan;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::invoices::{self, Credit, InvoiceKind, InvoiceState, InvoiceSummary, Payment};
use store::subscriptions::{self, Order, Status};

use crate::ledgers::{PRICES, at, begin, bill, call, differences, invoices as of_brand};
use crate::world::World;

/// Something that happens to a brand.
#[derive(Debug, Clone)]
enum Step {
    /// Hours pass.
    Wait(i64),
    /// Calls are made, some of them days ago.
    Use { calls: u32, days_ago: i64 },
    /// The subscription changes.
    Subscribe(Option<Plan>, Option<Status>),
    /// Everything that is due is done.
    Bill,
    /// An invoice is paid by so many percent.
    Pay { which: usize, percent: i64 },
    /// An invoice is credited, as a whole or by a line.
    Credit { which: usize, line: i32 },
    /// An invoice is voided.
    Void { which: usize, reissue: bool },
    /// An invoice is given up.
    GiveUp { which: usize },
}

fn any_step() -> impl Strategy<Value = Step> {
    let plan = prop::option::of(prop::sample::select(Plan::ALL.to_vec()));
    let status = prop::option::of(prop::sample::select(Status::ALL.to_vec()));
    let which = 0..4_usize;
    prop_oneof![
        4 => (1..400_i64).prop_map(Step::Wait),
        5 => (1..40_u32, 0..50_i64).prop_map(|(calls, days_ago)| Step::Use { calls, days_ago }),
        2 => (plan, status).prop_map(|(plan, status)| Step::Subscribe(plan, status)),
        3 => Just(Step::Bill),
        1 => (which.clone(), 1..140_i64).prop_map(|(which, percent)| Step::Pay { which, percent }),
        1 => (which.clone(), 0..4_i32).prop_map(|(which, line)| Step::Credit { which, line }),
        1 => (which.clone(), any::<bool>()).prop_map(|(which, reissue)| Step::Void { which, reissue }),
        1 => which.prop_map(|which| Step::GiveUp { which }),
    ]
}

/// One brand and what happens to it.
struct History {
    world: Arc<World>,
    brand: String,
    began: DateTime<Utc>,
    payments: usize,
}

impl History {
    async fn step(&mut self, step: &Step) {
        let world = self.world.clone();
        match step {
            Step::Wait(hours) => world.clock.set(world.now() + TimeDelta::hours(*hours)),
            Step::Use { calls, days_ago } => {
                let when = (world.now() - TimeDelta::days(*days_ago)).max(self.began);
                call(&world, &self.brand, when, *calls).await;
            }
            Step::Subscribe(plan, status) => {
                let order = Order {
                    plan: *plan,
                    status: *status,
                    max_monthly_generations: None,
                };
                let brand = self.brand.as_str().into();
                subscriptions::set(&world.db, world.now(), &brand, &order, "law")
                    .await
                    .unwrap();
            }
            Step::Bill => drop(bill(&world).await),
            Step::Pay { which, percent } => self.pay(*which, *percent).await,
            Step::Credit { which, line } => {
                let Some(invoice) = self.invoice(*which).await else {
                    return;
                };
                let credit = Credit {
                    invoice: invoice.name(),
                    parts: match line {
                        0 => vec![],
                        line => vec![invoices::CreditPart {
                            position: *line,
                            quantity: Some(1),
                        }],
                    },
                    reason: "law".to_owned(),
                    reference: None,
                };
                // Refused where nothing is left, or there is no such line.
                let _ = invoices::credit(&world.db, world.now(), &credit, "law").await;
            }
            Step::Void { which, reissue } => {
                let Some(invoice) = self.invoice(*which).await else {
                    return;
                };
                let name = invoice.name();
                let _ = invoices::void(&world.db, world.now(), &name, "law", *reissue, "law").await;
            }
            Step::GiveUp { which } => {
                let Some(invoice) = self.invoice(*which).await else {
                    return;
                };
                let _ =
                    invoices::uncollectible(&world.db, world.now(), &invoice.name(), "law", "law")
                        .await;
            }
        }
    }

    async fn invoice(&self, which: usize) -> Option<InvoiceSummary> {
        let found = of_brand(&self.world, &self.brand).await;
        let issued = found
            .into_iter()
            .filter(|one| one.state != InvoiceState::Draft);
        issued
            .filter(|one| one.kind == InvoiceKind::Regular)
            .nth(which)
    }

    async fn pay(&mut self, which: usize, percent: i64) {
        let Some(invoice) = self.invoice(which).await else {
            return;
        };
        if matches!(invoice.state, InvoiceState::Void) {
            return;
        }
        self.payments += 1;
        let payment = Payment {
            invoice: invoice.name(),
            amount_minor: (invoice.total_minor * percent / 100).max(1),
            method: "transfer".to_owned(),
            reference: format!("{}:{}", self.brand, self.payments),
            received_at: self.world.now(),
        };
        invoices::pay(&self.world.db, self.world.now(), &payment, "law")
            .await
            .unwrap();
    }

    /// Units recorded, and where they are: billed, in open periods, or in periods that came to nothing.
    async fn check(&self) {
        let (recorded, billed, open, nothing): (i64, i64, i64, i64) = sqlx::query_as(
            r#"SELECT
                (SELECT COALESCE(sum(count), 0)::bigint FROM "UsageRecord" WHERE "brandId" = $1),
                (SELECT COALESCE(sum(l.quantity), 0)::bigint FROM atelier.invoice_line l
                 JOIN atelier.invoice i ON i.id = l.invoice_id
                 WHERE i.brand_id = $1 AND l.kind IN ('included', 'overage')
                    AND EXISTS (SELECT 1 FROM atelier.usage_bucket b WHERE b.sealed_by = i.id)),
                (SELECT COALESCE(sum(b.units), 0)::bigint FROM atelier.usage_bucket b
                 JOIN atelier.billing_period p USING (brand_id, period_start)
                 WHERE b.brand_id = $1 AND b.sealed_by IS NULL AND p.status <> 'closed'),
                (SELECT COALESCE(sum(b.units), 0)::bigint FROM atelier.usage_bucket b
                 JOIN atelier.billing_period p USING (brand_id, period_start)
                 WHERE b.brand_id = $1 AND b.sealed_by IS NULL AND p.status = 'closed')"#,
        )
        .bind(&self.brand)
        .fetch_one(&self.world.sql)
        .await
        .unwrap();
        assert_eq!(
            recorded,
            billed + open + nothing,
            "usage = billed + open + free"
        );
        let (negative, apart): (i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE (l.net_minor < 0 OR l.quantity < 0) AND i.kind <> 'credit_note'),
                count(*) FILTER (WHERE i.net_minor <> (SELECT sum(s.net_minor) FROM atelier.invoice_line s
                    WHERE s.invoice_id = i.id))
             FROM atelier.invoice_line l JOIN atelier.invoice i ON i.id = l.invoice_id WHERE i.brand_id = $1",
        )
        .bind(&self.brand)
        .fetch_one(&self.world.sql)
        .await
        .unwrap();
        assert_eq!((negative, apart), (0, 0));
        let found = differences(&self.world).await;
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// `ATELIER_TEST_LAW_CASES` histories, 10 unless it says otherwise.
#[test]
fn any_history_adds_up() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(async {
        let world = World::new().await;
        world.run(PRICES).await;
        Arc::new(world)
    });
    let cases = std::env::var("ATELIER_TEST_LAW_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(10),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    let mut number = 0;
    let number = std::cell::RefCell::new(&mut number);
    let steps = prop::collection::vec(any_step(), 5..35);
    let played = TestRunner::new(config).run(&steps, |steps| {
        let n = {
            let mut number = number.borrow_mut();
            **number += 1;
            **number
        };
        runtime.block_on(play(world.clone(), format!("law_{n}"), &steps));
        Ok(())
    });
    played.unwrap();
    runtime.block_on(world.db.close());
}

async fn play(world: Arc<World>, brand: String, steps: &[Step]) {
    // Brands of earlier histories stand still: what they owe was seen. Time only goes forward.
    world.run(r#"UPDATE "Brand" SET "deletedAt" = now()"#).await;
    let year = chrono::Datelike::year(&world.now()) + 1;
    let start: DateTime<Utc> = at(&format!("{year}-01-31T00:00:00Z"));
    world.clock.set(start);
    world.brand(&brand, Plan::Starter, 100).await;
    begin(&world, &brand).await;
    let mut history = History {
        world,
        brand,
        began: start,
        payments: 0,
    };
    for step in steps {
        history.step(step).await;
    }
    history.check().await;
    let later = history.world.now() + TimeDelta::days(70);
    history.world.clock.set(later);
    bill(&history.world).await;
    history.check().await;
}
