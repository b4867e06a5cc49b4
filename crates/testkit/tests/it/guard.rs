use std::time::Duration;

use testkit::{Exit, GuardSpec, Guarded, Log, Signal, wait};

use crate::observe::{PATIENCE, is_alive, look_at, wait_until_dead};

fn shell(script: &str) -> GuardSpec {
    GuardSpec::new("sh").args(["-c", script])
}

#[tokio::test]
async fn the_exit_status_of_the_program_is_reported() {
    let guarded = Guarded::spawn(&shell("exit 7")).unwrap();
    assert_eq!(guarded.exited().await, Exit::Status(7));
    assert_eq!(guarded.exit(), Some(Exit::Status(7)));
}

#[tokio::test]
async fn a_program_that_does_not_exist_ends_with_127() {
    let guarded = Guarded::spawn(&GuardSpec::new("/nowhere/to/be found")).unwrap();
    assert_eq!(guarded.exited().await, Exit::Status(127));
}

#[tokio::test]
async fn the_reported_process_is_the_program_itself() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut spec = shell("echo $$; exec sleep 600");
    spec.log = Log::File(log.path().to_owned());
    let mut guarded = Guarded::spawn(&spec).unwrap();
    let said = wait::until_some("the program has said its number", PATIENCE, async || {
        let text = std::fs::read_to_string(log.path()).unwrap();
        text.trim().parse::<u32>().ok()
    });
    assert_eq!(said.await.unwrap(), guarded.pid());
    assert!(is_alive(guarded.pid()));
    assert_eq!(guarded.exit(), None);
    assert_eq!(guarded.kill9().await.unwrap(), Exit::Status(128 + 9));
    assert!(!is_alive(guarded.pid()));
}

#[tokio::test]
async fn arguments_and_environment_arrive_unchanged() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut spec = shell(r#"printf '%s|' "$0" "$@" "$WITH_SPACES""#)
        .args(["", "a b", "$HOME", "it's", "-x\ny"])
        .env("WITH_SPACES", " one  two ");
    spec.log = Log::File(log.path().to_owned());
    let guarded = Guarded::spawn(&spec).unwrap();
    assert_eq!(guarded.exited().await, Exit::Status(0));
    let text = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(text, "|a b|$HOME|it's|-x\ny| one  two |");
}

#[tokio::test]
async fn drop_stops_the_program_and_removes_its_folder() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("with spaces");
    let mut spec = shell("echo data > file; exec sleep 600");
    spec.dir = Some(dir.clone());
    spec.current_dir = Some(parent.path().to_owned());
    let guarded = Guarded::spawn(&spec).unwrap();
    let pid = guarded.pid();
    assert!(dir.is_dir());
    drop(guarded);
    assert!(!is_alive(pid));
    assert!(!dir.exists());
}

#[tokio::test]
async fn a_program_that_ignores_the_stop_signal_is_killed_after_the_grace() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut spec = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    spec.log = Log::File(log.path().to_owned());
    spec.grace = Duration::from_millis(300);
    let mut guarded = Guarded::spawn(&spec).unwrap();
    wait::until("the program ignores TERM", PATIENCE, async || {
        std::fs::read_to_string(log.path())
            .unwrap()
            .contains("ready")
    })
    .await
    .unwrap();
    assert_eq!(guarded.stop().await.unwrap(), Exit::Status(128 + 9));
}

#[tokio::test]
async fn the_stop_signal_reaches_a_program_that_drains() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut spec =
        shell("trap 'echo drained; exit 3' TERM; echo ready; while :; do sleep 0.02; done");
    spec.log = Log::File(log.path().to_owned());
    let mut guarded = Guarded::spawn(&spec).unwrap();
    wait::until("the program has its handler", PATIENCE, async || {
        std::fs::read_to_string(log.path())
            .unwrap()
            .contains("ready")
    })
    .await
    .unwrap();
    assert_eq!(guarded.stop().await.unwrap(), Exit::Status(3));
    assert!(
        std::fs::read_to_string(log.path())
            .unwrap()
            .contains("drained")
    );
}

#[tokio::test]
async fn a_frozen_program_is_stopped_all_the_same() {
    let mut guarded = Guarded::spawn(&GuardSpec::new("sleep").args(["600"])).unwrap();
    guarded.signal(Signal::Stop).unwrap();
    assert_eq!(guarded.stop().await.unwrap(), Exit::Status(128 + 15));
}

#[tokio::test]
async fn the_program_is_in_another_process_group_than_we_are() {
    let guarded = Guarded::spawn(&GuardSpec::new("sleep").args(["600"])).unwrap();
    let group_of = |pid| look_at(pid).unwrap().group;
    assert_ne!(group_of(guarded.pid()), group_of(std::process::id()));
}

#[tokio::test]
async fn a_program_dies_even_when_its_guard_was_killed_first() {
    let guarded = Guarded::spawn(&GuardSpec::new("sleep").args(["600"])).unwrap();
    let pid = guarded.pid();
    let guard = look_at(pid).unwrap().parent.to_string();
    let killed = std::process::Command::new("sh")
        .args(["-c", "kill -9 $0", &guard])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(guarded.exited().await, Exit::Unseen);
    drop(guarded);
    wait_until_dead(pid).await;
}
