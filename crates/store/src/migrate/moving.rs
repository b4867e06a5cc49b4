//! The move: `0002_add_saas_personalization_models` on tables that hold rows and are being written to.
//!
//! Expand, backfill, contract. The older platform's programs go on writing until the contract:
//!
//! 1. **Expand** adds enums, columns and tables in one short transaction; no default rewrites a row.
//! 2. **Capture** puts triggers on the four old tables that note the keys of rows changed from now on.
//! 3. The backfills run in batches of one transaction each. Slugs are written in place. Endpoints and
//!    their log are built beside the old tables, in the schema `atelier`, where nobody sees them.
//! 4. **Catch up** does again what the triggers noted.
//! 5. **Contract**: in one short transaction the rest of the noted rows is done, the old `"Webhook"` and
//!    `"WebhookLog"` are renamed to `atelier.archived_…`, the new ones take their places, and the
//!    triggers go. From here on the older programs can no longer write these two tables, nor products
//!    without a slug: that is what Prisma's own migration means too.
//!
//! Invariants: a batch and its record commit together; every step may be run again; what the old tables
//! held is never deleted by us; the last transaction compares the tables with the shape they must have
//! and does not commit otherwise.

mod capture;
mod changes;
mod contract;
mod expand;
mod logs;
mod restore;
mod settings;
mod slugs;
mod webhooks;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::error::MigrationError;
use super::files::{Migrations, PERSONALISATION};
use super::history;
use super::session::{self, Event, Observer, Options, Patience, Place, Until};

pub(super) use contract::{ARCHIVES, refuse_entangled};
pub(super) use expand::{ENUMS, KEPT_TABLES};
pub(super) use restore::{KEPT_COLUMNS, added_columns};

/// How far a move came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// Everything is done.
    End,
    /// Everything but the contract.
    Contract,
}

/// One step, in the order of [`STEPS`]. What it does when is in the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Expand,
    Capture,
    Restore,
    SlugIndex,
    SlugList,
    Slugs,
    Settings,
    Endpoints,
    Deliveries,
    Logs,
    CatchUp,
    Guard,
    CatchUpAgain,
    Validate,
    Contract,
}

const STEPS: &[Step] = &[
    Step::Expand,
    Step::Capture,
    Step::Restore,
    Step::SlugIndex,
    Step::SlugList,
    Step::Slugs,
    Step::Settings,
    Step::Endpoints,
    Step::Deliveries,
    Step::Logs,
    Step::CatchUp,
    Step::Guard,
    Step::CatchUpAgain,
    Step::Validate,
    Step::Contract,
];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Capture => "capture changes",
            Self::Restore => "restore what an earlier move had",
            Self::SlugIndex => "index slugs",
            Self::SlugList => "list products",
            Self::Slugs => "slugs",
            Self::Settings => "settings",
            Self::Endpoints => "endpoints",
            Self::Deliveries => "deliveries",
            Self::Logs => "logs",
            Self::CatchUp => "catch up",
            Self::Guard => "guard slugs",
            Self::CatchUpAgain => "catch up again",
            Self::Validate => "validate slugs",
            Self::Contract => "contract",
        }
    }

    /// Whether it is behind the point at which the older programs can no longer write.
    fn contracts(self) -> bool {
        matches!(
            self,
            Self::Guard | Self::CatchUpAgain | Self::Validate | Self::Contract
        )
    }
}

/// What one transaction of a step came to.
struct Batch {
    /// Rows done in it.
    rows: i64,
    /// Where the next one goes on; `None` where that is told by what is left.
    cursor: Option<String>,
    /// Whether the step is at its end.
    done: bool,
}

impl Batch {
    /// A step that is one transaction.
    fn whole(rows: i64) -> Self {
        Self {
            rows,
            cursor: None,
            done: true,
        }
    }

    /// The rows of a [`page`]; one that is not full was the last.
    fn page(ids: Vec<String>, limit: i64) -> Self {
        let rows = ids.len().cast_signed() as i64;
        Self {
            rows,
            cursor: ids.into_iter().next_back(),
            done: rows < limit,
        }
    }
}

/// The next ids of a table of the platform after `cursor`; an empty cursor is the beginning.
async fn page(
    connection: &mut PgConnection,
    table: &'static str,
    cursor: &str,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    let next = format!(
        r#"-- store::migrate::moving::page
        SELECT id FROM public."{table}" WHERE id > $1 OR $1 = '' ORDER BY id LIMIT $2"#
    );
    sqlx::query_scalar(AssertSqlSafe(next))
        .bind(cursor)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// Whether the platform's tables hold rows, or an earlier move left something to bring back.
pub(super) async fn is_needed(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        r#"-- store::migrate::moving::is_needed
        SELECT EXISTS (SELECT 1 FROM public."Brand") OR EXISTS (SELECT 1 FROM public."Product")
            OR EXISTS (SELECT 1 FROM public."Webhook") OR EXISTS (SELECT 1 FROM public."WebhookLog")
            OR EXISTS (SELECT 1 FROM atelier.migration_step WHERE version = 2)
            OR to_regclass('atelier.archived_generation') IS NOT NULL"#,
    )
    .fetch_one(connection)
    .await
}

