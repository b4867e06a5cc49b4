//! Billing while processes die and the network breaks: at any byte, and at random.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Plan;
use secrecy::ExposeSecret;
use store::billing::{self, Cursor, Scope};
use store::invoices::{self, Payment};
use store::{Database, StoreMetrics};
use testkit::{ChaosProxy, Mode};

use crate::ledgers::{PRICES, adds_up, at, begin, bill, bill_by, call, invoices as of_brand};
use crate::world::{self, World};

const APRIL: &str = "2026-04-01T02:00:00Z";

/// Brands with a period to be invoiced, `b000` and so on.
async fn brands(count: usize) -> World {
    let world = World::new().await;
    world.run(PRICES).await;
    world.clock.set(at("2026-03-01T00:00:00Z"));
    for n in 0..count {
        let id = name(n);
        world.brand(&id, Plan::Starter, 100).await;
        begin(&world, &id).await;
        call(&world, &id, world.now(), 11 + u32::try_from(n % 7).unwrap()).await;
    }
    world.clock.set(at(APRIL));
    world
}

fn name(n: usize) -> String {
    format!("b{n:03}")
}

/// A proxy in front of the world's PostgreSQL.
async fn proxy(world: &World) -> ChaosProxy {
    let url = url::Url::parse(world.args.database_url.expose_secret()).unwrap();
    let upstream = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    ChaosProxy::start(upstream).await.unwrap()
}

/// A store behind it, with connections of its own.
fn behind(world: &World, proxy: &ChaosProxy) -> Database {
    let args = world::args(&proxy.url(world.args.database_url.expose_secret()).unwrap());
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    Database::open(&args, "store behind a proxy", metrics).unwrap()
}

/// Numbers given, the least and the largest, and how many different ones.
async fn numbers(world: &World) -> (i64, i64, i64) {
    sqlx::query_as(
        "SELECT count(*), COALESCE(max(number), 0), count(DISTINCT number) FROM atelier.invoice
         WHERE kind = 'regular' AND state <> 'draft'",
    )
    .fetch_one(&world.sql)
    .await
    .unwrap()
}

/// A round per brand, whose connection is cut after ever more bytes of answers: before and after each statement,
/// and after each commit, whose reply is lost. Somebody else then does the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_cut_off_at_any_byte_is_finished_by_the_next_one_and_nothing_is_double() {
    const CUTS: usize = 50;
    const STEP_BYTES: u64 = 80;
    let world = brands(CUTS).await;
    let mut cut_off = 0;
    for n in 0..CUTS {
        let proxy = proxy(&world).await;
        let db = behind(&world, &proxy);
        let scope = Scope {
            brand: Some(name(n).as_str().into()),
            grace: TimeDelta::zero(),
            most: 10,
        };
        db.ping().await.unwrap();
        proxy.set(Mode::CutAnswerAfter(STEP_BYTES * n as u64));
        let first = billing::round(&db, world.now(), &scope, &mut Cursor::default()).await;
        cut_off += usize::from(first.is_err());
        db.close().await;
        // The server may still hold the rows of the connection that was cut; a later round finds them free.
        for _ in 0..200 {
            for _ in 0..2 {
                billing::round(&world.db, world.now(), &scope, &mut Cursor::default())
                    .await
                    .unwrap();
            }
            if !of_brand(&world, &name(n)).await.is_empty() {
                break;
            }
        }
        assert_eq!(of_brand(&world, &name(n)).await.len(), 1, "cut {n}");
    }
    assert!(cut_off > CUTS / 2, "{cut_off} rounds were cut off");
    let count = i64::try_from(CUTS).unwrap();
    assert_eq!(numbers(&world).await, (count, count, count));
    adds_up(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_cut_off_at_any_byte_and_repeated_is_booked_once() {
    const CUTS: usize = 30;
    const STEP_BYTES: u64 = 80;
    let world = brands(CUTS).await;
    bill(&world).await;
    for n in 0..CUTS {
        let invoice = of_brand(&world, &name(n)).await.remove(0);
        let proxy = proxy(&world).await;
        let db = behind(&world, &proxy);
        db.ping().await.unwrap();
        proxy.set(Mode::CutAnswerAfter(STEP_BYTES * n as u64));
        let payment = Payment {
            invoice: invoice.name(),
            amount_minor: invoice.total_minor,
            method: "transfer".to_owned(),
            reference: format!("bank:{n}"),
            received_at: world.now(),
        };
        let _ = invoices::pay(&db, world.now(), &payment, "test").await;
        db.close().await;
        invoices::pay(&world.db, world.now(), &payment, "test")
            .await
            .unwrap();
        let after = of_brand(&world, &name(n)).await.remove(0);
        assert_eq!(
            (after.paid_minor, after.balance_minor()),
            (invoice.total_minor, 0)
        );
    }
    adds_up(&world).await;
}

/// Who waits for the series is killed: the number is not spent.
#[tokio::test(flavor = "multi_thread")]
async fn a_finaliser_that_dies_before_its_number_spends_none() {
    let world = brands(3).await;
    world
        .run("INSERT INTO atelier.invoice_series (series, next_number) VALUES ('INV-2026', 1)")
        .await;
    let mut holder = world.sql.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM atelier.invoice_series FOR UPDATE")
        .execute(&mut *holder)
        .await
        .unwrap();
    let billing = bill_by(&world.db, world.now());
    let killer = async {
        world.blocked(1).await;
        world
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE wait_event_type = 'Lock' AND datname = current_database()",
            )
            .await;
        holder.commit().await.unwrap();
    };
    let (died, ()) = tokio::join!(billing, killer);
    assert!(died.is_err());
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.invoice WHERE state = 'draft'")
            .await,
        3
    );
    assert_eq!(numbers(&world).await, (0, 0, 0));
    bill(&world).await;
    assert_eq!(numbers(&world).await, (3, 3, 3));
    adds_up(&world).await;
}

