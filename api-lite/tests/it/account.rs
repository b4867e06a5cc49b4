//! The brand's own quota and usage, and calls that are counted and limited.

use std::time::Duration;

use domain::Plan;
use serde_json::{Value, json};
use testkit::wait;

use crate::world::{OTHER_SECRET, Options, PATIENCE, PUBLISHABLE, SECRET, World, order, problem};

async fn read(world: &World, path: &str) -> Value {
    let response = world.get(path).send().await.unwrap();
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{body}");
    body
}

fn of<'a>(quota: &'a Value, metric: &str) -> &'a Value {
    let metrics = quota["metrics"].as_array().unwrap();
    metrics.iter().find(|one| one["metric"] == metric).unwrap()
}

fn free(quota: i32, flags: Vec<&'static str>) -> Options {
    Options {
        quota: Some(quota),
        plan: Some(Plan::Free),
        flags,
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quota_says_what_is_used_reserved_and_left_per_metric() {
    let world = World::start_with(free(10, Vec::new())).await;
    let done = world.create().await["id"].as_str().unwrap().to_owned();
    world.create().await;
    world.finish(&done).await;
    let quota = read(&world, "/v1/quota").await;
    assert_eq!(
        (&quota["plan"], &quota["subscription_status"]),
        (&"FREE".into(), &"ACTIVE".into())
    );
    assert_eq!(quota["resets_at"], "2026-02-01T00:00:00Z");
    let expected = json!({
        "metric": "generation", "included": 10, "limit": 10, "used": 1, "reserved": 1,
        "remaining": 8, "policy": "block", "resets_at": "2026-02-01T00:00:00Z",
    });
    assert_eq!(of(&quota, "generation"), &expected);
    let views = of(&quota, "ar_view");
    assert_eq!(
        (&views["limit"], &views["remaining"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(quota["metrics"].as_array().unwrap().len(), 5);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_the_brands_own_and_bounded() {
    let world = World::start().await;
    let id = world.create().await["id"].as_str().unwrap().to_owned();
    world.finish(&id).await;
    let view = world
        .get(&format!("/v1/generations/{id}/ar"))
        .send()
        .await
        .unwrap();
    assert_eq!(view.status(), 200);
    world.clock.advance(Duration::from_secs(60));
    for (group, key) in [
        ("day", json!("2026-01-01")),
        ("product", json!("prod_mug")),
        ("metric", Value::Null),
    ] {
        let usage = read(&world, &format!("/v1/usage?group_by={group}")).await;
        let expected = json!([
            {"key": key, "metric": "ar_view", "units": 1, "provider_cost_usd": "0.000000"},
        ]);
        assert_eq!(
            (&usage["data"], &usage["truncated"]),
            (&expected, &false.into())
        );
    }
    let url = world.url("/v1/usage");
    let other = world
        .client
        .get(url)
        .bearer_auth(OTHER_SECRET)
        .send()
        .await
        .unwrap();
    let other: Value = other.json().await.unwrap();
    assert_eq!(other["data"], json!([]));
    for bad in [
        "from=yesterday",
        "group_by=hour",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2025-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "cursor=x",
    ] {
        let response = world.get(&format!("/v1/usage?{bad}")).send().await.unwrap();
        problem(response, 400, "invalid_parameter").await;
    }
    for path in ["/v1/usage", "/v1/quota"] {
        let asked = world.client.get(world.url(path)).bearer_auth(PUBLISHABLE);
        let asked = asked.header("origin", crate::world::ORIGIN);
        problem(asked.send().await.unwrap(), 403, "not_permitted").await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_has_written_every_call_it_answered() {
    let world = World::start().await;
    let other = world.another_server().await;
    let url = format!("http://{}/v1/products", other.running.address);
    for _ in 0..7 {
        let asked = world.client.get(&url).bearer_auth(SECRET);
        assert_eq!(asked.send().await.unwrap().status(), 200);
    }
    let unknown = world.client.get(&url).bearer_auth("sk_nobody");
    problem(unknown.send().await.unwrap(), 401, "invalid_key").await;
    let counted = r#"SELECT COALESCE(sum(count), 0)::bigint, count(*) FROM "UsageRecord" WHERE type = 'api_call'"#;
    let before = world.sql.query_one(counted, &[]).await.unwrap();
    assert_eq!(before.get::<_, i64>(0), 0, "never a write per request");
    other.stop().await;
    let after = world.sql.query_one(counted, &[]).await.unwrap();
    assert_eq!((after.get::<_, i64>(0), after.get::<_, i64>(1)), (7, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_a_plan_that_blocks_are_refused_until_the_period_ends() {
    let world = World::start_with(free(10, vec!["--meter-seconds=1"])).await;
    let limit = "UPDATE atelier.plan_price SET included_units = 5, quota_policy = 'block'
                 WHERE plan = 'FREE' AND metric = 'api_call'";
    world.sql.batch_execute(limit).await.unwrap();
    for _ in 0..3 {
        assert_eq!(
            world.get("/v1/products").send().await.unwrap().status(),
            200
        );
    }
    // What was counted is known once an interval was written; until then nothing is refused.
    wait::until("an interval to be written", PATIENCE, async || {
        world
            .count(r#""UsageRecord" WHERE type = 'api_call'"#)
            .await
            > 0
    })
    .await
    .unwrap();
    let mut statuses = Vec::new();
    wait::until("the limit to be known", PATIENCE, async || {
        statuses.push(
            world
                .get("/v1/products")
                .send()
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
        statuses.last() == Some(&429)
    })
    .await
    .unwrap();
    let refused = world
        .post("/v1/generations", &order())
        .send()
        .await
        .unwrap();
    assert_eq!(
        refused.headers()["retry-after"],
        (31 * 24 * 3600).to_string().as_str()
    );
    let refused = problem(refused, 429, "api_quota_exceeded").await;
    assert_eq!(
        (&refused["limit"], &refused["reset_at"]),
        (&5.into(), &"2026-02-01T00:00:00Z".into())
    );
    assert_eq!(world.footprint().await.0, 0);
    world.clock.set("2026-02-01T00:00:00Z".parse().unwrap());
    assert_eq!(
        world.get("/v1/products").send().await.unwrap().status(),
        200
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_whose_write_fails_is_written_once_when_the_database_is_back() {
    let world = World::start_with(free(10, vec!["--meter-seconds=1"])).await;
    // Usage of this kind cannot be written for a while.
    let block =
        r#"ALTER TABLE "UsageRecord" ADD CONSTRAINT away CHECK (type <> 'api_call') NOT VALID"#;
    world.sql.batch_execute(block).await.unwrap();
    for _ in 0..4 {
        world.get("/v1/products").send().await.unwrap();
    }
    let metrics = world.context();
    wait::until("a write to fail", PATIENCE, async || {
        let text = metrics.metrics().render().unwrap();
        text.lines().any(|line| {
            line.strip_prefix("atelier_api_calls_unwritten_total ")
                .is_some_and(|count| count != "0")
        })
    })
    .await
    .unwrap();
    world.get("/v1/products").send().await.unwrap();
    let unblock = r#"ALTER TABLE "UsageRecord" DROP CONSTRAINT away"#;
    world.sql.batch_execute(unblock).await.unwrap();
    let counted =
        r#"SELECT COALESCE(sum(count), 0)::bigint FROM "UsageRecord" WHERE type = 'api_call'"#;
    wait::until("both intervals to be written", PATIENCE, async || {
        world
            .sql
            .query_one(counted, &[])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 5
    })
    .await
    .unwrap();
    world.stop().await;
}
