//! What fails leaves nothing half done and says what it was.

use std::path::Path;
use std::time::Duration;

use store::StoreError;
use store::migrate::{MIGRATOR, MigrationError, Options, Resolution, resolve, status_of, up_with};

use super::platform::Platform;

/// Our migrations in a folder, with one more.
fn folder(name: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for migration in MIGRATOR.iter() {
        let file = format!(
            "{:04}_{}.sql",
            migration.version,
            migration.description.replace(' ', "_")
        );
        std::fs::write(folder.path().join(file), migration.sql.as_str()).unwrap();
    }
    std::fs::write(folder.path().join(name), text).unwrap();
    folder
}

fn of(folder: &Path) -> Options {
    Options {
        folder: Some(folder.to_owned()),
        lock_timeout: Duration::from_millis(100),
        patience: Duration::from_secs(1),
        ..Options::default()
    }
}

async fn error_of(platform: &Platform, options: &Options) -> MigrationError {
    match up_with(&platform.db, options, &mut |_| {})
        .await
        .unwrap_err()
    {
        StoreError::Migration(error) => *error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_line_that_is_not_sql_is_reported_with_its_place_before_anything_runs() {
    for (text, line, shown) in [
        (
            "Loaded Prisma config from prisma.config.ts.\n\nSELECT 1;\n",
            1,
            "Loaded Prisma config from prisma.config.ts.",
        ),
        (
            "SELECT 1;\n\nCREATE TABLE atelier.a (\n  b int,\nnpm warn deprecated\n  c int\n);\n",
            5,
            "npm warn deprecated",
        ),
    ] {
        let mut platform = Platform::empty().await;
        let folder = folder("9000_stray.sql", text);
        let error = error_of(&platform, &of(folder.path())).await;
        let MigrationError::Stray {
            file,
            line: found,
            text,
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(
            (file.as_str(), *found, text.as_str()),
            ("9000_stray.sql", line, shown)
        );
        let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(
            platform.number(tables).await,
            0,
            "not even the migrations before it"
        );
    }
}

#[tokio::test]
async fn a_failed_statement_is_named_undone_and_settled_by_the_operator() {
    let mut platform = Platform::empty().await;
    let text =
        "CREATE TABLE atelier.first (a int);\n\nINSERT INTO atelier.first\nVALUES (1 / 0);\n";
    let broken = folder("9000_broken.sql", text);
    let options = of(broken.path());
    let error = error_of(&platform, &options).await;
    let MigrationError::Statement {
        name,
        place,
        statement,
        source,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (name.as_str(), place.as_str()),
        ("9000_broken", "9000_broken.sql line 3")
    );
    assert_eq!(statement, "INSERT INTO atelier.first\nVALUES (1 / 0)");
    assert!(source.to_string().contains("division by zero"));
    assert_eq!(
        platform
            .number("SELECT count(*) FROM pg_class WHERE relname = 'first'")
            .await,
        0
    );

    let unsettled = error_of(&platform, &options).await;
    assert!(
        matches!(&unsettled, MigrationError::Unsettled { .. }),
        "{unsettled}"
    );
    assert!(
        unsettled.to_string().contains("division by zero")
            && unsettled.to_string().contains("resolve")
    );
    let last = status_of(&platform.db, &options)
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert!(!last.applied && last.failed.unwrap().contains("VALUES (1 / 0)"));

    let rolled_back = Resolution::RolledBack("9000_broken".to_owned());
    assert_eq!(
        resolve(&platform.db, &options, &rolled_back).await.unwrap(),
        "9000_broken"
    );
    assert!(
        resolve(&platform.db, &options, &rolled_back).await.is_err(),
        "once"
    );
    std::fs::write(
        broken.path().join("9000_broken.sql"),
        "CREATE TABLE atelier.first (a int);",
    )
    .unwrap();
    assert_eq!(
        up_with(&platform.db, &options, &mut |_| {})
            .await
            .unwrap()
            .applied,
        1
    );
}

#[tokio::test]
async fn what_was_done_by_hand_counts_as_applied_and_the_operators_word_is_checked() {
    let mut platform = Platform::empty().await;
    let broken = folder("9000_broken.sql", "SELECT 1 / 0;");
    let options = of(broken.path());
    error_of(&platform, &options).await;
    let applied = Resolution::Applied("9000".to_owned());
    resolve(&platform.db, &options, &applied).await.unwrap();
    assert_eq!(
        up_with(&platform.db, &options, &mut |_| {})
            .await
            .unwrap()
            .applied,
        0
    );

    let mut old = Platform::full().await;
    let lie = Resolution::Applied("2".to_owned());
    let refused = resolve(&old.db, &Options::default(), &lie)
        .await
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains(r#"column "Product".slug is missing"#),
        "{refused}"
    );
    assert_eq!(old.number(r#"SELECT count(*) FROM "Product""#).await, 1000);
    platform.run("SELECT 1").await;
}

#[tokio::test]
async fn an_index_that_a_killed_run_left_invalid_is_made_anew() {
    let mut platform = Platform::empty().await;
    let file =
        "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY job_lane ON atelier.job (lane);\n";
    let folder = folder("9000_index.sql", file);
    platform.up().await;
    let job = "INSERT INTO atelier.job (id, brand_id, product_id, key_id, lane, state, run_at, trace_parent, created_at)
        SELECT gen_random_uuid(), 'b', 'p', 'k', 'free', 'waiting', now(), '', now() FROM generate_series(1, 2)";
    platform.run(job).await;
    let error = error_of(&platform, &of(folder.path())).await;
    assert!(
        matches!(&error, MigrationError::Statement { .. }),
        "{error}"
    );
    let invalid = "SELECT count(*) FROM pg_index WHERE indexrelid = 'atelier.job_lane'::regclass AND NOT indisvalid";
    assert_eq!(platform.number(invalid).await, 1, "PostgreSQL leaves it");
    platform.run("TRUNCATE atelier.job CASCADE").await;
    let settled = Resolution::RolledBack("9000_index".to_owned());
    resolve(&platform.db, &of(folder.path()), &settled)
        .await
        .unwrap();
    up_with(&platform.db, &of(folder.path()), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(platform.number(invalid).await, 0);
}

#[tokio::test]
async fn a_lock_that_is_never_free_ends_the_run_with_its_holder_and_the_next_run_goes_on() {
    let mut platform = Platform::full().await;
    let options = Options {
        lock_timeout: Duration::from_millis(50),
        patience: Duration::from_millis(500),
        ..super::platform::small()
    };
    platform
        .run(r#"BEGIN; SELECT 1 FROM "Brand" LIMIT 1"#)
        .await;
    let error = error_of(&platform, &options).await;
    let MigrationError::Busy { place, holders, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(place, "step \"expand\"");
    assert!(holders.contains(r#"SELECT 1 FROM "Brand""#), "{holders}");
    assert!(error.is_transient());
    platform.run("COMMIT").await;
    assert!(
        up_with(&platform.db, &options, &mut |_| {})
            .await
            .unwrap()
            .applied
            > 0
    );
}
