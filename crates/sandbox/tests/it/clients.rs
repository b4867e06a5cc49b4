//! Fidelity: the official clients, with pinned versions, get pictures and their own typed errors.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::{Fault, Mode, Provider, RetryAfter, Sandbox, SandboxConfig};
use serde_json::{Value, json};
use testkit::LineProgram;
use testkit::foreign::{node_env, python_env};

use crate::lab::{picture, png, sides};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/peer.py");
const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/peer.cjs");

/// A sandbox and one client program.
struct Bench {
    runtime: tokio::runtime::Runtime,
    sandbox: Sandbox,
    client: LineProgram,
}

impl Bench {
    fn new(client: LineProgram) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime
            .block_on(Sandbox::start(SandboxConfig::default()))
            .unwrap();
        Self {
            runtime,
            sandbox,
            client,
        }
    }

    fn python() -> Self {
        let env = python_env("clients-python").unwrap();
        Self::new(LineProgram::start(env.command(PYTHON)).unwrap())
    }

    fn litellm() -> Self {
        let env = python_env("clients-litellm").unwrap();
        Self::new(LineProgram::start(env.command(PYTHON)).unwrap())
    }

    fn node() -> Self {
        let env = node_env("clients-node").unwrap();
        Self::new(LineProgram::start(env.command(NODE)).unwrap())
    }

    fn ask(&mut self, provider: Provider, call: &str, more: Value) -> Value {
        let mut ask = more;
        ask["call"] = call.into();
        ask["url"] = self.sandbox.base_url(provider).into();
        let answer = self.client.ask(&ask.to_string()).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// As `ask`, under one fault.
    fn broken(&mut self, fault: Fault, provider: Provider, call: &str, more: Value) -> Value {
        self.sandbox.faults().clear();
        self.sandbox.faults().push(fault).unwrap();
        let answer = self.ask(provider, call, more);
        self.sandbox.faults().clear();
        answer
    }

    /// The ledger once `count` answers have left.
    fn delivered(&self, count: usize) {
        let ledger = self.sandbox.ledger();
        let left = async || ledger.delivered() == count;
        let waited = testkit::wait::until("pictures were delivered", Duration::from_secs(5), left);
        self.runtime.block_on(waited).unwrap();
    }
}

fn one_picture(answer: &Value) -> (u32, u32) {
    let pictures = answer["pictures"].as_array().unwrap();
    assert_eq!(pictures.len(), 1, "{answer}");
    sides(&decoded(&pictures[0]))
}

fn decoded(base64: &Value) -> imaging::Picture {
    picture(&STANDARD.decode(base64.as_str().unwrap()).unwrap())
}

fn class(answer: &Value) -> (&str, Option<u64>) {
    let error = &answer["error"];
    (
        error["class"].as_str().unwrap_or("none"),
        error["status"].as_u64(),
    )
}

fn ring() -> Value {
    json!({"args": {"model": "gpt-image-2", "prompt": "a brass ring"}})
}

/// Errors of an official OpenAI client: the fault, the class it raises, the status and the code.
fn openai_errors() -> Vec<(Fault, &'static str, u64, &'static str)> {
    let of = |mode| Fault::new(mode).of(Provider::OpenAi);
    vec![
        (
            of(Mode::AuthInvalid),
            "AuthenticationError",
            401,
            "invalid_api_key",
        ),
        (of(Mode::ModelGone), "NotFoundError", 404, "model_not_found"),
        (
            of(Mode::ModeratedIn),
            "BadRequestError",
            400,
            "moderation_blocked",
        ),
        (
            of(Mode::ModeratedOut),
            "BadRequestError",
            400,
            "moderation_blocked",
        ),
        (of(Mode::Quota), "RateLimitError", 429, "insufficient_quota"),
        (of(Mode::ErrorBefore), "InternalServerError", 500, ""),
        (
            of(Mode::Overloaded),
            "InternalServerError",
            503,
            "server_is_overloaded",
        ),
        (
            Fault::rate_limit(0, 50, RetryAfter::Ms).of(Provider::OpenAi),
            "RateLimitError",
            429,
            "rate_limit_exceeded",
        ),
    ]
}

