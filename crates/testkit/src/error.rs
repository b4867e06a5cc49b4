//! What can go wrong while real servers are started and used.

use std::io;
use std::path::PathBuf;

use crate::guard::GuardError;

/// Why a private server or a test database is not there.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server's programs were not found.
    #[error("{program} was not found on PATH nor in the usual folders; install it: {install}")]
    NotInstalled {
        /// The program that was looked for.
        program: &'static str,
        /// Commands that install it.
        install: &'static str,
    },
    /// The installed server is too old.
    #[error("{path} is version {found}; version {needed} or newer is needed")]
    TooOld {
        /// The program that was asked.
        path: PathBuf,
        /// The major version found.
        found: u32,
        /// The oldest major version that will do.
        needed: u32,
    },
    /// We are root and there is no lesser account to run servers under.
    #[error("servers do not run as root, and neither account `postgres` nor `nobody` exists")]
    NoAccount,
    /// No folder for temporary files can be used by the account servers run under.
    #[error("no folder for temporary files is open to the account servers run under")]
    NoScratch,
    /// Starting or stopping the process failed.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The server ended instead of becoming ready.
    #[error("{server} ended while starting (status {status}):\n{log}")]
    Ended {
        /// Which server.
        server: &'static str,
        /// Exit status, `-1` when it was not seen.
        status: i32,
        /// The end of its log.
        log: String,
    },
    /// The server runs but did not become ready in time.
    #[error("{server} was not ready after {waited_s} s:\n{log}")]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it had, in seconds.
        waited_s: u64,
        /// The end of its log.
        log: String,
    },
    /// A system call failed.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// PostgreSQL refused a statement or the connection.
    #[error("{doing} failed")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What PostgreSQL said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The given address of a server cannot be used.
    #[error("{variable} is not a usable address")]
    Address {
        /// The setting that holds it.
        variable: &'static str,
    },
    /// The caller's migration of the template failed.
    #[error("migrating the template database failed")]
    Migrate(#[source] Box<dyn std::error::Error + Send + Sync>),
}
