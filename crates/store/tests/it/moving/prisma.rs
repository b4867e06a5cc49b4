//! A Prisma client generated for the models, and npm's `pg`, read and write every table.
//!
//! Prisma 6 with `engineType = "client"` and `@prisma/adapter-pg` runs on what npm alone delivers: its
//! query compiler is WebAssembly in the package. Only `prisma generate` asks for the native schema engine
//! although it does not use it, so it is told of a program that does nothing.

use std::process::{Command, Output};

use super::platform::Platform;

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{output:?}");
    output
}

#[tokio::test]
async fn a_generated_prisma_client_reads_what_was_moved_and_writes_every_table() {
    let platform = Platform::full().await;
    platform.up().await;
    let node = testkit::foreign::node_env("prisma").unwrap();
    // Below the packages' folder, because that is where Prisma looks for them.
    let folder = tempfile::tempdir_in(node.folder()).unwrap();
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prisma");
    let schema = folder.path().join("schema.prisma");
    std::fs::copy(format!("{sources}/schema.prisma"), &schema).unwrap();
    succeed(
        node.command(node.folder().join("node_modules/prisma/build/index.js"))
            .args(["generate", "--schema"])
            .arg(&schema)
            .env("PRISMA_SCHEMA_ENGINE_BINARY", "/bin/true")
            .env("PRISMA_HIDE_UPDATE_MESSAGE", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .env("DATABASE_URL", platform.database.url()),
    );
    let output = succeed(
        node.command(format!("{sources}/round_trip.js"))
            .arg(folder.path().join("client"))
            .env("DATABASE_URL", platform.database.url()),
    );
    let moved: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (model, rows) in [
        ("Brand", 5),
        ("Product", 1000),
        ("Webhook", 40),
        ("WebhookLog", 6700),
        ("ClientSettings", 2),
        ("ApiKey", 3),
        ("Generation", 0),
    ] {
        assert_eq!(moved[model], rows, "{model}");
    }
}
