//! Openai-compatible servers over real sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use clap::Parser;
use providers::{
    Background, CallContext, Credential, ErrorKind, Finished, ImageRequest, Operation, Providers,
    ProvidersConfig, Spent, Submitted,
};
use tempfile::NamedTempFile;
use tokio::time::Instant;

use crate::openai::{expect_golden, png, request};

const PNG_BASE64: &str = "iVBORw0KGgoAAAANSUhEUg==";

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    providers: ProvidersConfig,
}

/// Answers each connection with what `answer` makes of its own address and the request's head.
fn server(answer: fn(SocketAddr, &str) -> Vec<u8>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 65_536];
            let mut length = 0;
            loop {
                let read = stream.read(&mut request[length..]).unwrap();
                length += read;
                let text = String::from_utf8_lossy(&request[..length]).to_string();
                let body = text.split_once("\r\n\r\n").map(|(head, body)| {
                    let wanted = head
                        .to_lowercase()
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                        .unwrap_or(0);
                    body.len() >= wanted
                });
                if read == 0 || body == Some(true) {
                    let _ = stream.write_all(&answer(address, &text));
                    let _ = heard.send(text);
                    break;
                }
            }
        }
    });
    (address, requests)
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn in_base64(_: SocketAddr, _: &str) -> Vec<u8> {
    ok(format!(r#"{{"data":[{{"b64_json":"{PNG_BASE64}"}}]}}"#).as_bytes())
}

fn by_address(own: SocketAddr, request: &str) -> Vec<u8> {
    match request.starts_with("GET ") {
        true => ok(b"\x89PNG\r\n\x1a\n\0\0"),
        false => ok(format!(r#"{{"data":[{{"url":"http://{own}/picture"}}]}}"#).as_bytes()),
    }
}

fn elsewhere(_: SocketAddr, _: &str) -> Vec<u8> {
    ok(br#"{"data":[{"url":"http://169.254.169.254/latest"}]}"#)
}

fn providers(address: SocketAddr, fields: &str) -> Providers {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut file = NamedTempFile::new().unwrap();
    write!(
        file,
        "[[endpoint]]\nname = \"studio\"\nbase_url = \"http://{address}/v1\"\n{fields}\n\
         [[endpoint.model]]\nname = \"flux\"\nprice_nano = 2000000\n"
    )
    .unwrap();
    let path = format!("--compatible-file={}", file.path().display());
    let settings = Settings::try_parse_from(["test", &path]).unwrap();
    Providers::from_config(&settings.providers).unwrap()
}

async fn draw(providers: &Providers) -> Result<Finished, providers::ProviderError> {
    let provider = providers.get("studio").unwrap();
    let order = ImageRequest {
        negative_prompt: Some("text".into()),
        ..request("flux", (1024, 1024))
    };
    let key = providers.keys("studio").first().cloned();
    let key = key.unwrap_or_else(Credential::none);
    let call = CallContext {
        credential: &key,
        deadline: Instant::now() + Duration::from_secs(20),
    };
    let prepared = provider.prepare(&order).unwrap();
    match provider.submit(prepared, call).await? {
        Submitted::Finished(finished) => Ok(finished),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_gets_the_fields_and_the_key_that_it_takes() {
    let (address, requests) = server(in_base64);
    let own = "preset = \"vllm-omni\"\nauth_header = \"x-api-key\"\napi_keys = [\"k-1\"]";
    let providers = providers(address, own);
    assert!(providers.get("studio").unwrap().needs_key());
    let picture = draw(&providers).await.unwrap();
    assert_eq!(
        (picture.content_type.as_str(), picture.cost.0),
        ("image/png", 2_000)
    );
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("POST /v1/images/generations HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("x-api-key: k-1\r\n"), "{request}");
    assert!(
        !request.to_lowercase().contains("authorization"),
        "{request}"
    );
    for field in [
        r#""response_format":"b64_json""#,
        r#""negative_prompt":"text""#,
        r#""seed":"#,
    ] {
        assert!(request.contains(field), "{request}");
    }
    assert!(!request.contains("output_format"), "{request}");
}

#[tokio::test]
async fn a_picture_at_an_address_is_fetched_from_listed_hosts_alone() {
    let (address, requests) = server(by_address);
    let listed = "answers = \"url\"\nfetch_cidrs = [\"127.0.0.0/8\"]\napi_keys = [\"k-1\"]";
    let picture = draw(&providers(address, listed)).await.unwrap();
    assert_eq!(&picture.bytes[..4], b"\x89PNG");
    let post = requests.recv().unwrap();
    assert!(post.contains("authorization: Bearer k-1") && !post.contains("response_format"));
    let get = requests.recv().unwrap();
    assert!(
        get.starts_with("GET /picture") && !get.contains("k-1"),
        "{get}"
    );

    for fields in ["answers = \"url\"", listed, ""] {
        let (address, requests) = server(elsewhere);
        let error = draw(&providers(address, fields)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadAnswer, "{error:?}");
        assert_eq!(
            error.spent(),
            Spent::Known(domain::Micros(2_000)),
            "{error:?}"
        );
        assert!(requests.recv().is_ok());
    }
}

/// A server of a kind that can do both, for its wire.
fn of_kind(preset: &str) -> Providers {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut file = NamedTempFile::new().unwrap();
    write!(
        file,
        "[[endpoint]]\nname = \"studio\"\nbase_url = \"http://127.0.0.1:1/v1\"\npreset = \"{preset}\"\n\
         [[endpoint.model]]\nname = \"flux\"\noperations = [\"generate\", \"edit\", \"inpaint\"]\n\
         max_input_images = 2\ntransparent = true\nqualities = [\"low\", \"high\"]\nprice_nano = 2000000\n"
    )
    .unwrap();
    let path = format!("--compatible-file={}", file.path().display());
    let settings = Settings::try_parse_from(["test", &path]).unwrap();
    Providers::from_config(&settings.providers).unwrap()
}

#[test]
fn each_kind_of_server_is_sent_these_bytes() {
    let generate = ImageRequest {
        quality: "high".into(),
        style: "vivid".into(),
        background: Background::Transparent,
        negative_prompt: Some("text, watermark".into()),
        shopper: Some("5e884898da280471".into()),
        ..request("flux", (1000, 1000))
    };
    let edit = ImageRequest {
        operation: Operation::Edit {
            images: vec![png(640, 480)],
            mask: Some(png(640, 480)),
        },
        ..generate.clone()
    };
    for preset in ["plain", "localai", "vllm-omni", "stable-diffusion-cpp"] {
        let providers = of_kind(preset);
        let studio = providers.get("studio").unwrap();
        let prepared = studio.prepare(&generate).unwrap();
        expect_golden(&format!("compatible-{preset}-generate"), &prepared);
        let prepared = studio.prepare(&edit).unwrap();
        expect_golden(&format!("compatible-{preset}-edit"), &prepared);
    }
}

#[test]
fn a_server_can_be_named_by_variables_alone() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let settings = Settings::try_parse_from([
        "test",
        "--compatible-base-url=http://localhost:8080/v1",
        "--compatible-name=mine",
        "--compatible-model=flux",
        "--compatible-preset=localai",
    ]);
    let providers = Providers::from_config(&settings.unwrap().providers).unwrap();
    let mine = providers.get("mine").unwrap();
    assert_eq!((mine.default_model(), mine.needs_key()), ("flux", false));
    assert!(providers.get("openai").unwrap().needs_key());
    assert!(
        providers.keys("openai").is_empty(),
        "brands may bring theirs"
    );
}
