//! What shoppers type when they mean no good, on every provider's wire: none of it leaves its place, and
//! what is allowed arrives as it was written.

use std::collections::HashMap;
use std::time::Duration;

use domain::{ControlSyntax, clean_prompt, neutralise};
use futures::{StreamExt, stream};
use providers::{
    CallContext, Credential, ErrorKind, ImageRequest, ModelRegistry, Operation, Prepared, Provider,
    Replicate, ReplicateConfig, Stability, StabilityConfig,
};
use sandbox::{Fault, Mode, Sandbox, SandboxConfig};
use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::hostile;
use tokio::time::Instant;
use uuid::Uuid;

use crate::openai::{openai, png};

const FLUX: &str = "black-forest-labs/flux-schnell";

/// One wire: who speaks it, and what is asked for over it.
struct Wire {
    name: &'static str,
    provider: Box<dyn Provider>,
    model: &'static str,
    edit: bool,
}

fn wires(base: impl Fn(sandbox::Provider) -> Option<String>) -> Vec<Wire> {
    let models = ModelRegistry::load(None).unwrap();
    let openai_base = base(sandbox::Provider::OpenAi);
    let openai_base = openai_base.map(|base| format!("--openai-base-url={base}"));
    let mut plain: Vec<&str> = openai_base.as_deref().into_iter().collect();
    let straight = || Box::new(openai(&plain));
    let (generate, edit) = (straight(), straight());
    plain.push("--openai-background-models=gpt-image-2");
    let background = Box::new(openai(&plain));
    let mut stability = StabilityConfig::default();
    let mut replicate = ReplicateConfig::default();
    if let Some(base) = base(sandbox::Provider::Stability) {
        stability.stability_base_url = base.parse().unwrap();
    }
    if let Some(base) = base(sandbox::Provider::Replicate) {
        replicate.replicate_base_url = base.parse().unwrap();
    }
    let wire = |name, provider: Box<dyn Provider>, model| Wire {
        name,
        provider,
        model,
        edit: false,
    };
    vec![
        wire("openai", generate, "gpt-image-2"),
        Wire {
            edit: true,
            ..wire("openai edit", edit, "gpt-image-2")
        },
        wire("openai background", background, "gpt-image-2"),
        wire(
            "stability",
            Box::new(Stability::new(&stability, &models).unwrap()),
            "core",
        ),
        wire(
            "replicate",
            Box::new(Replicate::new(&replicate, &models).unwrap()),
            FLUX,
        ),
    ]
}

fn request(wire: &Wire, attempt: u128, prompt: &str) -> ImageRequest {
    let attempt = domain::AttemptId(Uuid::from_u128(attempt));
    let mut request = ImageRequest::generate(attempt, wire.model, prompt, (1024, 1024));
    if wire.edit {
        request.operation = Operation::Edit {
            images: vec![png(512, 512)],
            mask: None,
        };
    }
    request
}

/// A call taken apart by the rules of its format: every place, and what stands there.
fn places(prepared: &Prepared) -> Vec<(String, String)> {
    let mut places = vec![
        ("method".to_owned(), prepared.method.to_string()),
        ("path".to_owned(), prepared.path.clone()),
    ];
    for (name, value) in &prepared.headers {
        places.push((format!("header {name}"), value.clone()));
    }
    match prepared.content_type.split_once("boundary=") {
        Some((_, boundary)) => places.extend(parts(&prepared.body, boundary)),
        None => {
            assert_eq!(prepared.content_type, "application/json");
            let body: Value = serde_json::from_slice(&prepared.body).unwrap();
            leaves("", &body, &mut places);
        }
    }
    places
}

/// The parts of a form, read as RFC 7578 says and not as they were written.
fn parts(body: &[u8], boundary: &str) -> Vec<(String, String)> {
    let delimiter = format!("--{boundary}");
    let text = String::from_utf8_lossy(body).into_owned();
    let mut pieces = text.split(delimiter.as_str());
    assert_eq!(
        pieces.next(),
        Some(""),
        "nothing stands before the first part"
    );
    let mut pieces: Vec<&str> = pieces.collect();
    assert_eq!(pieces.pop(), Some("--\r\n"), "the form ends once");
    let part = |piece: &str| {
        let piece = piece.strip_prefix("\r\n").unwrap();
        let (head, body) = piece.split_once("\r\n\r\n").unwrap();
        (
            head.to_owned(),
            body.strip_suffix("\r\n").unwrap().to_owned(),
        )
    };
    pieces.into_iter().map(part).collect()
}

