//! The real program: settings, signals, exit codes.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use domain::GenerationId;
use secrecy::ExposeSecret;
use store::recovery::recover_dead_sessions;
use testkit::wait;

use crate::world::{PATIENCE, World};

pub struct Program(pub Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    pub async fn exit(&mut self) -> ExitStatus {
        wait::until_some("the program has ended", PATIENCE, async || {
            self.0.try_wait().unwrap()
        })
        .await
        .unwrap()
    }
}

pub fn command(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    let args = &world.args;
    command
        .env_clear()
        .env(
            "ATELIER_DATABASE_URL",
            args.database.database_url.expose_secret(),
        )
        .env("ATELIER_REDIS_URL", args.queue.redis_url.expose_secret())
        .env("ATELIER_REDIS_KEY_PREFIX", &args.queue.redis_key_prefix)
        .env("ATELIER_OBJECT_STORE", &args.objects.object_store)
        .env("ATELIER_ADMIN_LISTEN", "127.0.0.1:0")
        .env("ATELIER_LOG", "warn")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

async fn started(world: &World, ready: &Path, latency_ms: u32) -> Program {
    let program = command(world)
        .env("ATELIER_READY_FILE", ready)
        .env("ATELIER_SYNTHETIC_LATENCY_MS", latency_ms.to_string())
        .spawn()
        .unwrap();
    let program = Program(program);
    wait::until("the program is ready", PATIENCE, async || ready.exists())
        .await
        .unwrap();
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_works_until_sigterm_and_then_exits_with_zero() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut program = started(&world, &folder.path().join("ready.json"), 0).await;
    // The program has the machine's clock, so the job must be due by it.
    world.clock.set(chrono::Utc::now());
    let id = world.submit(&world.request("synthetic")).await;
    world.until_state(id, "done").await;
    program.signal("TERM");
    assert_eq!(program.exit().await.code(), Some(0));
    let open = "SELECT count(*) FROM atelier.worker_session WHERE ended_at IS NULL";
    assert_eq!(world.number(open, &[]).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_whose_session_was_declared_dead_exits_with_a_failure() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut program = started(&world, &folder.path().join("ready.json"), 0).await;
    world
        .execute("UPDATE atelier.worker_session SET ended_at = now()", &[])
        .await;
    assert_eq!(program.exit().await.code(), Some(1));
}

/// Ten minutes: a provider that answers long after the test.
const NEVER_MS: u32 = 600_000;

/// Jobs that the program has sent to its provider.
async fn sent_jobs(world: &World, count: usize) -> Vec<GenerationId> {
    // The program has the machine's clock, so the jobs must be due by it.
    world.clock.set(chrono::Utc::now());
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.submit(&world.request("synthetic")).await);
    }
    let sent = "SELECT count(*) FROM atelier.attempt WHERE state = 'submitting'";
    wait::until("all jobs are sent", PATIENCE, async || {
        world.number(sent, &[]).await == count as i64
    })
    .await
    .unwrap();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jobs_of_a_killed_program_are_done_once_by_another() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut killed = started(&world, &folder.path().join("1.json"), NEVER_MS).await;
    let ids = sent_jobs(&world, 8).await;
    killed.signal("KILL");
    killed.exit().await;
    let expire = "UPDATE atelier.worker_session SET expires_at = now() - interval '1 s'";
    world.execute(expire, &[]).await;
    let now = chrono::Utc::now();
    world.clock.set(now);
    let recovered = recover_dead_sessions(&world.db, now).await.unwrap();
    assert_eq!(recovered.waiting.len(), 8);
    let _heir = started(&world, &folder.path().join("2.json"), 0).await;
    world.dispatch(&ids).await;
    world.until_ended().await;
    let done = "SELECT count(*) FROM atelier.job WHERE state = 'done'";
    let usage = r#"SELECT count(*) FROM "UsageRecord""#;
    assert_eq!(
        (
            world.number(done, &[]).await,
            world.number(usage, &[]).await
        ),
        (8, 8)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_hands_the_jobs_back_and_ends_the_program_at_once() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let mut program = started(&world, &ready, NEVER_MS).await;
    let ids = sent_jobs(&world, 2).await;
    // Two different signals: two of the same kind may arrive as one.
    program.signal("TERM");
    program.signal("INT");
    assert_eq!(program.exit().await.code(), Some(1));
    for id in ids {
        assert_eq!(world.state(id).await, "waiting");
    }
    let crashes = "SELECT sum(crashes)::bigint FROM atelier.job";
    assert_eq!(world.number(crashes, &[]).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_wrong_end_the_program_with_their_name() {
    let world = World::new().await;
    for (name, value, said) in [
        ("ATELIER_WORKER_SLOTS", "0", "--slots"),
        ("ATELIER_WORKER_SLOT", "4", "ATELIER_WORKER_SLOT"),
        ("ATELIER_RETRY_BASE_MS", "400000", "--retry-base-ms"),
        ("ATELIER_OBJECT_STORE", "ftp://pictures", "--object-store"),
    ] {
        let mut command = command(&world);
        let output = command
            .env(name, value)
            .env("ATELIER_LOG", "error")
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(said),
            "{name}: {error}"
        );
    }
}
