//! A brand's key goes into one header and nowhere else: not even where the provider repeats it.

use std::process::Stdio;

use domain::BrandId;
use secrecy::SecretString;
use store::provider_keys::{self, NewProviderKey};
use testkit::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::process::{Program, command};
use crate::world::{PATIENCE, World};

const SECRET: &str = "sk-proj-THIS-KEY-MUST-APPEAR-NOWHERE-7391";
const MASTER: &str = "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// An API that refuses every key and repeats it in its answer. Gives its address and what it was sent.
async fn gossip() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let (heard, hear) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let size = stream.read(&mut request).await.unwrap_or(0);
            let _ = heard.send(String::from_utf8_lossy(&request[..size]).into_owned());
            let body = format!(
                r#"{{"error":{{"message":"Incorrect API key provided: {SECRET}","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}}}"#
            );
            let head = format!(
                "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\nx-request-id: {SECRET}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    (address, hear)
}

fn holds(bytes: &[u8]) -> bool {
    bytes
        .windows(SECRET.len())
        .any(|window| window == SECRET.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_is_in_no_row_stream_log_metric_or_file() {
    let world = World::new().await;
    let new = NewProviderKey {
        id: Uuid::now_v7(),
        brand: Some(BrandId::from("brand_1")),
        provider: "openai".to_owned(),
        name: "own".to_owned(),
        secret: SecretString::from(SECRET),
    };
    let master = MASTER.parse().unwrap();
    provider_keys::add(&world.db, chrono::Utc::now(), &master, &new)
        .await
        .unwrap();
    let (address, mut heard) = gossip().await;
    let folder = tempfile::tempdir().unwrap();
    let (ready, log) = (folder.path().join("ready.json"), folder.path().join("log"));
    let file = std::fs::File::create(&log).unwrap();
    let mut program = Program(
        command(&world)
            .env("ATELIER_LOG", "trace")
            .env("ATELIER_READY_FILE", &ready)
            .env("ATELIER_OPENAI_BASE_URL", &address)
            .env("ATELIER_SEALING_KEYS", MASTER)
            .stdout(Stdio::from(file.try_clone().unwrap()))
            .stderr(Stdio::from(file))
            .spawn()
            .unwrap(),
    );
    wait::until("the program is ready", PATIENCE, async || ready.exists())
        .await
        .unwrap();
    world.clock.set(chrono::Utc::now());
    let mut request = world.request("openai");
    request.model = "auto".to_owned();
    let id = world.submit(&request).await;
    world.until_state(id, "failed").await;
    let call = heard.recv().await.unwrap();
    assert!(
        call.contains(&format!("Bearer {SECRET}")),
        "the key was used"
    );

    let admin = std::fs::read_to_string(&ready).unwrap();
    let admin: serde_json::Value = serde_json::from_str(&admin).unwrap();
    let metrics = metrics(&admin.to_string()).await;
    assert!(metrics.contains("atelier_provider_calls_total"), "{admin}");
    assert!(!holds(metrics.as_bytes()), "metrics");
    assert!(!holds(&world.database_bytes().await), "database");
    assert!(!holds(&world.redis_bytes().await), "redis");
    program.signal("TERM");
    assert!(program.exit().await.success());
    let log = std::fs::read(&log).unwrap();
    assert!(log.len() > 1_000 && !holds(&log), "log");
}

/// The metrics page of whatever listens at an address that the ready file names.
async fn metrics(ready: &str) -> String {
    let from = ready.find("127.0.0.1:").unwrap();
    let address: String = ready[from..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
        .collect();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}
