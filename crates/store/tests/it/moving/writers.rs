//! The older platform's programs write on while the move is under way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgConnection};
use store::migrate::{Options, Until, up_with};

use super::platform::{Platform, small};

/// What the older programs do all day: a product, a delivery that is answered later, a row of log, a
/// changed setting. Returns how many rounds were written and the longest wait for one statement.
async fn write(sql: &mut PgConnection, stop: &AtomicBool) -> (i64, Duration) {
    let (mut round, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        for statement in [
            format!(
                r#"INSERT INTO "Product" (id, "brandId", name, price, "updatedAt")
                VALUES ('new_p{round}', 'brand_1', 'Ring', 1, now())"#
            ),
            format!(
                r#"INSERT INTO "Webhook" (id, "brandId", event, url, payload) VALUES
                ('new_w{round}', 'brand_1', 'order.created', 'https://late-{}.example', '{{"n": {round}}}')"#,
                round % 7
            ),
            format!(
                r#"INSERT INTO "WebhookLog" (id, "webhookId", topic, "shopDomain", payload)
                VALUES ('new_l{round}', 'new_w{round}', 't', 's', '{{}}')"#
            ),
            format!(
                r#"UPDATE "Webhook" SET "statusCode" = 299, success = true WHERE id = 'new_w{round}'"#
            ),
            format!(
                r#"UPDATE "Brand" SET settings = '{{"fontFamily": "Font {round}"}}',
                "updatedAt" = now() + interval '1 hour' WHERE id = 'brand_4'"#
            ),
            format!(
                r#"DELETE FROM "WebhookLog" WHERE id = 'new_l{}' AND {round} % 3 = 0"#,
                round - 1
            ),
        ] {
            let began = Instant::now();
            let done = sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut *sql)
                .await;
            if let Err(error) = done {
                // The contract is behind us: exactly what Prisma's own migration would have it say.
                let text = error.to_string();
                assert!(
                    text.contains("does not exist") || text.contains("violates"),
                    "{text}"
                );
                return (round - 1, longest);
            }
            longest = longest.max(began.elapsed());
        }
    }
    (round, longest)
}

#[tokio::test]
async fn nothing_that_old_programs_write_before_the_contract_is_lost_and_none_of_it_breaks_the_move()
 {
    let mut platform = Platform::full().await;
    let mut sql = platform.connect().await;
    let stop = AtomicBool::new(false);
    let hold = Options {
        until: Until::Contract,
        ..small()
    };
    let ((rounds, longest), ()) = tokio::join!(write(&mut sql, &stop), async {
        let held = up_with(&platform.db, &hold, &mut |_| {}).await.unwrap();
        assert!(held.held && held.applied == 0, "{held:?}");
        stop.store(true, Ordering::Relaxed);
    });
    assert!(rounds > 20, "{rounds}");
    // Eight times the lock timeout: the programs of this machine's other tests compete for it.
    assert!(longest < Duration::from_millis(2400), "{longest:?}");
    // Later on they still write: nobody has noticed anything.
    let stop_soon = AtomicBool::new(false);
    let ((more, _), ()) = tokio::join!(write_on(&mut sql, rounds, &stop_soon), async {
        let finished = platform.up().await;
        assert!(!finished.held);
        stop_soon.store(true, Ordering::Relaxed);
    });
    all_of_it_is_there(&mut platform, rounds + more).await;
}

/// The same under further names, until the contract refuses it.
async fn write_on(sql: &mut PgConnection, from: i64, stop: &AtomicBool) -> (i64, Duration) {
    let mut round = from;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let statement = format!(
            r#"BEGIN; INSERT INTO "Product" (id, "brandId", name, price, "updatedAt")
                VALUES ('new_p{round}', 'brand_1', 'Ring', 1, now());
            INSERT INTO "Webhook" (id, "brandId", event, url, payload, "statusCode") VALUES
                ('new_w{round}', 'brand_1', 'order.created', 'https://late-{}.example', '{{"n": {round}}}', 299); COMMIT"#,
            round % 9
        );
        if sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *sql)
            .await
            .is_err()
        {
            round -= 1;
            break;
        }
    }
    (round - from, Duration::ZERO)
}

async fn all_of_it_is_there(platform: &mut Platform, rounds: i64) {
    let products = r#"SELECT count(*) FROM "Product" WHERE id LIKE 'new_p%' AND slug IS NOT NULL"#;
    assert_eq!(platform.number(products).await, rounds);
    let archived = "SELECT count(*) FROM atelier.archived_webhook_delivery WHERE id LIKE 'new_w%'";
    assert_eq!(platform.number(archived).await, rounds);
    let carried = r#"SELECT count(*) FROM atelier.archived_webhook_delivery w
        JOIN "WebhookLog" l ON l.id = 'delivery:' || w.id AND l.payload = w.payload AND l."statusCode" = w."statusCode"
        JOIN "Webhook" e ON e.id = l."webhookId" AND e.url = w.url WHERE w.id LIKE 'new_w%'"#;
    assert_eq!(
        platform.number(carried).await,
        rounds,
        "with the answer that came later"
    );
    let all = r#"SELECT count(*) FROM "WebhookLog" WHERE id LIKE 'delivery:%'"#;
    assert_eq!(platform.number(all).await, 5000 + rounds);
    let differing = r#"SELECT count(*) FROM (
        SELECT id FROM atelier.archived_webhook_log
        EXCEPT (SELECT id FROM "WebhookLog" UNION ALL SELECT id FROM atelier.archived_orphan_log)) AS d"#;
    assert_eq!(platform.number(differing).await, 0, "every row of the log");
    let too_many = r#"SELECT count(*) FROM "WebhookLog" l WHERE id NOT LIKE 'delivery:%'
        AND NOT EXISTS (SELECT 1 FROM atelier.archived_webhook_log o WHERE o.id = l.id)"#;
    assert_eq!(
        platform.number(too_many).await,
        0,
        "deleted rows stay deleted"
    );
    let font = r#"SELECT count(*) FROM "ClientSettings" c JOIN "Brand" b ON b.id = c."brandId"
        WHERE b.id = 'brand_4' AND c."fontFamily" = b.settings->>'fontFamily'"#;
    assert_eq!(platform.number(font).await, 1, "the last setting");
    let left = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'atelier%'";
    assert_eq!(platform.number(left).await, 0);
    let moving = "SELECT count(*) FROM pg_class WHERE relname LIKE 'moving%'";
    assert_eq!(platform.number(moving).await, 0);
}
