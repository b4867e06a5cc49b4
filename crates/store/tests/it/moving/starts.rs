//! Where a database may stand, and what is refused.

use std::sync::atomic::{AtomicU32, Ordering};

use store::StoreError;
use store::migrate::{
    Action, Event, MigrationError, Options, Shape, plan, status, up, up_with, verify,
};

use super::platform::{Platform, migration};
use crate::world::args;

/// Prisma's own table, as its migration engine makes it.
const PRISMA: &str = r#"
    CREATE TABLE "_prisma_migrations" (
        id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
        migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
        started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0);
    INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name)
    VALUES ('1', 'x', now(), '20240101000000_init');
"#;

/// One attempt as Prisma records it.
fn prisma(id: u32, finished: &str, rolled_back: &str, logs: &str) -> String {
    format!(
        r#"INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, logs, rolled_back_at)
           VALUES ('saas-{id}', 'x', {finished}, '20260103160147_add_saas_personalization_models', {logs}, {rolled_back});"#
    )
}

/// The error of an `up` that must be refused, and that it changed nothing.
async fn refused(platform: &mut Platform) -> MigrationError {
    let everything = "SELECT coalesce(string_agg(relname, ',' ORDER BY relname), '') FROM pg_class
        WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'atelier'))";
    let before = (platform.dump(&[]), platform.text(everything).await);
    let planned = plan(&platform.db, &Options::default()).await.unwrap_err();
    let StoreError::Migration(error) = up(&platform.db).await.unwrap_err() else {
        panic!("not refused by a migration")
    };
    assert_eq!(planned.to_string(), error.to_string(), "plan says the same");
    let after = (platform.dump(&[]), platform.text(everything).await);
    assert_eq!(before, after, "nothing was changed");
    *error
}

async fn is_whole(platform: &mut Platform) {
    assert!(
        status(&platform.db)
            .await
            .unwrap()
            .iter()
            .all(|one| one.applied)
    );
    let args = args(platform.database.url());
    let verified = verify(&platform.db, &args, &Options::default())
        .await
        .unwrap();
    assert!(
        verified.is_good(),
        "{:?}",
        verified.faults().collect::<Vec<_>>()
    );
    assert!(verified.public_facts > 250 && verified.atelier_facts > 100);
    assert!(verified.atelier_skipped.is_none());
    assert_eq!(up(&platform.db).await.unwrap(), 0, "nothing is left to do");
}

#[tokio::test]
async fn an_empty_database_gets_everything() {
    let mut platform = Platform::empty().await;
    let planned = plan(&platform.db, &Options::default()).await.unwrap();
    assert!(
        planned
            .migrations
            .iter()
            .all(|one| one.action == Action::Run)
    );
    assert_eq!(up(&platform.db).await.unwrap(), planned.migrations.len());
    is_whole(&mut platform).await;
}

#[tokio::test]
async fn a_baseline_is_planned_with_its_rows_and_then_carried_over() {
    let mut platform = Platform::full().await;
    let planned = plan(&platform.db, &Options::default()).await.unwrap();
    assert_eq!(planned.migrations[0].action, Action::Adopt);
    assert_eq!(planned.migrations[1].action, Action::Move);
    let rows: Vec<i64> = planned.migrations[1]
        .changes
        .iter()
        .map(|one| one.rows)
        .collect();
    assert_eq!(rows[..7], [1000, 5, 2, 40, 5000, 1700, 300]);
    assert_eq!(
        platform
            .number("SELECT count(*) FROM pg_namespace WHERE nspname = 'atelier'")
            .await,
        0
    );
    platform.up().await;
    is_whole(&mut platform).await;
}

#[tokio::test]
async fn a_moved_database_has_the_very_schema_of_one_that_was_empty() {
    let moved = Platform::full().await;
    moved.up().await;
    let fresh = Platform::empty().await;
    fresh.up().await;
    assert_eq!(
        moved.dump(&["--schema-only"]),
        fresh.dump(&["--schema-only"])
    );
}

#[tokio::test]
async fn what_prisma_has_applied_is_verified_and_only_ours_is_added() {
    let mut platform = Platform::bare()
        .await
        .with(&migration(2))
        .await
        .with(PRISMA)
        .await;
    platform
        .run(&prisma(1, "NULL", "now()", "'first try'"))
        .await;
    platform.run(&prisma(2, "now()", "NULL", "NULL")).await;
    let before = platform.dump(&[]);
    let outcome = platform.up().await;
    assert_eq!(outcome.adopted, 2);
    assert_eq!(platform.dump(&[]), before, "public is as it was");
    is_whole(&mut platform).await;
}

