//! After going back and forth: the values that the personalisation columns had.

use sqlx::{AssertSqlSafe, PgConnection};

use super::super::error::MigrationError;
use super::super::shape::Shape;
use super::super::{history, session};
use super::Batch;

/// Where going back keeps the columns of a table that stays.
pub(in crate::migrate) const KEPT_COLUMNS: &[(&str, &str)] = &[
    ("Brand", "archived_brand_columns"),
    ("Product", "archived_product_columns"),
];

/// The columns of a table that the personalisation models add.
pub(in crate::migrate) fn added_columns(table: &str) -> Vec<String> {
    Shape::personalised().columns_beyond(&Shape::baseline(), table)
}

/// The next products by id; brands, of which there are few, with the first.
pub(super) async fn batch(
    connection: &mut PgConnection,
    cursor: &str,
    limit: i64,
) -> Result<Batch, MigrationError> {
    if !history::exists(connection, "archived_product_columns").await? {
        return Ok(Batch::whole(0));
    }
    if cursor.is_empty() {
        let brands: Vec<String> =
            sqlx::query_scalar("SELECT id FROM atelier.archived_brand_columns")
                .fetch_all(&mut *connection)
                .await?;
        restore(connection, "Brand", "archived_brand_columns", &brands).await?;
    }
    let ids: Vec<String> = sqlx::query_scalar(
        "-- store::migrate::moving::restore::batch
         SELECT id FROM atelier.archived_product_columns WHERE id > $1 OR $1 = '' ORDER BY id LIMIT $2",
    )
    .bind(cursor)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    restore(connection, "Product", "archived_product_columns", &ids).await?;
    let rows = ids.len().cast_signed() as i64;
    if rows < limit {
        session::run(
            connection,
            "DROP TABLE atelier.archived_brand_columns, atelier.archived_product_columns",
        )
        .await?;
    }
    Ok(Batch {
        rows,
        cursor: ids.into_iter().next_back(),
        done: rows < limit,
    })
}

async fn restore(
    connection: &mut PgConnection,
    table: &str,
    kept: &str,
    ids: &[String],
) -> Result<(), sqlx::Error> {
    let sets: Vec<String> = added_columns(table)
        .iter()
        .map(|column| format!("{column} = kept.{column}"))
        .collect();
    let update = format!(
        "-- store::migrate::moving::restore
         UPDATE public.\"{table}\" t SET {} FROM atelier.{kept} kept
         WHERE t.id = kept.id AND kept.id = ANY($1)",
        sets.join(", ")
    );
    sqlx::query(AssertSqlSafe(update))
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}
