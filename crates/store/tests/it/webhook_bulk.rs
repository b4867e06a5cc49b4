//! Repairs of many deliveries: they end, once, whoever dies on the way.

use chrono::Duration;
use domain::BrandId;
use store::webhooks::bulk::{Asked, Kind, MAX_DUE, NewJob, Step, cancel, create, find, step};
use store::{Database, StoreError};
use uuid::Uuid;

use crate::webhook_endpoints::make;
use crate::world::World;

/// `count` events of brand `a`, one a second before now, each with a delivery of this state to the
/// endpoint; without one where the state is none.
pub async fn told(world: &World, webhook: &str, count: i64, status: Option<&str>) {
    sqlx::query(
        r#"WITH event AS (
            INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
            SELECT gen_random_uuid(), 'a', 'generation.completed', 'k' || gen_random_uuid(), '{}',
                $4::timestamptz - n * interval '1 millisecond'
            FROM generate_series(1, $2) AS n RETURNING id, created_at)
           INSERT INTO atelier.webhook_delivery (event_id, webhook_id, status, attempt, tries, next_at, created_at,
                delivered_at)
           SELECT id, $1, $3, 10, 10, created_at, created_at,
                CASE WHEN $3 = 'delivered' THEN created_at END FROM event WHERE $3 IS NOT NULL"#,
    )
    .bind(webhook)
    .bind(count)
    .bind(status)
    .bind(world.now())
    .execute(&world.sql)
    .await
    .unwrap();
}

pub async fn count(world: &World, condition: &str) -> i64 {
    let text = format!("SELECT count(*) FROM atelier.webhook_delivery WHERE {condition}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(text))
        .fetch_one(&world.sql)
        .await
        .unwrap()
}

fn job(world: &World, webhook: &str, kind: Kind) -> NewJob {
    NewJob {
        id: Uuid::now_v7(),
        brand: "a".into(),
        webhook: webhook.to_owned(),
        kind,
        since: world.now() - Duration::days(30),
        until: world.now(),
        events: Vec::new(),
        statuses: Vec::new(),
    }
}

async fn ask(world: &World, job: &NewJob) {
    let asked = create(&world.db, world.now(), job).await.unwrap();
    assert_eq!(asked, Asked::Queued);
}

async fn state(world: &World, id: Uuid) -> (String, i64, i64) {
    let job = find(&world.db, &"a".into(), id).await.unwrap().unwrap();
    (job.state, job.looked_at, job.queued)
}

/// What a dispatcher does with what is due, without the network: all of it arrives.
async fn deliver(world: &World) {
    sqlx::query(
        "UPDATE atelier.webhook_delivery SET status = 'delivered', delivered_at = $1, tries = tries + 1
         WHERE status = 'pending' AND next_at <= $1",
    )
    .bind(world.now())
    .execute(&world.sql)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_recovery_sends_again_what_did_not_arrive_and_nothing_else() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 30, Some("exhausted")).await;
    told(&world, &id, 20, Some("delivered")).await;
    told(&world, &id, 10, Some("skipped")).await;
    let recover = job(&world, &id, Kind::Recover);
    ask(&world, &recover).await;
    while step(&world.db, world.now(), 7).await.unwrap() != Step::Idle {}
    assert_eq!(state(&world, recover.id).await, ("done".to_owned(), 60, 40));
    assert_eq!(
        count(
            &world,
            "status = 'pending' AND attempt = 0 AND trigger = 'recover'"
        )
        .await,
        40
    );
    assert_eq!(count(&world, "status = 'delivered'").await, 20);
}

#[tokio::test]
async fn a_recovery_brings_forward_what_waits_for_hours_but_not_what_is_under_way() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 3, Some("pending")).await;
    world
        .run(
            "UPDATE atelier.webhook_delivery SET attempt = 5, next_at = '2026-03-02T00:00:00Z';
             UPDATE atelier.webhook_delivery SET lease_until = clock_timestamp() + interval '1 hour'
             WHERE event_id = (SELECT min(event_id::text)::uuid FROM atelier.webhook_delivery)",
        )
        .await;
    ask(&world, &job(&world, &id, Kind::Recover)).await;
    while step(&world.db, world.now(), 100).await.unwrap() != Step::Idle {}
    assert_eq!(
        count(&world, "attempt = 0 AND next_at = '2026-03-01T12:00:00Z'").await,
        2
    );
    assert_eq!(count(&world, "attempt = 5").await, 1);
}

