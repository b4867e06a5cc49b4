//! A limit holds over any number of intake processes, and what does not become a picture eats none of it.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use testkit::wait;

use crate::cluster::{Cluster, Role};
use crate::processes::PATIENCE;

/// Requests under way at once.
const AT_ONCE: usize = 300;

/// Counts of the answers: accepted ids, and how many were refused for the quota.
async fn order_all(cluster: &Cluster, apis: &[Role], bodies: Vec<Value>) -> (Vec<String>, usize) {
    let client = reqwest::Client::new();
    let answers = stream::iter(bodies.into_iter().enumerate())
        .map(|(n, body)| {
            let api = &apis[n % apis.len()];
            let request = client
                .post(format!("{}/v1/generations", api.url()))
                .bearer_auth(&cluster.key)
                .json(&body);
            async move {
                let answer = request.send().await.unwrap();
                (
                    answer.status().as_u16(),
                    answer.json::<Value>().await.unwrap(),
                )
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut accepted = Vec::new();
    let mut refused = 0;
    for (status, body) in answers {
        match status {
            202 => accepted.push(body["id"].as_str().unwrap().to_owned()),
            402 => {
                assert_eq!(body["code"], "quota_exceeded", "{body}");
                refused += 1;
            }
            _ => panic!("{status}: {body}"),
        }
    }
    (accepted, refused)
}

fn order(name: &str) -> Value {
    json!({
        "product_id": "prod_demo_mug",
        "customizations": { "zone_mug_name": { "text": name } },
    })
}

async fn used(cluster: &Cluster) -> i64 {
    let used = r#"SELECT "monthlyGenerations"::bigint FROM "Brand" WHERE id = 'brand_1'"#;
    cluster.number(used).await
}

async fn until_used(cluster: &Cluster, count: i64) {
    let what = format!("{count} units to be used");
    wait::until(&what, PATIENCE * 2, async || used(cluster).await == count)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_requests_over_three_processes_get_exactly_the_hundred_there_are() {
    let mut cluster = Cluster::seeded().await;
    let limit = [
        "subscription",
        "set",
        "--brand",
        "brand_1",
        "--max-monthly-generations",
        "100",
    ];
    cluster.atelier(&limit);
    let mut apis = Vec::new();
    for _ in 0..3 {
        apis.push(cluster.start("api-lite", &[]).await);
    }
    let count = std::env::var("ATELIER_TEST_QUOTA_REQUESTS")
        .ok()
        .and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(5_000);
    let orders = (0..count).map(|n| order(&format!("Nº {n}"))).collect();
    let (accepted, refused) = order_all(&cluster, &apis, orders).await;
    assert_eq!((accepted.len(), refused), (100, count - 100));
    assert_eq!(used(&cluster).await, 100);

    // Ten are cancelled: ten more fit, which are to start within three seconds and find no worker.
    let client = reqwest::Client::new();
    for id in accepted.iter().take(10) {
        let url = format!("{}/v1/generations/{id}/cancel", apis[0].url());
        let canceled = client
            .post(url)
            .bearer_auth(&cluster.key)
            .send()
            .await
            .unwrap();
        assert!(canceled.status().is_success(), "{canceled:?}");
    }
    assert_eq!(used(&cluster).await, 90);
    let soon = Utc::now() + TimeDelta::seconds(3);
    let orders = (0..30)
        .map(|n| {
            let mut order = order(&format!("late {n}"));
            order["start_by"] = json!(soon);
            order
        })
        .collect();
    assert_eq!(order_all(&cluster, &apis, orders).await.0.len(), 10);
    let _scheduler = cluster.start("scheduler", &[]).await;
    until_used(&cluster, 90).await;

    // Ten that the provider refuses.
    let orders = (0..30)
        .map(|n| {
            let mut order = order(&format!("refused {n}"));
            order["customizations"]["zone_mug_pattern"] = json!({ "pattern": "a forbidden fruit" });
            order
        })
        .collect();
    assert_eq!(order_all(&cluster, &apis, orders).await.0.len(), 10);
    let settings = [
        ("ATELIER_PUBLIC_URL", apis[0].url()),
        ("ATELIER_SYNTHETIC_LATENCY_MS", "1"),
        (
            "ATELIER_SYNTHETIC_FAILURES",
            "content_policy:prompt~forbidden",
        ),
    ];
    let _worker = cluster.start("worker", &settings).await;
    let failed = "SELECT count(*) FROM atelier.job WHERE state = 'failed'";
    wait::until("ten jobs to fail", PATIENCE, async || {
        cluster.number(failed).await == 10
    })
    .await
    .unwrap();
    cluster.all_done(90, Duration::from_secs(180)).await;
    assert_eq!(used(&cluster).await, 90);
    let orders = (0..30).map(|n| order(&format!("last {n}"))).collect();
    assert_eq!(order_all(&cluster, &apis, orders).await.0.len(), 10);
    cluster.all_done(100, PATIENCE).await;
    let usage = r#"SELECT count(*) FROM "UsageRecord" WHERE type = 'generation'"#;
    assert_eq!(cluster.number(usage).await, 100);
    cluster.atelier(&["audit", "money"]);
}
