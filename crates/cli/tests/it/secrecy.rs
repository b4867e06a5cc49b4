//! Keys go into one header each and nowhere else. Whole jobs with the real programs, logging all they can,
//! while providers work, break, refuse and repeat the keys; then every byte that is left is searched.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use sandbox::{Fault, Mode, Provider};
use serde_json::json;
use sha2::{Digest, Sha256};
use testkit::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::cluster::Role;
use crate::processes::PATIENCE;
use crate::shop::Shop;

/// The platform's keys: two in settings, one sealed in the database.
const PLATFORM_OPENAI: &str = "sk-proj-PLATFORM-KEY-MUST-APPEAR-NOWHERE-1174";
const PLATFORM_STABILITY: &str = "sk-PLATFORM-REFUSED-MUST-APPEAR-NOWHERE-2285";
const PLATFORM_REPLICATE: &str = "r8_PLATFORM-SEALED-MUST-APPEAR-NOWHERE-3396";
/// The brand's own keys, all sealed.
const OWN_OPENAI: &str = "sk-proj-OWN-KEY-MUST-APPEAR-NOWHERE-7391";
const OWN_STABILITY: &str = "sk-OWN-REFUSED-MUST-APPEAR-NOWHERE-8402";
const OWN_REPLICATE: &str = "r8_OWN-KEY-MUST-APPEAR-NOWHERE-9513";
/// What seals them, as its setting has it.
const MASTER: &str = "k1:c2VhbGluZy1rZXktdGhhdC1hcHBlYXJzLW5vd2hlcmU=";
const CALLBACK: &str = "a callback secret that must appear nowhere, 4607";

/// An API that refuses every key and repeats it in its answer. Gives its address and what it was shown.
async fn gossip() -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (heard, hear) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 * 1024];
            let size = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..size]).into_owned();
            let key = request.split("Bearer ").nth(1).unwrap_or_default();
            let key = key.split("\r\n").next().unwrap_or_default().to_owned();
            let body = json!({"id": key, "name": key, "errors": [format!("no such key: {key}")]});
            let body = body.to_string();
            let answer = format!(
                "HTTP/1.1 401 {key}\r\ncontent-type: application/json\r\nx-request-id: {key}\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = heard.send(key);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, hear)
}

/// Everything that Redis is told from now on.
async fn monitor(port: u16) -> tokio::task::JoinHandle<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"MONITOR\r\n").await.unwrap();
    let mut first = [0; 5];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"+OK\r\n");
    tokio::spawn(async move {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all
    })
}

/// What may hold a key: the name of the place, and its bytes as text, which all forms of a key are.
type Place = (String, String);

fn place(name: impl Into<String>, bytes: &[u8]) -> Place {
    (name.into(), String::from_utf8_lossy(bytes).into_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A secret as it stands, in hexadecimal, and in base64 wherever in a longer text it begins.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let hex = hex(bytes);
    let mut forms = vec![secret.to_owned(), hex.to_uppercase(), hex];
    for (before, first) in [(0, 0), (1, 2), (2, 3)] {
        let shifted = [vec![0; before], bytes.to_vec()].concat();
        // Characters that the neighbours share are left out.
        let last = shifted.len() * 8 / 6;
        for engine in [&STANDARD, &URL_SAFE] {
            forms.push(engine.encode(&shifted)[first..last].to_owned());
        }
    }
    forms
}

/// Every file below a folder, with its name.
fn files(folder: &Path, all: &mut Vec<Place>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, all),
            false => all.push(place(path.to_string_lossy(), &fs::read(&path).unwrap())),
        }
    }
}

async fn page(role: &Role, path: &str) -> Place {
    let url = format!("{}{path}", role.admin_url());
    let body = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
    place(url, &body)
}

fn add_key(shop: &Shop, owner: &[&str], provider: &str, secret: &str) -> String {
    let what = ["provider", "key", "add"];
    let how = ["--provider", provider, "--name", "the key"];
    let arguments = [&what[..], owner, &how[..]].concat();
    let told = [("ATELIER_SEALING_KEYS", MASTER)];
    shop.cluster.atelier_told(&arguments, &told, secret)
}

async fn until_ended(shop: &Shop) {
    let open = "SELECT count(*) FROM atelier.job WHERE ended_at IS NULL";
    wait::until("every job has ended", PATIENCE, async || {
        shop.cluster.number(open).await == 0
    })
    .await
    .unwrap();
}

