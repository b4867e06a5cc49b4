//! `plan`: what `up` would do, and to how many rows. It changes nothing.

use serde::Serialize;
use sqlx::PgConnection;

use super::error::MigrationError;
use super::files::PERSONALISATION;
use super::session::{self, Options};
use super::shape::{Difference, Shape};
use super::start::{self, Start};
use super::{file, history, moving, up};
use crate::database::Database;
use crate::error::StoreError;

/// What `up` would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Where the database stands.
    pub start: String,
    /// The migrations that would be recorded without being run, or run, in order.
    pub migrations: Vec<PlannedMigration>,
    /// What the platform has added to its tables. It is left alone.
    pub extras: Vec<Difference>,
}

/// One pending migration.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedMigration {
    /// Its name.
    pub name: String,
    /// What would happen to it.
    pub action: Action,
    /// What it would do to rows that are there.
    pub changes: Vec<PlannedChange>,
}

/// What would happen to a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Its result is there: it is only recorded.
    Adopt,
    /// Its file is run.
    Run,
    /// It is done in steps beside the platform's programs.
    Move,
}

/// What would happen to some rows.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedChange {
    /// How many.
    pub rows: i64,
    /// A sentence without its number.
    pub what: String,
}

/// Looks at everything and changes nothing.
///
/// # Errors
/// As `up` would refuse: [`StoreError::Migration`].
pub async fn plan(db: &Database, options: &Options) -> Result<Plan, StoreError> {
    let mut connection = session::open(db, options).await?;
    let plan = look(&mut connection, options).await;
    session::close(connection).await;
    Ok(plan?)
}

async fn look(connection: &mut PgConnection, options: &Options) -> Result<Plan, MigrationError> {
    let migrations = options.migrations()?;
    let records = history::records(connection).await?;
    history::check(connection, &migrations, &records).await?;
    let start = start::detect(connection, &records).await?;
    if matches!(start, Start::Baseline) {
        moving::refuse_entangled(connection).await?;
    }
    let mut planned = Vec::new();
    for pending in up::pending(&migrations, &records) {
        file::parse(connection, pending).await?;
        let action = match (start, pending.version) {
            (Start::Personalised(_), 1..=PERSONALISATION) | (Start::Baseline, 1) => Action::Adopt,
            (Start::Baseline | Start::Moving, PERSONALISATION) => Action::Move,
            _ => Action::Run,
        };
        let changes = if action == Action::Move {
            changes(connection).await?
        } else {
            Vec::new()
        };
        planned.push(PlannedMigration {
            name: pending.name.clone(),
            action,
            changes,
        });
    }
    Ok(Plan {
        start: start.sentence().to_owned(),
        migrations: planned,
        extras: extras(connection, start).await?,
    })
}

async fn extras(
    connection: &mut PgConnection,
    start: Start,
) -> Result<Vec<Difference>, sqlx::Error> {
    let expected = match start {
        Start::Baseline => Shape::baseline(),
        Start::Personalised(_) | Start::Known => Shape::personalised(),
        Start::Empty | Start::Moving => return Ok(Vec::new()),
    };
    let live = Shape::read(connection, "public").await?;
    Ok(live.against(&expected).extras)
}

/// The rows that the move would change or make. What is kept where is said with it.
async fn changes(connection: &mut PgConnection) -> Result<Vec<PlannedChange>, sqlx::Error> {
    let slugless = if Shape::read(connection, "public")
        .await?
        .has("column \"Product\".slug")
    {
        r#"SELECT count(*) FROM public."Product" WHERE slug IS NULL"#
    } else {
        r#"SELECT count(*) FROM public."Product""#
    };
    let questions = [
        (slugless, "products get a slug"),
        (
            r#"SELECT count(*) FROM public."Brand""#,
            "brands get 9 columns with defaults; no row is rewritten",
        ),
        (
            r#"SELECT count(*) FROM public."Brand" WHERE jsonb_typeof(settings) = 'object' AND settings <> '{}'"#,
            "brands with settings get a \"ClientSettings\" row; the settings stay as they are",
        ),
        (
            r#"SELECT count(*) FROM (SELECT 1 FROM public."Webhook" GROUP BY "brandId", md5(url)) AS pair"#,
            "endpoints are made, one for each address of a brand",
        ),
        (
            r#"SELECT count(*) FROM public."Webhook""#,
            "deliveries become rows of \"WebhookLog\"; they stay as they are in atelier.archived_webhook_delivery",
        ),
        (
            r#"SELECT count(*) FROM public."WebhookLog" l
               WHERE EXISTS (SELECT 1 FROM public."Webhook" w WHERE w.id = l."webhookId")"#,
            "rows of the log go to their endpoint; they stay as they are in atelier.archived_webhook_log",
        ),
        (
            r#"SELECT count(*) FROM public."WebhookLog" l
               WHERE NOT EXISTS (SELECT 1 FROM public."Webhook" w WHERE w.id = l."webhookId")"#,
            "rows of the log point nowhere: they are kept in atelier.archived_webhook_log only",
        ),
        (
            r#"SELECT pg_total_relation_size('public."Webhook"') + pg_total_relation_size('public."WebhookLog"')"#,
            "bytes have the two old tables, which stay; the new ones take up to as much again",
        ),
    ];
    let mut changes = Vec::new();
    for (question, what) in questions {
        let rows: i64 = sqlx::query_scalar(question)
            .fetch_one(&mut *connection)
            .await?;
        changes.push(PlannedChange {
            rows,
            what: what.to_owned(),
        });
    }
    Ok(changes)
}