#[tokio::test]
async fn a_replay_takes_what_its_filter_says() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 5, Some("exhausted")).await;
    told(&world, &id, 6, Some("delivered")).await;
    let replay = NewJob {
        statuses: vec!["delivered".to_owned()],
        since: world.now() - Duration::milliseconds(4),
        ..job(&world, &id, Kind::Replay)
    };
    ask(&world, &replay).await;
    let nothing = NewJob {
        events: vec!["ar.view".to_owned()],
        ..job(&world, &id, Kind::Replay)
    };
    ask(&world, &nothing).await;
    while step(&world.db, world.now(), 100).await.unwrap() != Step::Idle {}
    assert_eq!(
        count(&world, "status = 'pending' AND trigger = 'replay'").await,
        4
    );
    assert_eq!(state(&world, nothing.id).await.2, 0);
}

#[tokio::test]
async fn what_was_never_sent_is_sent_once_and_only_what_the_endpoint_wants() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 25, None).await;
    told(&world, &id, 5, Some("delivered")).await;
    sqlx::query(
        r#"INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
           SELECT gen_random_uuid(), brand, kind, 'o' || brand || kind, '{}', $1
           FROM (VALUES ('a', 'generation.failed'), ('a', 'webhook.test'), ('a', 'quota.threshold'),
                 ('other', 'generation.completed')) AS v (brand, kind)"#,
    )
    .bind(world.now() - Duration::seconds(1))
    .execute(&world.sql)
    .await
    .unwrap();
    for _ in 0..2 {
        ask(&world, &job(&world, &id, Kind::ReplayMissing)).await;
        while step(&world.db, world.now(), 1).await.unwrap() != Step::Idle {}
    }
    assert_eq!(count(&world, "trigger = 'replay_missing'").await, 26);
    assert_eq!(count(&world, "true").await, 31);
}

#[tokio::test]
async fn a_repair_waits_while_its_endpoint_is_busy_and_others_go_on() {
    let world = World::new().await;
    let busy = make(&world, "whsec_1").await;
    let free = make(&world, "whsec_2").await;
    told(&world, &busy, MAX_DUE, Some("pending")).await;
    told(&world, &busy, 1, Some("exhausted")).await;
    told(&world, &free, 1, Some("exhausted")).await;
    let waits = job(&world, &busy, Kind::Recover);
    ask(&world, &waits).await;
    world.advance(1);
    ask(&world, &job(&world, &free, Kind::Recover)).await;
    world.advance(1);
    assert_eq!(step(&world.db, world.now(), 10).await.unwrap(), Step::Waits);
    assert_eq!(
        step(&world.db, world.now(), 10).await.unwrap(),
        Step::Moved(1)
    );
    assert_eq!(state(&world, waits.id).await, ("running".to_owned(), 0, 0));
    deliver(&world).await;
    while step(&world.db, world.now(), 20_000).await.unwrap() != Step::Idle {}
    assert_eq!(
        state(&world, waits.id).await,
        ("done".to_owned(), 10_001, 1)
    );
}

#[tokio::test]
async fn a_cancelled_repair_stops_where_it_is() {
    let world = World::new().await;
    let brand = BrandId::from("a");
    let id = make(&world, "whsec_1").await;
    told(&world, &id, 10, Some("exhausted")).await;
    let recover = job(&world, &id, Kind::Recover);
    ask(&world, &recover).await;
    assert_eq!(
        step(&world.db, world.now(), 4).await.unwrap(),
        Step::Moved(4)
    );
    assert!(
        !cancel(&world.db, &"other".into(), recover.id)
            .await
            .unwrap()
    );
    assert!(cancel(&world.db, &brand, recover.id).await.unwrap());
    assert_eq!(step(&world.db, world.now(), 4).await.unwrap(), Step::Ended);
    assert_eq!(
        state(&world, recover.id).await,
        ("canceled".to_owned(), 4, 4)
    );
    assert!(!cancel(&world.db, &brand, recover.id).await.unwrap());
    assert_eq!(count(&world, "status = 'exhausted'").await, 6);
}

#[tokio::test]
async fn five_repairs_may_be_open_and_a_repeated_request_is_one() {
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        let job = job(&world, &id, Kind::Recover);
        ask(&world, &job).await;
        ask(&world, &job).await;
        jobs.push(job);
    }
    let sixth = create(&world.db, world.now(), &job(&world, &id, Kind::Recover)).await;
    assert!(matches!(
        sixth,
        Err(StoreError::LimitReached { limit: 5, .. })
    ));
    let other = NewJob {
        brand: "other".into(),
        ..job(&world, &id, Kind::Recover)
    };
    assert_eq!(
        create(&world.db, world.now(), &other).await.unwrap(),
        Asked::Missing
    );
    world
        .run(r#"UPDATE "Webhook" SET "isActive" = false"#)
        .await;
    let asked = create(&world.db, world.now(), &jobs[0]).await.unwrap();
    assert_eq!(asked, Asked::Inactive);
}

