//! What reaches the workers, and how.

use domain::{Lane, Plan};
use queue::{Queue, QueueArgs};
use testkit::wait;

use crate::world::{Options, PATIENCE, World};

fn queue(world: &World) -> Queue {
    let args = QueueArgs {
        redis_key_prefix: world.key_prefix.clone(),
        ..QueueArgs::for_url(&world.redis_url)
    };
    Queue::new(&args, &prometheus::Registry::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_job_goes_into_its_lane_at_once() {
    let world = World::start_with(Options {
        plan: Some(Plan::Starter),
        ..Options::default()
    })
    .await;
    world.create().await;
    let queue = queue(&world);
    wait::until("the job is in its stream", PATIENCE, async || {
        queue.lengths().await.unwrap()[&Lane::Starter] == 1
    })
    .await
    .unwrap();
    assert_eq!(
        world
            .count("atelier.job WHERE dispatched_at IS NOT NULL")
            .await,
        1
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_of_a_lane_jobs_join_the_backlog_and_the_dispatcher_is_woken() {
    let world = World::start().await;
    let queue = queue(&world);
    let mut feed = queue.subscribe_nudges();
    let flood = async {
        loop {
            world.create().await;
        }
    };
    let duty = tokio::select! {
        duty = tokio::time::timeout(PATIENCE, feed.next()) => duty.unwrap(),
        () = flood => unreachable!(),
    };
    assert_eq!(duty, "dispatch");
    let length = queue.lengths().await.unwrap()[&Lane::Enterprise];
    assert!(length <= queue::DEFAULT_LANE_BOUND, "{length}");
    assert!(world.count("atelier.job WHERE dispatched_at IS NULL").await > 0);
    let metrics = world.context().metrics().render().unwrap();
    assert!(
        metrics.contains("atelier_api_accepted_total{way=\"inline\"}"),
        "{metrics}"
    );
    assert!(
        metrics.contains("atelier_intake_batch_items_count"),
        "{metrics}"
    );
    assert!(metrics.contains("route=\"/v1/generations\""), "{metrics}");
    world.stop().await;
}
