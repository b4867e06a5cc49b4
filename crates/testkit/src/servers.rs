//! The servers that tests of one run share.
//!
//! `./test` starts one PostgreSQL and one Redis for the whole run and names them in
//! `ATELIER_TEST_DATABASE_URL` and `ATELIER_TEST_REDIS_URL`. Without these variables each test process
//! starts private ones at first use and loses them when it ends.
//!
//! Sharing is safe for PostgreSQL, because every test has a [`crate::TestDatabase`] of its own. Redis
//! has no such thing: a test on the shared one uses keys nobody else uses and never wipes; a test that
//! wipes, kills or counts starts its own [`PrivateRedis`].

use tokio::sync::OnceCell;

use crate::error::ServerError;
use crate::postgres::{PostgresOptions, PrivatePostgres};
use crate::redis::{PrivateRedis, RedisOptions};

const DATABASE_URL: &str = "ATELIER_TEST_DATABASE_URL";
const REDIS_URL: &str = "ATELIER_TEST_REDIS_URL";

/// A server's address and, where it is ours, the server. Statics are never dropped: the server's guard
/// ends it when this process ends.
struct Shared<S> {
    url: String,
    _own: Option<S>,
}

/// The address of the shared PostgreSQL, for a superuser.
///
/// # Errors
/// When there is none and a private one does not start.
pub async fn database_url() -> Result<&'static str, ServerError> {
    static SERVER: OnceCell<Shared<PrivatePostgres>> = OnceCell::const_new();
    let shared = SERVER.get_or_try_init(async || {
        if let Some(url) = given(DATABASE_URL)? {
            return Ok(Shared { url, _own: None });
        }
        let own = PrivatePostgres::start(&PostgresOptions::default()).await?;
        Ok::<_, ServerError>(Shared {
            url: own.url(),
            _own: Some(own),
        })
    });
    Ok(&shared.await?.url)
}

/// The address of the shared Redis.
///
/// # Errors
/// When there is none and a private one does not start.
pub async fn redis_url() -> Result<&'static str, ServerError> {
    static SERVER: OnceCell<Shared<PrivateRedis>> = OnceCell::const_new();
    let shared = SERVER.get_or_try_init(async || {
        if let Some(url) = given(REDIS_URL)? {
            return Ok(Shared { url, _own: None });
        }
        let own = PrivateRedis::start(&RedisOptions::default()).await?;
        Ok::<_, ServerError>(Shared {
            url: own.url(),
            _own: Some(own),
        })
    });
    Ok(&shared.await?.url)
}

fn given(variable: &'static str) -> Result<Option<String>, ServerError> {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(|value| {
            value
                .into_string()
                .map_err(|_| ServerError::Address { variable })
        })
        .transpose()
}
