//! The older platform's widget and dashboard, unchanged.

use domain::Clock;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{BRAND, JWT_SECRET, LEGACY, World, problem};

fn body() -> Value {
    json!({
        "productId": "prod_mug",
        "customizations": {"zone_name": {"text": "Ada", "effect": "engraved"}},
        "sessionId": "s_1", "locale": "fr",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_widget_orders_asks_and_shows() {
    let world = World::start().await;
    let request = world.request(Method::POST, "/api/v1/generation/create");
    let response = request
        .header("x-api-key", LEGACY)
        .json(&body())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    let created: Value = response.json().await.unwrap();
    assert_eq!(created["status"], "pending");
    assert_eq!(created["estimatedTime"], 30);
    let id = created["id"].as_str().unwrap().to_owned();
    let status_url = created["statusUrl"].as_str().unwrap().to_owned();
    let ask = async |url: String| -> Value {
        let request = world.client.get(url).header("x-api-key", LEGACY);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    };
    assert_eq!(
        ask(status_url.clone()).await,
        json!({"status": "pending", "progress": 0})
    );
    world.finish(&id).await;
    let picture = world.url(&format!("/media/{id}/full"));
    let done = ask(status_url).await;
    assert_eq!(
        done,
        json!({
            "status": "completed", "processingTime": 1500,
            "result": {"imageUrl": picture, "thumbnailUrl": null, "arModelUrl": null},
        })
    );
    let detail = ask(world.url(&format!("/api/v1/generation/{id}"))).await;
    assert_eq!(
        (&detail["publicId"], &detail["productId"]),
        (&created["id"], &"prod_mug".into())
    );
    assert_eq!(detail["result"], done["result"]);
    let ar = ask(world.url(&format!("/api/v1/generation/{id}/ar"))).await;
    assert_eq!(
        (&ar["textureUrl"], &ar["trackingType"]),
        (&picture.into(), &"surface".into())
    );
    assert_eq!(ar["sessionConfig"]["mode"], "immersive-ar");
    // What was seen to take 1.5 s is announced to take 2.
    let request = world.request(Method::POST, "/api/v1/generation/create");
    let next = request
        .bearer_auth(LEGACY)
        .json(&body())
        .send()
        .await
        .unwrap();
    assert_eq!(next.json::<Value>().await.unwrap()["estimatedTime"], 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_widgets_faults_point_at_its_own_fields() {
    let world = World::start().await;
    let request = world.request(Method::POST, "/api/v1/generation/create");
    let response = request
        .header("x-api-key", LEGACY)
        .json(&json!({"sessionId": 7}));
    let refused = problem(response.send().await.unwrap(), 422, "validation_failed").await;
    let pointers: Vec<&Value> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["pointer"])
        .collect();
    assert_eq!(pointers, ["/productId", "/sessionId"]);
    world.stop().await;
}

fn token(claims: Value, algorithm: Algorithm, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), &claims, &key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_orders_and_lists_with_its_token() {
    let world = World::start().await;
    let exp = world.clock.now().timestamp() + 60;
    let good = token(
        json!({"brandId": BRAND, "exp": exp}),
        Algorithm::HS256,
        JWT_SECRET,
    );
    for _ in 0..3 {
        let request = world.request(Method::POST, "/api/v1/generation/dashboard/create");
        let response = request
            .bearer_auth(&good)
            .json(&body())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 201);
    }
    let path = "/api/v1/generation?page=2&limit=2&productId=prod_mug&status=pending";
    let list = world
        .request(Method::GET, path)
        .bearer_auth(&good)
        .send()
        .await
        .unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        list["pagination"],
        json!({"page": 2, "limit": 2, "total": 3, "totalPages": 2})
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_ours_opens_nothing() {
    let world = World::start().await;
    let exp = world.clock.now().timestamp() + 60;
    let other = "another secret of at least thirty-two bytes";
    let none = "eyJhbGciOiJub25lIn0.eyJicmFuZElkIjoiYnJhbmRfYSIsImV4cCI6OTk5OTk5OTk5OX0.";
    let bad = [
        token(
            json!({"brandId": BRAND, "exp": exp}),
            Algorithm::HS256,
            other,
        ),
        token(
            json!({"brandId": BRAND, "exp": exp}),
            Algorithm::HS512,
            JWT_SECRET,
        ),
        token(
            json!({"brandId": BRAND, "exp": exp - 60}),
            Algorithm::HS256,
            JWT_SECRET,
        ),
        token(json!({"brandId": BRAND}), Algorithm::HS256, JWT_SECRET),
        token(json!({"exp": exp}), Algorithm::HS256, JWT_SECRET),
        token(
            json!({"brandId": "", "exp": exp}),
            Algorithm::HS256,
            JWT_SECRET,
        ),
        none.to_owned(),
        "x.y.z".to_owned(),
    ];
    for bad in bad {
        let request = world
            .request(Method::GET, "/api/v1/generation")
            .bearer_auth(&bad);
        problem(request.send().await.unwrap(), 401, "invalid_token").await;
    }
    world.stop().await;
}
