//! Keys: how long they are remembered, and what a publishable one may do.

use std::time::Duration;

use domain::Clock;
use reqwest::Method;
use serde_json::Value;
use store::api_keys::{self, KeyKind};

use crate::world::{BRAND, LEGACY, ORIGIN, PUBLISHABLE, SECRET, World, create_key, order, problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_dies_within_five_seconds_on_every_server() {
    let world = World::start().await;
    let key = "sk_test_that_will_be_revoked_0123456789";
    let id = create_key(&world.store, world.clock.now(), BRAND, KeyKind::Secret, key).await;
    let other = world.another_server().await;
    let ask = async |address: std::net::SocketAddr| {
        let url = format!("http://{address}/v1/products");
        world.client.get(url).bearer_auth(key).send().await.unwrap()
    };
    for address in [world.address(), other.running.address] {
        assert_eq!(ask(address).await.status(), 200);
    }
    assert!(
        api_keys::revoke(&world.store, world.clock.now(), id)
            .await
            .unwrap()
    );
    world.clock.advance(Duration::from_secs(5));
    for address in [world.address(), other.running.address] {
        problem(ask(address).await, 401, "invalid_key").await;
    }
    other.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_key_needs_no_database_and_an_unknown_one_is_asked_for_again_after_a_second() {
    let world = World::start().await;
    let key = "sk_test_that_will_be_made_0123456789";
    let ask = async |key: &str| {
        let request = world
            .request(Method::GET, "/v1/generations/gen_0")
            .bearer_auth(key);
        request.send().await.unwrap()
    };
    problem(ask(key).await, 401, "invalid_key").await;
    create_key(&world.store, world.clock.now(), BRAND, KeyKind::Secret, key).await;
    problem(ask(key).await, 401, "invalid_key").await;
    world.clock.advance(Duration::from_secs(1));
    problem(ask(key).await, 404, "not_found").await;
    let gone = "DELETE FROM atelier.api_key";
    world.sql.batch_execute(gone).await.unwrap();
    world.clock.advance(Duration::from_secs(3));
    problem(ask(key).await, 404, "not_found").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publishable_key_creates_and_reads_for_its_own_session_only() {
    let world = World::start().await;
    let page = |method: Method, path: &str| {
        let request = world.request(method, path);
        request.bearer_auth(PUBLISHABLE).header("origin", ORIGIN)
    };
    let mut body = order();
    body["session_id"] = "shopper-1".into();
    let created = page(Method::POST, "/v1/generations")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 202);
    assert_eq!(created.headers()["access-control-allow-origin"], ORIGIN);
    assert!(
        created.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("Location")
    );
    let created: Value = created.json().await.unwrap();
    let path = format!("/v1/generations/{}", created["id"].as_str().unwrap());

    let by_header = page(Method::GET, &path).header("x-session-id", "shopper-1");
    assert_eq!(by_header.send().await.unwrap().status(), 200);
    let by_query = page(Method::GET, &format!("{path}?session_id=shopper-1"));
    assert_eq!(by_query.send().await.unwrap().status(), 200);
    let other = page(Method::GET, &format!("{path}?session_id=shopper-2"));
    problem(other.send().await.unwrap(), 404, "not_found").await;
    problem(
        page(Method::GET, &path).send().await.unwrap(),
        403,
        "session_required",
    )
    .await;

    for (method, path) in [
        (Method::GET, "/v1/generations".to_owned()),
        (Method::GET, "/v1/products".to_owned()),
        (Method::GET, "/v1/products/mug".to_owned()),
        (Method::POST, format!("{path}/cancel")),
    ] {
        problem(
            page(method, &path).send().await.unwrap(),
            403,
            "not_permitted",
        )
        .await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_answered_by_the_kind_of_the_key() {
    let world = World::start().await;
    let preflight = world
        .request(Method::OPTIONS, "/v1/generations")
        .header("origin", "https://any.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization, content-type",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(
        preflight.headers()["access-control-allow-origin"],
        "https://any.example"
    );
    assert!(
        !preflight
            .headers()
            .contains_key("access-control-allow-credentials")
    );

    let from = |key: &str, origin: &str| {
        let path = "/v1/generations/gen_0?session_id=s";
        let request = world.request(Method::GET, path).header("x-api-key", key);
        let request = request.header("origin", origin);
        async move {
            let response = request.send().await.unwrap();
            assert!(
                response.headers()["vary"]
                    .to_str()
                    .unwrap()
                    .contains("Origin")
            );
            let allowed = response.headers().get("access-control-allow-origin");
            (
                response.status().as_u16(),
                allowed.map(|value| value.to_str().unwrap().to_owned()),
            )
        }
    };
    let at = |origin: &str| Some(origin.to_owned());
    let sub = "https://a.brand.example";
    assert_eq!(from(PUBLISHABLE, sub).await, (404, at(sub)));
    assert_eq!(from(PUBLISHABLE, "https://evil.example").await, (403, None));
    assert_eq!(from(SECRET, ORIGIN).await, (404, None));
    assert_eq!(
        from(LEGACY, "https://old.example").await,
        (404, at("https://old.example"))
    );
    assert_eq!(from("sk_unknown", ORIGIN).await, (401, at(ORIGIN)));
    assert_eq!(world.footprint().await, (0, 0, 0, 0));
    world.stop().await;
}
