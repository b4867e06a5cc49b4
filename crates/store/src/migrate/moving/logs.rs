//! The old log: a row that points to a delivery belongs to the endpoint of that delivery; one that
//! points nowhere is listed in `atelier.archived_orphan_log`. All of them stay, as they were, in
//! `atelier.archived_webhook_log`, which is the old table itself.

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::error::MigrationError;
use super::{Batch, listed, own_columns};

/// The next rows of the log by id.
pub(super) async fn batch(
    connection: &mut PgConnection,
    cursor: &str,
    limit: i64,
) -> Result<Batch, MigrationError> {
    let ids = super::page(connection, "WebhookLog", cursor, limit).await?;
    copy(connection, &ids).await?;
    Ok(Batch::page(ids, limit))
}

/// Writes rows of the log to their endpoints, or again where they are there.
pub(super) async fn copy(connection: &mut PgConnection, ids: &[String]) -> Result<(), sqlx::Error> {
    let own = own_columns(connection, "WebhookLog").await?;
    let again: String = own
        .iter()
        .map(|column| format!(", {0} = EXCLUDED.{0}", column.name))
        .collect();
    let copy = format!(
        r#"-- store::migrate::moving::logs::copy
        INSERT INTO atelier."WebhookLog" ("id", "webhookId", "event", "payload", "createdAt"{})
        SELECT l.id, m.endpoint_id, l.topic, l.payload, l."createdAt"{}
        FROM public."WebhookLog" l
        JOIN public."Webhook" w ON w.id = l."webhookId"
        JOIN atelier.moving_endpoint m ON m.brand_id = w."brandId" AND m.url_hash = md5(w.url)
        WHERE l.id = ANY($1)
        ON CONFLICT (id) DO UPDATE SET "webhookId" = EXCLUDED."webhookId", "event" = EXCLUDED."event",
            "payload" = EXCLUDED."payload", "createdAt" = EXCLUDED."createdAt"{again}"#,
        listed(&own, ""),
        listed(&own, "l.")
    );
    sqlx::query(AssertSqlSafe(copy))
        .bind(ids)
        .execute(&mut *connection)
        .await?;
    note_orphans(connection, ids).await
}

/// Lists those that point nowhere. One whose delivery came at this moment, so that its endpoint is not
/// there yet, is noted as changed, to be seen again behind it.
async fn note_orphans(connection: &mut PgConnection, ids: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query(
        r#"-- store::migrate::moving::logs::note_orphans
        INSERT INTO atelier.archived_orphan_log (id, webhook_id)
        SELECT l.id, l."webhookId" FROM public."WebhookLog" l
        WHERE l.id = ANY($1)
            AND NOT EXISTS (SELECT 1 FROM public."Webhook" w WHERE w.id = l."webhookId")
        ON CONFLICT (id) DO UPDATE SET webhook_id = EXCLUDED.webhook_id"#,
    )
    .bind(ids)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        r#"-- store::migrate::moving::logs::note_early
        INSERT INTO atelier.moving_change (relation, row_id)
        SELECT 'WebhookLog', l.id FROM public."WebhookLog" l
        JOIN public."Webhook" w ON w.id = l."webhookId"
        WHERE l.id = ANY($1) AND NOT EXISTS (SELECT 1 FROM atelier.moving_endpoint m
            WHERE m.brand_id = w."brandId" AND m.url_hash = md5(w.url))"#,
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes rows out of the new log that the platform itself has deleted, and off the list of orphans what
/// is none any more.
pub(super) async fn remove_deleted(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        r#"-- store::migrate::moving::logs::remove_deleted
        DELETE FROM atelier."WebhookLog" n WHERE n.id = ANY($1)
            AND NOT EXISTS (SELECT 1 FROM public."WebhookLog" l WHERE l.id = n.id)"#,
    )
    .bind(ids)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        r#"-- store::migrate::moving::logs::remove_deleted_orphans
        DELETE FROM atelier.archived_orphan_log o WHERE o.id = ANY($1)
            AND NOT EXISTS (SELECT 1 FROM public."WebhookLog" l WHERE l.id = o.id)"#,
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}

/// Those on the list whose delivery has come meanwhile.
pub(super) async fn found_again(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        r#"-- store::migrate::moving::logs::found_again
        DELETE FROM atelier.archived_orphan_log o USING public."WebhookLog" l, public."Webhook" w
        WHERE l.id = o.id AND w.id = l."webhookId" RETURNING o.id"#,
    )
    .fetch_all(connection)
    .await
}
