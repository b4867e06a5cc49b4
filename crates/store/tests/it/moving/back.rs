//! Down, and up again.

use store::StoreError;
use store::migrate::{MigrationError, Options, down, status, up};

use super::platform::Platform;

async fn go_back(platform: &Platform) {
    down(&platform.db, &Options::default(), &mut |_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn down_leaves_public_as_it_was_before_and_up_again_as_it_was_after() {
    let mut platform = Platform::full().await;
    let before = (
        platform.dump(&["--schema-only"]),
        sorted(&platform.dump(&["--data-only", "--inserts", "--column-inserts"])),
    );
    platform.up().await;
    // The new platform lives for a while.
    platform
        .run(
            r#"UPDATE "Brand" SET "subscriptionPlan" = 'ENTERPRISE', "monthlyGenerations" = 7 WHERE id = 'brand_2';
               UPDATE "Product" SET tags = '{gold}', status = 'ACTIVE', slug = 'my-own-slug' WHERE id = (SELECT min(id) FROM "Product");
               INSERT INTO "Generation" (id, "brandId", "productId", "publicId", customizations, "finalPrompt", "aiProvider", model, quality)
               SELECT 'old_gen', "brandId", id, 'gen_1', '{}', 'p', 'a', 'm', 'q' FROM "Product" ORDER BY id LIMIT 1;
               INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "updatedAt")
               VALUES ('new_hook', 'brand_1', 'New', 'https://new.example', 'whsec_x', '{AR_VIEW}', now());
               INSERT INTO "WebhookLog" (id, "webhookId", event, payload) VALUES ('new_log', 'new_hook', 'ar_view', '{}');
               INSERT INTO "UsageRecord" (id, "brandId", type) VALUES ('u1', 'brand_1', 'generation');
               UPDATE "ClientSettings" SET "primaryColor" = '#123456', "updatedAt" = now() WHERE "brandId" = 'brand_1'"#,
        )
        .await;
    let after = (
        platform.dump(&["--schema-only"]),
        sorted(&platform.dump(&["--data-only", "--column-inserts"])),
    );

    go_back(&platform).await;
    let returned = (
        platform.dump(&["--schema-only"]),
        sorted(&platform.dump(&["--data-only", "--inserts", "--column-inserts"])),
    );
    assert_eq!(returned.0, before.0, "the schema");
    assert_eq!(returned.1, before.1, "every row");
    let pending: Vec<i64> = status(&platform.db)
        .await
        .unwrap()
        .iter()
        .filter(|one| !one.applied)
        .map(|one| one.version)
        .collect();
    assert_eq!(pending, [2]);

    // The older platform lives for a while.
    platform
        .run(
            r#"INSERT INTO "Product" (id, "brandId", name, price, "updatedAt") VALUES ('between', 'brand_1', 'Ring', 1, now());
               DELETE FROM "Product" WHERE id = (SELECT max(id) FROM "Product")"#,
        )
        .await;
    platform
        .run(r#"DELETE FROM "Product" WHERE id = 'between'"#)
        .await;
    let lost = platform
        .number(r#"SELECT 1000 - count(*) FROM "Product""#)
        .await;
    assert_eq!(lost, 1);
    platform.up().await;
    let again = (
        platform.dump(&["--schema-only"]),
        sorted(&platform.dump(&["--data-only", "--column-inserts"])),
    );
    assert_eq!(again.0, after.0, "the schema");
    let gone: Vec<&String> = after
        .1
        .iter()
        .filter(|line| !again.1.contains(line))
        .collect();
    assert_eq!(
        gone.len(),
        1,
        "only the product that the platform deleted: {gone:?}"
    );
    let came: Vec<&String> = again
        .1
        .iter()
        .filter(|line| !after.1.contains(line))
        .collect();
    assert!(came.is_empty(), "{came:?}");
}

fn sorted(dump: &str) -> Vec<String> {
    let mut lines: Vec<String> = dump
        .lines()
        .filter(|line| line.starts_with("INSERT"))
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert!(!lines.is_empty());
    lines
}

#[tokio::test]
async fn a_database_that_was_born_empty_goes_back_and_forth_too() {
    let platform = Platform::empty().await;
    platform.up().await;
    let after = platform.dump(&["--schema-only"]);
    for _ in 0..2 {
        go_back(&platform).await;
        let mut bare = Platform::bare().await;
        let before = store::migrate::Shape::read(&mut bare.sql, "public")
            .await
            .unwrap();
        let mut sql = platform.connect().await;
        let back = store::migrate::Shape::read(&mut sql, "public")
            .await
            .unwrap();
        assert_eq!(back.text(), before.text());
        platform.up().await;
        assert_eq!(platform.dump(&["--schema-only"]), after);
    }
}

#[tokio::test]
async fn going_back_is_refused_while_something_that_was_accepted_has_not_ended() {
    let mut platform = Platform::empty().await;
    platform.up().await;
    platform
        .run(
            "INSERT INTO atelier.job (id, brand_id, product_id, key_id, lane, state, run_at, trace_parent, created_at)
             VALUES (gen_random_uuid(), 'b', 'p', 'k', 'free', 'waiting', now(), '', now())",
        )
        .await;
    let refused = down(&platform.db, &Options::default(), &mut |_| {})
        .await
        .unwrap_err();
    let StoreError::Migration(error) = refused else {
        panic!("{refused:?}")
    };
    assert!(matches!(*error, MigrationError::NotNow(_)), "{error}");
    assert_eq!(up(&platform.db).await.unwrap(), 0, "nothing was taken away");
}
