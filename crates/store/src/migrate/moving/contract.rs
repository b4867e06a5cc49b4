//! The contract: one short transaction after which the old meaning is gone from `public`.

use sqlx::PgConnection;

use super::super::error::MigrationError;
use super::super::shape::Shape;
use super::super::{session, up};
use super::{Batch, changes, logs};

/// Notes that may be left when the tables are locked: some milliseconds of work.
const FEW: i64 = 200;

/// The old tables, their new names, and the constraint whose name the new table needs.
pub(in crate::migrate) const ARCHIVES: &[(&str, &str)] = &[
    ("Webhook", "archived_webhook_delivery"),
    ("WebhookLog", "archived_webhook_log"),
];

/// Puts the new tables in the place of the old ones, or catches up once more where too much is left.
pub(super) async fn contract(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Batch, MigrationError> {
    if changes::left(connection).await? > FEW {
        let caught_up = changes::batch(connection, limit).await?;
        return Ok(Batch {
            done: false,
            ..caught_up
        });
    }
    let old = ["Brand", "Product", "Webhook", "WebhookLog"];
    session::lock_tables(connection, &old, "ACCESS EXCLUSIVE").await?;
    let mut rows = 0;
    loop {
        let batch = changes::batch(connection, limit).await?;
        rows += batch.rows;
        if batch.done && changes::left(connection).await? == 0 {
            break;
        }
    }
    let found = logs::found_again(connection).await?;
    logs::copy(connection, &found).await?;
    require_slugs(connection).await?;
    for (table, archive) in ARCHIVES {
        exchange(connection, table, archive).await?;
    }
    clear(connection).await?;
    let expected = "those of the personalisation models, so nothing of this step was committed";
    up::refuse_shape(connection, &Shape::personalised(), expected).await?;
    Ok(Batch::whole(rows))
}

/// No look at the rows: the constraint has proven it.
async fn require_slugs(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    session::run(
        connection,
        r#"ALTER TABLE public."Product" ALTER COLUMN "slug" SET NOT NULL;
           ALTER TABLE public."Product" DROP CONSTRAINT "Product_slug_is_given""#,
    )
    .await
}

/// One table against the other, with its owner and the rights on it.
async fn exchange(
    connection: &mut PgConnection,
    table: &str,
    archive: &str,
) -> Result<(), sqlx::Error> {
    for grant in rights(connection, table).await? {
        session::run(connection, grant).await?;
    }
    session::run(
        connection,
        format!(
            "ALTER TABLE public.\"{table}\" RENAME CONSTRAINT \"{table}_pkey\" TO {archive}_pkey;
             ALTER TABLE public.\"{table}\" RENAME TO {archive};
             ALTER TABLE public.{archive} SET SCHEMA atelier;
             ALTER TABLE atelier.\"{table}\" SET SCHEMA public"
        ),
    )
    .await
}

/// The statements that give the new table the owner and the rights of the old one.
async fn rights(connection: &mut PgConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "-- store::migrate::moving::rights
         WITH old AS (SELECT * FROM pg_class WHERE oid = format('public.%I', $1::text)::regclass),
         new AS (SELECT * FROM pg_class WHERE oid = format('atelier.%I', $1::text)::regclass)
         SELECT format('ALTER TABLE atelier.%I OWNER TO %I', $1::text, pg_get_userbyid(old.relowner))
         FROM old, new WHERE old.relowner <> new.relowner
         UNION ALL
         SELECT format('GRANT %s ON TABLE atelier.%I TO %s%s', a.privilege_type, $1::text,
             CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
             CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
         FROM old, aclexplode(old.relacl) a WHERE a.grantee <> old.relowner",
    )
    .bind(table)
    .fetch_all(connection)
    .await
}

/// Takes away what only the move needed.
async fn clear(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    session::run(
        connection,
        r#"DROP FUNCTION atelier.moving_note() CASCADE;
           DROP FUNCTION atelier.moving_keep() CASCADE;
           DROP TABLE atelier.moving_change, atelier.moving_product, atelier.moving_slug_number,
               atelier.moving_endpoint"#,
    )
    .await
}

/// Refuses when something hangs on the tables that are put aside, and so would go with them.
pub(in crate::migrate) async fn refuse_entangled(
    connection: &mut PgConnection,
) -> Result<(), MigrationError> {
    let found: Vec<String> = sqlx::query_scalar(
        r#"-- store::migrate::moving::entangled
        WITH old AS (
            SELECT oid, relname FROM pg_class
            WHERE oid IN (to_regclass('public."Webhook"'), to_regclass('public."WebhookLog"')))
        SELECT '  foreign key ' || k.conname || ' of ' || k.conrelid::regclass || ' points to ' || quote_ident(o.relname)
        FROM old o JOIN pg_constraint k ON k.confrelid = o.oid
        WHERE k.contype = 'f' AND k.conrelid NOT IN (SELECT oid FROM old)
        UNION ALL
        SELECT DISTINCT '  view ' || r.ev_class::regclass || ' reads ' || quote_ident(o.relname)
        FROM old o JOIN pg_depend d ON d.refobjid = o.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> o.oid
        UNION ALL
        SELECT '  trigger ' || quote_ident(t.tgname) || ' stands on ' || quote_ident(o.relname)
        FROM old o JOIN pg_trigger t ON t.tgrelid = o.oid
        WHERE NOT t.tgisinternal AND t.tgname NOT LIKE 'atelier_moving_%'
        UNION ALL
        SELECT '  row-level security is on for ' || quote_ident(o.relname)
        FROM old o JOIN pg_class c ON c.oid = o.oid WHERE c.relrowsecurity
        UNION ALL
        SELECT '  publication ' || quote_ident(p.pubname) || ' names ' || quote_ident(o.relname)
        FROM old o JOIN pg_publication_rel m ON m.prrelid = o.oid JOIN pg_publication p ON p.oid = m.prpubid
        UNION ALL
        SELECT '  ' || i.inhrelid::regclass || ' inherits from ' || i.inhparent::regclass
        FROM old o JOIN pg_inherits i ON o.oid IN (i.inhrelid, i.inhparent)
        ORDER BY 1"#,
    )
    .fetch_all(connection)
    .await?;
    if found.is_empty() {
        Ok(())
    } else {
        Err(MigrationError::Entangled(found))
    }
}
