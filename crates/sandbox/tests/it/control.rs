//! The ledger's and the faults' own endpoints, the start and the stop.

use reqwest::StatusCode;
use sandbox::{Fault, Mode, Sandbox, SandboxConfig, SandboxError};
use serde_json::{Value, json};

use crate::lab::{Lab, told};

async fn faults(lab: &Lab, method: reqwest::Method, body: &Value) -> (StatusCode, Value) {
    let url = format!("{}/_faults", lab.sandbox.url());
    told(
        lab.http
            .request(method, url)
            .body(body.to_string())
            .send()
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn faults_are_armed_listed_replaced_and_removed() {
    let lab = Lab::start().await;
    let one = json!({"mode": "500_before", "times": 1});
    let (status, body) = faults(&lab, reqwest::Method::POST, &one).await;
    assert_eq!(
        (status, &body["faults"][0]["id"]),
        (StatusCode::OK, &json!(1))
    );
    assert_eq!(
        lab.generate(json!({})).await.unwrap().status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
    let (_, listed) = faults(&lab, reqwest::Method::GET, &Value::Null).await;
    assert_eq!(listed["faults"][0]["met"], 1);
    let list = json!({"faults": [{"mode": "503"}, {"mode": "slow", "ms": 1}]});
    let (_, body) = faults(&lab, reqwest::Method::PUT, &list).await;
    assert_eq!(body["faults"].as_array().unwrap().len(), 2);
    let url = format!("{}/_faults/{}", lab.sandbox.url(), body["faults"][0]["id"]);
    let removed = lab.http.delete(&url).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        lab.http.delete(&url).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(lab.sandbox.faults().list().len(), 1);
    let wrong = json!([{"mode": "503"}, {"mode": "meteor"}]);
    let (status, body) = faults(&lab, reqwest::Method::POST, &wrong).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let told = body["error"].as_str().unwrap();
    assert!(
        told.starts_with("fault 2:") && told.contains("reset_before_accept"),
        "{told}"
    );
    assert_eq!(lab.sandbox.faults().list().len(), 1, "all or none");
}

#[tokio::test]
async fn the_ledger_has_its_fields_and_is_forgotten_on_request() {
    let lab = Lab::start().await;
    lab.generate(json!({}))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    lab.delivered(1).await;
    let url = format!("{}/_ledger", lab.sandbox.url());
    let (_, body) = told(lab.http.get(&url).send().await.unwrap()).await;
    let entry = &body["entries"][0];
    for field in [
        "provider",
        "request_id",
        "accepted",
        "billed",
        "delivered",
        "cost_micros",
    ] {
        assert!(!entry[field].is_null(), "{field}");
    }
    assert_eq!(entry["provider"], "openai");
    assert!(
        !body.to_string().contains("\"key\":\"key\""),
        "the key itself is not kept"
    );
    lab.arm(Fault::new(Mode::Slow));
    lab.http
        .post(format!("{}/_reset", lab.sandbox.url()))
        .send()
        .await
        .unwrap();
    let (_, body) = told(lab.http.get(&url).send().await.unwrap()).await;
    assert_eq!(body["entries"], json!([]));
    assert!(lab.sandbox.faults().list().is_empty());
}

#[tokio::test]
async fn every_mode_is_explained() {
    let lab = Lab::start().await;
    let url = format!("{}/_faults/modes", lab.sandbox.url());
    let (_, body) = told(lab.http.get(url).send().await.unwrap()).await;
    assert_eq!(body["modes"].as_array().unwrap().len(), Mode::ALL.len());
    let documented = include_str!("../../../../docs/sandbox.md");
    for mode in Mode::ALL {
        assert!(
            documented.contains(&format!("`{mode}`")),
            "docs/sandbox.md lacks {mode}"
        );
    }
}

#[tokio::test]
async fn a_bad_fault_or_a_taken_address_stops_the_start() {
    let mut config = SandboxConfig::default();
    config.faults.push(Fault::new(Mode::Quota).ms(3));
    let refused = Sandbox::start(config).await.unwrap_err();
    assert!(matches!(refused, SandboxError::Fault(_)), "{refused}");
    let lab = Lab::start().await;
    let taken = SandboxConfig {
        listen: lab.sandbox.addr(),
        ..SandboxConfig::default()
    };
    let refused = Sandbox::start(taken).await.unwrap_err();
    assert!(matches!(refused, SandboxError::Listen { .. }), "{refused}");
}

#[tokio::test]
async fn stopping_lets_a_request_finish_and_closes_the_port() {
    let lab = Lab::start().await;
    lab.arm(Fault::new(Mode::Slow).ms(200));
    let addr = lab.sandbox.addr();
    let Lab { sandbox, http } = lab;
    let url = format!(
        "{}/images/generations",
        sandbox.base_url(sandbox::Provider::OpenAi)
    );
    let body = json!({"model": "gpt-image-2", "prompt": "x"});
    let asked = http.post(url).bearer_auth("k").json(&body).send();
    let stopped = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        sandbox.stop().await;
    };
    let (answer, ()) = tokio::join!(asked, stopped);
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
