//! Deliveries become endpoints: one for each address of a brand, with the deliveries as its log.
//!
//! An endpoint keeps the id of its oldest delivery. It is made once and its secret with it. What a
//! delivery says that the log has no column for stays in `atelier.archived_webhook_delivery`, which is
//! the old table itself.

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::error::MigrationError;
use super::{Batch, listed, own_columns};

/// The log's id of a delivery: never that of a row of the old log, which keeps its own.
const LOG_ID: &str = "'delivery:' || w.id";

/// Old events by their names in dots, dashes or underscores, any case; others are none of Atelier's.
const EVENT: &str = r#"(SELECT label FROM unnest(enum_range(NULL::public."WebhookEvent")) AS label
    WHERE label::text = upper(translate(w.event, '.-:/ ', '_____')))"#;

/// Makes the endpoints of all deliveries.
pub(super) async fn endpoints(connection: &mut PgConnection) -> Result<Batch, MigrationError> {
    let made = make_endpoints(connection, "true", &[]).await?;
    Ok(Batch::whole(made))
}

/// Makes the endpoints that the deliveries `w` of `condition` lack, and brings what they know of their
/// last call up to date. `ids` is `$1` of the condition.
pub(super) async fn make_endpoints(
    connection: &mut PgConnection,
    condition: &str,
    ids: &[String],
) -> Result<i64, sqlx::Error> {
    // Keys as arrays of text compare by time first; to_char has the same width for every real date.
    let pairs = format!(
        r#"-- store::migrate::moving::webhooks::make_endpoints
        CREATE TEMPORARY TABLE pair ON COMMIT DROP AS
        WITH part AS (
            SELECT w."brandId", md5(w.url) AS url_hash, min(w.url) AS url, {EVENT} AS event,
                min(ARRAY[to_char(w."createdAt", 'YYYYMMDDHH24MISSMS'), w.id]) AS first,
                max(ARRAY[to_char(coalesce(w."timestamp", w."createdAt"), 'YYYYMMDDHH24MISSMS'), w.id]) AS last,
                min(w."createdAt") AS created, max(coalesce(w."timestamp", w."createdAt")) AS called
            FROM public."Webhook" w WHERE {condition}
            GROUP BY w."brandId", md5(w.url), w.event)
        SELECT "brandId", url_hash, min(url) AS url, (min(first))[2] AS first_id, (max(last))[2] AS last_id,
            min(created) AS created, max(called) AS called,
            coalesce(array_agg(DISTINCT event) FILTER (WHERE event IS NOT NULL), '{{}}') AS events
        FROM part GROUP BY "brandId", url_hash"#
    );
    sqlx::query(AssertSqlSafe(if ids.is_empty() {
        pairs
    } else {
        pairs.replace("$1", &array(ids))
    }))
    .execute(&mut *connection)
    .await?;
    let made = insert_endpoints(connection).await?;
    bring_up_to_date(connection).await?;
    super::session::run(connection, "DROP TABLE pair").await?;
    Ok(made)
}

/// A list of texts as PostgreSQL writes it; `CREATE TABLE AS` takes no parameters.
fn array(ids: &[String]) -> String {
    let quoted: Vec<String> = ids
        .iter()
        .map(|id| format!("'{}'", id.replace('\'', "''")))
        .collect();
    format!("ARRAY[{}]::text[]", quoted.join(","))
}

