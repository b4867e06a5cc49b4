//! What can go wrong with what must not be lost, by what the caller should do about it.

use crate::migrate::MigrationError;

/// An error of the store. The source carries the driver's own words.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL could not be reached, or went away. Whether an open commit arrived is not known.
    #[error("PostgreSQL is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Two transactions stood in each other's way and this one was chosen to give up: run it again.
    #[error("the transaction met a concurrent one and may be run again")]
    Conflict(#[source] sqlx::Error),
    /// The database refused the statement or its data.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
    /// A row holds something that the code cannot have written.
    #[error("inconsistent row in {table}.{column}, id {id}: {detail}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        id: String,
        /// What was found there.
        detail: String,
    },
    /// A brand has as many of something as it may have. Nothing was written.
    #[error("the brand {brand} may have {limit} {what} and has them; {advice}")]
    LimitReached {
        /// Whose limit it is.
        brand: String,
        /// What is limited, in the plural.
        what: &'static str,
        /// How many there may be.
        limit: i64,
        /// What makes room.
        advice: &'static str,
    },
    /// A brand has no billing period for this moment: nothing was written; begin it and run again.
    #[error("the brand's billing period has to begin first")]
    PeriodDue,
    /// A migration was refused or failed; nothing is half done.
    #[error(transparent)]
    Migration(Box<MigrationError>),
    /// The object store failed.
    #[error("the object store failed on {key}")]
    Object {
        /// The object's key.
        key: String,
        /// What the object store said.
        #[source]
        source: object_store::Error,
    },
    /// A setting cannot be used.
    #[error("{setting}: {detail}")]
    Setting {
        /// The flag or variable.
        setting: &'static str,
        /// What is wrong and what is expected.
        detail: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anything being changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Conflict(_) | Self::PeriodDue => true,
            Self::Object { source, .. } => !matches!(
                source,
                object_store::Error::NotFound { .. } | object_store::Error::InvalidPath { .. }
            ),
            Self::Migration(error) => error.is_transient(),
            Self::Database(_)
            | Self::Inconsistent { .. }
            | Self::LimitReached { .. }
            | Self::Setting { .. } => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(|db| db.code())
            .map(|code| code.into_owned());
        match (&error, code.as_deref()) {
            // serialization_failure, deadlock_detected, lock_not_available
            (_, Some("40001" | "40P01" | "55P03")) => Self::Conflict(error),
            // idle_in_transaction_session_timeout: this process stood still and the session is gone.
            (_, Some("25P03")) => Self::Unavailable(error),
            // Class 08 connection, 53 resources, 57 operator intervention (restart, crash recovery).
            (_, Some(code)) if ["08", "53", "57"].contains(&&code[..2]) => Self::Unavailable(error),
            (
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_),
                None,
            ) => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}

impl From<MigrationError> for StoreError {
    fn from(error: MigrationError) -> Self {
        match error {
            MigrationError::Database(source) => source.into(),
            error => Self::Migration(Box::new(error)),
        }
    }
}