/// Two schedulers' loops over a few hundred brands, each cut off at random and started again, while usage arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_bill_at_once_and_die_at_random_give_each_brand_one_invoice_and_each_number_once()
{
    const BRANDS: usize = 120;
    let world = Arc::new(brands(BRANDS).await);
    let mut loops = tokio::task::JoinSet::new();
    for seed in 0..2_u64 {
        let world = world.clone();
        loops.spawn(async move {
            let mut lifetime_ms = 200 + seed * 70;
            loop {
                let life = Duration::from_millis(lifetime_ms);
                match tokio::time::timeout(life, bill_by(&world.db, world.now())).await {
                    Ok(Err(error)) => assert!(error.is_transient(), "{error}"),
                    Ok(Ok(_)) => {
                        let left = store::invoices::overdue(&world.db, world.now())
                            .await
                            .unwrap();
                        if left == 0 {
                            return;
                        }
                    }
                    Err(_killed) => lifetime_ms = 150 + (lifetime_ms * 31 + seed) % 1_200,
                }
            }
        });
    }
    let late = world.clone();
    loops.spawn(async move {
        for n in 0..30 {
            call(&late, &name(n * 4), at("2026-03-31T23:00:00Z"), 2).await;
        }
    });
    while let Some(done) = loops.join_next().await {
        done.unwrap();
    }
    let count = i64::try_from(BRANDS).unwrap();
    assert_eq!(numbers(&world).await, (count, count, count));
    let rounds = bill(&world).await;
    assert_eq!(
        rounds
            .iter()
            .map(store::billing::Round::changed)
            .sum::<u64>(),
        0
    );
    adds_up(&world).await;
    // What came late is on the next invoices.
    world.clock.set(at("2026-05-01T02:00:00Z"));
    bill(&world).await;
    adds_up(&world).await;
    let recorded = r#"SELECT sum(count)::bigint FROM "UsageRecord" WHERE type = 'api_call'"#;
    let billed = "SELECT sum(quantity)::bigint FROM atelier.invoice_line WHERE metric = 'api_call'";
    assert_eq!(world.number(recorded).await, world.number(billed).await);
}
