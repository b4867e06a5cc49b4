//! Servers that are away, and answers that are lost.

use std::time::Duration;

use serde_json::Value;
use testkit::{ChaosProxy, Mode, PrivateRedis, RedisOptions, wait};
use url::Url;

use crate::world::{Options, PATIENCE, World, database, order, problem};

/// A world whose servers reach PostgreSQL through a proxy.
async fn behind_proxy(flags: Vec<&'static str>) -> (World, ChaosProxy) {
    let database = database().await;
    let upstream = Url::parse(database.url()).unwrap();
    let upstream = format!(
        "{}:{}",
        upstream.host_str().unwrap(),
        upstream.port().unwrap()
    );
    let proxy = ChaosProxy::start(upstream).await.unwrap();
    let options = Options {
        database_url: proxy.url(database.url()),
        flags,
        ..Options::default()
    };
    (World::on(database, options).await, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_requests_are_accepted_all_the_same() {
    let mut redis = PrivateRedis::start(&RedisOptions::default()).await.unwrap();
    let world = World::start_with(Options {
        redis_url: Some(redis.url()),
        ..Options::default()
    })
    .await;
    redis.stop().await.unwrap();
    for _ in 0..5 {
        world.create().await;
    }
    assert_eq!(world.footprint().await, (5, 5, 0, 5));
    // Once it is known to be away, jobs go to the backlog, where the dispatcher finds them.
    wait::until("jobs go to the backlog", PATIENCE, async || {
        world.create().await;
        world.count("atelier.job WHERE dispatched_at IS NULL").await > 0
    })
    .await
    .unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_everything_is_503_until_it_is_back() {
    let (world, proxy) = behind_proxy(vec!["--database-acquire-ms=500"]).await;
    world.create().await;
    proxy.set(Mode::Refuse);
    let refused = world
        .post("/v1/generations", &order())
        .send()
        .await
        .unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    problem(refused, 503, "unavailable").await;
    let read = world.get("/v1/generations/gen_0").send().await.unwrap();
    problem(read, 503, "unavailable").await;
    proxy.set(Mode::Pass);
    wait::until("it accepts again", PATIENCE, async || {
        let response = world
            .post("/v1/generations", &order())
            .send()
            .await
            .unwrap();
        response.status() == 202
    })
    .await
    .unwrap();
    assert_eq!(world.footprint().await, (2, 2, 0, 2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_to_a_commit_makes_no_second_generation() {
    let (world, proxy) = behind_proxy(vec!["--database-acquire-ms=2000"]).await;
    world.create().await;
    // The trigger tells when the transaction has done everything but commit: it waits for a lock that
    // this test holds, and the proxy then swallows the reply to the commit.
    world
        .sql
        .batch_execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON atelier.job
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();
             SELECT pg_advisory_lock(7)",
        )
        .await
        .unwrap();
    let request = world
        .post("/v1/generations", &order())
        .header("idempotency-key", "k");
    let sending = tokio::spawn(request.send());
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    wait::until("the commit waits", PATIENCE, async || {
        world
            .sql
            .query_one(waits, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 1
    })
    .await
    .unwrap();
    proxy.set(Mode::DropReply);
    world
        .sql
        .batch_execute("SELECT pg_advisory_unlock(7)")
        .await
        .unwrap();
    wait::until("the reply is lost", PATIENCE, async || proxy.cuts() > 0)
        .await
        .unwrap();
    proxy.set(Mode::Pass);
    let first = sending.await.unwrap().unwrap();
    assert!(
        [202, 503].contains(&first.status().as_u16()),
        "{}",
        first.status()
    );

    let again = world
        .post("/v1/generations", &order())
        .header("idempotency-key", "k");
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), 202);
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    if first.status() == 202 {
        let (first, again): (Value, Value) =
            (first.json().await.unwrap(), again.json().await.unwrap());
        assert_eq!(first["id"], again["id"]);
    }
    assert_eq!(world.footprint().await, (2, 2, 1, 2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_what_is_in_hand_and_accepts_nothing_more() {
    let world = World::start().await;
    let request = world
        .post("/v1/generations", &order())
        .header("prefer", "wait=60");
    let waiting = tokio::spawn(request.send());
    wait::until("somebody waits", PATIENCE, async || {
        world.count(r#""Generation""#).await == 1
    })
    .await
    .unwrap();
    let address = world.address();
    let began = std::time::Instant::now();
    world.stop().await;
    // A minute was asked for; the drain cuts the waiting short, not the answer.
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(waiting.await.unwrap().unwrap().status(), 202);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
