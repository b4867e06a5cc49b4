//! The operator's commands on a real database.

use std::process::Output;

use testkit::TestDatabase;

use crate::processes::{command, root};

fn run(arguments: &[&str], database_url: &str) -> Output {
    command()
        .args(arguments)
        .env("ATELIER_DATABASE_URL", database_url)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn migrate_applies_once_and_status_says_so() {
    let database = TestDatabase::empty().await.unwrap();
    let before = run(&["migrate", "status"], database.url());
    assert!(out(&before).contains("pending"), "{before:?}");
    let first = run(&["migrate", "up", "--json"], database.url());
    assert!(first.status.success(), "{first:?}");
    let done: serde_json::Value = serde_json::from_str(&out(&first)).unwrap();
    assert!(done["applied"].as_u64().unwrap() >= 3, "{done}");
    let second = run(&["migrate", "up"], database.url());
    assert_eq!(out(&second), "nothing to apply\n");
    let after = run(&["migrate", "status"], database.url());
    assert!(!out(&after).contains("pending"), "{after:?}");
}

#[tokio::test]
async fn a_key_is_shown_once_and_the_list_does_not_hold_it() {
    let database = TestDatabase::empty().await.unwrap();
    assert!(run(&["migrate", "up"], database.url()).status.success());
    let brand = run(
        &["brand", "create", "brand_1", "--name", "One"],
        database.url(),
    );
    assert_eq!(out(&brand), "brand_1 created\n");
    let made = run(
        &["key", "create", "--brand", "brand_1", "--kind", "secret"],
        database.url(),
    );
    let made: serde_json::Value = serde_json::from_str(&out(&made)).unwrap();
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("sk_") && key.len() == 35, "{key}");
    let list = out(&run(&["key", "list", "--brand", "brand_1"], database.url()));
    assert!(
        list.contains(&key[key.len() - 4..]) && !list.contains(key),
        "{list}"
    );
    let id = made["id"].as_str().unwrap();
    assert!(run(&["key", "revoke", id], database.url()).status.success());
    let again = run(&["key", "revoke", id], database.url());
    assert_eq!(again.status.code(), Some(1), "{again:?}");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_named_with_the_setting_to_look_at() {
    let failed = run(&["migrate", "status"], "postgres://nobody@127.0.0.1:1/none");
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&failed.stderr).contains("--database-url"),
        "{failed:?}"
    );
}

#[test]
fn the_openapi_document_is_printed() {
    let printed = command().arg("openapi").output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/v1/generations"]["post"].is_object());
}

/// The variables a program takes, by its own word.
fn variables(command: &clap::Command) -> Vec<String> {
    let own = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str());
    own.map(str::to_owned)
        .chain(command.get_subcommands().flat_map(variables))
        .collect()
}

#[test]
fn the_list_of_all_settings_is_what_the_programs_take() {
    use clap::CommandFactory;
    let taken: std::collections::BTreeSet<String> = [
        api_lite::Config::command(),
        worker::WorkerArgs::command(),
        scheduler::SchedulerArgs::command(),
    ]
    .iter()
    .flat_map(variables)
    .collect();
    let scripts = [
        "ATELIER_BUILD_DATABASE_URL",
        "ATELIER_DEMO_PROFILE",
        "ATELIER_TEST_DATABASE_URL",
        "ATELIER_TEST_LAW_CASES",
        "ATELIER_TEST_QUOTA_REQUESTS",
        "ATELIER_TEST_REDIS_URL",
    ];
    let listed: std::collections::BTreeSet<String> = service::SETTINGS
        .iter()
        .filter(|name| !scripts.contains(name))
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(listed, taken);
}

#[tokio::test]
async fn every_migration_runs_on_the_rows_that_the_one_before_left() {
    let database = TestDatabase::empty().await.unwrap();
    let check = std::process::Command::new(root().join("migrations/samples/check"))
        .arg(database.url())
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}
