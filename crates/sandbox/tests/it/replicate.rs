//! Replicate's shapes.

use std::time::Duration;

use reqwest::StatusCode;
use sandbox::{Fault, Mode, Provider};
use serde_json::{Value, json};

use crate::lab::{Lab, picture, sides, told};

const FLUX: &str = "/models/black-forest-labs/flux-schnell/predictions";

fn ring() -> Value {
    json!({"input": {"prompt": "a brass ring", "seed": 77, "output_format": "png"}})
}

async fn create(lab: &Lab, headers: &[(&str, &str)]) -> (StatusCode, Value) {
    let url = format!("{}{FLUX}", lab.sandbox.base_url(Provider::Replicate));
    let mut request = lab.http.post(url).bearer_auth("r8_x").json(&ring());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    told(request.send().await.unwrap()).await
}

async fn until(lab: &Lab, prediction: &Value, status: &str) -> Value {
    let path = format!("/predictions/{}", prediction["id"].as_str().unwrap());
    testkit::wait::until_some(
        "the prediction gets there",
        Duration::from_secs(5),
        async || {
            let (_, body) = lab.get(Provider::Replicate, &path).await;
            (body["status"] == status).then_some(body)
        },
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_prediction_is_polled_and_delivered_when_its_file_is_fetched() {
    let lab = Lab::start().await;
    let (status, first) = create(&lab, &[]).await;
    assert_eq!(
        (status, &first["status"]),
        (StatusCode::CREATED, &json!("starting"))
    );
    assert_eq!(
        (&first["output"], &first["version"]),
        (&Value::Null, &json!("hidden"))
    );
    let done = until(&lab, &first, "succeeded").await;
    assert!(done["metrics"]["predict_time"].as_f64().unwrap() > 0.0);
    let entry = lab.entry();
    assert_eq!(
        (entry.billed, entry.delivered, entry.seed),
        (true, false, Some(77))
    );
    assert_eq!(entry.cost_micros, 3_000);
    let file = lab
        .http
        .get(done["output"][0].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(sides(&picture(&file.bytes().await.unwrap())), (1024, 1024));
    lab.delivered(1).await;
}

#[tokio::test]
async fn waiting_gives_the_result_or_says_that_it_is_not_there_yet() {
    let lab = Lab::start().await;
    let (status, body) = create(&lab, &[("prefer", "wait=5")]).await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::CREATED, &json!("succeeded"))
    );
    lab.arm(Fault::new(Mode::ProcessingAfterWait).ms(1).times(1));
    let (status, body) = create(&lab, &[("prefer", "wait")]).await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::ACCEPTED, &json!("processing"))
    );
    assert_eq!(body["output"], Value::Null);
    until(&lab, &body, "succeeded").await;
    let (status, _) = create(&lab, &[("prefer", "wait=61")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_deadline_aborts_before_the_start_and_cancels_after_it() {
    let lab = Lab::start().await;
    let (_, early) = create(&lab, &[("cancel-after", "5ms")]).await;
    until(&lab, &early, "aborted").await;
    let (_, late) = create(&lab, &[("cancel-after", "60ms")]).await;
    until(&lab, &late, "canceled").await;
    let billed: Vec<bool> = lab.entries().iter().map(|entry| entry.billed).collect();
    assert_eq!(billed, [false, true], "aborted is not charged, canceled is");
}

#[tokio::test]
async fn a_canceled_prediction_is_charged_once_it_had_started() {
    let lab = Lab::start().await;
    lab.arm(Fault::new(Mode::NeverFinishes));
    let (_, body) = create(&lab, &[]).await;
    until(&lab, &body, "processing").await;
    let path = format!("/predictions/{}/cancel", body["id"].as_str().unwrap());
    let answer = lab
        .post(Provider::Replicate, &path, &json!({}))
        .await
        .unwrap();
    assert_eq!(told(answer).await.1["status"], "canceled");
    assert!(lab.entry().billed);
}

#[tokio::test]
async fn listings_go_back_in_time_in_pages_and_may_lag() {
    let lab = Lab::start().await;
    let (_, old) = create(&lab, &[]).await;
    for _ in 0..100 {
        create(&lab, &[]).await;
    }
    let (_, page) = lab.get(Provider::Replicate, "/predictions").await;
    assert_eq!(page["results"].as_array().unwrap().len(), 100);
    assert_eq!(page["results"][0]["input"]["seed"], 77);
    let next = page["next"].as_str().unwrap();
    let (_, last) = told(lab.http.get(next).bearer_auth("x").send().await.unwrap()).await;
    assert_eq!(last["results"][0]["id"], old["id"]);
    assert_eq!(last["next"], Value::Null);
    lab.arm(Fault::new(Mode::ListLag).ms(300));
    let (_, hidden) = create(&lab, &[]).await;
    let path = format!(
        "/predictions?created_after={}",
        hidden["created_at"].as_str().unwrap()
    );
    let (_, page) = lab.get(Provider::Replicate, &path).await;
    assert_eq!(page["results"], json!([]));
    let limit = Duration::from_secs(5);
    testkit::wait::until("the listing catches up", limit, async || {
        let (_, page) = lab.get(Provider::Replicate, &path).await;
        page["results"][0]["id"] == hidden["id"]
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn expired_files_are_gone_and_failures_say_why() {
    let lab = Lab::start().await;
    lab.arm(Fault::new(Mode::ExpiredUrl).times(1));
    lab.arm(Fault::new(Mode::Failed).code("E1000 unknown").after(1));
    let (_, expired) = create(&lab, &[]).await;
    let expired = until(&lab, &expired, "succeeded").await;
    let file = lab
        .http
        .get(expired["output"][0].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(file.status(), StatusCode::NOT_FOUND);
    let (_, failed) = create(&lab, &[]).await;
    assert_eq!(
        until(&lab, &failed, "failed").await["error"],
        "E1000 unknown"
    );
    let seen: Vec<_> = lab
        .entries()
        .iter()
        .map(|e| (e.billed, e.delivered))
        .collect();
    assert_eq!(seen, [(true, false), (false, false)]);
}

#[tokio::test]
async fn bad_requests_are_problems_and_unknown_models_are_404() {
    let lab = Lab::start().await;
    let version = format!("owner/name:{}", "a".repeat(64));
    let good = json!({"version": version, "input": {"prompt": "x"}});
    let answer = lab
        .post(Provider::Replicate, "/predictions", &good)
        .await
        .unwrap();
    assert_eq!(told(answer).await.0, StatusCode::CREATED);
    let deployed = json!({"input": {"prompt": "x"}});
    let path = "/deployments/owner/name/predictions";
    let (_, body) = told(
        lab.post(Provider::Replicate, path, &deployed)
            .await
            .unwrap(),
    )
    .await;
    assert!(body["version"].as_str().unwrap().starts_with("dp-"));
    let cases = [
        (FLUX, json!({}), 422),
        (FLUX, json!({"input": {}}), 422),
        (
            FLUX,
            json!({"input": {"prompt": "x", "num_outputs": 9}}),
            422,
        ),
        (
            FLUX,
            json!({"input": {"prompt": "x"}, "webhook": "no url"}),
            422,
        ),
        (
            "/predictions",
            json!({"version": "abc", "input": {"prompt": "x"}}),
            422,
        ),
        ("/models/owner/missing/predictions", deployed, 404),
    ];
    for (path, body, status) in cases {
        let answer = lab.post(Provider::Replicate, path, &body).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.status().as_u16(), status, "{path} {body}");
    }
    let (_, account) = lab.get(Provider::Replicate, "/account").await;
    assert_eq!(account["username"], "sandbox");
}
