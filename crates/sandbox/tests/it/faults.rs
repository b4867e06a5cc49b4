//! Every fault that breaks an answer, as a client sees it and as the ledger books it.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use sandbox::{Fault, Mode, Provider, RetryAfter};
use serde_json::{Value, json};

use crate::lab::{Lab, told};

/// (accepted, billed, delivered) of the only entry.
fn booked(lab: &Lab) -> (bool, bool, bool) {
    let entry = lab.entry();
    (entry.accepted, entry.billed, entry.delivered)
}

async fn under(fault: Fault) -> (Lab, reqwest::Result<reqwest::Response>) {
    let lab = Lab::start().await;
    lab.arm(fault);
    let answer = lab.generate(json!({})).await;
    (lab, answer)
}

#[tokio::test]
async fn connections_are_reset_before_and_after_the_bill() {
    let expected = [
        (Mode::ResetBeforeAccept, (false, false, false)),
        (Mode::Outage, (false, false, false)),
        (Mode::ResetAfterAccept, (true, true, false)),
        (Mode::LostAck, (true, true, false)),
    ];
    for (mode, booking) in expected {
        let (lab, answer) = under(Fault::new(mode)).await;
        let error = answer.unwrap_err();
        let mut chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
            error.source()
        });
        let reset = chain.any(|error| {
            error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
        });
        assert!(reset, "{mode}: {error:?}");
        assert_eq!(booked(&lab), booking, "{mode}");
        assert_eq!(lab.entry().faults, [mode.info().name]);
    }
}

#[tokio::test]
async fn refusals_carry_the_status_and_code_of_the_service_and_cost_nothing() {
    let cases = [
        (Mode::ErrorBefore, 500, Value::Null),
        (Mode::Overloaded, 503, json!("server_is_overloaded")),
        (Mode::ModeratedIn, 400, json!("moderation_blocked")),
        (Mode::Quota, 429, json!("insufficient_quota")),
        (Mode::AuthInvalid, 401, json!("invalid_api_key")),
        (Mode::ModelGone, 404, json!("model_not_found")),
    ];
    for (mode, status, code) in cases {
        let (lab, answer) = under(Fault::new(mode)).await;
        let (told_status, body) = told(answer.unwrap()).await;
        assert_eq!(told_status.as_u16(), status, "{mode}");
        assert_eq!(body["error"]["code"], code, "{mode}");
        assert_eq!(booked(&lab), (false, false, false), "{mode}");
        assert_eq!(lab.entry().status, Some(status));
    }
}

#[tokio::test]
async fn an_error_after_the_bill_and_a_withheld_picture_stay_billed() {
    let (lab, answer) = under(Fault::new(Mode::ErrorAfterBill)).await;
    assert_eq!(answer.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(booked(&lab), (true, true, false));
    let (lab, answer) = under(Fault::new(Mode::ModeratedOut)).await;
    let (status, body) = told(answer.unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        body["error"]["moderation_details"]["moderation_stage"],
        "output"
    );
    assert_eq!(booked(&lab), (true, true, false));
}

#[tokio::test]
async fn broken_bodies_are_billed_and_not_delivered() {
    let lost = (true, true, false);
    let (lab, answer) = under(Fault::new(Mode::Truncate)).await;
    assert!(
        answer.unwrap().bytes().await.is_err(),
        "the body ends early"
    );
    assert_eq!(booked(&lab), lost);
    let (lab, answer) = under(Fault::new(Mode::WrongContentLength)).await;
    assert!(
        answer.unwrap().bytes().await.is_err(),
        "64 bytes are missing"
    );
    assert_eq!(booked(&lab), lost);
    let mut short = Fault::new(Mode::WrongContentLength);
    short.bytes = Some(-64);
    let (lab, answer) = under(short).await;
    let text = answer.unwrap().text().await.unwrap();
    assert!(
        serde_json::from_str::<Value>(&text).is_err(),
        "64 bytes are cut off"
    );
    assert_eq!(booked(&lab), lost);
    let (lab, answer) = under(Fault::new(Mode::InvalidJson)).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.json::<Value>().await.is_err());
    assert_eq!(booked(&lab), lost);
    let (lab, answer) = under(Fault::new(Mode::EmptyData)).await;
    assert_eq!(told(answer.unwrap()).await.1["data"], json!([]));
    assert_eq!(booked(&lab), lost);
}

#[tokio::test]
async fn a_client_that_leaves_while_the_work_goes_on_pays() {
    let (lab, _) = (Lab::start().await, ());
    lab.arm(Fault::new(Mode::Slow).ms(10_000));
    let hurried = tokio::time::timeout(Duration::from_millis(300), lab.generate(json!({}))).await;
    assert!(hurried.is_err());
    assert_eq!(booked(&lab), (true, true, false));
}

#[tokio::test]
async fn a_slow_answer_drips_and_arrives() {
    let mut fault = Fault::new(Mode::Slow).ms(100);
    fault.bytes = Some(8192);
    fault.window_ms = Some(20);
    let began = Instant::now();
    let (lab, answer) = under(fault).await;
    assert!(began.elapsed() >= Duration::from_millis(100));
    told(answer.unwrap()).await;
    assert!(
        began.elapsed() >= Duration::from_millis(160),
        "{:?}",
        began.elapsed()
    );
    lab.delivered(1).await;
}

#[tokio::test]
async fn rate_limits_say_honestly_when_to_come_back_or_say_nothing() {
    for (says, seconds, millis) in [
        (RetryAfter::Honest, true, false),
        (RetryAfter::Ms, true, true),
        (RetryAfter::None, false, false),
    ] {
        let lab = Lab::start().await;
        lab.arm(Fault::rate_limit(1, 400, says));
        assert_eq!(
            lab.generate(json!({})).await.unwrap().status(),
            StatusCode::OK
        );
        let refused = lab.generate(json!({})).await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let headers = refused.headers().clone();
        assert_eq!(headers.contains_key("retry-after"), seconds, "{says:?}");
        assert_eq!(headers.contains_key("retry-after-ms"), millis, "{says:?}");
        if let Some(ms) = headers.get("retry-after-ms") {
            let ms = ms.to_str().unwrap().parse().unwrap();
            assert!(ms <= 400, "{ms}");
            tokio::time::sleep(Duration::from_millis(ms)).await;
            assert_eq!(
                lab.generate(json!({})).await.unwrap().status(),
                StatusCode::OK
            );
        }
    }
}

#[tokio::test]
async fn polls_are_met_by_faults_that_name_them() {
    let lab = Lab::start().await;
    lab.arm(
        Fault::new(Mode::ErrorBefore)
            .of(Provider::Replicate)
            .on("predictions/get")
            .times(1),
    );
    let body = json!({"input": {"prompt": "x"}});
    let path = "/models/owner/name/predictions";
    let (_, made) = told(lab.post(Provider::Replicate, path, &body).await.unwrap()).await;
    let path = format!("/predictions/{}", made["id"].as_str().unwrap());
    assert_eq!(
        lab.get(Provider::Replicate, &path).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(lab.get(Provider::Replicate, &path).await.0, StatusCode::OK);
}
