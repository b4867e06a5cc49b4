//! Endpoints of webhooks over HTTP: made, changed, rotated, asked about, repaired.

use std::time::Duration;

use domain::{Event, EventKind, GenerationId};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use store::SealingKeys;
use store::webhooks::secrets::{SigningSecrets, of_endpoints};
use uuid::Uuid;

use crate::world::{BRAND, OTHER_SECRET, Options, SECRET, World, order, problem};

const KEYS: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

async fn world() -> World {
    let flags = vec!["--sealing-keys", KEYS, "--webhook-allow-cidrs=127.0.0.0/8"];
    World::start_with(Options {
        flags,
        ..Options::default()
    })
    .await
}

fn hook() -> Value {
    json!({
        "name": "Orders", "url": "https://shop.example/hook",
        "events": ["generation.completed", "quota.threshold"],
    })
}

async fn ok(response: Response, status: u16) -> Value {
    let found = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or_default()
}

async fn make(world: &World) -> Value {
    ok(
        world.post("/v1/webhooks", &hook()).send().await.unwrap(),
        201,
    )
    .await
}

fn id_of(made: &Value) -> &str {
    made["id"].as_str().unwrap()
}

async fn read(world: &World, path: &str) -> Value {
    ok(world.get(path).send().await.unwrap(), 200).await
}

async fn send(world: &World, method: Method, path: &str, body: &Value) -> Response {
    let request = world.request(method, path).bearer_auth(SECRET);
    request.json(body).send().await.unwrap()
}

async fn post(world: &World, path: &str) -> Response {
    let request = world.request(Method::POST, path).bearer_auth(SECRET);
    request.send().await.unwrap()
}

/// What the dispatcher would sign with.
async fn signing(world: &World, id: &str) -> SigningSecrets {
    let keys: SealingKeys = KEYS.parse().unwrap();
    let id = id.to_owned();
    let found = of_endpoints(
        &world.store,
        domain::Clock::now(&world.clock),
        Some(&keys),
        std::slice::from_ref(&id),
    );
    found.await.unwrap().remove(&id).unwrap().unwrap()
}