#[tokio::test]
async fn tables_that_look_it_are_adopted_without_prismas_word() {
    let mut platform = Platform::bare().await.with(&migration(2)).await;
    assert_eq!(platform.up().await.adopted, 2);
    is_whole(&mut platform).await;
}

#[tokio::test]
async fn a_prisma_migration_that_failed_must_be_settled_first_and_one_rolled_back_counts_as_none() {
    let mut platform = Platform::bare().await.with(PRISMA).await;
    platform
        .run(&prisma(1, "NULL", "NULL", "'type already exists'"))
        .await;
    let error = refused(&mut platform).await;
    assert!(
        matches!(&error, MigrationError::PrismaUnsettled { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("type already exists"));
    platform
        .run(r#"UPDATE "_prisma_migrations" SET rolled_back_at = now() WHERE finished_at IS NULL"#)
        .await;
    platform.up().await;
    is_whole(&mut platform).await;
}

#[tokio::test]
async fn a_shape_that_differs_is_refused_with_the_difference_and_what_to_do() {
    for (damage, said, remedy) in [
        (
            r#"ALTER TABLE "Generation" DROP COLUMN "publicId""#,
            r#"column "Generation"."publicId" is missing; expected: text NOT NULL"#,
            r#"ALTER TABLE "Generation" ADD COLUMN "publicId" text NOT NULL;"#,
        ),
        (
            r#"ALTER TABLE "Template" ALTER COLUMN name TYPE varchar(20)"#,
            r#"column "Template".name is: character varying(20) NOT NULL; expected: text NOT NULL"#,
            "Mend the difference",
        ),
        (
            r#"ALTER TABLE "Webhook" DROP COLUMN events; DROP TYPE "WebhookEvent";
               CREATE TYPE "WebhookEvent" AS ENUM ('GENERATION_STARTED', 'GENERATION_COMPLETED', 'GENERATION_FAILED');
               ALTER TABLE "Webhook" ADD COLUMN events "WebhookEvent"[]"#,
            r#"enum "WebhookEvent" is: 'GENERATION_STARTED', 'GENERATION_COMPLETED', 'GENERATION_FAILED'; expected"#,
            r#"ALTER TYPE "WebhookEvent" ADD VALUE 'AR_VIEW';"#,
        ),
        (
            r#"ALTER TABLE "WebhookLog" DROP CONSTRAINT "WebhookLog_webhookId_fkey""#,
            r#"constraint "WebhookLog"."WebhookLog_webhookId_fkey" is missing"#,
            r#"ADD CONSTRAINT "WebhookLog_webhookId_fkey" FOREIGN KEY"#,
        ),
        (
            r#"DROP INDEX "Product_brandId_slug_key""#,
            r#"index "Product_brandId_slug_key" is missing"#,
            r#"CREATE UNIQUE INDEX "Product_brandId_slug_key""#,
        ),
        (
            r#"ALTER TABLE "Generation" ADD COLUMN tenant text NOT NULL"#,
            r#"column "Generation".tenant is more than expected: text NOT NULL"#,
            "atelier migrate up",
        ),
    ] {
        let mut platform = Platform::bare()
            .await
            .with(&migration(2))
            .await
            .with(PRISMA)
            .await;
        platform.run(&prisma(1, "now()", "NULL", "NULL")).await;
        platform.run(damage).await;
        let error = refused(&mut platform).await.to_string();
        assert!(error.contains(said) && error.contains(remedy), "{error}");
    }
}

#[tokio::test]
async fn a_baseline_that_differs_is_refused_and_so_is_what_stands_in_the_way() {
    for (damage, said) in [
        (
            r#"ALTER TABLE "Webhook" DROP COLUMN payload"#,
            r#"column "Webhook".payload is missing"#,
        ),
        (
            r#"ALTER TABLE "Product" ADD COLUMN slug text"#,
            r#"column "Product".slug is more than expected"#,
        ),
        (
            r#"CREATE TYPE "ProductStatus" AS ENUM ('NEW')"#,
            r#"enum "ProductStatus" is more than expected"#,
        ),
        (r#"DROP TABLE "ApiKey""#, r#"table "ApiKey" is missing"#),
    ] {
        let mut platform = Platform::full().await;
        platform.run(damage).await;
        let error = refused(&mut platform).await;
        assert!(matches!(&error, MigrationError::Shape { .. }));
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn what_hangs_on_the_webhooks_is_named_before_anything_changes() {
    let mut platform = Platform::full().await;
    platform
        .run(
            r#"CREATE TABLE retry (id int, webhook text REFERENCES "Webhook" (id));
               CREATE VIEW failures AS SELECT id FROM "Webhook" WHERE NOT success"#,
        )
        .await;
    let error = refused(&mut platform).await.to_string();
    assert!(
        error.contains("foreign key retry_webhook_fkey of retry points to \"Webhook\""),
        "{error}"
    );
    assert!(error.contains("view failures reads \"Webhook\""), "{error}");
}

#[tokio::test]
async fn what_the_platform_added_itself_is_kept() {
    let mut platform = Platform::full().await;
    platform
        .run(
            r#"ALTER TABLE "Product" ADD COLUMN "legacyRef" text;
               UPDATE "Product" SET "legacyRef" = 'ref ' || id;
               ALTER TABLE "Webhook" ADD COLUMN "retries" integer NOT NULL DEFAULT 3, ADD COLUMN note text;
               UPDATE "Webhook" SET note = 'note ' || id;
               ALTER TABLE "WebhookLog" ADD COLUMN "shard" smallint NOT NULL DEFAULT 1;
               UPDATE "WebhookLog" SET shard = 2;
               CREATE TABLE "Loyalty" (id text PRIMARY KEY, "productId" text REFERENCES "Product" (id));
               CREATE INDEX "Product_sku_idx" ON "Product" (sku);
               CREATE ROLE shop_reader NOLOGIN; GRANT SELECT, INSERT ON "Webhook" TO shop_reader"#,
        )
        .await;
    let planned = plan(&platform.db, &Options::default()).await.unwrap();
    let extras: Vec<&str> = planned
        .extras
        .iter()
        .map(|one| one.subject.as_str())
        .collect();
    for subject in [
        "column \"Product\".\"legacyRef\"",
        "column \"Webhook\".retries",
        "table \"Loyalty\"",
    ] {
        assert!(extras.contains(&subject), "{extras:?}");
    }
    platform.up().await;
    is_whole(&mut platform).await;
    let kept = r#"SELECT (SELECT count(*) FROM "Product" WHERE "legacyRef" = 'ref ' || id)
        + (SELECT count(*) FROM "Webhook" WHERE note = 'note ' || id AND retries = 3)
        + (SELECT count(*) FROM "WebhookLog" WHERE shard = 2)
        + (SELECT count(*) FROM atelier.archived_webhook_delivery WHERE note = 'note ' || id)"#;
    assert_eq!(platform.number(kept).await, 1000 + 40 + 1700 + 5000);
    let rights = r#"SELECT count(*) FROM information_schema.role_table_grants
        WHERE grantee = 'shop_reader' AND table_schema = 'public' AND table_name = 'Webhook'"#;
    assert_eq!(platform.number(rights).await, 2);
    platform
        .run("DROP OWNED BY shop_reader; DROP ROLE shop_reader")
        .await;
}

#[tokio::test]
async fn two_at_once_wait_for_each_other_and_both_end_well() {
    let mut platform = Platform::full().await;
    let waited = AtomicU32::new(0);
    let run = async || {
        let told = |event: &Event| {
            if *event == Event::Waiting {
                waited.fetch_add(1, Ordering::Relaxed);
            }
        };
        up_with(&platform.db, &super::platform::small(), &mut { told }).await
    };
    let (first, second) = (run(), run());
    let (first, second) = tokio::join!(first, second);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(
        waited.load(Ordering::Relaxed),
        1,
        "one waited for the other"
    );
    let all = status(&platform.db).await.unwrap().len();
    assert_eq!(
        first.applied + first.adopted + second.applied + second.adopted,
        all
    );
    assert!(first.applied == 0 || second.applied == 0, "one did it all");
    is_whole(&mut platform).await;
    let live = Shape::read(&mut platform.sql, "public").await.unwrap();
    assert_eq!(live.text(), Shape::personalised().text());
}