/// Steps until the repair has ended, on a pool whose connections are killed all the time. Returns how many
/// steps failed.
async fn step_through_faults(db: &Database, world: &World, repair: Uuid, rows: i64) -> u32 {
    let mut failed = 0;
    loop {
        match step(db, world.now(), rows).await {
            // The other one holds it, or a killed connection still does.
            Ok(Step::Idle) if has_ended(world, repair).await => return failed,
            Ok(Step::Idle) => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
            Ok(Step::Waits) => deliver(world).await,
            Ok(_) => {}
            Err(error) if error.is_transient() => failed += 1,
            Err(StoreError::Database(_)) => failed += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn has_ended(world: &World, repair: Uuid) -> bool {
    sqlx::query_scalar("SELECT ended_at IS NOT NULL FROM atelier.bulk_job WHERE id = $1")
        .bind(repair)
        .fetch_one(&world.sql)
        .await
        .unwrap()
}

#[tokio::test]
async fn many_are_recovered_by_two_at_once_whose_connections_are_killed_again_and_again() {
    const MANY: i64 = 60_000;
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    told(&world, &id, MANY, Some("exhausted")).await;
    let recover = job(&world, &id, Kind::Recover);
    ask(&world, &recover).await;
    let killing = async {
        let mut killed = 0_i64;
        loop {
            killed += sqlx::query_scalar::<_, i64>(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'store tests'
                    AND query LIKE '%store::webhooks::bulk%' AND pid <> pg_backend_pid()",
            )
            .fetch_one(&world.sql)
            .await
            .unwrap();
            if killed > 20 {
                return killed;
            }
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
    };
    let stepping = async {
        tokio::join!(
            step_through_faults(&world.db, &world, recover.id, 1_000),
            step_through_faults(&world.db, &world, recover.id, 1_000)
        )
    };
    let (killed, failed) = tokio::join!(
        tokio::time::timeout(std::time::Duration::from_secs(60), killing),
        stepping
    );
    assert!(
        failed.0 + failed.1 > 0,
        "some steps met a killed connection ({killed:?})"
    );
    deliver(&world).await;
    assert_eq!(
        state(&world, recover.id).await,
        ("done".to_owned(), MANY, MANY)
    );
    assert_eq!(
        count(&world, "status = 'delivered' AND tries = 11").await,
        MANY
    );
}

/// Run by hand: `cargo nextest run -p store --release --run-ignored only -E 'test(a_million)' --no-capture`.
#[tokio::test]
#[ignore = "a million deliveries take minutes to write"]
async fn a_million_are_recovered() {
    const MANY: i64 = 1_000_000;
    let world = World::new().await;
    let id = make(&world, "whsec_1").await;
    for _ in 0..10 {
        told(&world, &id, MANY / 10, Some("exhausted")).await;
    }
    let recover = NewJob {
        since: world.now() - Duration::days(1),
        ..job(&world, &id, Kind::Recover)
    };
    ask(&world, &recover).await;
    let started = std::time::Instant::now();
    let (mut steps, mut slowest) = (0, std::time::Duration::ZERO);
    let mut stepping = std::time::Duration::ZERO;
    loop {
        let begun = std::time::Instant::now();
        let done = step(&world.db, world.now(), 5_000).await.unwrap();
        stepping += begun.elapsed();
        slowest = slowest.max(begun.elapsed());
        steps += 1;
        match done {
            Step::Idle => break,
            Step::Waits => deliver(&world).await,
            Step::Moved(_) | Step::Ended => {}
        }
    }
    deliver(&world).await;
    println!(
        "{MANY} recovered and delivered in {:.1} s, of which {:.1} s in {steps} steps, the slowest {} ms",
        started.elapsed().as_secs_f64(),
        stepping.as_secs_f64(),
        slowest.as_millis()
    );
    assert_eq!(
        state(&world, recover.id).await,
        ("done".to_owned(), MANY, MANY)
    );
    assert_eq!(
        count(&world, "status = 'delivered' AND tries = 11").await,
        MANY
    );
}
