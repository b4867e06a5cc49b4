//! The official libraries, and what they say of messages: `standardwebhooks` and `svix`, from PyPI and npm.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use domain::webhook_signature::{WebhookSecret, WebhookSigningKey};
use serde_json::{Value, json};
use testkit::foreign::{node_env, python_env};
use testkit::{LineProgram, Received};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/webhook_peer.py");
const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/webhook_peer.cjs");

/// All four, running.
pub struct Verifiers {
    programs: [(&'static str, LineProgram); 2],
}

impl Verifiers {
    pub fn start() -> Self {
        let python = python_env("webhooks-python").unwrap().command(PYTHON);
        let node = node_env("webhooks-node").unwrap().command(NODE);
        Self {
            programs: [
                ("python", LineProgram::start(python).unwrap()),
                ("node", LineProgram::start(node).unwrap()),
            ],
        }
    }

    /// What each of the four says at `now` (seconds since 1970, or the real time): none is "right".
    fn ask(
        &mut self,
        secret: &str,
        message: &Received,
        now: Option<i64>,
    ) -> Vec<(String, Option<String>)> {
        let headers: serde_json::Map<String, Value> = message
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let body = STANDARD.encode(&message.body);
        let ask = json!({ "secret": secret, "headers": headers, "body": body, "now": now });
        let mut said = Vec::new();
        for (language, program) in &mut self.programs {
            let answer: Value =
                serde_json::from_str(&program.ask(&ask.to_string()).unwrap()).unwrap();
            for (library, why) in answer.as_object().unwrap() {
                let why = why.as_str().map(str::to_owned);
                said.push((format!("{language} {library}"), why));
            }
        }
        assert_eq!(said.len(), 4);
        said
    }

    /// All four believe it.
    pub fn believe(&mut self, secret: &str, message: &Received, now: Option<i64>) {
        for (library, why) in self.ask(secret, message, now) {
            assert_eq!(why, None, "{library} refuses {message:?}");
        }
    }

    /// All four refuse it, with these words.
    pub fn refuse(&mut self, secret: &str, message: &Received, now: Option<i64>, words: &str) {
        for (library, why) in self.ask(secret, message, now) {
            let why = why.unwrap_or_else(|| panic!("{library} believes {message:?}"));
            assert!(why.contains(words), "{library}: {why}");
        }
    }
}

const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const AT: i64 = 1_614_265_330;

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(AT, 0).unwrap()
}

/// A message as the dispatcher sends it.
fn message(id: &str, at: i64, signature: &str, body: &[u8]) -> Received {
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", &at.to_string()),
        ("webhook-signature", signature),
    ];
    Received {
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: body.to_vec(),
    }
}

#[test]
fn the_vectors_that_the_specification_publishes_are_ours_and_theirs() {
    let mut verifiers = Verifiers::start();
    for (secret, id, at, body, signature) in [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            ID,
            AT,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ] {
        let ours = WebhookSecret::parse(secret).unwrap();
        let signed_at = DateTime::from_timestamp(at, 0).unwrap();
        assert_eq!(ours.sign(id, signed_at, body.as_bytes()), signature);
        let message = message(id, at, signature, body.as_bytes());
        verifiers.believe(secret, &message, Some(at));
    }
}

#[test]
fn whatever_we_sign_is_believed_by_all_and_a_changed_byte_by_none() {
    let mut verifiers = Verifiers::start();
    let secret = WebhookSecret::from_bytes([7; 32]);
    let large = format!("{{\"x\":\"{}\"}}", "Zoë 🦊 ".repeat(100_000));
    for body in [
        "",
        "{}",
        "{\"name\":\"Zoë & Łukasz 🦊 العربية 日本語 \\u0000 \u{2028}\"}",
        "not JSON at all",
        "a line\r\nand another\t",
        large.as_str(),
    ] {
        let signature = secret.sign(ID, at(), body.as_bytes());
        let right = message(ID, AT, &signature, body.as_bytes());
        verifiers.believe(&secret.to_text(), &right, Some(AT));
        let mut changed = right.clone();
        changed.body.push(b' ');
        verifiers.refuse(
            &secret.to_text(),
            &changed,
            Some(AT),
            "No matching signature",
        );
        let other_id = message("msg_other", AT, &signature, body.as_bytes());
        verifiers.refuse(
            &secret.to_text(),
            &other_id,
            Some(AT),
            "No matching signature",
        );
    }
}

#[test]
fn five_minutes_are_the_same_for_all_of_us() {
    let mut verifiers = Verifiers::start();
    let secret = WebhookSecret::from_bytes([7; 32]);
    let signature = secret.sign(ID, at(), b"{}");
    let message = message(ID, AT, &signature, b"{}");
    let text = secret.to_text();
    for away in [-300, -299, 0, 299, 300] {
        verifiers.believe(&text, &message, Some(AT + away));
    }
    verifiers.refuse(&text, &message, Some(AT + 301), "too old");
    verifiers.refuse(&text, &message, Some(AT - 301), "too new");
}

#[test]
fn during_a_rotation_both_secrets_are_good_and_a_signing_key_disturbs_nobody() {
    let mut verifiers = Verifiers::start();
    let [new, old, other] = [1, 2, 3].map(|byte| WebhookSecret::from_bytes([byte; 32]));
    let key = WebhookSigningKey::from_seed([4; 32]);
    let body = "{\"name\":\"Zoë\"}".as_bytes();
    let signatures = [
        new.sign(ID, at(), body),
        old.sign(ID, at(), body),
        key.sign(ID, at(), body),
    ]
    .join(" ");
    let message = message(ID, AT, &signatures, body);
    verifiers.believe(&new.to_text(), &message, Some(AT));
    verifiers.believe(&old.to_text(), &message, Some(AT));
    verifiers.refuse(
        &other.to_text(),
        &message,
        Some(AT),
        "No matching signature",
    );
    // Half of a signature is none.
    let (half, _) = signatures.split_at(20);
    let half = self::message(ID, AT, half, body);
    for (library, why) in verifiers.ask(&new.to_text(), &half, Some(AT)) {
        assert!(why.is_some(), "{library} believes half of a signature");
    }
}
