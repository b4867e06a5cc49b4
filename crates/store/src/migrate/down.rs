//! `down`: `public` back to what it was before personalisation.
//!
//! One transaction, in which everything that goes is renamed into the schema `atelier` and nothing is
//! deleted: the new tables and enums as they are, the added columns of brands and products as tables.
//! `up` takes all of it back. The older deliveries return exactly as they were put aside; what was
//! delivered since stays with the endpoints.

use sqlx::{Connection, PgConnection};

use super::error::MigrationError;
use super::files::{BASELINE, Migrations, PERSONALISATION};
use super::moving::{ARCHIVES, ENUMS, KEPT_COLUMNS, KEPT_TABLES, added_columns};
use super::session::{self, Event, Observer, Options, Patience, Place};
use super::shape::Shape;
use super::{history, up};
use crate::database::Database;
use crate::error::StoreError;

/// The new tables whose place the old ones take.
const ENDPOINTS: &[(&str, &str)] = &[
    ("Webhook", "archived_webhook_endpoint"),
    ("WebhookLog", "archived_webhook_endpoint_log"),
];

/// Goes back. The roles must be stopped: it refuses while jobs wait or run, or a worker lives.
///
/// It holds `"Brand"`, `"Product"` and the webhooks' tables locked while the added columns are copied:
/// about 3 s for a million products on the machine of `benches/migrate`.
///
/// # Errors
/// [`StoreError::Migration`]; nothing was changed then.
pub async fn down(
    db: &Database,
    options: &Options,
    observer: Observer<'_>,
) -> Result<(), StoreError> {
    let migrations = options.migrations()?;
    let mut connection = session::open(db, options).await?;
    let done = async {
        session::lock(&mut connection, observer).await?;
        patiently(&mut connection, &migrations, options, observer).await
    }
    .await;
    session::close(connection).await;
    Ok(done?)
}

async fn patiently(
    connection: &mut PgConnection,
    migrations: &Migrations,
    options: &Options,
    observer: Observer<'_>,
) -> Result<(), MigrationError> {
    let name = &migrations.version(PERSONALISATION)?.name;
    let records = history::records(connection).await?;
    history::check(connection, migrations, &records).await?;
    if records.iter().all(|r| r.version != PERSONALISATION) {
        return Err(MigrationError::NotNow(format!(
            "{name} is not applied: there is nothing to go back from"
        )));
    }
    history::prepare(connection).await?;
    observer(&Event::Begun(format!("{name} (back)")));
    let mut patience = Patience::new(options);
    loop {
        match once(connection, migrations).await {
            Err(MigrationError::Database(error)) => {
                let place = Place {
                    name,
                    place: "going back".to_owned(),
                    statement: String::new(),
                };
                patience.after(error, connection, place, observer).await?;
            }
            done => return done,
        }
    }
}

async fn once(
    connection: &mut PgConnection,
    migrations: &Migrations,
) -> Result<(), MigrationError> {
    let mut transaction = connection.begin().await?;
    let t = &mut *transaction;
    let all = ["Brand", "Product", "Webhook", "WebhookLog", "Generation"];
    session::lock_tables(t, &all, "ACCESS EXCLUSIVE").await?;
    refuse_work(t).await?;
    for (table, archive) in KEPT_TABLES.iter().chain(ENDPOINTS) {
        session::run(t, put_aside(table, archive)).await?;
    }
    bring_back_deliveries(t, migrations).await?;
    for (table, archive) in KEPT_COLUMNS {
        session::run(t, keep_columns(table, archive)).await?;
    }
    for name in ENUMS {
        session::run(
            t,
            format!("ALTER TYPE public.\"{name}\" SET SCHEMA atelier"),
        )
        .await?;
    }
    session::run(
        t,
        "DELETE FROM atelier.migration WHERE version = 2;
         DELETE FROM atelier.migration_step WHERE version = 2",
    )
    .await?;
    let expected = "those of the platform before personalisation";
    up::refuse_shape(t, &Shape::baseline(), expected).await?;
    transaction.commit().await?;
    Ok(())
}

/// What was accepted must not be left lying.
async fn refuse_work(connection: &mut PgConnection) -> Result<(), MigrationError> {
    if !history::exists(connection, "job").await? {
        return Ok(());
    }
    let (jobs, workers): (i64, i64) = sqlx::query_as(
        "-- store::migrate::down::work
         SELECT (SELECT count(*) FROM atelier.job WHERE ended_at IS NULL),
             (SELECT count(*) FROM atelier.worker_session WHERE ended_at IS NULL AND expires_at > now())",
    )
    .fetch_one(connection)
    .await?;
    if jobs > 0 {
        return Err(MigrationError::NotNow(format!(
            "{jobs} generations have not ended: stop the intake, let the workers finish, or cancel them"
        )));
    }
    if workers > 0 {
        return Err(MigrationError::NotNow(format!(
            "{workers} workers are running: stop every role first"
        )));
    }
    Ok(())
}

fn put_aside(table: &str, archive: &str) -> String {
    format!(
        "ALTER TABLE public.\"{table}\" RENAME TO {archive};
         ALTER TABLE public.{archive} SET SCHEMA atelier"
    )
}

/// The old tables as they were put aside; in a database that never had any, empty ones of their form.
async fn bring_back_deliveries(
    connection: &mut PgConnection,
    migrations: &Migrations,
) -> Result<(), MigrationError> {
    for (table, archive) in ARCHIVES {
        if history::exists(connection, archive).await? {
            session::run(
                connection,
                format!(
                    "ALTER TABLE atelier.{archive} SET SCHEMA public;
                     ALTER TABLE public.{archive} RENAME TO \"{table}\";
                     ALTER TABLE public.\"{table}\" RENAME CONSTRAINT {archive}_pkey TO \"{table}_pkey\""
                ),
            )
            .await?;
            continue;
        }
        let made_of = |text: &str| {
            text.starts_with(&format!("CREATE TABLE \"{table}\""))
                || text.starts_with(&format!("ALTER TABLE \"{table}\""))
                || text.contains(&format!(" ON \"{table}\" "))
        };
        for statement in &migrations.version(BASELINE)?.statements {
            if made_of(&statement.text) {
                session::run(connection, statement.text.as_str()).await?;
            }
        }
    }
    Ok(())
}

fn keep_columns(table: &str, archive: &str) -> String {
    let columns = added_columns(table);
    let drops: Vec<String> = columns.iter().map(|c| format!("DROP COLUMN {c}")).collect();
    format!(
        "CREATE TABLE atelier.{archive} AS SELECT id, {} FROM public.\"{table}\";
         ALTER TABLE atelier.{archive} ADD PRIMARY KEY (id);
         ALTER TABLE public.\"{table}\" {}",
        columns.join(", "),
        drops.join(", ")
    )
}
