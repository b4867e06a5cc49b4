//! The whole role in one process, as `main` starts it.

use std::time::Duration;

use clap::Parser;
use domain::Lane;
use scheduler::{ROLE, SchedulerArgs};
use serde_json::Value;
use service::{Context, ShutdownHandle, ShutdownReason};
use testkit::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{PATIENCE, World};

async fn start(world: &World, more: &[&str]) -> Context {
    let redis = world.redis.url();
    let base = [
        "scheduler",
        "--database-url",
        &world.database_url,
        "--redis-url",
        &redis,
    ];
    let args = SchedulerArgs::try_parse_from(base.iter().chain(more)).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    let context = Context::start(ROLE, listen, ShutdownHandle::new())
        .await
        .unwrap();
    Box::pin(scheduler::start(&context, &args)).await.unwrap();
    context.admin().mark_started();
    context
}

async fn get(context: &Context, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(context.admin().address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

async fn get_json(context: &Context, path: &str) -> Value {
    let (status, body) = get(context, path).await;
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    serde_json::from_str(&body).unwrap()
}

/// How many duties there are without an object store and without Stripe.
const DUTIES: usize = 11;

async fn until_all_work(context: &Context) {
    wait::until("every duty works", PATIENCE, async || {
        let duties = get_json(context, "/v1/duties").await;
        let here = duties["here"].as_object().unwrap();
        here.len() == DUTIES && here.values().all(|duty| duty["state"] == "working")
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_duty_runs_and_a_drain_releases_the_leases_and_ends_in_order() {
    let world = World::new().await;
    let context = start(&world, &[]).await;
    until_all_work(&context).await;
    let duties = get_json(&context, "/v1/duties").await;
    assert_eq!(duties["cluster"].as_array().unwrap().len(), DUTIES);
    assert_eq!(get(&context, "/readyz").await.0, "HTTP/1.1 200 OK");
    let alive = "SELECT count(*) FROM atelier.duty_lease WHERE expires_at > now()";
    assert_eq!(world.number(alive).await, i64::try_from(DUTIES).unwrap());
    context.shutdown().drain(ShutdownReason::Requested("test"));
    let joined = tokio::time::timeout(PATIENCE, context.tasks().join_all());
    joined.await.expect("the duties end").unwrap();
    assert_eq!(world.number(alive).await, 0);
    assert_eq!(context.shutdown().failure(), None);
}

#[tokio::test]
async fn a_nudge_wakes_the_dispatcher_long_before_its_period_is_over() {
    let world = World::new().await;
    let context = start(&world, &["--dispatch-period-ms", "60000"]).await;
    until_all_work(&context).await;
    world.waiting("a", Lane::Free, 1).await;
    wait::until(
        "the job is in the stream",
        Duration::from_secs(20),
        async || {
            // Repeated, because one that comes before the subscription is lost, as nudges may be.
            world.queue.nudge("dispatch").await.unwrap();
            world.lengths().await == 1
        },
    )
    .await
    .unwrap();
    context.shutdown().drain(ShutdownReason::Requested("test"));
    context.tasks().join_all().await.unwrap();
}

#[tokio::test]
async fn an_autoscaler_is_told_how_much_work_there_is_and_how_many_workers_it_takes() {
    let world = World::new().await;
    let session = world.worker(8).await;
    let running = world.waiting("a", Lane::Free, 2).await;
    assert_eq!(world.claim(session, &running).await, 2);
    world.waiting("a", Lane::Free, 15).await;
    let context = start(&world, &["--slots-per-worker", "4"]).await;
    let scale = get_json(&context, "/v1/autoscale").await;
    assert_eq!(scale["work"], 17);
    assert_eq!(scale["desired_workers"], 5);
    assert!(scale["oldest_wait_seconds"].as_f64().unwrap() > 0.0);
    context.shutdown().drain(ShutdownReason::Requested("test"));
    context.tasks().join_all().await.unwrap();
}

#[tokio::test]
async fn the_role_starts_and_stops_while_redis_is_away_and_says_that_it_is_not_ready() {
    let mut world = World::new().await;
    world.redis.kill9().await.unwrap();
    let context = start(&world, &[]).await;
    wait::until("dispatch is failing", PATIENCE, async || {
        let duties = get_json(&context, "/v1/duties").await;
        duties["here"]["dispatch"]["state"] == "failing"
    })
    .await
    .unwrap();
    let (status, body) = get(&context, "/readyz").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(body.contains("redis"), "{body}");
    assert_eq!(get(&context, "/livez").await.0, "HTTP/1.1 200 OK");
    context.shutdown().drain(ShutdownReason::Requested("test"));
    context.tasks().join_all().await.unwrap();
    assert_eq!(context.shutdown().failure(), None);
}
