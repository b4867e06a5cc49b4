//! A database beside the live one, on the same server, for as long as something is tried out.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use uuid::Uuid;

use super::session;

/// A database that is dropped when the trial is over.
#[derive(Debug)]
pub struct Scratch {
    server: PgConnectOptions,
    name: String,
}

impl Scratch {
    /// Makes an empty database whose name tells what it is for.
    ///
    /// # Errors
    /// What PostgreSQL says, for example that the user may not create databases.
    pub(super) async fn create(
        server: PgConnectOptions,
        purpose: &str,
    ) -> Result<Self, sqlx::Error> {
        let name = format!("atelier_{purpose}_{}", Uuid::new_v4().simple());
        let mut connection = server.connect().await?;
        // From template0: what an administrator put into template1 is no part of anything.
        session::run(
            &mut connection,
            format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await?;
        session::close(connection).await;
        Ok(Self { server, name })
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect to it.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.options().connect().await
    }

    /// Drops it. What cannot be dropped is left, under a name that says whose it is.
    pub async fn drop(self) {
        let Ok(mut connection) = self.server.connect().await else {
            return;
        };
        let gone = session::run(
            &mut connection,
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        )
        .await;
        if let Err(error) = gone {
            tracing::warn!(database = self.name, %error, "a scratch database was left behind");
        }
        session::close(connection).await;
    }
}
