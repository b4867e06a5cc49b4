//! OpenAI's shapes.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use sandbox::{Fault, Mode, Provider};
use serde_json::{Value, json};

use crate::lab::{Lab, picture_of, png, sides, told};

#[tokio::test]
async fn a_picture_is_drawn_at_its_size_billed_and_delivered() {
    let lab = Lab::start().await;
    let answer = lab
        .generate(json!({"size": "1536x1024", "n": 2}))
        .await
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let request_id = header("x-request-id");
    assert!(header("openai-processing-ms").parse::<u64>().unwrap() > 0);
    assert_eq!(header("x-ratelimit-limit-requests"), "5000");
    let (status, body) = told(answer).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        sides(&picture_of(&body["data"][0]["b64_json"])),
        (1536, 1024)
    );
    assert_ne!(
        body["data"][0], body["data"][1],
        "two pictures, not one twice"
    );
    assert_eq!(body["size"], "1536x1024");
    lab.delivered(1).await;
    let entry = lab.entry();
    assert_eq!(
        (entry.accepted, entry.billed, entry.pictures),
        (true, true, 2)
    );
    assert_eq!(entry.request_id, request_id);
    let tokens = body["usage"]["output_tokens"].as_i64().unwrap();
    let text = body["usage"]["input_tokens"].as_i64().unwrap();
    assert_eq!(entry.cost_micros, tokens * 30 + text * 5);
}

#[tokio::test]
async fn the_same_request_gives_the_same_bytes_in_every_sandbox() {
    let body = async |prompt: &str| {
        let lab = Lab::start().await;
        let answer = lab.generate(json!({"prompt": prompt})).await.unwrap();
        told(answer).await.1["data"][0]["b64_json"].clone()
    };
    assert_eq!(body("a ring").await, body("a ring").await);
    assert_ne!(body("a ring").await, body("a rink").await);
}

#[tokio::test]
async fn formats_and_transparency_are_as_asked() {
    let lab = Lab::start().await;
    for (format, head) in [
        ("png", &b"\x89PNG"[..]),
        ("jpeg", b"\xff\xd8"),
        ("webp", b"RIFF"),
    ] {
        let answer = lab
            .generate(json!({"output_format": format}))
            .await
            .unwrap();
        let (_, body) = told(answer).await;
        assert_eq!(body["output_format"], format);
        let bytes = decode(&body["data"][0]["b64_json"]);
        assert!(bytes.starts_with(head), "{format}");
    }
    let (_, body) = told(
        lab.generate(json!({"background": "transparent"}))
            .await
            .unwrap(),
    )
    .await;
    assert!(!picture_of(&body["data"][0]["b64_json"]).is_opaque());
    let (_, body) = told(lab.generate(json!({})).await.unwrap()).await;
    assert!(picture_of(&body["data"][0]["b64_json"]).is_opaque());
}