/// The new ones among the pairs. The secret is 32 bytes of SHA-256 over 244 random bits, in the form of
/// Standard Webhooks; the name is the address's host.
async fn insert_endpoints(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let own = own_columns(connection, "Webhook").await?;
    let insert = format!(
        r#"-- store::migrate::moving::webhooks::insert_endpoints
        WITH made AS (
            INSERT INTO atelier.moving_endpoint (brand_id, url_hash, endpoint_id)
            SELECT "brandId", url_hash, first_id FROM pair
            ON CONFLICT DO NOTHING RETURNING brand_id, url_hash)
        INSERT INTO atelier."Webhook" ("id", "brandId", "url", "createdAt", "name", "secret", "events",
            "isActive", "lastCalledAt", "failureCount", "updatedAt"{})
        SELECT p.first_id, p."brandId", p.url, p.created,
            left(coalesce(nullif(substring(p.url FROM '^[a-zA-Z]+://([^/?#]+)'), ''), nullif(p.url, ''), 'Webhook'), 200),
            'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'),
            p.events, true, NULL, 0, p.created{}
        FROM made m JOIN pair p ON p."brandId" = m.brand_id AND p.url_hash = m.url_hash
        JOIN public."Webhook" o ON o.id = p.first_id"#,
        listed(&own, ""),
        listed(&own, "o.")
    );
    let done = sqlx::query(AssertSqlSafe(insert))
        .execute(connection)
        .await?;
    Ok(done.rows_affected().cast_signed())
}

/// What an endpoint knows of its last call and its events, from the pairs.
async fn bring_up_to_date(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        r#"-- store::migrate::moving::webhooks::bring_up_to_date
        UPDATE atelier."Webhook" e SET "lastCalledAt" = p.called, "lastStatusCode" = o."statusCode",
            "updatedAt" = greatest(e."updatedAt", p.called),
            "events" = (SELECT array_agg(DISTINCT label ORDER BY label)
                FROM unnest(coalesce(e."events", '{}') || p.events) AS label)
        FROM pair p
        JOIN atelier.moving_endpoint m ON m.brand_id = p."brandId" AND m.url_hash = p.url_hash
        JOIN public."Webhook" o ON o.id = p.last_id
        WHERE e.id = m.endpoint_id AND (e."lastCalledAt" IS NULL OR e."lastCalledAt" <= p.called)"#,
    )
    .execute(&mut *connection)
    .await?;
    super::session::run(
        connection,
        r#"UPDATE atelier."Webhook" SET "events" = '{}' WHERE "events" IS NULL"#,
    )
    .await
}

/// The next deliveries by id, into the new log.
pub(super) async fn batch(
    connection: &mut PgConnection,
    cursor: &str,
    limit: i64,
) -> Result<Batch, MigrationError> {
    let ids = super::page(connection, "Webhook", cursor, limit).await?;
    copy(connection, &ids).await?;
    Ok(Batch::page(ids, limit))
}

/// Writes deliveries into the log, or again where they are there. One whose endpoint is not there yet
/// is new, so it was noted and comes again.
pub(super) async fn copy(connection: &mut PgConnection, ids: &[String]) -> Result<(), sqlx::Error> {
    let copy = format!(
        r#"-- store::migrate::moving::webhooks::copy
        INSERT INTO atelier."WebhookLog" ("id", "webhookId", "event", "payload", "createdAt", "statusCode", "error")
        SELECT {LOG_ID}, m.endpoint_id, w.event, w.payload, w."createdAt", w."statusCode", w.error
        FROM public."Webhook" w
        JOIN atelier.moving_endpoint m ON m.brand_id = w."brandId" AND m.url_hash = md5(w.url)
        WHERE w.id = ANY($1)
        ON CONFLICT (id) DO UPDATE SET "webhookId" = EXCLUDED."webhookId", "event" = EXCLUDED."event",
            "payload" = EXCLUDED."payload", "createdAt" = EXCLUDED."createdAt",
            "statusCode" = EXCLUDED."statusCode", "error" = EXCLUDED."error""#
    );
    sqlx::query(AssertSqlSafe(copy))
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes deliveries out of the log that the platform itself has deleted.
pub(super) async fn remove_deleted(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        r#"-- store::migrate::moving::webhooks::remove_deleted
        DELETE FROM atelier."WebhookLog" l USING unnest($1::text[]) AS noted (id)
        WHERE l.id = 'delivery:' || noted.id
            AND NOT EXISTS (SELECT 1 FROM public."Webhook" w WHERE w.id = noted.id)"#,
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}