/// What both OpenAI clients must do.
fn openai_client_gets_pictures_and_typed_errors(bench: &mut Bench) {
    let answer = bench.ask(Provider::OpenAi, "openai.generate", ring());
    assert_eq!(one_picture(&answer), (1024, 1024));
    assert!(answer["usage"].as_u64().unwrap() > 1000);
    let (red, hole) = ([200, 10, 10, 255], true);
    let edit = json!({
        "args": {"model": "gpt-image-2", "prompt": "blue", "size": "1024x1024"},
        "images": [STANDARD.encode(png(128, 128, red, false)), STANDARD.encode(png(64, 64, red, false))],
        "mask": STANDARD.encode(png(128, 128, red, hole)),
    });
    let answer = bench.ask(Provider::OpenAi, "openai.edit", edit);
    assert_eq!(one_picture(&answer), (1024, 1024));
    let edited = decoded(&answer["pictures"][0]);
    assert_eq!(
        edited.pixel(900, 512),
        Some(red),
        "what the mask covers stays"
    );
    assert_ne!(
        edited.pixel(100, 512),
        Some(red),
        "what it leaves open changes"
    );
    let answer = bench.ask(Provider::OpenAi, "openai.background", ring());
    assert_eq!(answer["status"], "completed");
    assert_eq!(one_picture(&answer), (1024, 1024));
    bench.delivered(3);
    let mut cancelled = ring();
    cancelled["cancel"] = true.into();
    let answer = bench.ask(Provider::OpenAi, "openai.background", cancelled);
    assert_eq!(answer["status"], "cancelled");
    let failed = Fault::new(Mode::Failed).code("server_error");
    let answer = bench.broken(failed, Provider::OpenAi, "openai.background", ring());
    assert_eq!(
        (&answer["status"], &answer["code"]),
        (&json!("failed"), &json!("server_error"))
    );
    let mut once = ring();
    once["retries"] = 0.into();
    for (fault, name, status, code) in openai_errors() {
        let answer = bench.broken(fault, Provider::OpenAi, "openai.generate", once.clone());
        assert_eq!(class(&answer), (name, Some(status)), "{answer}");
        assert_eq!(answer["error"]["code"].as_str().unwrap_or_default(), code);
        assert!(
            answer["error"]["request_id"]
                .as_str()
                .unwrap()
                .starts_with("req_"),
            "{answer}"
        );
    }
    let mut bad = once.clone();
    bad["args"]["response_format"] = "b64_json".into();
    let answer = bench.ask(Provider::OpenAi, "openai.generate", bad);
    assert_eq!(class(&answer), ("BadRequestError", Some(400)));
    assert_eq!(answer["error"]["code"], "unknown_parameter");
    let reset = Fault::new(Mode::ResetAfterAccept);
    let answer = bench.broken(reset, Provider::OpenAi, "openai.generate", once);
    assert_eq!(answer["error"]["class"], "APIConnectionError", "{answer}");
}

#[test]
fn openai_python_gets_pictures_and_its_own_errors() {
    let mut bench = Bench::python();
    openai_client_gets_pictures_and_typed_errors(&mut bench);
    let answer = bench.ask(Provider::OpenAi, "openai.stream", ring());
    assert_eq!(
        answer["events"],
        json!(["ImageGenPartialImageEvent", "ImageGenCompletedEvent"])
    );
    assert_eq!(one_picture(&answer), (1024, 1024));
    let flagged = json!({"args": {"prompt": "behead the king"}});
    assert_eq!(
        bench.ask(Provider::OpenAi, "openai.moderate", flagged)["flagged"],
        true
    );
}

#[test]
fn openai_node_gets_pictures_and_its_own_errors() {
    let mut bench = Bench::node();
    openai_client_gets_pictures_and_typed_errors(&mut bench);
    let answer = bench.ask(Provider::OpenAi, "ai.generate", ring());
    assert_eq!(
        one_picture(&answer),
        (1024, 1024),
        "the AI SDK reads it too"
    );
}

fn flux() -> Value {
    json!({
        "model": "black-forest-labs/flux-schnell",
        "args": {"prompt": "a brass ring", "output_format": "png", "aspect_ratio": "16:9"},
    })
}