fn decode(base64: &Value) -> Vec<u8> {
    use base64::Engine;
    let text = base64.as_str().unwrap();
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

#[tokio::test]
async fn without_a_key_nothing_is_done_and_the_ledger_says_so() {
    let lab = Lab::start().await;
    let url = format!(
        "{}/images/generations",
        lab.sandbox.base_url(Provider::OpenAi)
    );
    for header in [None, Some("Bearer "), Some("Bearer")] {
        let mut request = lab
            .http
            .post(&url)
            .json(&json!({"model": "gpt-image-2", "prompt": "x"}));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let (status, body) = told(request.send().await.unwrap()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{header:?}");
        assert_eq!(body["error"]["type"], "invalid_request_error");
    }
    assert!(
        lab.entries()
            .iter()
            .all(|entry| !entry.accepted && !entry.billed)
    );
}

fn edit_form() -> Form {
    let image = png(256, 256, [200, 10, 10, 255], false);
    let mask = png(256, 256, [0, 0, 0, 255], true);
    Form::new()
        .text("model", "gpt-image-2")
        .text("prompt", "make the left half blue")
        .text("size", "1024x1024")
        .part("image[]", Part::bytes(image).file_name("a.png"))
        .part("mask", Part::bytes(mask).file_name("m.png"))
}

#[tokio::test]
async fn an_edit_keeps_what_the_mask_covers_and_redraws_the_rest() {
    let lab = Lab::start().await;
    let url = format!("{}/images/edits", lab.sandbox.base_url(Provider::OpenAi));
    let sent = lab
        .http
        .post(&url)
        .bearer_auth("k")
        .multipart(edit_form())
        .send()
        .await
        .unwrap();
    let (status, body) = told(sent).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let picture = picture_of(&body["data"][0]["b64_json"]);
    assert_eq!(sides(&picture), (1024, 1024));
    assert_eq!(picture.pixel(900, 500), Some([200, 10, 10, 255]));
    let changed = (0..400)
        .filter(|x| picture.pixel(*x, 500) != Some([200, 10, 10, 255]))
        .count();
    assert!(changed > 390, "{changed} of 400 pixels changed");
    assert_eq!(lab.entry().endpoint, "images/edits");
}

#[tokio::test]
async fn an_edit_may_come_as_json() {
    use base64::Engine;
    let lab = Lab::start().await;
    let data = base64::engine::general_purpose::STANDARD.encode(png(64, 64, [9, 9, 9, 255], false));
    let body = json!({
        "model": "gpt-image-2", "prompt": "x",
        "images": [{"image_url": format!("data:image/png;base64,{data}")}],
    });
    let answer = lab
        .post(Provider::OpenAi, "/images/edits", &body)
        .await
        .unwrap();
    let (status, body) = told(answer).await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

#[tokio::test]
async fn bad_pictures_and_masks_are_refused_and_not_billed() {
    let lab = Lab::start().await;
    let base = || Form::new().text("model", "gpt-image-2").text("prompt", "x");
    let file = |bytes: Vec<u8>| Part::bytes(bytes).file_name("a.png");
    let square = || file(png(64, 64, [1, 2, 3, 255], false));
    let mut many = base();
    for _ in 0..17 {
        many = many.part("image[]", square());
    }
    let cases = [
        (base(), "missing_required_parameter"),
        (many, "array_above_max_length"),
        (
            base().part("image", file(b"no picture".to_vec())),
            "invalid_image_file",
        ),
        (
            base()
                .part("image", square())
                .part("mask", file(png(32, 64, [0; 4], true))),
            "invalid_image_file",
        ),
        (
            base().part("image", square()).part("mask", square()),
            "invalid_image_file",
        ),
        (
            base().part("image", square()).text("moderation", "low"),
            "unknown_parameter",
        ),
    ];
    let url = format!("{}/images/edits", lab.sandbox.base_url(Provider::OpenAi));
    for (form, code) in cases {
        let sent = lab
            .http
            .post(&url)
            .bearer_auth("k")
            .multipart(form)
            .send()
            .await
            .unwrap();
        let (status, body) = told(sent).await;
        assert_eq!(
            (status.as_u16(), &body["error"]["code"]),
            (400, &json!(code)),
            "{body}"
        );
    }
    assert_eq!(lab.sandbox.ledger().billed(), 0);
}

#[tokio::test]
async fn a_stream_ends_with_the_whole_picture() {
    let lab = Lab::start().await;
    let answer = lab
        .generate(json!({"stream": true, "partial_images": 2}))
        .await
        .unwrap();
    let text = answer.text().await.unwrap();
    let events: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    let partial = "image_generation.partial_image";
    assert_eq!(events, [partial, partial, "image_generation.completed"]);
    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .next_back()
        .unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(sides(&picture_of(&last["b64_json"])), (1024, 1024));
    lab.delivered(1).await;
}

fn background() -> Value {
    json!({
        "model": "gpt-5.2", "input": "a brass ring", "background": true,
        "metadata": {"attempt": "7"},
        "tools": [{"type": "image_generation", "model": "gpt-image-2", "size": "1024x1536"}],
    })
}

async fn poll(lab: &Lab, id: &str, until: &str) -> Value {
    let path = format!("/responses/{id}");
    testkit::wait::until_some(
        "the response gets there",
        Duration::from_secs(5),
        async || {
            let (status, body) = lab.get(Provider::OpenAi, &path).await;
            assert_eq!(status, StatusCode::OK);
            (body["status"] == until).then_some(body)
        },
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_background_response_is_polled_to_its_picture_and_billed_once() {
    let lab = Lab::start().await;
    let answer = lab
        .post(Provider::OpenAi, "/responses", &background())
        .await
        .unwrap();
    let (status, body) = told(answer).await;
    assert_eq!((status.as_u16(), &body["status"]), (200, &json!("queued")));
    let id = body["id"].as_str().unwrap();
    assert!(id.starts_with("resp_"));
    let entry = lab.entry();
    assert_eq!(
        (entry.remote_id.as_deref(), entry.billed, entry.delivered),
        (Some(id), true, false)
    );
    let done = poll(&lab, id, "completed").await;
    assert_eq!(done["metadata"]["attempt"], "7");
    let call = &done["output"][0];
    assert_eq!(call["type"], "image_generation_call");
    assert_eq!(sides(&picture_of(&call["result"])), (1024, 1536));
    lab.delivered(1).await;
}

#[tokio::test]
async fn background_responses_fail_stay_incomplete_vanish_and_are_cancelled() {
    let lab = Lab::start().await;
    let submit = async |fault: Option<Fault>| {
        lab.sandbox.faults().clear();
        if let Some(fault) = fault {
            lab.arm(fault);
        }
        let answer = lab
            .post(Provider::OpenAi, "/responses", &background())
            .await
            .unwrap();
        told(answer).await.1["id"].as_str().unwrap().to_owned()
    };
    let id = submit(Some(Fault::new(Mode::Failed).code("rate_limit_exceeded"))).await;
    let failed = poll(&lab, &id, "failed").await;
    assert_eq!(failed["error"]["code"], "rate_limit_exceeded");
    let id = submit(Some(Fault::new(Mode::Incomplete))).await;
    let incomplete = poll(&lab, &id, "incomplete").await;
    assert_eq!(
        incomplete["incomplete_details"]["reason"],
        "max_output_tokens"
    );
    let id = submit(Some(Fault::new(Mode::Expired).ms(0))).await;
    let (status, _) = lab.get(Provider::OpenAi, &format!("/responses/{id}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let id = submit(Some(Fault::new(Mode::NeverFinishes))).await;
    poll(&lab, &id, "in_progress").await;
    let path = format!("/responses/{id}/cancel");
    let (_, body) = told(lab.post(Provider::OpenAi, &path, &json!({})).await.unwrap()).await;
    assert_eq!(body["status"], "cancelled");
    let id = submit(Some(Fault::new(Mode::EmptyData))).await;
    let empty = poll(&lab, &id, "completed").await;
    assert_eq!(empty["output"], json!([]));
    let entries = lab.entries();
    let billed: Vec<bool> = entries.iter().map(|entry| entry.billed).collect();
    assert_eq!(billed, [false, true, true, true, true]);
    assert!(entries.iter().all(|entry| !entry.delivered));
}

#[tokio::test]
async fn reading_endpoints_answer_and_cost_nothing() {
    let lab = Lab::start().await;
    lab.generate(json!({})).await.unwrap();
    let (_, models) = lab.get(Provider::OpenAi, "/models").await;
    let named = |name: &str| {
        models["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|m| m["id"] == name)
    };
    assert!(named("gpt-image-2") && !named("dall-e-3"));
    let body = json!({"input": ["a ring", "behead the king"]});
    let (_, told_) = told(
        lab.post(Provider::OpenAi, "/moderations", &body)
            .await
            .unwrap(),
    )
    .await;
    let flagged = |index: usize| told_["results"][index]["flagged"].as_bool().unwrap();
    assert_eq!((flagged(0), flagged(1)), (false, true));
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let body = json!({"input": [{"type": "text", "text": "a ring"}, picture, picture]});
    let refused = lab.post(Provider::OpenAi, "/moderations", &body).await;
    let (status, told_) = told(refused.unwrap()).await;
    let code = told_["error"]["code"].as_str();
    assert_eq!((status.as_u16(), code), (400, Some("too_many_images")));
    let path = "/organization/usage/images?start_time=0&bucket_width=1m";
    let (_, usage) = lab.get(Provider::OpenAi, path).await;
    assert_eq!(usage["data"][0]["results"][0]["images"], 1);
    assert_eq!(lab.entries().len(), 1);
    let (status, body) = lab.get(Provider::OpenAi, "/imagine").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(body["error"]["type"], "invalid_request_error");
}
