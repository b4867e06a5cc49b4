//! The promises, on real processes.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use testkit::wait;

use crate::cluster::Cluster;
use crate::processes::{PATIENCE, role, root};

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_are_done_once_each_and_both_workers_take_part() {
    let mut cluster = Cluster::seeded().await;
    let api = cluster.start("api-lite", &[]).await;
    let _scheduler = cluster.start("scheduler", &[]).await;
    let public = [("ATELIER_PUBLIC_URL", api.url())];
    let _one = cluster.start("worker", &public).await;
    let _two = cluster.start("worker", &public).await;
    let ids = cluster.order_many(&api, 200).await;
    assert_eq!(ids.len(), 200);
    cluster.all_done(200, PATIENCE * 3).await;
    cluster.each_once(200).await;
    let sessions = r#"SELECT count(DISTINCT "aiResponse"->>'session') FROM "Generation""#;
    assert_eq!(cluster.number(sessions).await, 2);
    let used = r#"SELECT "monthlyGenerations"::bigint FROM "Brand" WHERE id = 'brand_1'"#;
    assert_eq!(cluster.number(used).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_jobs_finish_elsewhere_within_25_seconds_once() {
    let mut cluster = Cluster::seeded().await;
    let api = cluster.start("api-lite", &[]).await;
    let _scheduler = cluster.start("scheduler", &[]).await;
    // The first worker's provider answers long after the test: its jobs are in the middle of a call.
    let slow = [
        ("ATELIER_PUBLIC_URL", api.url()),
        ("ATELIER_SYNTHETIC_LATENCY_MS", "60000"),
    ];
    let mut doomed = cluster.start("worker", &slow).await;
    cluster.order_many(&api, 5).await;
    let held = "SELECT count(*) FROM atelier.attempt WHERE state = 'submitting'";
    wait::until("five calls in flight", PATIENCE, async || {
        cluster.number(held).await == 5
    })
    .await
    .unwrap();
    let _heir = cluster
        .start("worker", &[("ATELIER_PUBLIC_URL", api.url())])
        .await;
    doomed.process.kill9().await.unwrap();
    cluster.all_done(5, Duration::from_secs(25)).await;
    cluster.each_once(5).await;
    let crashes = "SELECT count(*) FROM atelier.job WHERE crashes = 1";
    assert_eq!(cluster.number(crashes).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_redis_loses_none_of_a_hundred_waiting_jobs() {
    let mut cluster = Cluster::seeded().await;
    let api = cluster.start("api-lite", &[]).await;
    let _scheduler = cluster.start("scheduler", &[]).await;
    cluster.order_many(&api, 100).await;
    cluster.redis.flushall().await.unwrap();
    let _worker = cluster
        .start("worker", &[("ATELIER_PUBLIC_URL", api.url())])
        .await;
    cluster.all_done(100, PATIENCE * 2).await;
    cluster.each_once(100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_drain_on_sigterm_and_a_worker_hands_back_what_it_has_not_sent() {
    let mut cluster = Cluster::seeded().await;
    let mut api = cluster.start("api-lite", &[]).await;
    let mut scheduler = cluster.start("scheduler", &[]).await;
    let mut worker = cluster
        .start("worker", &[("ATELIER_PUBLIC_URL", api.url())])
        .await;
    cluster.order_many(&api, 3).await;
    cluster.all_done(3, PATIENCE).await;
    for role in [&mut worker, &mut scheduler, &mut api] {
        let exit = role.process.stop().await.unwrap();
        assert_eq!(
            exit,
            testkit::Exit::Status(0),
            "{}",
            fs::read_to_string(&role.log).unwrap()
        );
    }
    let open = "SELECT count(*) FROM atelier.worker_session WHERE ended_at IS NULL";
    assert_eq!(cluster.number(open).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_id_follows_a_job_from_the_request_to_the_settlement() {
    let mut cluster = Cluster::seeded().await;
    let api = cluster.start("api-lite", &[]).await;
    let _scheduler = cluster.start("scheduler", &[]).await;
    let worker = cluster
        .start("worker", &[("ATELIER_PUBLIC_URL", api.url())])
        .await;
    cluster.order(&api, "Zoé").await;
    cluster.all_done(1, PATIENCE).await;
    let client = cluster.look().await;
    let row = client
        .query_one("SELECT trace_parent FROM atelier.job", &[])
        .await
        .unwrap();
    let trace_parent: String = row.get(0);
    let trace_id = trace_parent.split('-').nth(1).unwrap();
    for role in [&api, &worker] {
        wait::until("the trace id in the log", PATIENCE, async || {
            fs::read_to_string(&role.log).unwrap().contains(trace_id)
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_is_ready_alive_and_measured() {
    let mut cluster = Cluster::seeded().await;
    let api = cluster.start("api-lite", &[]).await;
    let scheduler = cluster.start("scheduler", &[]).await;
    let worker = cluster
        .start("worker", &[("ATELIER_PUBLIC_URL", api.url())])
        .await;
    let documented = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    for role in [&api, &scheduler, &worker] {
        for page in ["livez", "readyz"] {
            let url = format!("{}/{page}", role.admin_url());
            assert_eq!(reqwest::get(&url).await.unwrap().status(), 200, "{url}");
        }
        let metrics = reqwest::get(format!("{}/metrics", role.admin_url()))
            .await
            .unwrap();
        let exposed = metrics.text().await.unwrap();
        assert!(exposed.contains("atelier_build_info"));
        let described = exposed
            .lines()
            .filter_map(|line| line.strip_prefix("# HELP "));
        for name in described.filter_map(|line| line.split(' ').next()) {
            let ours = name.starts_with("atelier_");
            assert!(
                !ours || documented.contains(&format!("`{name}`")),
                "{name} is undocumented"
            );
        }
    }
    cluster.redis.stop().await.unwrap();
    let ready = format!("{}/readyz", worker.admin_url());
    wait::until(
        "the worker to be not ready without Redis",
        PATIENCE,
        async || reqwest::get(&ready).await.unwrap().status() == 503,
    )
    .await
    .unwrap();
    let alive = reqwest::get(format!("{}/livez", worker.admin_url()))
        .await
        .unwrap();
    assert_eq!(alive.status(), 200, "liveness has no dependencies");
}

#[test]
fn a_setting_nobody_knows_is_refused_by_name() {
    for name in ["api-lite", "worker", "scheduler"] {
        let run = std::process::Command::new(role(name))
            .env("ATELIER_DATABASE_URI", "postgres://x")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(2), "{name}: {run:?}");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(said.contains("ATELIER_DATABASE_URI"), "{name}: {said}");
        assert!(
            said.contains("ATELIER_DATABASE_URL"),
            "{name} suggests the near one: {said}"
        );
    }
}