/// What both Replicate clients must do.
fn replicate_client_runs_waits_cancels_and_fails(bench: &mut Bench) {
    let answer = bench.ask(Provider::Replicate, "replicate.run", flux());
    assert_eq!(one_picture(&answer), (1344, 768));
    let answer = bench.ask(Provider::Replicate, "replicate.poll", flux());
    assert_eq!(
        (&answer["status"], &answer["listed"]),
        (&json!("succeeded"), &json!(true))
    );
    assert_eq!(one_picture(&answer), (1344, 768));
    bench.delivered(2);
    let versioned = json!({
        "model": format!("someone/community:{}", "a1".repeat(32)), "args": {"prompt": "x"},
    });
    let answer = bench.ask(Provider::Replicate, "replicate.run", versioned);
    assert_eq!(one_picture(&answer), (1024, 1024), "{answer}");
    let mut cancelled = flux();
    cancelled["cancel"] = true.into();
    let answer = bench.ask(Provider::Replicate, "replicate.poll", cancelled);
    assert_eq!(answer["status"], "canceled");
    let failed = Fault::new(Mode::Failed).code("E1001 out of memory");
    let answer = bench.broken(failed, Provider::Replicate, "replicate.poll", flux());
    // The one says so, the other throws.
    let thrown = answer["error"]["text"].as_str().unwrap_or_default();
    assert!(
        answer["status"] == "failed" || thrown.contains("E1001 out of memory"),
        "{answer}"
    );
    let waited = Fault::new(Mode::ProcessingAfterWait).ms(1);
    let answer = bench.broken(waited, Provider::Replicate, "replicate.run", flux());
    assert!(
        answer["pictures"].as_array().unwrap().is_empty(),
        "these clients lose such pictures: {answer}"
    );
    for (mode, status) in [
        (Mode::AuthInvalid, 401),
        (Mode::Quota, 402),
        (Mode::ModelGone, 404),
    ] {
        let fault = Fault::new(mode).of(Provider::Replicate);
        let answer = bench.broken(fault, Provider::Replicate, "replicate.run", flux());
        let (name, told) = class(&answer);
        assert!(["ReplicateError", "ApiError"].contains(&name), "{answer}");
        assert_eq!(told, Some(status), "{answer}");
    }
    let mut bad = flux();
    bad["args"] = json!({"prompt": 7});
    let answer = bench.ask(Provider::Replicate, "replicate.run", bad);
    assert_eq!(class(&answer).1, Some(422), "{answer}");
}

#[test]
fn replicate_python_runs_waits_cancels_and_fails() {
    let mut bench = Bench::python();
    replicate_client_runs_waits_cancels_and_fails(&mut bench);
    let given = json!({
        "model": "black-forest-labs/flux-kontext-pro", "args": {"prompt": "x", "output_format": "png"},
        "images": [STANDARD.encode(png(96, 64, [1, 2, 3, 255], false))],
    });
    let answer = bench.ask(Provider::Replicate, "replicate.upload", given);
    assert_eq!(
        one_picture(&answer),
        (96, 64),
        "the uploaded picture is edited: {answer}"
    );
}

#[test]
fn replicate_js_runs_waits_cancels_and_fails() {
    let mut bench = Bench::node();
    replicate_client_runs_waits_cancels_and_fails(&mut bench);
    let told = bench.ask(Provider::Replicate, "replicate.secret", json!({}));
    assert_eq!(told["secret"], bench.sandbox.webhook_secret());
}

#[test]
fn litellm_gets_pictures_from_stability_and_its_own_errors() {
    let mut bench = Bench::litellm();
    let core = || json!({"model": "stability/core", "args": {"prompt": "a brass ring"}});
    let answer = bench.ask(Provider::Stability, "litellm.image", core());
    assert_eq!(one_picture(&answer), (1024, 1024), "{answer}");
    bench.delivered(1);
    let cases = [
        (Mode::AuthInvalid, "AuthenticationError", 401),
        (Mode::ModeratedIn, "PermissionDeniedError", 403),
        (Mode::ErrorBefore, "InternalServerError", 500),
    ];
    for (mode, name, status) in cases {
        let fault = Fault::new(mode).of(Provider::Stability);
        let answer = bench.broken(fault, Provider::Stability, "litellm.image", core());
        assert_eq!(class(&answer), (name, Some(status)), "{answer}");
    }
    let limited = Fault::rate_limit(0, 50, RetryAfter::Honest).of(Provider::Stability);
    let answer = bench.broken(limited, Provider::Stability, "litellm.image", core());
    assert_eq!(class(&answer), ("RateLimitError", Some(429)), "{answer}");
    let mut bad = core();
    bad["args"]["prompt"] = "".into();
    let answer = bench.ask(Provider::Stability, "litellm.image", bad);
    assert_eq!(class(&answer), ("BadRequestError", Some(400)), "{answer}");
}
