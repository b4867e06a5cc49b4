//! Starts one PostgreSQL and one Redis for a whole test run, prints where they are as `KEY=value`
//! lines, and keeps them until its standard input ends.
//!
//! The lines `ATELIER_TEST_DATABASE_URL` and `ATELIER_TEST_REDIS_URL` are what
//! [`testkit::servers`] reads; the others tell what to look at when something is left behind.

use std::io::{self, Read, Write};

use testkit::{PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions, ServerError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = serve().await {
        // `Termination` would print the Debug form; people read this.
        writeln!(io::stderr(), "testkit-servers: {error}")?;
        return Err(error);
    }
    Ok(())
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (postgres, redis) = start().await?;
    let mut out = io::stdout().lock();
    writeln!(out, "ATELIER_TEST_DATABASE_URL={}", postgres.url())?;
    writeln!(out, "ATELIER_TEST_REDIS_URL={}", redis.url())?;
    writeln!(out, "POSTGRES_PID={}", postgres.pid())?;
    writeln!(out, "POSTGRES_DIR={}", postgres.dir().display())?;
    writeln!(out, "REDIS_PID={}", redis.pid())?;
    writeln!(out, "REDIS_DIR={}", redis.dir().display())?;
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

async fn start() -> Result<(PrivatePostgres, PrivateRedis), ServerError> {
    let (postgres, redis) = (PostgresOptions::default(), RedisOptions::default());
    tokio::try_join!(
        PrivatePostgres::start(&postgres),
        PrivateRedis::start(&redis)
    )
}
