//! Capture: from here on the old tables tell which of their rows change.
//!
//! Triggers stand in `public` only while the move is under way. Their function belongs to us and runs
//! with our rights, so the platform's own database user needs none on the schema `atelier`.

use sqlx::PgConnection;

use super::super::error::MigrationError;
use super::super::{history, session};
use super::{Batch, own_columns};

/// Where rows are noted, and lists that only the move needs. `url` is compared by its hash: an index
/// entry has 2,704 bytes at most, and addresses may be longer.
const TABLES: &str = r#"
CREATE TABLE atelier.moving_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation text NOT NULL,
    row_id text NOT NULL
);
CREATE TABLE atelier.moving_product (
    place bigint PRIMARY KEY,
    product_id text NOT NULL
);
CREATE TABLE atelier.moving_slug_number (
    brand_id text NOT NULL,
    base text NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (brand_id, base)
);
CREATE TABLE atelier.moving_endpoint (
    brand_id text NOT NULL,
    url_hash text NOT NULL,
    endpoint_id text NOT NULL,
    PRIMARY KEY (brand_id, url_hash)
);
DROP TABLE IF EXISTS atelier.archived_orphan_log, atelier.archived_brand_settings;
CREATE TABLE atelier.archived_orphan_log (
    id text PRIMARY KEY,
    webhook_id text NOT NULL
);
COMMENT ON TABLE atelier.archived_orphan_log IS 'Rows of archived_webhook_log whose webhookId pointed nowhere';
CREATE TABLE atelier.archived_brand_settings (
    brand_id text PRIMARY KEY,
    settings jsonb NOT NULL,
    mapped text[] NOT NULL,
    kept text[] NOT NULL
);
COMMENT ON TABLE atelier.archived_brand_settings IS 'Brand.settings as it was carried over: which keys became columns of ClientSettings, and which are only here and in Brand.settings';
"#;

/// The new tables in their final form, beside the old ones.
const STAGING: &str = r#"
CREATE TABLE atelier."Webhook" (
    "id" TEXT NOT NULL,
    "brandId" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "name" TEXT NOT NULL,
    "secret" TEXT NOT NULL,
    "events" public."WebhookEvent"[],
    "isActive" BOOLEAN NOT NULL DEFAULT true,
    "lastCalledAt" TIMESTAMP(3),
    "lastStatusCode" INTEGER,
    "failureCount" INTEGER NOT NULL DEFAULT 0,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "Webhook_pkey" PRIMARY KEY ("id")
);
ALTER TABLE atelier."Webhook" ADD CONSTRAINT "Webhook_brandId_fkey"
    FOREIGN KEY ("brandId") REFERENCES public."Brand" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
CREATE TABLE atelier."WebhookLog" (
    "id" TEXT NOT NULL,
    "webhookId" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "statusCode" INTEGER,
    "response" TEXT,
    "error" TEXT,
    "duration" INTEGER,
    CONSTRAINT "WebhookLog_pkey" PRIMARY KEY ("id")
);
ALTER TABLE atelier."WebhookLog" ADD CONSTRAINT "WebhookLog_webhookId_fkey"
    FOREIGN KEY ("webhookId") REFERENCES atelier."Webhook" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
"#;

/// The trigger's functions. A row that gets another key is noted under both.
const FUNCTIONS: &str = r#"
CREATE FUNCTION atelier.moving_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = atelier, pg_temp AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO atelier.moving_change (relation, row_id) VALUES (TG_TABLE_NAME, NEW.id);
    END IF;
    IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND OLD.id IS DISTINCT FROM NEW.id) THEN
        INSERT INTO atelier.moving_change (relation, row_id) VALUES (TG_TABLE_NAME, OLD.id);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION atelier.moving_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is being moved: TRUNCATE is possible again when `atelier migrate up` has ended', TG_TABLE_NAME;
END $$;
"#;

const TRIGGERS: &str = r#"
CREATE TRIGGER atelier_moving_note AFTER INSERT OR UPDATE OF "settings" ON public."Brand"
    FOR EACH ROW EXECUTE FUNCTION atelier.moving_note();
CREATE TRIGGER atelier_moving_note AFTER INSERT ON public."Product"
    FOR EACH ROW WHEN (NEW.slug IS NULL) EXECUTE FUNCTION atelier.moving_note();
CREATE TRIGGER atelier_moving_note AFTER INSERT OR UPDATE OR DELETE ON public."Webhook"
    FOR EACH ROW EXECUTE FUNCTION atelier.moving_note();
CREATE TRIGGER atelier_moving_note AFTER INSERT OR UPDATE OR DELETE ON public."WebhookLog"
    FOR EACH ROW EXECUTE FUNCTION atelier.moving_note();
CREATE TRIGGER atelier_moving_keep BEFORE TRUNCATE ON public."Webhook"
    FOR EACH STATEMENT EXECUTE FUNCTION atelier.moving_keep();
CREATE TRIGGER atelier_moving_keep BEFORE TRUNCATE ON public."WebhookLog"
    FOR EACH STATEMENT EXECUTE FUNCTION atelier.moving_keep();
"#;

/// Makes the lists, the new tables and the triggers in one transaction. Creating a trigger waits for
/// those who are writing, so every change is either seen by the backfills or noted.
pub(super) async fn capture(connection: &mut PgConnection) -> Result<Batch, MigrationError> {
    // In the order in which a program writes them: a brand's, then a delivery's, then its log's.
    let old = ["Brand", "Product", "Webhook", "WebhookLog"];
    session::lock_tables(connection, &old, "SHARE ROW EXCLUSIVE").await?;
    session::run(connection, TABLES).await?;
    if history::exists(connection, "archived_webhook_endpoint").await? {
        take_back(connection).await?;
    } else {
        session::run(connection, STAGING).await?;
    }
    for table in ["Webhook", "WebhookLog"] {
        carry_own_columns(connection, table).await?;
    }
    session::run(connection, FUNCTIONS).await?;
    session::run(connection, TRIGGERS).await?;
    Ok(Batch::whole(0))
}

/// The endpoints that an earlier move made, with their secrets, and their log.
async fn take_back(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    session::run(
        connection,
        r#"ALTER TABLE atelier.archived_webhook_endpoint RENAME TO "Webhook";
           ALTER TABLE atelier.archived_webhook_endpoint_log RENAME TO "WebhookLog";
           INSERT INTO atelier.moving_endpoint (brand_id, url_hash, endpoint_id)
           SELECT DISTINCT ON ("brandId", md5(url)) "brandId", md5(url), id FROM atelier."Webhook"
           ORDER BY "brandId", md5(url), "isActive" DESC, "createdAt", id"#,
    )
    .await
}

/// Gives a new table the columns that the platform added to the old one. A row that comes from a
/// delivery has no value for the log's, so only what has a default stays required.
async fn carry_own_columns(connection: &mut PgConnection, table: &str) -> Result<(), sqlx::Error> {
    for column in own_columns(connection, table).await? {
        let default = column
            .value
            .as_ref()
            .map_or(String::new(), |value| format!(" DEFAULT {value}"));
        let required = if column.required && column.value.is_some() {
            " NOT NULL"
        } else {
            ""
        };
        let add = format!(
            "ALTER TABLE atelier.\"{table}\" ADD COLUMN IF NOT EXISTS {} {}{default}{required}",
            column.name, column.kind
        );
        session::run(connection, add).await?;
    }
    Ok(())
}
