//! Where a database stands before the first of our migrations: one of four starting points.

use sqlx::PgConnection;

use super::error::MigrationError;
use super::files::{BASELINE, PERSONALISATION};
use super::history::{self, Record};
use super::shape::{Difference, Shape, remedies};

/// The name under which Prisma applies the personalisation models.
const PRISMA_NAME: &str = "20260103160147_add_saas_personalization_models";

/// A starting point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// No table of the platform is there: everything is made.
    Empty,
    /// The platform's tables before personalisation; they are adopted and moved.
    Baseline,
    /// The platform's tables with the personalisation models; they are adopted as they are.
    Personalised(Because),
    /// A move began and has not ended.
    Moving,
    /// Our history has it all.
    Known,
}

/// Why tables are taken for the personalisation models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// Prisma's record says so, and they have the shape.
    PrismaSaysSo,
    /// They have the shape, and no record says anything.
    TheyLookIt,
}

impl Start {
    /// A sentence for the operator.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "the database is empty: everything is made",
            Self::Baseline => {
                "the platform's tables are there, without the personalisation models: \
                 they are adopted and their rows are carried over"
            }
            Self::Personalised(Because::PrismaSaysSo) => {
                "Prisma has applied the personalisation models and the tables have their shape: \
                 they are adopted as they are"
            }
            Self::Personalised(Because::TheyLookIt) => {
                "the tables have the shape of the personalisation models, though no record of Prisma \
                 says so: they are adopted as they are"
            }
            Self::Moving => "a move has begun and is continued",
            Self::Known => "the tables are Atelier's already",
        }
    }
}

/// Finds out where the database stands. Changes nothing.
pub(super) async fn detect(
    connection: &mut PgConnection,
    records: &[Record],
) -> Result<Start, MigrationError> {
    let has = |version| records.iter().any(|record| record.version == version);
    if has(PERSONALISATION) {
        return Ok(Start::Known);
    }
    if !history::steps(connection, PERSONALISATION)
        .await?
        .is_empty()
    {
        return Ok(Start::Moving);
    }
    let prisma = prisma(connection).await?;
    let live = Shape::read(connection, "public").await?;
    if let Prisma::Unsettled(logs) = prisma {
        return Err(MigrationError::PrismaUnsettled { logs });
    }
    if prisma == Prisma::Applied {
        let faults = live.against(&Shape::personalised()).faults;
        return if faults.is_empty() {
            Ok(Start::Personalised(Because::PrismaSaysSo))
        } else {
            Err(differs(faults, Expected::WhatPrismaSays))
        };
    }
    if !live.has_a_table_of(&Shape::baseline()) && !has(BASELINE) {
        return Ok(Start::Empty);
    }
    unrecorded(&live, has(BASELINE))
}

/// Which of the two shapes tables have that no record of Prisma's speaks of.
fn unrecorded(live: &Shape, made_by_us: bool) -> Result<Start, MigrationError> {
    let personalised = live.against(&Shape::personalised()).faults;
    if personalised.is_empty() {
        return Ok(Start::Personalised(Because::TheyLookIt));
    }
    let before = live.against(&Shape::baseline());
    let mut faults = before.faults;
    let expected = Shape::personalised();
    let in_the_way = |extra: &Difference| expected.has(&extra.subject);
    faults.extend(before.extras.into_iter().filter(in_the_way));
    if faults.is_empty() {
        return Ok(Start::Baseline);
    }
    if !made_by_us && personalised.len() < faults.len() {
        return Err(differs(personalised, Expected::Personalised));
    }
    Err(differs(faults, Expected::Baseline))
}

/// What tables were compared with, for the message.
#[derive(Clone, Copy)]
enum Expected {
    Baseline,
    Personalised,
    WhatPrismaSays,
}

fn differs(differences: Vec<Difference>, expected: Expected) -> MigrationError {
    let mend = remedies(&differences);
    let mut advice = "Mend the difference".to_owned();
    if !mend.is_empty() {
        advice = format!("{advice}, for example with\n  {}\n", mend.join("\n  "));
    }
    advice.push_str(match expected {
        Expected::WhatPrismaSays => {
            " or, if Prisma's record is wrong, say `npx prisma migrate resolve --rolled-back \
             20260103160147_add_saas_personalization_models`; then run `atelier migrate up` again"
        }
        Expected::Baseline | Expected::Personalised => {
            " (something that is there already under one of our names must be renamed), then run \
             `atelier migrate up` again"
        }
    });
    MigrationError::Shape {
        expected: match expected {
            Expected::Baseline => "those of the platform before personalisation",
            Expected::Personalised => "those of the personalisation models",
            Expected::WhatPrismaSays => {
                "those of the personalisation models, which Prisma's record says it has applied"
            }
        },
        differences,
        advice,
    }
}

/// What Prisma's own record says about its migration.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Prisma {
    Silent,
    Applied,
    RolledBack,
    Unsettled(String),
}

async fn prisma(connection: &mut PgConnection) -> Result<Prisma, sqlx::Error> {
    let there: bool = sqlx::query_scalar(
        "-- store::migrate::prisma_table
         SELECT to_regclass('public._prisma_migrations') IS NOT NULL",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !there {
        return Ok(Prisma::Silent);
    }
    // Each attempt has a row of its own: one that was rolled back may stand beside one that ended.
    let attempts: Vec<(bool, bool, Option<String>)> = sqlx::query_as(
        "-- store::migrate::prisma
         SELECT finished_at IS NOT NULL, rolled_back_at IS NOT NULL, logs
         FROM public._prisma_migrations WHERE migration_name = $1",
    )
    .bind(PRISMA_NAME)
    .fetch_all(connection)
    .await?;
    let open = attempts.iter().filter(|(_, rolled_back, _)| !rolled_back);
    let mut unfinished = None;
    for (finished, _, logs) in open {
        if *finished {
            return Ok(Prisma::Applied);
        }
        unfinished = Some(
            logs.as_ref()
                .map_or(String::new(), |logs| format!(":\n{logs}")),
        );
    }
    Ok(match unfinished {
        Some(logs) => Prisma::Unsettled(logs),
        None if attempts.is_empty() => Prisma::Silent,
        None => Prisma::RolledBack,
    })
}
