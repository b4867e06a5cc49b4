//! `up`: from any starting point to all migrations applied.

use sqlx::{Connection, PgConnection};

use super::error::MigrationError;
use super::files::{BASELINE, File, Migrations, PERSONALISATION};
use super::history::{self, Record};
use super::moving::{self, Reached};
use super::session::{self, Event, Observer, Options};
use super::start::{self, Start};
use super::{file, shape::Shape};
use crate::database::Database;
use crate::error::StoreError;

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Outcome {
    /// Migrations that were run.
    pub applied: usize,
    /// Migrations whose result was there already and that were only recorded.
    pub adopted: usize,
    /// Whether the run stopped before the contracting change, as it was told.
    pub held: bool,
}

/// Applies what is pending with the default options. Returns the number run.
///
/// # Errors
/// As [`up_with`].
pub async fn up(db: &Database) -> Result<usize, StoreError> {
    let outcome = up_with(db, &Options::default(), &mut |_| {}).await?;
    Ok(outcome.applied)
}

/// Applies what is pending. Another run on the same database is waited for. May be cancelled or killed
/// at any moment: what was committed is recorded, and the next run goes on behind it.
///
/// # Errors
/// [`StoreError::Migration`] with what was refused or failed; nothing is half done.
pub async fn up_with(
    db: &Database,
    options: &Options,
    observer: Observer<'_>,
) -> Result<Outcome, StoreError> {
    let migrations = options.migrations()?;
    let mut connection = session::open(db, options).await?;
    let outcome = async {
        session::lock(&mut connection, observer).await?;
        apply(&mut connection, &migrations, options, observer).await
    }
    .await;
    session::close(connection).await;
    Ok(outcome?)
}

async fn apply(
    connection: &mut PgConnection,
    migrations: &Migrations,
    options: &Options,
    observer: Observer<'_>,
) -> Result<Outcome, MigrationError> {
    let records = history::records(connection).await?;
    history::check(connection, migrations, &records).await?;
    for file in pending(migrations, &records) {
        file::parse(connection, file).await?;
    }
    let start = start::detect(connection, &records).await?;
    if start != Start::Known {
        observer(&Event::Start(start.sentence().to_owned()));
    }
    if start == Start::Baseline {
        moving::refuse_entangled(connection).await?;
    }
    history::prepare(connection).await?;
    let mut outcome = Outcome {
        adopted: adopt(connection, migrations, &records, start).await?,
        ..Outcome::default()
    };
    let records = history::records(connection).await?;
    for file in pending(migrations, &records) {
        observer(&Event::Begun(file.name.clone()));
        if one(connection, migrations, file, options, observer).await? == Reached::Contract {
            outcome.held = true;
            return Ok(outcome);
        }
        observer(&Event::Done(file.name.clone()));
        outcome.applied += 1;
    }
    Ok(outcome)
}

/// The files that no record speaks of, in order.
pub(super) fn pending<'a>(
    migrations: &'a Migrations,
    records: &'a [Record],
) -> impl Iterator<Item = &'a File> {
    migrations
        .files
        .iter()
        .filter(|file| !records.iter().any(|record| record.version == file.version))
}

/// One migration. What fails for good is written down, to be settled by the operator.
async fn one(
    connection: &mut PgConnection,
    migrations: &Migrations,
    file: &File,
    options: &Options,
    observer: Observer<'_>,
) -> Result<Reached, MigrationError> {
    let done = if file.version == PERSONALISATION && moving::is_needed(connection).await? {
        moving::run(connection, migrations, options, observer).await
    } else {
        file::apply(connection, file, options, observer)
            .await
            .map(|()| Reached::End)
    };
    let Err(error) = done else { return done };
    if !error.is_transient() {
        history::failed(connection, file, &told(&error)).await?;
    }
    Err(error)
}

/// An error with its causes, as it is written down.
fn told(error: &MigrationError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}\n{cause}");
        source = cause.source();
    }
    text
}

/// Records what is there already as applied. Returns how many records were made.
async fn adopt(
    connection: &mut PgConnection,
    migrations: &Migrations,
    records: &[Record],
    start: Start,
) -> Result<usize, MigrationError> {
    let versions: &[i64] = match start {
        Start::Baseline => &[BASELINE],
        Start::Personalised(_) => &[BASELINE, PERSONALISATION],
        Start::Empty | Start::Moving | Start::Known => &[],
    };
    let mut transaction = connection.begin().await?;
    let mut adopted = 0;
    for version in versions {
        if records.iter().all(|record| record.version != *version) {
            history::applied(&mut transaction, migrations.version(*version)?, -1).await?;
            adopted += 1;
        }
    }
    transaction.commit().await?;
    Ok(adopted)
}

/// What `public` has that it must not, or has not that it must, before a move may be committed.
pub(super) async fn refuse_shape(
    connection: &mut PgConnection,
    expected: &Shape,
    name: &'static str,
) -> Result<(), MigrationError> {
    let faults = Shape::read(connection, "public")
        .await?
        .against(expected)
        .faults;
    if faults.is_empty() {
        return Ok(());
    }
    Err(MigrationError::Shape {
        expected: name,
        differences: faults,
        advice: "Mend the difference and run again".to_owned(),
    })
}
