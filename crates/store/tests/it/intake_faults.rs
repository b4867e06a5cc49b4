//! Accepting while the network breaks: the commit's reply is lost, PostgreSQL is away.

use std::time::Duration;

use store::intake::{Accepted, Decision, NewGeneration};
use store::{Database, StoreError, StoreMetrics};
use testkit::{ChaosProxy, Mode, wait};

use crate::invariants;
use crate::world::{self, World};

const SOON: Duration = Duration::from_secs(10);

/// A gate at which every commit that inserted a job waits: a deferred trigger takes a lock that
/// somebody else may hold.
const GATE: &str = "
    CREATE FUNCTION atelier.gate() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON atelier.job
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION atelier.gate();";

/// A store behind a proxy.
async fn behind(world: &World) -> (ChaosProxy, Database) {
    let url = secrecy::ExposeSecret::expose_secret(&world.args.database_url).to_owned();
    let upstream = url::Url::parse(&url).unwrap();
    let upstream = format!(
        "{}:{}",
        upstream.host_str().unwrap(),
        upstream.port().unwrap()
    );
    let proxy = ChaosProxy::start(upstream).await.unwrap();
    let args = world::args(&proxy.url(&url).unwrap());
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    let db = Database::open(&args, "store behind a proxy", metrics).unwrap();
    (proxy, db)
}

/// Accepts as a caller does: again while PostgreSQL cannot be reached. In the very moment of its change the
/// proxy may take a connection and cut it, which reads like a server that is away.
async fn accept_at_last(
    db: &Database,
    world: &World,
    batch: &[NewGeneration],
) -> Vec<Result<Decision, StoreError>> {
    loop {
        let results = store::intake::accept(db, world.now(), batch).await;
        if !results
            .iter()
            .any(|result| matches!(result, Err(StoreError::Unavailable(_))))
        {
            return results;
        }
    }
}

async fn jobs(world: &World) -> i64 {
    world.number("SELECT count(*) FROM atelier.job").await
}

#[tokio::test]
async fn a_commit_whose_reply_was_lost_is_found_and_counts_once() {
    for size in [1, 3] {
        let world = World::new().await;
        world.run(GATE).await;
        let (proxy, behind) = behind(&world).await;
        let batch: Vec<_> = (0..size)
            .map(|n| world.keyed("a", &format!("k{n}"), 1))
            .collect();
        let mut gate = world.sql.acquire().await.unwrap();
        sqlx::query("SELECT pg_advisory_lock(1)")
            .execute(&mut *gate)
            .await
            .unwrap();

        let accept = accept_at_last(&behind, &world, &batch);
        let network = async {
            world.blocked(1).await;
            proxy.set(Mode::Refuse);
            wait::until("the connection is cut", SOON, async || proxy.cuts() > 0)
                .await
                .unwrap();
            sqlx::query("SELECT pg_advisory_unlock(1)")
                .execute(&mut *gate)
                .await
                .unwrap();
            wait::until("the commit has arrived", SOON, async || {
                jobs(&world).await == size
            })
            .await
            .unwrap();
            proxy.set(Mode::Pass);
        };
        let (results, ()) = tokio::join!(accept, network);
        for result in results {
            assert_eq!(result.unwrap(), Ok(Accepted::Created));
        }
        assert_eq!(jobs(&world).await, size);
        assert_eq!(i64::from(world.used("a").await), size);
        invariants::check(&world).await;
    }
}

/// The connection is cut while the commit is still under way, so the second try meets the first.
#[tokio::test]
async fn a_second_try_that_overtakes_its_own_commit_counts_once() {
    for keyed in [false, true] {
        let world = World::new().await;
        world.run(GATE).await;
        let (proxy, behind) = behind(&world).await;
        let request = match keyed {
            true => world.keyed("a", "k", 1),
            false => world.request("a"),
        };
        let batch = [request];
        let mut gate = world.sql.acquire().await.unwrap();
        sqlx::query("SELECT pg_advisory_lock(1)")
            .execute(&mut *gate)
            .await
            .unwrap();

        let accept = accept_at_last(&behind, &world, &batch);
        let network = async {
            world.blocked(1).await;
            proxy.set(Mode::Refuse);
            wait::until("the connection is cut", SOON, async || proxy.cuts() > 0)
                .await
                .unwrap();
            proxy.set(Mode::Pass);
            // The first at the gate, the second at the brand's row or the key of the first.
            world.blocked(2).await;
            sqlx::query("SELECT pg_advisory_unlock(1)")
                .execute(&mut *gate)
                .await
                .unwrap();
        };
        let (results, ()) = tokio::join!(accept, network);
        for result in results {
            assert_eq!(result.unwrap(), Ok(Accepted::Created), "keyed: {keyed}");
        }
        assert_eq!(jobs(&world).await, 1);
        assert_eq!(world.used("a").await, 1);
        invariants::check(&world).await;
    }
}

#[tokio::test]
async fn a_batch_without_postgresql_waits_once_and_every_request_is_told() {
    let world = World::new().await;
    let (proxy, _) = behind(&world).await;
    proxy.set(Mode::Refuse);
    let url = secrecy::ExposeSecret::expose_secret(&world.args.database_url).to_owned();
    let mut args = world::args(&proxy.url(&url).unwrap());
    args.database_acquire_ms = 300;
    let metrics = StoreMetrics::register(&prometheus::Registry::new()).unwrap();
    let away = Database::open(&args, "store without a server", metrics).unwrap();
    let batch: Vec<_> = (0..50).map(|_| world.request("a")).collect();

    let accept = store::intake::accept(&away, world.now(), &batch);
    let results = tokio::time::timeout(Duration::from_secs(5), accept)
        .await
        .expect("50 requests do not wait 50 times 300 ms");
    assert_eq!(results.len(), 50);
    for result in results {
        assert!(
            matches!(result, Err(StoreError::Unavailable(_))),
            "{result:?}"
        );
    }
    assert_eq!(jobs(&world).await, 0);
}
