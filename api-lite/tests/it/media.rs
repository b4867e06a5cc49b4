//! Stored pictures, and AR data.

use reqwest::Method;
use serde_json::Value;

use crate::world::{World, problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_served_to_whoever_knows_its_address_and_may_be_kept_for_ever() {
    let world = World::start().await;
    let id = world.create().await["id"].as_str().unwrap().to_owned();
    let path = format!("/media/{id}/full");
    let read = async |etag: &str| {
        let request = world
            .request(Method::GET, &path)
            .header("if-none-match", etag);
        request.send().await.unwrap()
    };
    problem(read("").await, 404, "not_found").await;
    world.finish(&id).await;
    let response = read("").await;
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(
        headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    let bytes = response.bytes().await.unwrap();
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = headers["etag"].to_str().unwrap();
    assert_eq!(etag, format!("\"{hex}\""));
    let again = read(etag).await;
    assert_eq!(again.status(), 304);
    assert!(again.bytes().await.unwrap().is_empty());
    problem(
        world
            .request(Method::GET, &format!("/media/{id}/thumbnail"))
            .send()
            .await
            .unwrap(),
        404,
        "not_found",
    )
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_photograph_is_found_by_its_content_and_nothing_else_is() {
    let world = World::start().await;
    let hash = "ab".repeat(32);
    let folder = world.objects.path().join("base");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{hash}.jpg")), b"photograph").unwrap();
    let read = async |file: &str| {
        let request = world.request(Method::GET, &format!("/media/base/{file}"));
        request.send().await.unwrap()
    };
    let response = read(&format!("{hash}.jpg")).await;
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    assert_eq!(response.headers()["etag"], format!("\"{hash}\""));
    assert_eq!(response.bytes().await.unwrap().as_ref(), b"photograph");
    for file in [
        "x.jpg",
        "..%2fout%2fx.png",
        &format!("{hash}.svg"),
        &format!("{hash}.png"),
        &hash,
    ] {
        problem(read(file).await, 404, "not_found").await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ar_data_is_there_once_it_is_finished_and_every_view_is_counted() {
    let world = World::start().await;
    let id = world.create().await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/generations/{id}/ar");
    let early = problem(world.get(&path).send().await.unwrap(), 409, "not_finished").await;
    assert_eq!(early["state"], "queued");
    world.finish(&id).await;
    for nth in 1..=2 {
        let view: Value = world.get(&path).send().await.unwrap().json().await.unwrap();
        assert_eq!(view["views"], nth);
        assert_eq!(view["tracking_type"], "surface");
        assert_eq!(view["session_config"]["requiredFeatures"][0], "hit-test");
        let texture = view["texture_url"].as_str().unwrap();
        assert_eq!(
            world.client.get(texture).send().await.unwrap().status(),
            200
        );
    }
    assert_eq!(
        world.count(r#""UsageRecord" WHERE type = 'ar_view'"#).await,
        2
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ar_is_refused_and_not_counted_where_the_brand_or_the_product_has_none() {
    let world = World::start().await;
    let id = world.create().await["id"].as_str().unwrap().to_owned();
    world.finish(&id).await;
    let of_brand = r#"UPDATE "Brand" SET "arEnabled" = $1 WHERE id = 'brand_a'"#;
    let of_product = r#"UPDATE "Product" SET "arEnabled" = $1 WHERE "brandId" = 'brand_a'"#;
    let paths = [
        format!("/v1/generations/{id}/ar"),
        format!("/api/v1/generation/{id}/ar"),
    ];
    for (sql, why) in [(of_brand, "brand"), (of_product, "product")] {
        world.sql.execute(sql, &[&false]).await.unwrap();
        // Products are remembered for a moment.
        world.clock.advance(std::time::Duration::from_secs(3));
        for path in &paths {
            let refused = problem(world.get(path).send().await.unwrap(), 403, "ar_disabled").await;
            assert!(
                refused["detail"].as_str().unwrap().contains(why),
                "{refused}"
            );
        }
        world.sql.execute(sql, &[&true]).await.unwrap();
    }
    assert_eq!(
        world.count(r#""UsageRecord" WHERE type = 'ar_view'"#).await,
        0
    );
    world.clock.advance(std::time::Duration::from_secs(3));
    let view: Value = world
        .get(&paths[0])
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(view["views"], 1);
    world.stop().await;
}
