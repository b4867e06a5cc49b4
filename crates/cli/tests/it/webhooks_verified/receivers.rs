//! The receivers that docs/webhooks.md shows, as they stand there.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use testkit::foreign::{node_env, python_env};
use testkit::{GuardSpec, Guarded, Log, wait};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::*;

#[path = "../../../../../docs/webhooks/receive.rs"]
mod receive;

fn shown(file: &str) -> std::path::PathBuf {
    crate::processes::root().join("docs/webhooks").join(file)
}

#[test]
fn the_document_shows_the_files_that_are_tested() {
    let text = fs::read_to_string(crate::processes::root().join("docs/webhooks.md")).unwrap();
    for (language, file) in [
        ("python", "receive.py"),
        ("js", "receive.cjs"),
        ("rust", "receive.rs"),
    ] {
        let code = fs::read_to_string(shown(file)).unwrap();
        let block = format!("```{language}\n{code}```\n");
        assert!(text.contains(&block), "{file} differs from the document");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A receiver that runs; dropping it ends it.
enum Running {
    Program { _process: Guarded },
    Tasks { _serving: JoinSet<()> },
}

async fn run(language: &str, port: u16, secret: &str, log: &Path) -> Running {
    let spec = match language {
        "python" => {
            let environment = python_env("webhooks-python").unwrap();
            GuardSpec::new(environment.python()).args([shown("receive.py")])
        }
        "node" => {
            let packages = node_env("webhooks-node")
                .unwrap()
                .folder()
                .join("node_modules");
            GuardSpec::new("node")
                .args([shown("receive.cjs")])
                .env("NODE_PATH", packages)
        }
        _ => {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
                .await
                .unwrap();
            let router = receive::router(secret);
            let mut tasks = JoinSet::new();
            tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
            return Running::Tasks { _serving: tasks };
        }
    };
    let mut spec = spec
        .env("WEBHOOK_SECRET", secret)
        .env("PORT", port.to_string());
    spec.log = Log::File(log.to_owned());
    let program = Guarded::spawn(&spec).unwrap();
    wait::until(
        &format!("the receiver in {language} listens"),
        PATIENCE,
        async || TcpStream::connect(("127.0.0.1", port)).await.is_ok(),
    )
    .await
    .unwrap_or_else(|error| panic!("{error}: {:?}", fs::read_to_string(log)));
    Running::Program { _process: program }
}

/// The last try of a message, once there are so many.
async fn tried(scene: &Scene, endpoint: &Endpoint, message: &str, tries: usize) -> Value {
    let path = endpoint.path(&format!("/deliveries/{message}"));
    wait::until_some(
        &format!("{tries} tries of {message}"),
        PATIENCE,
        async || {
            let told = scene.get(&path).await;
            let attempts = told["attempts"].as_array().unwrap();
            (attempts.len() >= tries).then(|| attempts[0].clone())
        },
    )
    .await
    .unwrap()
}

async fn test(scene: &Scene, endpoint: &Endpoint) -> String {
    let tested = scene.post(&endpoint.path("/test"), json!({})).await;
    tested["id"].as_str().unwrap().to_owned()
}

/// Takes what is signed with its secret, once; refuses what is signed with another.
async fn try_receiver(language: &str) {
    let scene = Scene::start().await;
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/hook");
    let endpoint = scene.endpoint("/", json!({ "url": url })).await;
    let log = scene.cluster.folder.path().join("receiver.log");
    let running = run(language, port, &endpoint.secret, &log).await;

    let message = test(&scene, &endpoint).await;
    assert_eq!(
        tried(&scene, &endpoint, &message, 1).await["status_code"],
        204
    );
    let again = endpoint.path(&format!("/deliveries/{message}/resend"));
    scene.post(&again, json!({})).await;
    assert_eq!(
        tried(&scene, &endpoint, &message, 2).await["status_code"],
        204
    );
    if let Running::Program { .. } = running {
        let said = fs::read_to_string(&log).unwrap();
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("webhook.test"))
            .collect();
        assert_eq!(lines.len(), 1, "told twice, done once: {said}");
    }

    let rotate = endpoint.path("/rotate");
    scene.post(&rotate, json!({ "overlap_seconds": 0 })).await;
    // The lane reads the new secret within a second.
    wait::until(
        "what another secret signed is refused",
        PATIENCE,
        async || {
            let message = test(&scene, &endpoint).await;
            tried(&scene, &endpoint, &message, 1).await["status_code"] == 400
        },
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_in_python_does_each_message_once_and_refuses_a_wrong_signature() {
    try_receiver("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_in_node_does_each_message_once_and_refuses_a_wrong_signature() {
    try_receiver("node").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_in_rust_takes_what_is_signed_and_refuses_a_wrong_signature() {
    try_receiver("rust").await;
}