fn leaves(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                leaves(&format!("{path}/{name}"), value, out);
            }
        }
        Value::Array(items) => {
            for (i, value) in items.iter().enumerate() {
                leaves(&format!("{path}/{i}"), value, out);
            }
        }
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        other => out.push((path.to_owned(), other.to_string())),
    }
}

/// Even where nothing before the adapter had cleaned it.
#[test]
fn no_hostile_text_leaves_the_prompts_place_on_any_wire() {
    const HARMLESS: &str = "a silver ring";
    let mut carried = HashMap::new();
    for wire in wires(|_| None) {
        let prepare = |text: &str| wire.provider.prepare(&request(&wire, 7, text));
        let harmless = places(&prepare(HARMLESS).unwrap());
        let holds = |(_, value): &&(String, String)| value == HARMLESS;
        assert_eq!(harmless.iter().filter(holds).count(), 1, "{}", wire.name);
        for (name, text) in hostile::texts() {
            let prepared = match prepare(&text) {
                Ok(prepared) => prepared,
                Err(error) => {
                    let kind = error.kind();
                    assert_eq!(kind, ErrorKind::InvalidRequest, "{name} at {}", wire.name);
                    continue;
                }
            };
            let expected: Vec<(String, String)> = harmless
                .iter()
                .map(|(place, value)| match value == HARMLESS {
                    true => (place.clone(), text.clone()),
                    false => (place.clone(), value.clone()),
                })
                .collect();
            assert_eq!(places(&prepared), expected, "{name} at {}", wire.name);
            *carried.entry(wire.name).or_insert(0) += 1;
        }
    }
    // A wire that refuses everything would prove nothing.
    for (wire, count) in carried {
        assert!(count > 200, "{wire} carried {count}");
    }
}

/// What the intake lets through, as a prompt holds it.
fn allowed() -> Vec<(String, String)> {
    let texts = hostile::texts().into_iter();
    let clean = texts.filter_map(|(name, text)| Some((name, clean_prompt(&text, 1_000).ok()?)));
    clean.filter(|(_, text)| !text.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allowed_texts_arrive_at_every_provider_as_they_were_written() {
    let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
    // Taken and billed, and nothing is drawn: the prompt is what this is about.
    let fault = Fault::new(Mode::ErrorAfterBill);
    sandbox.faults().push(fault).unwrap();
    let key = Credential::new("test-1", "sk-test".into());
    let mut expected = Vec::new();
    for (w, wire) in wires(|provider| Some(sandbox.base_url(provider)))
        .iter()
        .enumerate()
    {
        if wire.edit {
            continue;
        }
        let row = wire.provider.model(wire.model).unwrap();
        let mut prompts = Vec::new();
        for (name, text) in allowed() {
            let words = neutralise(&text, row.control_syntax);
            let is_ordinary = name.starts_with("writing") || name.starts_with("emoji");
            if row.control_syntax == ControlSyntax::None && is_ordinary {
                assert_eq!(words, text, "{name} at {} is left as it is", wire.name);
            }
            let prompt = format!("A ring. The customer asks for: {words}.");
            if prompt.chars().count() <= row.max_prompt_chars as usize {
                prompts.push(prompt);
            }
        }
        assert!(
            prompts.len() > 180,
            "{} of them go to {}",
            prompts.len(),
            wire.name
        );
        stream::iter(prompts.iter().enumerate())
            .for_each_concurrent(8, |(i, prompt)| {
                let (key, attempt) = (&key, (w * 10_000 + i + 1) as u128);
                async move {
                    let prepared = wire
                        .provider
                        .prepare(&request(wire, attempt, prompt))
                        .unwrap();
                    let call = CallContext {
                        credential: key,
                        deadline: Instant::now() + Duration::from_secs(30),
                    };
                    // That it was taken stands in the ledger; the answer is lost as the fault says.
                    let _ = wire.provider.submit(prepared, call).await;
                }
            })
            .await;
        expected.extend(prompts);
    }
    let hash = |text: &String| {
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut expected: Vec<String> = expected.iter().map(hash).collect();
    let entries = sandbox.ledger().entries();
    let mut arrived: Vec<String> = entries.into_iter().map(|e| e.prompt_sha256).collect();
    expected.sort();
    arrived.sort();
    assert_eq!(arrived, expected);
}
