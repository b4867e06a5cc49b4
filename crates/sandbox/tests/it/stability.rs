//! Stability's shapes.

use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode};
use sandbox::{Fault, Mode, Provider};
use serde_json::json;

use crate::lab::{Lab, picture, picture_of, png, sides, told};

async fn send(lab: &Lab, path: &str, accept: &str, form: Form) -> Response {
    let base = lab.sandbox.base_url(Provider::Stability);
    let url = format!("{base}/v2beta/stable-image/{path}");
    let request = lab
        .http
        .post(url)
        .bearer_auth("sk-x")
        .header("accept", accept);
    request.multipart(form).send().await.unwrap()
}

fn prompt() -> Form {
    Form::new().text("prompt", "a brass ring")
}

fn file(bytes: Vec<u8>) -> Part {
    Part::bytes(bytes).file_name("a.png")
}

fn square() -> Vec<u8> {
    png(256, 256, [10, 200, 10, 255], false)
}

#[tokio::test]
async fn a_picture_comes_as_bytes_or_as_json_with_its_seed() {
    let lab = Lab::start().await;
    let form = prompt().text("aspect_ratio", "16:9").text("seed", "77");
    let answer = send(&lab, "generate/core", "image/*", form).await;
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["finish-reason"], "SUCCESS");
    assert_eq!(answer.headers()["seed"], "77");
    let raw = answer.bytes().await.unwrap();
    assert_eq!(sides(&picture(&raw)), (1344, 768));
    let form = prompt().text("aspect_ratio", "16:9").text("seed", "77");
    let (_, body) = told(send(&lab, "generate/core", "application/json", form).await).await;
    assert_eq!(
        (&body["finish_reason"], &body["seed"]),
        (&json!("SUCCESS"), &json!(77))
    );
    assert_eq!(
        picture_of(&body["image"]),
        picture(&raw),
        "the same request, the same picture"
    );
    lab.delivered(2).await;
    let costs: Vec<i64> = lab
        .entries()
        .iter()
        .map(|entry| entry.cost_micros)
        .collect();
    assert_eq!(costs, [30_000, 30_000]);
    let (_, balance) = lab.get(Provider::Stability, "/v1/user/balance").await;
    assert_eq!(balance["credits"], 99_994.0);
}

#[tokio::test]
async fn what_the_service_refuses_is_refused_with_its_words() {
    let lab = Lab::start().await;
    let cases = [
        (
            "generate/core",
            Form::new().text("x", "y"),
            "prompt: cannot be blank",
        ),
        (
            "generate/core",
            prompt().text("aspect_ratio", "7:5"),
            "aspect_ratio: must be one of",
        ),
        (
            "generate/core",
            prompt().text("width", "512"),
            "width: is not a known field",
        ),
        (
            "generate/core",
            prompt().text("seed", "4294967295"),
            "seed: must be",
        ),
        (
            "generate/core",
            prompt().text("style_preset", "baroque"),
            "style_preset: must",
        ),
        (
            "generate/core",
            Form::new().text("prompt", "x".repeat(10_001)),
            "prompt: length",
        ),
        (
            "generate/sd3",
            prompt().text("model", "sd9"),
            "model: must be one of",
        ),
        (
            "generate/sd3",
            prompt().text("mode", "image-to-image"),
            "image: is required",
        ),
        ("edit/inpaint", prompt(), "image: is required"),
        (
            "edit/erase",
            Form::new().part("image", file(square())),
            "mask: is required",
        ),
        (
            "edit/outpaint",
            Form::new().part("image", file(square())),
            "left: at least one",
        ),
        (
            "edit/search-and-replace",
            prompt().part("image", file(square())),
            "search_prompt: ",
        ),
    ];
    for (path, form, expected) in cases {
        let (status, body) = told(send(&lab, path, "image/*", form).await).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(
            body["errors"][0].as_str().unwrap().starts_with(expected),
            "{body}"
        );
        assert_eq!(body["name"], "bad_request");
    }
    assert_eq!(lab.sandbox.ledger().accepted(), 0);
}

#[tokio::test]
async fn edits_show_their_input_and_cost_what_they_cost() {
    let lab = Lab::start().await;
    let green = Some([10, 200, 10, 255]);
    let mask = png(256, 256, [255, 255, 255, 255], false);
    let edit = async |path: &str, form: Form| {
        let answer = send(&lab, path, "image/*", form).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        picture(&answer.bytes().await.unwrap())
    };
    let image = || Form::new().part("image", file(square()));
    let white = image().text("prompt", "x").part("mask", file(mask));
    assert_ne!(edit("edit/inpaint", white).await.pixel(128, 128), green);
    let larger = edit(
        "edit/outpaint",
        image().text("left", "64").text("down", "32"),
    )
    .await;
    assert_eq!(sides(&larger), (320, 288));
    assert_eq!(
        (larger.pixel(100, 10), larger.pixel(63, 10) == green),
        (green, false)
    );
    let cut = edit("edit/remove-background", image()).await;
    assert_eq!(
        (cut.pixel(128, 128), cut.pixel(2, 2)),
        (green, Some([0; 4]))
    );
    let form = image().text("prompt", "x").text("search_prompt", "ring");
    let replaced = edit("edit/search-and-replace", form).await;
    assert_eq!(replaced.pixel(2, 2), green);
    let costs: Vec<i64> = lab
        .entries()
        .iter()
        .map(|entry| entry.cost_micros)
        .collect();
    assert_eq!(costs, [50_000, 40_000, 50_000, 50_000]);
}

#[tokio::test]
async fn policy_is_403_before_the_work_and_200_with_a_blurred_picture_after_it() {
    let lab = Lab::start().await;
    lab.arm(Fault::new(Mode::ModeratedIn).times(1));
    lab.arm(Fault::new(Mode::ModeratedOut).after(1));
    let (status, body) = told(send(&lab, "generate/core", "image/*", prompt()).await).await;
    assert_eq!(
        (status.as_u16(), &body["name"]),
        (403, &json!("content_moderation"))
    );
    let answer = send(&lab, "generate/core", "image/*", prompt()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["finish-reason"], "CONTENT_FILTERED");
    picture(&answer.bytes().await.unwrap());
    let seen: Vec<_> = lab
        .entries()
        .iter()
        .map(|e| (e.billed, e.delivered))
        .collect();
    assert_eq!(seen, [(false, false), (true, false)]);
}

#[tokio::test]
async fn asynchronous_work_is_polled_for_its_result() {
    let lab = Lab::start().await;
    let form = Form::new()
        .part("subject_image", file(square()))
        .text("background_prompt", "a beach");
    let path = "edit/replace-background-and-relight";
    let (_, body) = told(send(&lab, path, "application/json", form).await).await;
    let url = format!("/v2beta/results/{}", body["id"].as_str().unwrap());
    let (first, _) = lab.get(Provider::Stability, &url).await;
    assert_eq!(first, StatusCode::ACCEPTED);
    let limit = std::time::Duration::from_secs(5);
    testkit::wait::until("the result is there", limit, async || {
        lab.get(Provider::Stability, &url).await.0 == StatusCode::OK
    })
    .await
    .unwrap();
    lab.delivered(1).await;
    let (gone, _) = lab.get(Provider::Stability, "/v2beta/results/none").await;
    assert_eq!(gone, StatusCode::NOT_FOUND);
}
