//! Asking for a generation, and reading it back.

use std::time::Duration;

use domain::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::wait;

use crate::world::{OTHER_SECRET, PATIENCE, World, order, problem};

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_generation_is_durable_and_can_be_read() {
    let world = World::start().await;
    let response = world
        .post("/v1/generations", &order())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = response.json().await.unwrap();
    assert_eq!(created["state"], "queued");
    assert_eq!(created["links"]["self"], location);

    let path = &location[location.find("/v1").unwrap()..];
    let read = world.get(path).send().await.unwrap();
    assert_eq!(read.status(), 200);
    let etag = read.headers()["etag"].clone();
    let read: Value = read.json().await.unwrap();
    assert_eq!(read["id"], created["id"]);
    assert_eq!(read["queue_position"], 0);
    assert_eq!(read["created_at"], created["created_at"]);

    let again = world
        .get(path)
        .header("if-none-match", etag.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    world.run(created["id"].as_str().unwrap()).await;
    let moved = world
        .get(path)
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(moved.status(), 200);
    assert_eq!(moved.json::<Value>().await.unwrap()["state"], "processing");
    assert_eq!(world.footprint().await, (1, 1, 0, 1));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_of_a_request_is_kept() {
    let world = World::start().await;
    let body = json!({
        "product_id": "prod_mug",
        "customizations": {"zone_name": {"text": " Ada "}, "zone_size": 12},
        "user_prompt": "waves", "session_id": "s1", "template_id": "prod_mug_default",
        "variants": [640, 320], "priority": 5, "start_by": "2026-02-01T00:00:00Z",
        "deadline": "2026-02-02T00:00:00Z", "webhook_url": "https://shop.example/hook",
        "metadata": {"order": 7},
    });
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = world
        .post("/v1/generations", &body)
        .header("traceparent", trace);
    let created: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(created["metadata"], json!({"order": 7}));
    let row = world
        .sql
        .query_one(
            r#"SELECT j.priority, j.start_by IS NOT NULL, j.deadline IS NOT NULL, j.trace_parent,
                j.lane, o.template_id, o.webhook_url, o.widths, g."userPrompt", g."sessionId",
                g.customizations->'zone_name'->>'text', g.model
             FROM "Generation" g JOIN atelier.job j ON j.id = atelier.job_id(g.id)
             JOIN atelier.request_option o ON o.job_id = j.id"#,
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i16>(0), 5);
    assert!(row.get::<_, bool>(1) && row.get::<_, bool>(2));
    let kept: String = row.get(3);
    assert_eq!(kept[..35], trace[..35], "the trace goes on");
    assert_ne!(kept, trace, "as a span of its own");
    let texts: Vec<String> = [4, 5, 6, 8, 9, 10, 11].map(|i| row.get(i)).to_vec();
    assert_eq!(
        texts,
        [
            "enterprise",
            "prod_mug_default",
            "https://shop.example/hook",
            "waves",
            "s1",
            "Ada",
            "synthetic-1"
        ]
    );
    assert_eq!(row.get::<_, Vec<i32>>(7), [640, 320]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_brand_sees_nothing() {
    let world = World::start().await;
    let created = world.create().await;
    let id = created["id"].as_str().unwrap();
    let reads = [
        (Method::GET, format!("/v1/generations/{id}")),
        (Method::GET, format!("/v1/generations/{id}/ar")),
        (Method::POST, format!("/v1/generations/{id}/cancel")),
        (Method::GET, format!("/api/v1/generation/{id}")),
        (Method::GET, format!("/api/v1/generation/{id}/status")),
    ];
    for (method, path) in reads {
        let request = world.request(method, &path).bearer_auth(OTHER_SECRET);
        problem(request.send().await.unwrap(), 404, "not_found").await;
    }
    let list = world
        .request(Method::GET, "/v1/generations")
        .bearer_auth(OTHER_SECRET);
    let list: Value = list.send().await.unwrap().json().await.unwrap();
    assert_eq!(list["data"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_prefers_to_wait_gets_the_finished_generation() {
    let world = World::start().await;
    let request = world
        .post("/v1/generations", &order())
        .header("prefer", "wait=30");
    let waiting = tokio::spawn(request.send());
    let sql = r#"SELECT "publicId" FROM "Generation""#;
    let id: String = wait::until_some("a generation is there", PATIENCE, async || {
        let rows = world.sql.query(sql, &[]).await.unwrap();
        rows.first().map(|row| row.get(0))
    })
    .await
    .unwrap();
    world.finish(&id).await;
    let response = waiting.await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["preference-applied"], "wait=30");
    let done: Value = response.json().await.unwrap();
    assert_eq!(done["state"], "succeeded");
    assert_eq!(done["progress"], 100);
    assert_eq!(done["text"], json!(["Ada"]));
    assert_eq!(done["cost_micros"], 40_000);
    assert_eq!(done["links"]["cancel"], Value::Null);
    assert_eq!(done["links"]["result"], done["outputs"]["full"]["url"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_over_is_answered_with_202() {
    let world = World::start().await;
    let request = world
        .post("/v1/generations", &order())
        .header("prefer", "wait=1");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.json::<Value>().await.unwrap()["state"], "queued");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_does_not_take_its_request_along() {
    let world = World::start().await;
    let lock = r#"BEGIN; SELECT id FROM "Brand" WHERE id = 'brand_a' FOR UPDATE"#;
    world.sql.batch_execute(lock).await.unwrap();
    let request = world.post("/v1/generations", &order());
    let sending = tokio::spawn(request.send());
    // The request has been read once its batch waits for the row that we hold.
    let (sql, connection) = tokio_postgres::connect(world.database_url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND datname = current_database()";
    wait::until("the batch waits for the brand", PATIENCE, async || {
        sql.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await
    .unwrap();
    sending.abort();
    let _ = sending.await;
    world.sql.batch_execute("COMMIT").await.unwrap();
    wait::until("the generation is there", PATIENCE, async || {
        world.count(r#""Generation""#).await == 1
    })
    .await
    .unwrap();
    assert_eq!(world.used().await, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_request_of_a_batch_fails_alone() {
    let world = World::start().await;
    // The database refuses exactly the requests of one session, and with them their batch.
    let rule = r#"ALTER TABLE "Generation" ADD CHECK ("sessionId" <> 'cursed')"#;
    world.sql.batch_execute(rule).await.unwrap();
    let sends = (0..40).map(|i| {
        let mut body = order();
        body["session_id"] = if i == 7 {
            "cursed".into()
        } else {
            format!("s{i}").into()
        };
        let request = world.post("/v1/generations", &body);
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let statuses = futures::future::join_all(sends).await;
    let accepted = statuses.iter().filter(|status| **status == 202).count();
    assert_eq!((accepted, statuses[7]), (39, 500));
    assert_eq!(world.footprint().await, (39, 39, 0, 39));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_shown_with_their_zones_and_changes_are_seen_within_two_seconds() {
    let world = World::start().await;
    let all: Value = world
        .get("/v1/products")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
    let by_slug: Value = world
        .get("/v1/products/mug")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(by_slug, all["data"][0]);
    assert_eq!(by_slug["zones"].as_array().unwrap().len(), 7);
    assert_eq!(by_slug["zones"][0]["required"], true);

    let close = r#"UPDATE "Product" SET "isActive" = false WHERE id = 'prod_mug'"#;
    world.sql.batch_execute(close).await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    let response = world
        .post("/v1/generations", &order())
        .send()
        .await
        .unwrap();
    let refused = problem(response, 422, "validation_failed").await;
    assert_eq!(refused["errors"][0]["code"], "product_inactive");
    assert_eq!(world.clock.now().timestamp() - 1_767_225_600, 2);
    world.stop().await;
}