/// Orders at every provider, in calm and while something breaks.
async fn orders(shop: &Shop) -> Vec<String> {
    let mut ids = Vec::new();
    for faults in [
        vec![],
        vec![Fault::new(Mode::ErrorAfterBill).times(1)],
        vec![Fault::new(Mode::ResetAfterAccept).times(1)],
        vec![Fault::new(Mode::InvalidJson).times(1)],
    ] {
        shop.sandbox.faults().clear();
        for fault in faults {
            let both = [Provider::OpenAi, Provider::Replicate];
            for provider in both {
                shop.sandbox
                    .faults()
                    .push(fault.clone().of(provider))
                    .unwrap();
            }
        }
        for product in ["openai", "stability", "replicate"] {
            ids.extend(shop.order(product, 1).await);
        }
        until_ended(shop).await;
    }
    shop.sandbox.faults().clear();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_in_any_log_stream_metric_answer_row_or_file_of_any_role() {
    let (address, mut heard) = gossip().await;
    let loud = [
        ("ATELIER_LOG", "trace"),
        ("ATELIER_CALLBACK_SECRET", CALLBACK),
    ];
    let mut shop = Shop::open(&loud).await;
    let redis = monitor(shop.cluster.redis.port()).await;
    let mut said = add_key(&shop, &["--platform"], "replicate", PLATFORM_REPLICATE);
    let worker = shop
        .worker(&[
            ("ATELIER_LOG", "trace"),
            ("ATELIER_CALLBACK_SECRET", CALLBACK),
            ("ATELIER_SEALING_KEYS", MASTER),
            ("ATELIER_OPENAI_API_KEY", PLATFORM_OPENAI),
            ("ATELIER_STABILITY_API_KEY", PLATFORM_STABILITY),
            ("ATELIER_STABILITY_BASE_URL", address.as_str()),
            ("ATELIER_REPLICATE_API_TOKEN", ""),
            ("ATELIER_REPLICATE_VISIBLE_AFTER_SECONDS", "1"),
            ("ATELIER_RETRY_BASE_MS", "50"),
            ("ATELIER_RETRY_CAP_MS", "200"),
        ])
        .await;
    let mut ids = orders(&shop).await;
    let own = ["--brand", "brand_1"];
    said += &add_key(&shop, &own, "openai", OWN_OPENAI);
    said += &add_key(&shop, &own, "stability", OWN_STABILITY);
    said += &add_key(&shop, &own, "replicate", OWN_REPLICATE);
    // Workers look for new keys every five seconds.
    let spent = |key: &str| {
        let digest = hex(&Sha256::digest(key));
        let asked = shop.sandbox.ledger().entries();
        asked.iter().any(|entry| digest.starts_with(&entry.key))
    };
    wait::until("the brand's own key is used", PATIENCE, async || {
        ids.extend(shop.order("openai", 1).await);
        until_ended(&shop).await;
        spent(OWN_OPENAI)
    })
    .await
    .unwrap();
    ids.extend(orders(&shop).await);
    for key in [
        PLATFORM_OPENAI,
        PLATFORM_REPLICATE,
        OWN_OPENAI,
        OWN_REPLICATE,
    ] {
        assert!(spent(key), "{key} was not used");
    }
    let mut shown = Vec::new();
    while let Ok(key) = heard.try_recv() {
        shown.push(key);
    }
    for key in [PLATFORM_STABILITY, OWN_STABILITY] {
        assert!(shown.iter().any(|known| known == key), "{key}: {shown:?}");
    }

    let mut places = vec![];
    for role in [&shop.api, &shop.scheduler, &worker] {
        places.push(page(role, "/metrics").await);
        places.push(page(role, "/readyz").await);
    }
    places.push(page(&shop.scheduler, "/status").await);
    for id in &ids {
        let told = shop.cluster.told(&shop.api, id).await;
        places.push((format!("the API about {id}"), told.to_string()));
    }
    for arguments in [
        &["provider", "key", "list", "--brand", "brand_1"][..],
        &["provider", "key", "list", "--platform"],
        &["provider", "status"],
        &["policy", "show", "--brand", "brand_1"],
    ] {
        said += &shop.cluster.atelier(arguments);
    }
    places.push(("the operator's commands".to_owned(), said));
    let dumped = Command::new("pg_dump")
        .arg(shop.cluster.database.url())
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    places.push(place("pg_dump", &dumped.stdout));

    let Shop {
        cluster,
        api,
        scheduler,
        ..
    } = shop;
    for mut role in [worker, api, scheduler] {
        role.process.kill9().await.unwrap();
    }
    let folder = cluster.folder.path().to_owned();
    files(&folder, &mut places);
    let master = MASTER.split_once(':').unwrap().1;
    let opened = STANDARD.decode(master).unwrap();
    let opened = String::from_utf8(opened).unwrap();
    let api_key = cluster.key.clone();
    drop(cluster);
    places.push(place("Redis", &redis.await.unwrap()));

    let sizes: Vec<_> = places
        .iter()
        .map(|(name, bytes)| (name, bytes.len()))
        .collect();
    println!(
        "{} places, {} bytes",
        places.len(),
        places.iter().map(|(_, b)| b.len()).sum::<usize>()
    );
    for expected in [
        "Redis",
        "pg_dump",
        "worker.log",
        "api-lite.log",
        "scheduler.log",
    ] {
        let found = sizes.iter().find(|(name, _)| name.ends_with(expected));
        assert!(
            found.is_some_and(|(_, size)| *size > 5_000),
            "{expected}: {sizes:?}"
        );
    }
    for secret in [
        PLATFORM_OPENAI,
        PLATFORM_STABILITY,
        PLATFORM_REPLICATE,
        OWN_OPENAI,
        OWN_STABILITY,
        OWN_REPLICATE,
        CALLBACK,
        master,
        &opened,
        &api_key,
    ] {
        for form in forms(secret) {
            let leaks: Vec<_> = places.iter().filter_map(|at| leak(at, &form)).collect();
            assert!(leaks.is_empty(), "{secret} is in {leaks:#?}");
        }
    }
}

/// The first line of a place that holds the text, up to where it does.
fn leak((name, text): &Place, form: &str) -> Option<String> {
    let (before, _) = text.split_once(form)?;
    let line = before.lines().next_back().unwrap_or_default();
    Some(format!("{name}: {line}…"))
}

#[test]
fn a_key_is_found_in_every_form() {
    let secret = "sk-proj-0123456789";
    for before in ["", "B", "Be", "Bearer "] {
        let text = format!("{before}{secret}, and more");
        let hex = hex(text.as_bytes());
        for told in [STANDARD.encode(&text), URL_SAFE.encode(&text), hex, text] {
            let found = forms(secret).iter().any(|form| told.contains(form));
            assert!(found, "{told}");
        }
    }
}
