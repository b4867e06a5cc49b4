//! What the old programs change after it was carried over is carried over again.

use store::migrate::{Options, Until, up_with};

use super::platform::{Platform, small};

#[tokio::test]
async fn a_row_that_changes_after_it_was_copied_is_copied_again() {
    let mut platform = Platform::full().await;
    let hold = Options {
        until: Until::Contract,
        ..small()
    };
    up_with(&platform.db, &hold, &mut |_| {}).await.unwrap();
    platform
        .run(
            r#"UPDATE "Webhook" SET "statusCode" = 418, error = 'late answer' WHERE id = (SELECT min(id) FROM "Webhook");
               UPDATE "Webhook" SET url = 'https://moved.example' WHERE id = (SELECT max(id) FROM "Webhook");
               UPDATE "WebhookLog" SET topic = 'late topic' WHERE id = (SELECT min(id) FROM "WebhookLog" WHERE "webhookId" LIKE 'hook%');
               UPDATE "WebhookLog" SET "webhookId" = 'gone' WHERE id = (SELECT max(id) FROM "WebhookLog" WHERE "webhookId" LIKE 'hook%');
               INSERT INTO "Webhook" (id, "brandId", event, url, payload) VALUES ('nowhere_1', 'brand_2', 'e', 'https://found.example', '{}');
               DELETE FROM "WebhookLog" WHERE "webhookId" = 'nowhere_2';
               UPDATE "Brand" SET settings = '{"fontFamily": "Late"}', "updatedAt" = now() WHERE id = 'brand_1';
               INSERT INTO "Product" (id, "brandId", name, price, "updatedAt") VALUES ('late', 'brand_1', 'Bague dorée n°1', 1, now())"#,
        )
        .await;
    platform.up().await;
    for (query, rows) in [
        (
            r#"SELECT count(*) FROM "WebhookLog" WHERE "statusCode" = 418 AND error = 'late answer'"#,
            1,
        ),
        (
            r#"SELECT count(*) FROM "WebhookLog" l JOIN "Webhook" e ON e.id = l."webhookId"
               WHERE e.url = 'https://moved.example' AND l.id LIKE 'delivery:%'"#,
            1,
        ),
        (
            r#"SELECT count(*) FROM "WebhookLog" WHERE event = 'late topic'"#,
            1,
        ),
        (
            r#"SELECT count(*) FROM "WebhookLog" l JOIN "Webhook" e ON e.id = l."webhookId"
               WHERE e.url = 'https://found.example' AND l.id NOT LIKE 'delivery:%'"#,
            1,
        ),
        (
            "SELECT count(*) FROM atelier.archived_orphan_log WHERE webhook_id = 'gone'",
            1,
        ),
        (
            "SELECT count(*) FROM atelier.archived_orphan_log",
            300 - 2 + 1,
        ),
        (
            r#"SELECT count(*) FROM "ClientSettings" WHERE "brandId" = 'brand_1' AND "fontFamily" = 'Late'"#,
            1,
        ),
        (
            r#"SELECT count(*) FROM "Product" WHERE id = 'late' AND slug ~ '^bague-doree-n-1-[0-9]+$'"#,
            1,
        ),
    ] {
        assert_eq!(platform.number(query).await, rows, "{query}");
    }
}

#[tokio::test]
async fn the_tables_cannot_be_emptied_unnoticed_meanwhile() {
    let mut platform = Platform::full().await;
    let hold = Options {
        until: Until::Contract,
        ..small()
    };
    up_with(&platform.db, &hold, &mut |_| {}).await.unwrap();
    let refused = sqlx::query(r#"TRUNCATE "WebhookLog""#)
        .execute(&mut platform.sql)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("is being moved"), "{refused}");
}