fn exposed(secret: &secrecy::SecretString) -> &str {
    secrecy::ExposeSecret::expose_secret(secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_made_with_a_secret_that_is_shown_once_and_signs() {
    let world = world().await;
    let response = world.post("/v1/webhooks", &hook()).send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let made = ok(response, 201).await;
    let (id, secret) = (id_of(&made), made["secret"].as_str().unwrap());
    assert!(
        location.ends_with(&format!("/v1/webhooks/{id}")),
        "{location}"
    );
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    assert_eq!(exposed(&signing(&world, id).await.hmac[0]), secret);
    let path = format!("/v1/webhooks/{id}");
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(read(&world, &path).await, shown);
    assert_eq!(read(&world, "/v1/webhooks").await, json!({"data": [shown]}));
    let expected = json!({
        "id": id, "kind": "endpoint", "name": "Orders", "url": "https://shop.example/hook",
        "events": ["generation.completed", "quota.threshold"], "payload_format": "standard",
        "headers": {}, "max_in_flight": 4, "rate_per_s": null, "ordered": false, "timeout_ms": 15000,
        "active": true, "disabled_reason": null, "disabled_at": null, "failing_since": null,
        "last_called_at": null, "last_status_code": null, "failure_count": 0,
        "created_at": shown["created_at"], "updated_at": shown["created_at"],
    });
    assert_eq!(shown, expected);
    let stored = r#"SELECT secret FROM "Webhook""#;
    let stored: String = world.sql.query_one(stored, &[]).await.unwrap().get(0);
    assert_eq!(stored, "sealed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_with_the_same_key_is_told_the_same_secret_for_a_day_while_nothing_changed() {
    let world = world().await;
    let ask = async |body: Value, key: &str| {
        let request = world.post("/v1/webhooks", &body);
        request.header("idempotency-key", key).send().await.unwrap()
    };
    let first = ok(ask(hook(), "a").await, 201).await;
    let again = ask(hook(), "a").await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(ok(again, 201).await, first);
    let other_key = ok(ask(hook(), "b").await, 201).await;
    assert_ne!(other_key["id"], first["id"]);
    let mut other = hook();
    other["name"] = "Another".into();
    problem(ask(other, "a").await, 422, "idempotency_key_reused").await;
    // Somebody else's key is another key.
    let theirs = world
        .request(Method::POST, "/v1/webhooks")
        .bearer_auth(OTHER_SECRET)
        .header("idempotency-key", "a")
        .json(&hook());
    let theirs = ok(theirs.send().await.unwrap(), 201).await;
    assert_ne!(theirs["id"], first["id"]);
    // A secret that was replaced is not shown again, nor is one of yesterday.
    let path = format!("/v1/webhooks/{}/rotate", id_of(&other_key));
    ok(post(&world, &path).await, 200).await;
    problem(ask(hook(), "b").await, 422, "idempotency_key_reused").await;
    world.clock.advance(Duration::from_secs(24 * 3600 + 1));
    problem(ask(hook(), "a").await, 422, "idempotency_key_reused").await;
    let removed = format!("/v1/webhooks/{}", id_of(&first));
    let removed = send(&world, Method::DELETE, &removed, &json!({})).await;
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    let gone = problem(ask(hook(), "a").await, 422, "idempotency_key_reused").await;
    assert!(
        gone["detail"].as_str().unwrap().contains("removed"),
        "{gone}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_touches_what_it_names_and_removing_is_final() {
    let world = world().await;
    let made = make(&world).await;
    let path = format!("/v1/webhooks/{}", id_of(&made));
    let change = json!({
        "url": "http://127.0.0.1:8000/hook", "events": ["ar.view"], "payload_format": "origin",
        "headers": {"X-Shop": "7"}, "max_in_flight": 1, "rate_per_s": 0.1, "ordered": true,
        "timeout_ms": 1000,
    });
    let changed = ok(send(&world, Method::PATCH, &path, &change).await, 200).await;
    for (name, value) in change.as_object().unwrap() {
        let expected = match name.as_str() {
            "headers" => json!({"x-shop": "7"}),
            _ => value.clone(),
        };
        assert_eq!(changed[name], expected, "{name}");
    }
    assert_eq!(changed["name"], "Orders");
    let back = json!({"rate_per_s": null, "headers": null});
    let changed = ok(send(&world, Method::PATCH, &path, &back).await, 200).await;
    assert_eq!(
        (&changed["rate_per_s"], &changed["headers"]),
        (&Value::Null, &json!({}))
    );
    let bad = json!({"url": "http://10.0.0.1/", "secret": "mine"});
    let bad = send(&world, Method::PATCH, &path, &bad).await;
    let bad = problem(bad, 422, "validation_failed").await;
    let pointers = [&bad["errors"][0]["pointer"], &bad["errors"][1]["pointer"]];
    assert_eq!(pointers, ["/url", "/secret"]);

    let off = ok(post(&world, &format!("{path}/disable")).await, 200).await;
    assert_eq!(off["active"], false);
    problem(
        post(&world, &format!("{path}/test")).await,
        409,
        "webhook_disabled",
    )
    .await;
    let on = ok(post(&world, &format!("{path}/enable")).await, 200).await;
    assert_eq!(on["active"], true);

    let removed = send(&world, Method::DELETE, &path, &json!({})).await;
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    for (method, below) in [
        (Method::DELETE, ""),
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::POST, "/enable"),
        (Method::POST, "/rotate"),
        (Method::GET, "/secrets"),
        (Method::GET, "/deliveries"),
        (Method::POST, "/test"),
        (Method::GET, "/jobs"),
    ] {
        let gone = send(&world, method, &format!("{path}{below}"), &json!({})).await;
        problem(gone, 404, "not_found").await;
    }
    assert_eq!(read(&world, "/v1/webhooks").await["data"], json!([]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_overlaps_and_a_signing_key_shows_its_public_half() {
    let world = world().await;
    let mut body = hook();
    body["ed25519"] = true.into();
    let made = ok(world.post("/v1/webhooks", &body).send().await.unwrap(), 201).await;
    let (id, old) = (id_of(&made), made["secret"].as_str().unwrap());
    assert!(made["public_key"].as_str().unwrap().starts_with("whpk_"));
    let path = format!("/v1/webhooks/{id}");
    world.clock.advance(Duration::from_secs(60));
    let rotated = post(&world, &format!("{path}/rotate")).await;
    let rotated = ok(rotated, 200).await;
    let new = rotated["secret"].as_str().unwrap();
    assert_eq!(rotated["previous_expires_at"], "2026-01-02T00:01:00Z");
    let signs = signing(&world, id).await;
    let signs: Vec<&str> = signs.hmac.iter().map(exposed).collect();
    assert_eq!(signs, [new, old]);
    let known = read(&world, &format!("{path}/secrets")).await;
    let known = known["data"].as_array().unwrap();
    let kinds: Vec<&str> = known
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["hmac", "hmac", "ed25519"]);
    assert_eq!(known[1]["expires_at"], "2026-01-02T00:01:00Z");
    assert_eq!(known[2]["public_key"], made["public_key"]);
    assert!(known.iter().all(|one| one.get("secret").is_none()));

    let key = json!({"kind": "ed25519", "overlap_seconds": 0});
    let key = ok(
        send(&world, Method::POST, &format!("{path}/rotate"), &key).await,
        200,
    )
    .await;
    assert!(key["public_key"] != made["public_key"] && key.get("secret").is_none());
    assert_eq!(signing(&world, id).await.ed25519.len(), 1);
    let gone = send(
        &world,
        Method::DELETE,
        &format!("{path}/signing-key"),
        &json!({}),
    )
    .await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let gone = send(
        &world,
        Method::DELETE,
        &format!("{path}/signing-key"),
        &json!({}),
    )
    .await;
    problem(gone, 404, "not_found").await;

    world.clock.advance(Duration::from_secs(24 * 3600));
    let signs = signing(&world, id).await;
    assert_eq!(signs.hmac.iter().map(exposed).collect::<Vec<_>>(), [new]);
    let long = json!({"overlap_seconds": 604_801});
    let long = send(&world, Method::POST, &format!("{path}/rotate"), &long).await;
    problem(long, 422, "validation_failed").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_request_signs_with_a_secret_that_exists_before_its_host() {
    let world = world().await;
    let rotated = ok(post(&world, "/v1/webhooks/requests/rotate").await, 200).await;
    let mut request = order();
    request["webhook_url"] = "http://127.0.0.1:8000/ended?order=7".into();
    let made = world
        .post("/v1/generations", &request)
        .send()
        .await
        .unwrap();
    ok(made, 202).await;
    let hosts = read(&world, "/v1/webhooks?kind=request").await;
    let host = &hosts["data"][0];
    assert_eq!(
        (&host["kind"], &host["url"]),
        (&"request".into(), &"http://127.0.0.1:8000".into())
    );
    assert_eq!(read(&world, "/v1/webhooks").await["data"], json!([]));
    let id = id_of(host);
    let signs = signing(&world, id).await;
    assert_eq!(exposed(&signs.hmac[0]), rotated["secret"].as_str().unwrap());
    let path = format!("/v1/webhooks/{id}");
    let ages = read(&world, &format!("{path}/secrets")).await;
    assert_eq!(ages, read(&world, "/v1/webhooks/requests/secrets").await);
    let tuned = json!({"max_in_flight": 1});
    let tuned = ok(send(&world, Method::PATCH, &path, &tuned).await, 200).await;
    assert_eq!(tuned["max_in_flight"], 1);
    let since = json!({"since": "2025-12-31T00:00:00Z"});
    for (method, below, body) in [
        (Method::DELETE, "", json!({})),
        (Method::POST, "/test", json!({})),
        (Method::POST, "/replay-missing", since),
    ] {
        let refused = send(&world, method, &format!("{path}{below}"), &body).await;
        problem(refused, 409, "request_host").await;
    }
    let moved = json!({"url": "https://elsewhere.example/"});
    let moved = send(&world, Method::PATCH, &path, &moved).await;
    let moved = problem(moved, 422, "validation_failed").await;
    assert_eq!(moved["errors"][0]["code"], "fixed");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_is_due_for_this_endpoint_alone_and_once_per_key() {
    let world = world().await;
    let (one, _other) = (make(&world).await, make(&world).await);
    let path = format!("/v1/webhooks/{}", id_of(&one));
    let test = async |key: &str| {
        let request = world.request(Method::POST, &format!("{path}/test"));
        let request = request.bearer_auth(SECRET).header("idempotency-key", key);
        request.send().await.unwrap()
    };
    let response = test("t").await;
    let location = response.headers()["location"].clone();
    let queued = ok(response, 202).await;
    assert_eq!(queued["delivery"], location.to_str().unwrap());
    assert_eq!(ok(test("t").await, 202).await, queued);
    assert_eq!(world.count("atelier.webhook_delivery").await, 1);
    let message = id_of(&queued);
    let delivery = read(&world, &format!("{path}/deliveries/{message}")).await;
    assert_eq!(
        (
            &delivery["event"],
            &delivery["status"],
            &delivery["trigger"]
        ),
        (&"webhook.test".into(), &"pending".into(), &"test".into())
    );
    let body: Value = serde_json::from_str(delivery["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["data"]["webhook_id"], one["id"]);
    assert_eq!(delivery["attempts"], json!([]));
    ok(test("u").await, 202).await;
    assert_eq!(world.count("atelier.webhook_delivery").await, 2);
    world.stop().await;
}

/// Tells the brand's endpoints that `count` generations have ended, one a second.
async fn tell(world: &World, webhook: &str, count: u32) {
    for n in 0..count {
        let event = Event::of_generation(
            Uuid::nil(),
            EventKind::GenerationCompleted,
            GenerationId(Uuid::from_u128(u128::from(n) + 1)),
            BRAND.into(),
            domain::Clock::now(&world.clock),
            json!({"generation_id": format!("gen_{n}"), "note": "Zoë"}),
        )
        .with_derived_id();
        let insert = "
            WITH event AS (
                INSERT INTO atelier.outbox (id, brand_id, kind, dedupe_key, body, created_at)
                VALUES ($1::text::uuid, $2, $3, $4, $5, $6::text::timestamptz) RETURNING id)
            INSERT INTO atelier.webhook_delivery (event_id, webhook_id, next_at, created_at)
            SELECT id, $7, $6::text::timestamptz, $6::text::timestamptz FROM event";
        let at = event.occurred_at.to_rfc3339();
        let id = event.id.to_string();
        let (kind, body) = (event.kind.type_name(), event.to_bytes());
        world
            .sql
            .execute(
                insert,
                &[&id, &BRAND, &kind, &event.dedupe_key, &body, &at, &webhook],
            )
            .await
            .unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_in_pages_that_neither_repeat_nor_hide() {
    let world = world().await;
    let made = make(&world).await;
    tell(&world, id_of(&made), 7).await;
    let path = format!("/v1/webhooks/{}/deliveries", id_of(&made));
    let (mut seen, mut next) = (
        Vec::new(),
        format!("{path}?limit=3&status=pending,delivered"),
    );
    loop {
        let response = world.get(&next).send().await.unwrap();
        let link = response.headers().get("link").cloned();
        let page = ok(response, 200).await;
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|one| id_of(one).to_owned()));
        match link {
            None => break assert_eq!(page["next_cursor"], Value::Null),
            Some(link) => {
                let link = link.to_str().unwrap();
                let url = link.split(['<', '>']).nth(1).unwrap();
                assert!(url.contains(page["next_cursor"].as_str().unwrap()));
                url[url.find("/v1").unwrap()..].clone_into(&mut next);
            }
        }
    }
    assert_eq!(seen.len(), 7);
    let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(distinct.len(), 7);
    let newest = read(&world, &format!("{path}?limit=1")).await;
    assert_eq!(newest["data"][0]["id"], seen[0].as_str());
    for (query, count) in [
        ("status=delivered", 0),
        ("event=generation.completed", 7),
        ("event=webhook.test", 0),
        ("since=2026-01-01T00:00:05Z", 2),
    ] {
        let page = read(&world, &format!("{path}?{query}")).await;
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{query}");
    }
    for (query, code) in [
        ("status=done", "invalid_parameter"),
        ("event=generation.begun", "invalid_parameter"),
        ("since=yesterday", "invalid_parameter"),
        ("limit=101", "invalid_parameter"),
        ("page=2", "invalid_parameter"),
        ("cursor=x", "invalid_cursor"),
    ] {
        let refused = world.get(&format!("{path}?{query}")).send().await.unwrap();
        problem(refused, 400, code).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_is_due_at_once_and_of_an_event_that_was_never_told_too() {
    let world = world().await;
    let (told, untold) = (make(&world).await, make(&world).await);
    tell(&world, id_of(&told), 1).await;
    let path = format!("/v1/webhooks/{}", id_of(&told));
    let listed = read(&world, &format!("{path}/deliveries")).await;
    let message = id_of(&listed["data"][0]).to_owned();
    let arrived = "UPDATE atelier.webhook_delivery SET status = 'delivered', delivered_at = now()";
    world.sql.batch_execute(arrived).await.unwrap();
    let resend = format!("{path}/deliveries/{message}/resend");
    let queued = ok(post(&world, &resend).await, 202).await;
    assert_eq!(queued["id"], message.as_str());
    ok(post(&world, &resend).await, 202).await;
    let delivery = read(&world, &format!("{path}/deliveries/{message}")).await;
    assert_eq!(
        (&delivery["status"], &delivery["trigger"]),
        (&"pending".into(), &"resend".into())
    );
    let other = format!("/v1/webhooks/{}/deliveries/{message}", id_of(&untold));
    problem(world.get(&other).send().await.unwrap(), 404, "not_found").await;
    ok(post(&world, &format!("{other}/resend")).await, 202).await;
    assert_eq!(read(&world, &other).await["status"], "pending");
    for bad in ["msg_x", "msg_00000000000000000000000000000000", "a%00b"] {
        let bad = format!("{path}/deliveries/{bad}/resend");
        problem(post(&world, &bad).await, 404, "not_found").await;
    }
    let theirs = world
        .request(Method::POST, &resend)
        .bearer_auth(OTHER_SECRET);
    problem(theirs.send().await.unwrap(), 404, "not_found").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_is_one_job_per_key_that_shows_its_progress_and_can_be_cancelled() {
    let world = world().await;
    let made = make(&world).await;
    let path = format!("/v1/webhooks/{}", id_of(&made));
    tell(&world, id_of(&made), 3).await;
    let given_up = "UPDATE atelier.webhook_delivery SET status = 'exhausted'";
    world.sql.batch_execute(given_up).await.unwrap();
    let since = json!({"since": "2026-01-01T00:00:00Z"});
    let recover = async |key: &str, body: &Value| {
        let request = world.post(&format!("{path}/recover"), body);
        request.header("idempotency-key", key).send().await.unwrap()
    };
    let job = ok(recover("r", &since).await, 202).await;
    let expected = json!({
        "id": job["id"], "webhook_id": made["id"], "kind": "recover", "state": "queued",
        "since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:03Z", "events": [], "statuses": [],
        "progress_percent": 0, "looked_at": 0, "queued": 0, "cancel_requested": false,
        "created_at": "2026-01-01T00:00:03Z", "updated_at": "2026-01-01T00:00:03Z", "ended_at": null,
    });
    assert_eq!(job, expected);
    world.clock.advance(Duration::from_secs(1));
    let again = recover("r", &since).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(ok(again, 202).await, job);
    let other = json!({"since": "2026-01-01T00:00:01Z"});
    problem(recover("r", &other).await, 422, "idempotency_key_reused").await;

    let now = domain::Clock::now(&world.clock);
    while store::webhooks::bulk::step(&world.store, now, 2)
        .await
        .unwrap()
        != store::webhooks::bulk::Step::Idle
    {}
    let at = format!("{path}/jobs/{}", id_of(&job));
    let done = read(&world, &at).await;
    assert_eq!(
        (&done["state"], &done["queued"], &done["progress_percent"]),
        (&"done".into(), &3.into(), &100.into())
    );
    let ended = problem(
        post(&world, &format!("{at}/cancel")).await,
        409,
        "already_ended",
    )
    .await;
    assert_eq!(ended["state"], "done");

    let replay = json!({
        "since": "2026-01-01T00:00:00Z", "events": ["generation.completed"], "statuses": ["delivered"],
    });
    let replay = send(&world, Method::POST, &format!("{path}/replay"), &replay).await;
    let replay = ok(replay, 202).await;
    assert_eq!(replay["statuses"], json!(["delivered"]));
    let cancel = format!("{path}/jobs/{}/cancel", id_of(&replay));
    let canceled = ok(post(&world, &cancel).await, 202).await;
    assert_eq!(canceled["cancel_requested"], true);
    let missing = send(
        &world,
        Method::POST,
        &format!("{path}/replay-missing"),
        &since,
    )
    .await;
    ok(missing, 202).await;
    let kinds = read(&world, &format!("{path}/jobs")).await;
    let kinds: Vec<&str> = kinds["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    for n in 0..3 {
        ok(recover(&format!("more-{n}"), &since).await, 202).await;
    }
    let full = problem(recover("too-many", &since).await, 409, "limit_reached").await;
    assert_eq!(full["limit"], 5);
    for bad in ["x", "00000000-0000-0000-0000-000000000000"] {
        let bad = world
            .get(&format!("{path}/jobs/{bad}"))
            .send()
            .await
            .unwrap();
        problem(bad, 404, "not_found").await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sealing_keys_the_answer_says_what_to_set_and_nothing_is_made() {
    let world = World::start().await;
    let refused = world.post("/v1/webhooks", &hook()).send().await.unwrap();
    let refused = problem(refused, 501, "secrets_unavailable").await;
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("ATELIER_SEALING_KEYS"), "{detail}");
    problem(
        post(&world, "/v1/webhooks/requests/rotate").await,
        501,
        "secrets_unavailable",
    )
    .await;
    assert_eq!(world.count(r#""Webhook""#).await, 0);
    // What needs no secret works.
    assert_eq!(read(&world, "/v1/webhooks").await["data"], json!([]));
    assert_eq!(
        read(&world, "/v1/webhooks/requests/secrets").await["data"],
        json!([])
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publishable_key_has_no_business_with_webhooks_and_fifty_are_enough() {
    let world = world().await;
    for (method, path) in [
        (Method::GET, "/v1/webhooks"),
        (Method::POST, "/v1/webhooks"),
        (Method::GET, "/v1/webhooks/wh_1/deliveries"),
        (Method::POST, "/v1/webhooks/wh_1/test"),
    ] {
        let request = world
            .request(method, path)
            .bearer_auth(crate::world::PUBLISHABLE);
        let request = request.header("origin", crate::world::ORIGIN).json(&hook());
        problem(request.send().await.unwrap(), 403, "not_permitted").await;
    }
    for _ in 0..50 {
        make(&world).await;
    }
    let more = world.post("/v1/webhooks", &hook()).send().await.unwrap();
    let more = problem(more, 409, "limit_reached").await;
    assert_eq!(more["limit"], 50);
    world.stop().await;
}
