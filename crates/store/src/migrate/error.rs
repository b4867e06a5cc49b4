//! Why a migration did not run or did not end, in words an operator can act on.

use super::shape::Difference;

/// A migration that was refused or failed. Nothing half done is left behind in any case.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A file holds something that is not SQL. Nothing was run.
    #[error(
        "{file}, line {line}: this is not SQL: {text:?}\nNothing was changed. Remove the line, or restore the file"
    )]
    Stray {
        /// The file's name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A file of the folder cannot be read, or is not called `NNNN_name.sql`.
    #[error("the migration file {file} cannot be used: {detail}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        detail: String,
    },
    /// An applied migration has another text than ours.
    #[error(
        "{name} was applied with another text than this program's (checksum {applied}, here {ours})\nNothing was changed. Run the program that applied it, or restore the file"
    )]
    Changed {
        /// The migration.
        name: String,
        /// The checksum in the database, hexadecimal.
        applied: String,
        /// Ours.
        ours: String,
    },
    /// The database has a migration that this program does not know.
    #[error(
        "the database has migration {version:04} {name:?}, which this program does not know: it is older than the one that applied it"
    )]
    Unknown {
        /// Its number.
        version: i64,
        /// Its name.
        name: String,
    },
    /// An earlier run failed and the record is not settled.
    #[error(
        "{name} failed before and is not settled:\n{detail}\nIf nothing of it is there (each step is undone when it fails), say `atelier migrate resolve --rolled-back {name}` and run again;\nif you did by hand what it does, say `atelier migrate resolve --applied {name}`"
    )]
    Unsettled {
        /// The migration.
        name: String,
        /// What failed.
        detail: String,
    },
    /// No record of this name can be settled.
    #[error("{0}")]
    Unresolvable(String),
    /// A statement failed and was rolled back.
    #[error("{name}, {place}: the statement failed and was rolled back:\n{statement}")]
    Statement {
        /// The migration.
        name: String,
        /// File and line, or the step.
        place: String,
        /// The statement, shortened.
        statement: String,
        /// What PostgreSQL said.
        #[source]
        source: sqlx::Error,
    },
    /// A lock could not be had in the given time.
    #[error(
        "{name}, {place}: no lock within {waited_s} s of trying; in the way:\n{holders}\nNothing is half done. Run again when that is over"
    )]
    Busy {
        /// The migration.
        name: String,
        /// File and line, or the step.
        place: String,
        /// How long was tried, in seconds.
        waited_s: u64,
        /// Who held locks.
        holders: String,
    },
    /// The tables differ from what they must be.
    #[error("the tables in \"public\" are not {expected}:\n{}\nNothing was changed. {advice}", lines(.differences))]
    Shape {
        /// What they were compared with.
        expected: &'static str,
        /// Each difference.
        differences: Vec<Difference>,
        /// What to do.
        advice: String,
    },
    /// Prisma's own record says that its migration is neither applied nor rolled back.
    #[error(
        "Prisma's record of 20260103160147_add_saas_personalization_models says that it began and neither ended nor was rolled back{logs}\nNothing was changed. Settle it first: `npx prisma migrate resolve --rolled-back 20260103160147_add_saas_personalization_models` if its changes are not there, `--applied` if they are"
    )]
    PrismaUnsettled {
        /// What Prisma wrote down.
        logs: String,
    },
    /// Something hangs on the tables whose meaning changes.
    #[error("\"Webhook\" and \"WebhookLog\" get another meaning, and this hangs on them:\n{}\nNothing was changed. Drop or move these first, then run again", .0.join("\n"))]
    Entangled(Vec<String>),
    /// Going back is not possible now.
    #[error("{0}\nNothing was changed")]
    NotNow(String),
    /// The database failed outside of any migration's statement.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl MigrationError {
    /// Whether the database itself was away: run again later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(source) | Self::Statement { source, .. } => {
                let code = source.as_database_error().and_then(|db| db.code());
                match code.as_deref() {
                    Some(code) => ["08", "53", "57"].contains(&&code[..2]),
                    None => true,
                }
            }
            Self::Busy { .. } => true,
            _ => false,
        }
    }
}

impl From<sqlx::Error> for MigrationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

fn lines(differences: &[Difference]) -> String {
    let lines: Vec<String> = differences.iter().map(|one| format!("  {one}")).collect();
    lines.join("\n")
}

/// Whether waiting a moment may help: somebody held a lock, two transactions met, or a program of the
/// new platform gave a product the very slug that was about to be given.
pub(super) fn is_contention(error: &sqlx::Error) -> bool {
    let Some(refused) = error.as_database_error() else {
        return false;
    };
    match refused.code().as_deref() {
        // lock_not_available, deadlock_detected, serialization_failure
        Some("55P03" | "40P01" | "40001") => true,
        // unique_violation
        Some("23505") => refused.constraint() == Some("Product_brandId_slug_key"),
        _ => false,
    }
}
