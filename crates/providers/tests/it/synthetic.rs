//! The synthetic provider through the trait.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::DateTime;
use clap::Parser;
use domain::{AttemptId, Micros};
use providers::{
    CallContext, Credential, ErrorKind, FailurePlan, Finished, ImageRequest, Next, OpenAttempt,
    Provider, Providers, ProvidersConfig, Reconciled, Sent, Spent, Submitted, Synthetic,
    SyntheticConfig,
};
use tokio::time::Instant;
use uuid::Uuid;

fn attempt(n: u128) -> AttemptId {
    AttemptId(Uuid::from_u128(n))
}

fn request(prompt: &str) -> ImageRequest {
    ImageRequest {
        quality: "standard".into(),
        ..ImageRequest::generate(attempt(1), "marble-1", prompt, (64, 48))
    }
}

fn provider(failures: &str) -> Synthetic {
    Synthetic::start(&SyntheticConfig {
        synthetic_latency_ms: 0,
        synthetic_failures: failures.parse::<FailurePlan>().unwrap(),
        ..SyntheticConfig::default()
    })
    .unwrap()
}

fn until(deadline: Instant) -> CallContext<'static> {
    static NONE: LazyLock<Credential> = LazyLock::new(Credential::none);
    CallContext {
        credential: &NONE,
        deadline,
    }
}

fn in_a_minute() -> CallContext<'static> {
    until(Instant::now() + Duration::from_secs(60))
}

async fn picture(provider: &Synthetic, request: &ImageRequest) -> Finished {
    let prepared = provider.prepare(request).unwrap();
    match provider.submit(prepared, in_a_minute()).await.unwrap() {
        Submitted::Finished(finished) => finished,
        Submitted::Accepted { .. } => panic!("the synthetic provider answers at once"),
    }
}

fn size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn the_same_request_brings_the_same_bytes_from_any_process() {
    let first = picture(&provider(""), &request("blue and gold")).await;
    let second = picture(&provider(""), &request("blue and gold")).await;
    assert_eq!(first, second);
    assert_eq!(first.cost, Micros(40_000));
    assert_eq!(first.content_type, "image/png");
}

#[tokio::test]
async fn another_prompt_or_seed_brings_another_picture() {
    let provider = provider("");
    let first = picture(&provider, &request("blue")).await.bytes;
    let reseeded = ImageRequest {
        seed: 9,
        ..request("blue")
    };
    assert_ne!(
        first,
        picture(&provider, &request("azure blue")).await.bytes
    );
    assert_ne!(first, picture(&provider, &reseeded).await.bytes);
}

#[tokio::test]
async fn a_picture_has_exactly_the_size_asked_for() {
    let provider = provider("");
    for (width_px, height_px) in [(1, 1), (33, 17), (200, 90)] {
        let sized = ImageRequest {
            width_px,
            height_px,
            ..request("rose")
        };
        assert_eq!(
            size(&picture(&provider, &sized).await.bytes),
            (width_px, height_px)
        );
    }
}

#[test]
fn a_size_it_cannot_draw_is_refused_before_any_call() {
    let provider = provider("");
    for (width_px, height_px) in [(0, 64), (64, 0), (4_097, 64), (64, u32::MAX)] {
        let sized = ImageRequest {
            width_px,
            height_px,
            ..request("rose")
        };
        let error = provider.prepare(&sized).unwrap_err();
        assert_eq!(
            (error.kind(), error.sent()),
            (ErrorKind::InvalidRequest, Sent::No)
        );
        assert_eq!(error.next(), Next::Stop);
    }
    assert_eq!(provider.calls_total(), 0);
}

#[test]
fn preparing_is_pure_and_shows_no_prompt() {
    let provider = provider("");
    let prepared = provider.prepare(&request("for Aurelia")).unwrap();
    assert_eq!(prepared, provider.prepare(&request("for Aurelia")).unwrap());
    let other = provider.prepare(&request("for Bartholomew")).unwrap();
    assert_ne!(prepared.fingerprint(), other.fingerprint());
    assert!(!format!("{prepared:?}").contains("Aurelia"));
    assert_eq!(
        std::str::from_utf8(&prepared.body).unwrap(),
        r#"{"model":"marble-1","prompt":"for Aurelia","negative_prompt":null,"width_px":64,"height_px":48,"quality":"standard","style":"","seed":8952255631054521211}"#
    );
}

