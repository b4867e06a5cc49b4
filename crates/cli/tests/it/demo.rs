//! `atelier demo` as a newcomer runs it.

use std::fs;
use std::process::{Child, Stdio};

use serde_json::Value;
use testkit::wait;

use crate::processes::{PATIENCE, command, entries, is_alive, is_listening, signal};

fn pids(ready: &Value) -> Vec<u32> {
    ready["pids"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(role, _)| *role != "demo")
        .flat_map(|(_, pids)| pids.as_array().unwrap())
        .map(|pid| u32::try_from(pid.as_u64().unwrap()).unwrap())
        .collect()
}

/// Starts a demonstration whose temporary files go below `temp`, and waits for its ready file.
async fn start(temp: &std::path::Path) -> (Child, Value) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(temp, fs::Permissions::from_mode(0o1777)).unwrap();
    let ready_file = temp.join("ready.json");
    let child = command()
        .arg("demo")
        .arg("--ready-file")
        .arg(&ready_file)
        .env("TMPDIR", temp)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ready = wait::until_some("the ready file", PATIENCE, async || {
        serde_json::from_str(&fs::read_to_string(&ready_file).ok()?).ok()
    })
    .await
    .unwrap();
    (child, ready)
}

/// Waits until nothing of a demonstration is left: processes, ports, files.
async fn nothing_is_left(ready: &Value, temp: &std::path::Path, allowed: &[&str]) {
    wait::until("every process to end", PATIENCE, async || {
        pids(ready).into_iter().all(|pid| !is_alive(pid))
    })
    .await
    .unwrap();
    wait::until("every file to go", PATIENCE, async || {
        entries(temp) == allowed
    })
    .await
    .unwrap();
    for url in ["api_url", "scheduler_url", "database_url", "redis_url"] {
        assert!(
            !is_listening(ready[url].as_str().unwrap()),
            "{url} is still open"
        );
    }
}

#[test]
fn once_writes_pictures_and_a_summary_of_one_generation_per_product() {
    let out = tempfile::tempdir().unwrap();
    let run = command()
        .args(["demo", "--once", "--out"])
        .arg(out.path())
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(out.path().join("summary.json")).unwrap())
            .unwrap();
    let generations = summary["generations"].as_array().unwrap();
    assert_eq!(generations.len(), 2);
    for generation in generations {
        assert_eq!(generation["state"], "COMPLETED");
        assert_eq!(generation["usage_records"], 1);
        assert!(generation["cost_micros"].as_i64().unwrap() > 0);
        assert!(
            generation["text"]
                .as_array()
                .unwrap()
                .iter()
                .any(|text| text == "Zoé & Léo")
        );
        assert!(
            generation["stages_ms"]
                .as_object()
                .unwrap()
                .contains_key("provider")
        );
        let outputs = generation["outputs"].as_array().unwrap();
        assert_eq!(outputs.len(), 2, "one full picture and one thumbnail");
        for output in outputs {
            let file = fs::read(out.path().join(output["file"].as_str().unwrap())).unwrap();
            assert_eq!(file.len() as u64, output["bytes"].as_u64().unwrap());
            let known = file.starts_with(b"\x89PNG") || file.starts_with(b"\xff\xd8\xff");
            assert!(known, "{output} is no picture");
        }
        let thumbnail = outputs
            .iter()
            .find(|output| output["variant"] == "thumbnail")
            .unwrap();
        assert_eq!(
            thumbnail["width"]
                .as_u64()
                .unwrap()
                .max(thumbnail["height"].as_u64().unwrap()),
            300
        );
    }
    assert!(summary["startup_ms"].as_u64().unwrap() > 0);
    assert!(
        summary["first_picture_ms"].as_u64().unwrap() >= summary["startup_ms"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn the_ready_file_names_everything_and_an_interrupt_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    let (mut child, ready) = start(temp.path()).await;
    for role in ["api-lite", "scheduler", "postgres", "redis"] {
        assert_eq!(ready["pids"][role].as_array().unwrap().len(), 1, "{role}");
    }
    assert_eq!(ready["pids"]["worker"].as_array().unwrap().len(), 2);
    assert!(pids(&ready).into_iter().all(is_alive));
    assert!(ready["secret_key"].as_str().unwrap().starts_with("sk_"));
    assert!(
        ready["publishable_key"]
            .as_str()
            .unwrap()
            .starts_with("pk_")
    );
    assert_eq!(ready["products"].as_array().unwrap().len(), 2);
    for product in ready["products"].as_array().unwrap() {
        let zones = product["zones"].as_array().unwrap();
        assert!(
            zones
                .iter()
                .any(|zone| zone["type"] == "TEXT" && zone["required"] == true)
        );
    }
    signal("INT", child.id());
    assert!(child.wait().unwrap().success());
    nothing_is_left(&ready, temp.path(), &[]).await;
}

#[tokio::test]
async fn killing_the_demonstration_leaves_no_process_no_port_and_no_folder_behind() {
    let temp = tempfile::tempdir().unwrap();
    let (mut child, ready) = start(temp.path()).await;
    signal("KILL", child.id());
    child.wait().unwrap();
    // Its own ready file is all that a killed process cannot remove.
    nothing_is_left(&ready, temp.path(), &["ready.json"]).await;
}

#[test]
fn once_without_out_is_refused_with_the_missing_flag() {
    let run = command().args(["demo", "--once"]).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("--out"));
}
