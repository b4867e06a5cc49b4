//! `atelier migrate` on the database of an older platform, as a program that may be killed.

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use testkit::TestDatabase;
use uuid::Uuid;

use crate::processes::{command, root};

/// How often the migrating process is killed.
const KILLS: u32 = 30;

/// The platform's tables with years of rows, cloned from a template.
async fn old_platform() -> TestDatabase {
    let folder = root().join("migrations");
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let statements = text("0001_baseline.sql") + &text("samples/old_platform.sql");
    TestDatabase::create(&statements, async |url| {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        let work = client.batch_execute(&statements);
        tokio::select! {
            done = work => done,
            ended = connection => ended,
        }
    })
    .await
    .unwrap()
}

fn migrate(url: &str, arguments: &[&str]) -> Command {
    let mut command = command();
    command
        .arg("migrate")
        .args(arguments)
        .args(["--database-url", url]);
    command
}

fn run(url: &str, arguments: &[&str]) -> Output {
    migrate(url, arguments).output().unwrap()
}

fn good(url: &str, arguments: &[&str]) -> serde_json::Value {
    let output = run(url, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Everything that is in the database, as sorted lines: without the times of the history, and with the
/// random secrets blanked.
fn everything(url: &str) -> Vec<String> {
    let dumped = Command::new("pg_dump")
        .args([
            "--column-inserts",
            "--rows-per-insert=1",
            "--exclude-table-data=atelier.migration*",
            url,
        ])
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    let text = String::from_utf8(dumped.stdout).unwrap();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| !line.starts_with('\\'))
        .map(|line| match line.split_once("'whsec_") {
            Some((before, secret)) => {
                let after = secret.split_once('\'').unwrap().1;
                format!("{before}'whsec_'{after}")
            }
            None => line.to_owned(),
        })
        .collect();
    lines.sort();
    lines
}

fn begin(url: &str) -> Child {
    migrate(url, &["up", "--batch-rows", "100"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn killed_at_any_moment_it_ends_as_if_nothing_had_happened() {
    let reference = old_platform().await;
    let began = std::time::Instant::now();
    good(reference.url(), &["up", "--batch-rows", "100"]);
    let whole_ms = u64::try_from(began.elapsed().as_millis()).unwrap().max(200);
    let expected = everything(reference.url());
    assert!(expected.len() > 15_000);

    let (mut kills, mut ends) = (0, 0);
    while kills < KILLS {
        let database = old_platform().await;
        // Up to eight kills of one move, so that some meet a run that goes on behind another one.
        let mut finished = false;
        for _ in 0..8 {
            let mut child = begin(database.url());
            let chance = u64::from_be_bytes(Uuid::new_v4().as_bytes()[8..].try_into().unwrap());
            tokio::time::sleep(Duration::from_millis(chance % (whole_ms / 2))).await;
            if child.try_wait().unwrap().is_some() {
                finished = true;
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        let last = good(database.url(), &["up", "--batch-rows", "100"]);
        assert!(!finished || last["applied"] == 0, "{last}");
        assert_eq!(everything(database.url()), expected, "after {kills} kills");
        ends += 1;
    }
    assert!(ends >= 3, "{ends}");
}

#[tokio::test]
async fn a_backup_restores_to_the_same_and_is_never_overwritten() {
    let database = old_platform().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.dump");
    let path = file.to_str().unwrap();
    let made = good(database.url(), &["backup", "--out", path]);
    assert_eq!(
        (made["rows"].as_i64(), made["restored"].as_bool()),
        (Some(8008), Some(true))
    );
    let again = run(database.url(), &["backup", "--out", path]);
    assert!(
        !again.status.success() && told(&again).contains("never overwritten"),
        "{again:?}"
    );

    let empty = TestDatabase::empty().await.unwrap();
    let restored = Command::new("pg_restore")
        .args(["--exit-on-error", "--dbname", empty.url(), path])
        .output()
        .unwrap();
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(everything(empty.url()), everything(database.url()));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "no unverified file is left");
}

#[tokio::test]
async fn the_whole_way_is_planned_told_and_verified() {
    let database = old_platform().await;
    let url = database.url();
    let plan = good(url, &["plan"]);
    assert_eq!(plan["migrations"][0]["action"], "adopt");
    assert_eq!(plan["migrations"][1]["action"], "move");
    assert_eq!(plan["migrations"][1]["changes"][0]["rows"], 1000);
    let held = good(url, &["up", "--before-contract"]);
    assert_eq!(
        (held["held"].as_bool(), held["applied"].as_i64()),
        (Some(true), Some(0))
    );
    let status = good(url, &["status"]);
    let steps = status[1]["steps"].as_array().unwrap();
    assert_eq!(status[1]["applied"], false);
    assert!(
        steps
            .iter()
            .any(|step| step["step"] == "deliveries" && step["rows_done"] == 5000)
    );
    let up = run(url, &["up"]);
    assert!(
        up.status.success() && told(&up).contains("contract"),
        "{up:?}"
    );
    let verified = good(url, &["verify"]);
    assert_eq!(verified["public"]["faults"].as_array().unwrap().len(), 0);
    good(url, &["down"]);
    assert!(good(url, &["up"])["applied"].as_i64() == Some(1));

    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let damage = client.batch_execute(
        r#"ALTER TABLE "Generation" ALTER COLUMN quality DROP NOT NULL; DROP INDEX atelier.job_deadline"#,
    );
    tokio::select! { done = damage => done.unwrap(), ended = connection => ended.unwrap() }
    let differs = run(url, &["verify"]);
    let text = String::from_utf8_lossy(&differs.stdout).into_owned();
    assert_eq!(differs.status.code(), Some(1));
    assert!(
        text.contains("column \"Generation\".quality is: text; expected: text NOT NULL"),
        "{text}"
    );
    assert!(text.contains("index job_deadline is missing"), "{text}");
}

#[tokio::test]
async fn a_stray_line_and_a_failed_statement_are_told_with_their_place_and_settled() {
    let database = TestDatabase::empty().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root().join("migrations")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "sql") {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let dir = folder.path().to_str().unwrap();
    let last = folder.path().join("9000_last.sql");
    std::fs::write(&last, "SELECT 1;\n> prisma migrate diff\n").unwrap();
    let stray = run(database.url(), &["up", "--migrations", dir]);
    assert_eq!(stray.status.code(), Some(1));
    assert!(
        told(&stray).contains("9000_last.sql, line 2: this is not SQL: \"> prisma migrate diff\""),
        "{stray:?}"
    );

    std::fs::write(&last, "SELECT 1;\n\nSELECT 1 / 0;\n").unwrap();
    let failed = run(database.url(), &["up", "--migrations", dir]);
    let text = told(&failed);
    assert!(
        text.contains("9000_last.sql line 3") && text.contains("SELECT 1 / 0"),
        "{text}"
    );
    assert!(text.contains("division by zero"), "{text}");
    let status = run(database.url(), &["status", "--migrations", dir]);
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&status.stdout).contains("FAILED"));
    let again = run(database.url(), &["up", "--migrations", dir]);
    assert!(
        told(&again).contains("resolve --rolled-back 9000_last"),
        "{again:?}"
    );
    std::fs::write(&last, "SELECT 1;\n").unwrap();
    good(
        database.url(),
        &["resolve", "--rolled-back", "9000_last", "--migrations", dir],
    );
    assert_eq!(
        good(database.url(), &["up", "--migrations", dir])["applied"],
        1
    );

    std::fs::write(&last, "SELECT 2;\n").unwrap();
    let changed = run(database.url(), &["up", "--migrations", dir]);
    assert!(
        told(&changed).contains("9000_last was applied with another text"),
        "{changed:?}"
    );
}