#[tokio::test]
async fn every_planned_failure_gives_its_four_answers() {
    let again = Next::SameAfter(Duration::from_secs(1));
    let cost = Spent::Known(Micros(40_000));
    let cases = [
        (
            "rate_limited",
            ErrorKind::RateLimited,
            Sent::Yes,
            Spent::None,
            again,
        ),
        (
            "content_policy",
            ErrorKind::ContentPolicy,
            Sent::Yes,
            Spent::None,
            Next::Stop,
        ),
        (
            "invalid_request",
            ErrorKind::InvalidRequest,
            Sent::Yes,
            Spent::None,
            Next::Stop,
        ),
        (
            "auth",
            ErrorKind::Auth,
            Sent::Yes,
            Spent::None,
            Next::OtherKey,
        ),
        (
            "quota_exhausted",
            ErrorKind::QuotaExhausted,
            Sent::Yes,
            Spent::None,
            Next::OtherProvider,
        ),
        (
            "unavailable",
            ErrorKind::Unavailable,
            Sent::Yes,
            Spent::None,
            again,
        ),
        (
            "timeout",
            ErrorKind::Timeout,
            Sent::Maybe,
            Spent::Maybe,
            Next::Reconcile,
        ),
        (
            "network",
            ErrorKind::Network,
            Sent::Maybe,
            Spent::Maybe,
            Next::Reconcile,
        ),
        ("bad_answer", ErrorKind::BadAnswer, Sent::Yes, cost, again),
    ];
    for (name, kind, sent, spent, next) in cases {
        let provider = provider(&format!("{name}:1"));
        let prepared = provider.prepare(&request("secret words")).unwrap();
        let deadline = Instant::now() + Duration::from_millis(20);
        let error = provider
            .submit(prepared, until(deadline))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.sent(), error.spent()),
            (kind, sent, spent),
            "{name}"
        );
        assert_eq!(error.next(), next, "{name}");
        assert!(!format!("{error:?} {error}").contains("secret"), "{name}");
    }
}

#[tokio::test]
async fn a_truncated_picture_is_charged_and_breaks_off() {
    let whole = picture(&provider(""), &request("rose")).await;
    let half = picture(&provider("truncated:1"), &request("rose")).await;
    assert_eq!(half.bytes, whole.bytes.slice(..whole.bytes.len() / 2));
    assert_eq!(half.cost, whole.cost);
}

#[tokio::test(start_paused = true)]
async fn the_latency_is_waited_for_and_the_deadline_ends_it_free_of_charge() {
    let slow = SyntheticConfig {
        synthetic_latency_ms: 30_000,
        ..SyntheticConfig::default()
    };
    let provider = Synthetic::start(&slow).unwrap();
    let prepared = provider.prepare(&request("rose")).unwrap();

    let start = Instant::now();
    let error = provider
        .submit(prepared, until(start + Duration::from_secs(5)))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Timeout, Sent::No));
    assert_eq!(error.spent(), Spent::None);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn calls_are_counted_by_attempt_failed_ones_too() {
    let provider = provider("network:prompt~lost");
    let other = ImageRequest {
        attempt: attempt(2),
        ..request("lost")
    };
    picture(&provider, &request("rose")).await;
    picture(&provider, &request("rose")).await;
    provider
        .submit(provider.prepare(&other).unwrap(), in_a_minute())
        .await
        .unwrap_err();
    assert_eq!(provider.calls(attempt(1)), 2);
    assert_eq!(provider.calls(attempt(2)), 1);
    assert_eq!(provider.calls(attempt(3)), 0);
    assert_eq!(provider.calls_total(), 3);
}

#[tokio::test]
async fn reconciling_proves_that_a_lost_call_was_not_accepted() {
    let open = OpenAttempt {
        attempt: attempt(1),
        model: "marble-1".into(),
        submitted_at: DateTime::UNIX_EPOCH,
    };
    let reconciled = provider("").reconcile(&open, in_a_minute()).await.unwrap();
    assert_eq!(reconciled, Reconciled::NotAccepted);
}

#[test]
fn the_registry_finds_by_name_and_names_what_it_has() {
    let providers = Providers::from_config(&ProvidersConfig::default()).unwrap();
    assert_eq!(providers.get("synthetic").unwrap().name(), "synthetic");
    let error = providers.get("sintetic").err().unwrap();
    assert_eq!(
        error.to_string(),
        r#"no provider is called "sintetic"; there is: openai, replicate, stability, synthetic"#
    );
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    providers: ProvidersConfig,
}

#[test]
fn settings_that_make_no_sense_are_refused_with_the_reason() {
    let parse = |args: &[&str]| Command::try_parse_from([&["worker"], args].concat());
    let defaults = parse(&[]).ok().unwrap().providers.synthetic;
    assert_eq!(defaults.synthetic_price_micros, 40_000);
    assert_eq!(defaults.synthetic_failures, FailurePlan::default());

    let refused = |args: &[&str]| parse(args).err().unwrap().to_string();
    let error = refused(&["--synthetic-failures", "slow:0.1"]);
    assert!(error.contains(r#""slow" is no kind of failure"#), "{error}");
    let error = refused(&["--synthetic-price-micros=-1"]);
    assert!(error.contains("-1 is not in 0..=1000000000"), "{error}");
    refused(&["--synthetic-threads", "0"]);
    refused(&["--synthetic-latency-ms", "600001"]);
}
