//! What the triggers noted is done again, until little is left.

use sqlx::PgConnection;

use super::super::error::MigrationError;
use super::{Batch, logs, settings, slugs, webhooks};

/// The rows of one table that are done together.
#[derive(Default)]
struct Noted {
    brands: Vec<String>,
    products: Vec<String>,
    webhooks: Vec<String>,
    logs: Vec<String>,
}

/// The next noted rows. A row that is noted while its note is taken comes again: each note is a row of
/// its own.
pub(super) async fn batch(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Batch, MigrationError> {
    let notes: Vec<(String, String)> = sqlx::query_as(
        "-- store::migrate::moving::changes::take
         WITH taken AS (
             DELETE FROM atelier.moving_change
             WHERE id IN (SELECT id FROM atelier.moving_change ORDER BY id LIMIT $1)
             RETURNING id, relation, row_id)
         SELECT relation, row_id FROM taken ORDER BY id",
    )
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let rows = notes.len().cast_signed() as i64;
    let mut noted = Noted::default();
    for (relation, id) in notes {
        let ids = match relation.as_str() {
            "Brand" => &mut noted.brands,
            "Product" => &mut noted.products,
            "Webhook" => &mut noted.webhooks,
            _ => &mut noted.logs,
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    repeat(connection, noted).await?;
    Ok(Batch {
        rows,
        cursor: None,
        done: rows < limit,
    })
}

/// Deliveries first: rows of the log belong to their endpoints.
async fn repeat(connection: &mut PgConnection, noted: Noted) -> Result<(), sqlx::Error> {
    let Noted {
        brands,
        products,
        webhooks,
        mut logs,
    } = noted;
    if !webhooks.is_empty() {
        self::webhooks::make_endpoints(connection, "w.id = ANY($1)", &webhooks).await?;
        self::webhooks::copy(connection, &webhooks).await?;
        self::webhooks::remove_deleted(connection, &webhooks).await?;
        // Rows of the log that pointed to a delivery before it was there.
        logs.extend(self::logs::found_again(connection).await?);
    }
    if !logs.is_empty() {
        self::logs::copy(connection, &logs).await?;
        self::logs::remove_deleted(connection, &logs).await?;
    }
    if !brands.is_empty() {
        settings::carry(connection, &brands).await?;
    }
    if !products.is_empty() {
        slugs::give(connection, &products).await?;
    }
    Ok(())
}

/// How many notes are left.
pub(super) async fn left(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "-- store::migrate::moving::changes::left
         SELECT count(*) FROM (SELECT 1 FROM atelier.moving_change LIMIT 10000) AS noted",
    )
    .fetch_one(connection)
    .await
}
