//! What the fleet knows of its providers: shared through Redis, and held alone without it.

use std::time::Duration;

use prometheus::Registry;
use queue::{BreakerRules, BreakerState, Health, Queue, QueueArgs, Tally};

use crate::world::World;

const BAD: Tally = Tally { well: 0, badly: 2 };
const WELL: Tally = Tally { well: 2, badly: 0 };

fn rules() -> BreakerRules {
    BreakerRules {
        pause: Duration::from_millis(300),
        ..BreakerRules::default()
    }
}

fn process(world: &World) -> Health {
    let args = QueueArgs::for_url(&world.redis.url());
    Health::new(&Queue::new(&args, &Registry::new()).unwrap(), rules())
}

#[tokio::test]
async fn failures_of_two_processes_open_one_breaker_for_both_and_one_probe_closes_it() {
    let world = World::start().await;
    let (one, two) = (process(&world), process(&world));
    for (health, count) in [(&one, 3), (&two, 2)] {
        (0..count).for_each(|_| health.report("p/m", BAD));
        health.exchange().await.unwrap();
    }
    one.exchange().await.unwrap();
    for health in [&one, &two] {
        assert!(matches!(health.circuit("p/m"), BreakerState::Open(_)));
        assert_eq!(health.circuit("p/other"), BreakerState::Closed);
    }
    assert!(!one.take_probe("p/m").await, "not yet");
    tokio::time::sleep(Duration::from_millis(310)).await;
    assert_eq!(two.circuit("p/m"), BreakerState::HalfOpen);
    let probes = [one.take_probe("p/m").await, two.take_probe("p/m").await];
    assert_eq!(probes, [true, false], "one for the fleet");
    one.report("p/m", WELL);
    one.exchange().await.unwrap();
    two.exchange().await.unwrap();
    assert_eq!(two.circuit("p/m"), BreakerState::Closed);
}

#[tokio::test]
async fn a_key_that_one_process_found_refused_is_left_alone_by_all_until_it_is_enabled() {
    let world = World::start().await;
    let (one, two) = (process(&world), process(&world));
    one.disable_key("k1", "provider_auth", Duration::from_secs(60));
    assert_eq!(one.disabled_key("k1").as_deref(), Some("provider_auth"));
    one.exchange().await.unwrap();
    two.exchange().await.unwrap();
    assert_eq!(two.disabled_key("k1").as_deref(), Some("provider_auth"));
    assert_eq!(two.disabled_key("k2"), None);
    assert!(world.queue.enable_key("k1").await.unwrap());
    two.exchange().await.unwrap();
    assert_eq!(two.disabled_key("k1"), None);
}

#[tokio::test]
async fn without_redis_each_process_goes_by_its_own_view_with_one_probe() {
    let mut world = World::start().await;
    let health = process(&world);
    health.exchange().await.unwrap();
    world.redis.kill9().await.unwrap();
    assert_eq!(
        health.circuit("p/m"),
        BreakerState::Closed,
        "nothing is blocked"
    );
    (0..5).for_each(|_| health.report("p/m", BAD));
    assert!(health.exchange().await.is_err());
    assert!(matches!(health.circuit("p/m"), BreakerState::Open(_)));
    tokio::time::sleep(Duration::from_millis(310)).await;
    assert!(health.take_probe("p/m").await);
    assert!(!health.take_probe("p/m").await, "one for this process");
    health.report("p/m", WELL);
    assert_eq!(health.circuit("p/m"), BreakerState::Closed);
}
