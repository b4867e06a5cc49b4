//! Every old fact is found again: counted, and compared row by row.

use std::collections::HashSet;

use store::migrate::{Shape, status};

use super::platform::Platform;

/// The old tables under other names, so that every fact can be compared afterwards.
const KEEP: &str = r#"
    CREATE SCHEMA kept;
    CREATE TABLE kept.brand AS SELECT * FROM "Brand";
    CREATE TABLE kept.product AS SELECT * FROM "Product";
    CREATE TABLE kept.webhook AS SELECT * FROM "Webhook";
    CREATE TABLE kept.log AS SELECT * FROM "WebhookLog";
    CREATE TABLE kept.key AS SELECT * FROM "ApiKey";
"#;

#[tokio::test]
async fn every_fact_of_years_is_found_again() {
    let mut platform = Platform::full().await.with(KEEP).await;
    for (table, rows) in [
        (r#""Brand""#, 5),
        (r#""Product""#, 1000),
        (r#""Webhook""#, 5000),
        (r#""WebhookLog""#, 2000),
    ] {
        assert_eq!(
            platform
                .number(&format!("SELECT count(*) FROM {table}"))
                .await,
            rows
        );
    }
    let pairs =
        r#"SELECT count(*) FROM (SELECT 1 FROM kept.webhook GROUP BY "brandId", url) AS pair"#;
    assert_eq!(platform.number(pairs).await, 40);

    let outcome = platform.up().await;
    assert_eq!((outcome.adopted, outcome.held), (1, false));
    let all = status(&platform.db).await.unwrap();
    assert!(
        all.iter()
            .all(|one| one.applied && one.checksum_matches && one.failed.is_none())
    );
    let faults = Shape::read(&mut platform.sql, "public")
        .await
        .unwrap()
        .against(&Shape::personalised());
    assert_eq!((faults.faults, faults.extras), (vec![], vec![]));

    brands_and_products_are_as_they_were(&mut platform).await;
    slugs_are_right(&mut platform).await;
    deliveries_are_endpoints_with_a_log(&mut platform).await;
    logs_belong_to_endpoints_or_are_archived(&mut platform).await;
    settings_have_columns(&mut platform).await;
}

/// Every column of the old tables, value by value, in both directions.
async fn brands_and_products_are_as_they_were(platform: &mut Platform) {
    for (kept, now) in [
        ("kept.brand", r#"public."Brand""#),
        ("kept.product", r#"public."Product""#),
        ("kept.key", r#"public."ApiKey""#),
        ("kept.webhook", "atelier.archived_webhook_delivery"),
        ("kept.log", "atelier.archived_webhook_log"),
    ] {
        let columns = platform
            .text(&format!(
                "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                 WHERE attrelid = '{kept}'::regclass AND attnum > 0"
            ))
            .await;
        let differing = format!(
            "SELECT count(*) FROM ((SELECT {columns} FROM {kept} EXCEPT ALL SELECT {columns} FROM {now})
             UNION ALL (SELECT {columns} FROM {now} EXCEPT ALL SELECT {columns} FROM {kept})) AS d"
        );
        assert_eq!(platform.number(&differing).await, 0, "{now}");
    }
}

async fn slugs_are_right(platform: &mut Platform) {
    let slugs = platform
        .texts(r#"SELECT "brandId" || '/' || slug FROM "Product""#)
        .await;
    assert_eq!(slugs.len(), 1000);
    let distinct: HashSet<&String> = slugs.iter().collect();
    assert_eq!(distinct.len(), 1000);
    let odd = r#"SELECT count(*) FROM "Product" WHERE slug !~ '^[a-z0-9]+(-[a-z0-9]+)*$' OR length(slug) > 80"#;
    assert_eq!(platform.number(odd).await, 0);
    // The oldest of a name has the plain slug, the next ones its numbers in their order.
    let rings = platform
        .texts(
            r#"SELECT slug FROM "Product" WHERE name = 'Bague dorée n°1' AND "brandId" = 'brand_1'
               ORDER BY "createdAt", id"#,
        )
        .await;
    assert!(rings.len() > 10);
    for (place, slug) in rings.iter().enumerate() {
        let expected = match place {
            0 => "bague-doree-n-1".to_owned(),
            place => format!("bague-doree-n-1-{}", place + 1),
        };
        assert_eq!(*slug, expected);
    }
    let named_after_ids = r#"SELECT count(*) FROM "Product" WHERE name IN ('', '   ', '-----') AND slug NOT LIKE 'product-%'"#;
    assert_eq!(platform.number(named_after_ids).await, 0);
}

async fn deliveries_are_endpoints_with_a_log(platform: &mut Platform) {
    let endpoints = r#"SELECT count(*) FROM "Webhook" e JOIN kept.webhook w ON w.id = e.id
        AND w."brandId" = e."brandId" AND w.url = e.url WHERE e."isActive""#;
    assert_eq!(platform.number(endpoints).await, 40);
    assert_eq!(
        platform.number(r#"SELECT count(*) FROM "Webhook""#).await,
        40
    );
    let secrets = r#"SELECT count(DISTINCT secret) FROM "Webhook" WHERE secret ~ '^whsec_[A-Za-z0-9+/]{43}=$'"#;
    assert_eq!(platform.number(secrets).await, 40);
    // Each delivery is a row of the log of the endpoint of its own brand and address, with its facts.
    let carried = r#"SELECT count(*) FROM kept.webhook w JOIN "WebhookLog" l ON l.id = 'delivery:' || w.id
        JOIN "Webhook" e ON e.id = l."webhookId" AND e."brandId" = w."brandId" AND e.url = w.url
        WHERE (l.event, l.payload, l."createdAt") = (w.event, w.payload, w."createdAt")
            AND l."statusCode" IS NOT DISTINCT FROM w."statusCode" AND l.error IS NOT DISTINCT FROM w.error"#;
    assert_eq!(platform.number(carried).await, 5000);
    // The endpoint is as old as its oldest delivery and knows its last call.
    let dated = r#"SELECT count(*) FROM "Webhook" e WHERE
        e."createdAt" = (SELECT min(w."createdAt") FROM kept.webhook w WHERE w."brandId" = e."brandId" AND w.url = e.url)
        AND (e."lastCalledAt", coalesce(e."lastStatusCode", -1)) = (
            SELECT coalesce(w."timestamp", w."createdAt"), coalesce(w."statusCode", -1) FROM kept.webhook w
            WHERE w."brandId" = e."brandId" AND w.url = e.url
            ORDER BY coalesce(w."timestamp", w."createdAt") DESC, w.id DESC LIMIT 1)"#;
    assert_eq!(platform.number(dated).await, 40);
    let events = platform
        .texts(r#"SELECT DISTINCT unnest(events)::text FROM "Webhook" ORDER BY 1"#)
        .await;
    assert_eq!(
        events,
        ["AR_VIEW", "GENERATION_COMPLETED", "GENERATION_FAILED"]
    );
}

async fn logs_belong_to_endpoints_or_are_archived(platform: &mut Platform) {
    let carried = r#"SELECT count(*) FROM kept.log o JOIN "WebhookLog" l ON l.id = o.id
        JOIN kept.webhook w ON w.id = o."webhookId"
        JOIN "Webhook" e ON e.id = l."webhookId" AND e."brandId" = w."brandId" AND e.url = w.url
        WHERE (l.event, l.payload, l."createdAt") = (o.topic, o.payload, o."createdAt")"#;
    assert_eq!(platform.number(carried).await, 1700);
    let orphans = r#"SELECT count(*) FROM atelier.archived_orphan_log n JOIN kept.log o ON o.id = n.id
        AND o."webhookId" = n.webhook_id WHERE o."webhookId" LIKE 'nowhere%'"#;
    assert_eq!(platform.number(orphans).await, 300);
    assert_eq!(
        platform
            .number(r#"SELECT count(*) FROM "WebhookLog""#)
            .await,
        6700
    );
}

async fn settings_have_columns(platform: &mut Platform) {
    let found = platform
        .texts(
            r#"SELECT concat_ws(' ', "brandId", "primaryColor", "secondaryColor", "fontFamily", "borderRadius",
                   "emailNotifications", "webhookEnabled") FROM "ClientSettings" ORDER BY 1"#,
        )
        .await;
    assert_eq!(
        found,
        [
            "brand_1 #b8860b #ffffff Inter 12 f f",
            "brand_2 #112233 #ffffff EB Garamond 4 t f",
        ]
    );
    let archived = platform
        .texts(
            "SELECT brand_id || ' ' || array_to_string(mapped, ',') || ' / ' || array_to_string(kept, ',')
             FROM atelier.archived_brand_settings ORDER BY 1",
        )
        .await;
    assert_eq!(
        archived,
        [
            "brand_1 borderRadius,emailNotifications,primaryColor / loyalty",
            "brand_2 border_radius,fontFamily,primary_color / webhookEnabled",
            "brand_3  / ",
        ]
    );
}
