//! A whole process: start, readiness file, signals, exit codes. The test binary runs itself again as
//! the role, so nothing extra is built.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::Value;
use service::{BoxError, CommonArgs, Context, Ready, Role, run, try_parse_from};

use crate::support::PATIENCE;

/// Set in the child only: what the role is to do.
const BEHAVIOUR: &str = "SERVICE_TEST_BEHAVIOUR";

#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    common: CommonArgs,
}

/// Not a test of its own: the child process. Without its variable it does nothing.
#[test]
#[ignore = "the other tests run it as a child process"]
fn role() {
    let Ok(behaviour) = std::env::var(BEHAVIOUR) else {
        return;
    };
    let arguments = [OsString::from("sample")];
    let settings: Settings =
        try_parse_from(arguments, "127.0.0.1:0").unwrap_or_else(|error| error.exit());
    let role = Role {
        name: "sample",
        version: "1.2.3",
    };
    let code = run(role, &settings.common, async |context| {
        start(context, &behaviour).await
    });
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

#[derive(Debug, thiserror::Error)]
#[error("no database")]
struct NoDatabase(#[source] std::io::Error);

async fn start(context: Context, behaviour: &str) -> Result<Ready, BoxError> {
    let soft = context.shutdown().soft();
    match behaviour {
        "serve" => context
            .tasks()
            .spawn_essential("serve", async move { soft.cancelled().await }),
        "hang" => context
            .tasks()
            .spawn_essential("hang", std::future::pending::<()>()),
        "start-fails" => return Err(NoDatabase(std::io::Error::other("refused")).into()),
        "task-fails" => {
            let task = async { Err(NoDatabase(std::io::Error::other("reset"))) };
            context.tasks().spawn("renew", task);
        }
        "start-hangs" => {
            tracing::info!("starting slowly");
            std::future::pending::<()>().await;
        }
        other => panic!("unknown behaviour {other}"),
    }
    Ok(Ready::new().with("url", "http://127.0.0.1:1234"))
}

/// A running child with its own folder; killed if a test fails.
struct Process {
    child: Child,
    folder: tempfile::TempDir,
}

impl Process {
    fn start(behaviour: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["process::role", "--exact", "--ignored", "--nocapture"])
            .env(BEHAVIOUR, behaviour)
            .env("ATELIER_READY_FILE", folder.path().join("ready.json"))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn ready_file(&self) -> PathBuf {
        self.folder.path().join("ready.json")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Every complete line of the log, which must be JSON.
    fn lines(&self) -> Vec<Value> {
        let log = self.log();
        log.lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    fn wait_until(&mut self, what: &str, mut predicate: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !predicate(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "never happened: {what}; log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_log(&mut self, text: &str) {
        self.wait_until(text, |process| process.log().contains(text));
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }

    fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        self.wait_until("the exit", |process| {
            status = process.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone after a test that passed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

#[test]
fn a_role_announces_itself_and_ends_in_order_on_sigterm() {
    let mut process = Process::start("serve", &[]);
    process.wait_until("the ready file", |process| process.ready_file().exists());
    let text = std::fs::read_to_string(process.ready_file()).unwrap();
    let ready: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(ready["role"], "sample");
    assert_eq!(ready["pid"], process.child.id());
    assert_eq!(ready["url"], "http://127.0.0.1:1234");
    assert!(
        ready["admin_url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:")
    );

    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(0), "{}", process.log());
    assert!(!process.ready_file().exists());
    let lines = process.lines();
    let messages: Vec<_> = lines.iter().map(message).collect();
    assert_eq!(messages, ["ready", "draining", "stopped"]);
    let announced: Value = serde_json::from_str(lines[0]["addresses"].as_str().unwrap()).unwrap();
    assert_eq!(announced, ready);
    assert_eq!(lines[1]["reason"], "received SIGTERM");
}

#[test]
fn the_end_of_the_grace_period_cuts_off_what_hangs_and_fails() {
    let mut process = Process::start("hang", &[("ATELIER_SHUTDOWN_GRACE_SECONDS", "0")]);
    process.wait_for_log("\"ready\"");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(1));
    let last = process.lines().pop().unwrap();
    assert_eq!(last["error"], "cut off by the shutdown: hang");
}

#[test]
fn a_second_signal_does_not_wait_for_the_grace_period() {
    let mut process = Process::start("hang", &[("ATELIER_SHUTDOWN_GRACE_SECONDS", "3600")]);
    process.wait_for_log("\"ready\"");
    process.signal("INT");
    process.wait_for_log("received SIGINT");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(1));
}

#[test]
fn a_failed_start_is_logged_once_with_its_chain_and_fails() {
    let mut process = Process::start("start-fails", &[]);
    assert_eq!(process.exit_code(), Some(1));
    assert_eq!(
        process.log().matches("no database: refused").count(),
        1,
        "{}",
        process.log()
    );
    assert!(!process.ready_file().exists());
}

#[test]
fn a_task_that_dies_fails_the_process_and_is_named() {
    let mut process = Process::start("task-fails", &[]);
    assert_eq!(process.exit_code(), Some(1));
    let last = process.lines().pop().unwrap();
    assert_eq!(last["error"], "task renew failed");
    assert_eq!(
        process.log().matches("no database: reset").count(),
        1,
        "{}",
        process.log()
    );
}

#[test]
fn a_signal_during_the_start_ends_it() {
    let mut process = Process::start("start-hangs", &[]);
    process.wait_for_log("starting slowly");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(0), "{}", process.log());
    assert!(!process.ready_file().exists());
}

#[test]
fn a_misspelt_variable_is_refused_at_the_start_with_code_2() {
    let mut process = Process::start("serve", &[("ATELIER_LOG_FORMATT", "json")]);
    assert_eq!(process.exit_code(), Some(2));
    let log = process.log();
    assert!(
        log.contains("ATELIER_LOG_FORMATT (did you mean ATELIER_LOG_FORMAT?)"),
        "{log}"
    );
}

#[test]
fn a_misspelt_variable_is_named_before_any_other_wrong_setting() {
    let wrong = [
        ("ATELIER_LOGG", "info"),
        ("ATELIER_SHUTDOWN_GRACE_SECONDS", "soon"),
    ];
    let mut process = Process::start("serve", &wrong);
    assert_eq!(process.exit_code(), Some(2));
    let log = process.log();
    assert!(
        log.contains("ATELIER_LOGG") && !log.contains("soon"),
        "{log}"
    );
}

#[test]
fn a_log_filter_that_does_not_parse_is_refused_by_its_text() {
    let mut process = Process::start("serve", &[("ATELIER_LOG", "service=loudest")]);
    assert_eq!(process.exit_code(), Some(1));
    assert!(
        process.log().contains("\"service=loudest\""),
        "{}",
        process.log()
    );
}
