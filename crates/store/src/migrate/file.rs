//! Applying one file: in one transaction, statement by statement, so that a failure names its own.

use std::time::Instant;

use sqlx::{Connection, PgConnection};

use super::error::MigrationError;
use super::files::File;
use super::history;
use super::scan::Statement;
use super::session::{self, Observer, Options, Patience, Place};

/// Has PostgreSQL parse every statement of a file without running any: a line in the middle of a
/// statement that is not SQL is found here.
pub(super) async fn parse(
    connection: &mut PgConnection,
    file: &File,
) -> Result<(), MigrationError> {
    // The body of a block is parsed as a whole before its first statement runs, and that one leaves.
    let tag = "$atelier_parse$";
    let block = format!("DO {tag} BEGIN RETURN; {}\nEND {tag}", file.text);
    let Err(error) = session::run(connection, block.as_str()).await else {
        return Ok(());
    };
    let Some(refused) = error
        .as_database_error()
        .and_then(|db| db.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        .filter(|db| db.code().starts_with("42"))
    else {
        return Err(MigrationError::Database(error));
    };
    let at = match refused.position() {
        Some(
            sqlx::postgres::PgErrorPosition::Original(at)
            | sqlx::postgres::PgErrorPosition::Internal { position: at, .. },
        ) => at,
        None => 1,
    };
    let before: String = block.chars().take(at.saturating_sub(1)).collect();
    let line = before.matches('\n').count() + 1;
    Err(MigrationError::Stray {
        file: format!("{}.sql", file.name),
        line,
        text: file.text.lines().nth(line - 1).map_or_else(
            || refused.message().to_owned(),
            |text| text.trim().to_owned(),
        ),
    })
}

/// Applies a file and records it.
pub(super) async fn apply(
    connection: &mut PgConnection,
    file: &File,
    options: &Options,
    observer: Observer<'_>,
) -> Result<(), MigrationError> {
    let mut patience = Patience::new(options);
    loop {
        let began = Instant::now();
        let attempt = if file.in_transaction {
            in_transaction(connection, file, began).await
        } else {
            one_by_one(connection, file, began).await
        };
        let Err((statement, error)) = attempt else {
            return Ok(());
        };
        let place = Place {
            name: &file.name,
            place: format!(
                "{}.sql line {}",
                file.name,
                statement.as_ref().map_or(1, |s| s.line)
            ),
            statement: statement.map_or_else(String::new, |s| s.shown()),
        };
        patience.after(error, connection, place, observer).await?;
    }
}

type Failed = (Option<Statement>, sqlx::Error);

async fn in_transaction(
    connection: &mut PgConnection,
    file: &File,
    began: Instant,
) -> Result<(), Failed> {
    let own = |error| (None, error);
    let mut transaction = connection.begin().await.map_err(own)?;
    for statement in &file.statements {
        let done = session::run(&mut transaction, statement.text.as_str()).await;
        done.map_err(|error| (Some(statement.clone()), error))?;
    }
    history::applied(&mut transaction, file, elapsed_ns(began))
        .await
        .map_err(own)?;
    transaction.commit().await.map_err(own)
}

/// For what PostgreSQL does only outside of transactions. Each statement must be one that may be run
/// again; an index that a killed run left invalid is made anew.
async fn one_by_one(
    connection: &mut PgConnection,
    file: &File,
    began: Instant,
) -> Result<(), Failed> {
    for statement in &file.statements {
        let done = match index_made_concurrently(&statement.text) {
            Some(index) => make_index(connection, &index, &statement.text).await,
            None => session::run(connection, statement.text.as_str()).await,
        };
        done.map_err(|error| (Some(statement.clone()), error))?;
    }
    history::applied(connection, file, elapsed_ns(began))
        .await
        .map_err(|error| (None, error))
}

fn elapsed_ns(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX)
}

/// The name of the index that a `CREATE INDEX CONCURRENTLY` makes, as it is written there.
fn index_made_concurrently(statement: &str) -> Option<String> {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let upper: Vec<String> = words.iter().map(|word| word.to_uppercase()).collect();
    let at = upper.iter().position(|word| word == "CONCURRENTLY")?;
    let is_index = upper.first().is_some_and(|word| word == "CREATE")
        && upper[1..at]
            .iter()
            .all(|word| word == "UNIQUE" || word == "INDEX");
    if !is_index {
        return None;
    }
    let name = match upper.get(at + 1).map(String::as_str) {
        Some("IF") => at + 4,
        _ => at + 1,
    };
    let table = upper
        .get(name + 1..)?
        .iter()
        .position(|word| word == "ON")?;
    let table = words.get(name + 2 + table)?.split('(').next()?;
    // An index stands in the schema of its table.
    let schema = table
        .rsplit_once('.')
        .map_or("public", |(schema, _)| schema);
    Some(format!("{schema}.{}", words.get(name)?))
}

/// Makes an index beside writers. An invalid one of that name is what a killed run left: it is dropped
/// first. A valid one is left as it is.
pub(super) async fn make_index(
    connection: &mut PgConnection,
    index: &str,
    statement: &str,
) -> Result<(), sqlx::Error> {
    let valid: Option<bool> = sqlx::query_scalar(
        "-- store::migrate::index_is_valid
         SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)",
    )
    .bind(index)
    .fetch_optional(&mut *connection)
    .await?;
    match valid {
        Some(true) => return Ok(()),
        Some(false) => {
            session::run(connection, format!("DROP INDEX CONCURRENTLY {index}")).await?;
        }
        None => {}
    }
    // Waiting for those who hold an older snapshot is the nature of it and blocks nobody.
    let patience: String = sqlx::query_scalar("SELECT current_setting('lock_timeout')")
        .fetch_one(&mut *connection)
        .await?;
    session::run(connection, "SET lock_timeout = 0").await?;
    let made = session::run(connection, statement).await;
    session::run(connection, format!("SET lock_timeout = '{patience}'")).await?;
    made
}

#[cfg(test)]
mod tests {
    use super::index_made_concurrently;

    #[test]
    fn the_name_of_an_index_is_read_from_its_statement() {
        for (statement, name) in [
            (
                "CREATE INDEX CONCURRENTLY a ON atelier.b (c)",
                Some("atelier.a"),
            ),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"A_b\" ON \"T\" (c)",
                Some("public.\"A_b\""),
            ),
            ("CREATE INDEX a ON b (c)", None),
            ("DROP INDEX CONCURRENTLY a", None),
        ] {
            assert_eq!(
                index_made_concurrently(statement).as_deref(),
                name,
                "{statement}"
            );
        }
    }
}