/// Does the steps that are not done yet.
pub(super) async fn run(
    connection: &mut PgConnection,
    migrations: &Migrations,
    options: &Options,
    observer: Observer<'_>,
) -> Result<Reached, MigrationError> {
    for (place, step) in STEPS.iter().enumerate() {
        if step.contracts() && options.until == Until::Contract {
            return Ok(Reached::Contract);
        }
        Moving {
            connection: &mut *connection,
            migrations,
            options,
            step: *step,
            place: i32::try_from(place).unwrap_or(i32::MAX),
        }
        .finish(observer)
        .await?;
    }
    Ok(Reached::End)
}

/// One step under way.
struct Moving<'a> {
    connection: &'a mut PgConnection,
    migrations: &'a Migrations,
    options: &'a Options,
    step: Step,
    place: i32,
}

/// The record of a step.
#[derive(sqlx::FromRow)]
struct StepRow {
    cursor: Option<String>,
    rows_done: i64,
    rows_total: Option<i64>,
    done: bool,
}

impl Moving<'_> {
    /// Repeats batches until the step is done. Each attempt that meets somebody's lock gives way.
    async fn finish(mut self, observer: Observer<'_>) -> Result<(), MigrationError> {
        let name = &self.migrations.version(PERSONALISATION)?.name;
        let mut patience = Patience::new(self.options);
        loop {
            match self.attempt().await {
                Ok(Attempt::Skipped) => return Ok(()),
                Ok(Attempt::Went { row, done }) => {
                    observer(&Event::Step {
                        name: name.clone(),
                        step: self.step.name(),
                        done: row.rows_done,
                        total: row.rows_total,
                    });
                    if done {
                        return Ok(());
                    }
                    patience.renew();
                }
                Err(MigrationError::Database(error)) => {
                    let place = Place {
                        name,
                        place: format!("step \"{}\"", self.step.name()),
                        statement: self.statement(&error),
                    };
                    patience
                        .after(error, self.connection, place, observer)
                        .await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What failed, as far as it is known: PostgreSQL's own words about where, else the step.
    fn statement(&self, error: &sqlx::Error) -> String {
        let refused = error
            .as_database_error()
            .and_then(|db| db.try_downcast_ref::<sqlx::postgres::PgDatabaseError>());
        let mut about = format!("a statement of the step \"{}\"", self.step.name());
        if let Some(refused) = refused {
            for (what, detail) in [
                ("table", refused.table()),
                ("constraint", refused.constraint()),
                ("detail", refused.detail()),
                ("context", refused.r#where()),
            ] {
                if let Some(detail) = detail {
                    about = format!("{about}\n{what}: {detail}");
                }
            }
        }
        about
    }

    /// One transaction of the step, with its record.
    async fn attempt(&mut self) -> Result<Attempt, MigrationError> {
        let row = self.begin().await?;
        if row.done {
            return Ok(Attempt::Skipped);
        }
        if self.step == Step::SlugIndex {
            slugs::index(self.connection).await?;
            return self.record(Batch::whole(0)).await;
        }
        if self.step == Step::Contract {
            return self.contract().await;
        }
        let mut transaction = self.connection.begin().await?;
        let limit = self.options.batch_rows;
        let cursor = row.cursor.as_deref().unwrap_or_default();
        let t = &mut *transaction;
        let batch = match self.step {
            Step::Expand => expand::expand(t, self.migrations).await?,
            Step::Capture => capture::capture(t).await?,
            Step::Restore => restore::batch(t, cursor, limit).await?,
            Step::SlugList => slugs::list(t).await?,
            Step::Slugs => slugs::batch(t, limit).await?,
            Step::Settings => settings::batch(t, cursor, limit).await?,
            Step::Endpoints => webhooks::endpoints(t).await?,
            Step::Deliveries => webhooks::batch(t, cursor, limit).await?,
            Step::Logs => logs::batch(t, cursor, limit).await?,
            Step::CatchUp | Step::CatchUpAgain => changes::batch(t, limit).await?,
            Step::Guard => slugs::guard(t).await?,
            Step::Validate => slugs::validate(t).await?,
            Step::SlugIndex | Step::Contract => Batch::whole(0),
        };
        let done = batch.done;
        let row = record(t, self.step, batch).await?;
        transaction.commit().await?;
        Ok(Attempt::Went { row, done })
    }

    async fn record(&mut self, batch: Batch) -> Result<Attempt, MigrationError> {
        let done = batch.done;
        let row = record(self.connection, self.step, batch).await?;
        Ok(Attempt::Went { row, done })
    }

    /// The step's record, made where it is missing, with the rows there are to do.
    async fn begin(&mut self) -> Result<StepRow, sqlx::Error> {
        if let Some(row) = find(self.connection, self.step).await? {
            return Ok(row);
        }
        let total = total(self.connection, self.step).await?;
        sqlx::query(
            "-- store::migrate::moving::begin
             INSERT INTO atelier.migration_step (version, step, place, rows_total)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(PERSONALISATION)
        .bind(self.step.name())
        .bind(self.place)
        .bind(total)
        .execute(&mut *self.connection)
        .await?;
        Ok(StepRow {
            cursor: None,
            rows_done: 0,
            rows_total: total,
            done: false,
        })
    }

    /// The last transaction, which records the whole migration too.
    async fn contract(&mut self) -> Result<Attempt, MigrationError> {
        let file = self.migrations.version(PERSONALISATION)?;
        let mut transaction = self.connection.begin().await?;
        let batch = contract::contract(&mut transaction, self.options.batch_rows).await?;
        let done = batch.done;
        let row = record(&mut transaction, self.step, batch).await?;
        if done {
            history::applied(&mut transaction, file, -1).await?;
        }
        transaction.commit().await?;
        Ok(Attempt::Went { row, done })
    }
}

enum Attempt {
    /// It was done before.
    Skipped,
    /// One transaction was committed.
    Went { row: StepRow, done: bool },
}

async fn find(connection: &mut PgConnection, step: Step) -> Result<Option<StepRow>, sqlx::Error> {
    sqlx::query_as(
        "-- store::migrate::moving::find
         SELECT cursor, rows_done, rows_total, finished_at IS NOT NULL AS done
         FROM atelier.migration_step WHERE version = $1 AND step = $2",
    )
    .bind(PERSONALISATION)
    .bind(step.name())
    .fetch_optional(connection)
    .await
}

async fn record(
    connection: &mut PgConnection,
    step: Step,
    batch: Batch,
) -> Result<StepRow, sqlx::Error> {
    sqlx::query_as(
        "-- store::migrate::moving::record
         UPDATE atelier.migration_step SET rows_done = rows_done + $3, cursor = coalesce($4, cursor),
             changed_at = clock_timestamp(), finished_at = CASE WHEN $5 THEN clock_timestamp() END
         WHERE version = $1 AND step = $2
         RETURNING cursor, rows_done, rows_total, finished_at IS NOT NULL AS done",
    )
    .bind(PERSONALISATION)
    .bind(step.name())
    .bind(batch.rows)
    .bind(batch.cursor)
    .bind(batch.done)
    .fetch_one(connection)
    .await
}

/// How many rows a backfill has before it, by the planner's own estimate where counting would take as
/// long as a part of the work.
async fn total(connection: &mut PgConnection, step: Step) -> Result<Option<i64>, sqlx::Error> {
    let query = match step {
        Step::Slugs => "SELECT count(*) FROM atelier.moving_product",
        Step::Settings => r#"SELECT count(*) FROM public."Brand""#,
        Step::Deliveries => r#"SELECT count(*) FROM public."Webhook""#,
        Step::Logs => r#"SELECT count(*) FROM public."WebhookLog""#,
        _ => return Ok(None),
    };
    sqlx::query_scalar(query)
        .fetch_one(connection)
        .await
        .map(Some)
}

/// The columns of a table that the older platform's programmers added to it, quoted.
async fn own_columns(
    connection: &mut PgConnection,
    table: &str,
) -> Result<Vec<OwnColumn>, sqlx::Error> {
    let baseline = super::shape::Shape::baseline();
    let columns: Vec<OwnColumn> = sqlx::query_as(
        "-- store::migrate::moving::own_columns
         SELECT quote_ident(a.attname) AS name, format_type(a.atttypid, a.atttypmod) AS kind,
             pg_get_expr(d.adbin, d.adrelid) AS value, a.attnotnull AS required
         FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = format('public.%I', $1::text)::regclass AND a.attnum > 0
             AND NOT a.attisdropped
         ORDER BY a.attnum",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    let is_own = |column: &OwnColumn| !baseline.has(&format!("column \"{table}\".{}", column.name));
    Ok(columns.into_iter().filter(is_own).collect())
}

/// A column that is not in the baseline.
#[derive(Debug, Clone, sqlx::FromRow)]
struct OwnColumn {
    name: String,
    kind: String,
    value: Option<String>,
    required: bool,
}

/// `, "a", "b"` for a list of columns, each behind `prefix`.
fn listed(columns: &[OwnColumn], prefix: &str) -> String {
    columns
        .iter()
        .map(|column| format!(", {prefix}{}", column.name))
        .collect()
}
