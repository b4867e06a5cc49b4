//! Both adapters over real sockets, against the sandbox and what it breaks on purpose.
//!
//! Every test ends by looking at what the sandbox accepted and billed.

use std::time::Duration;

use chrono::Utc;
use providers::{
    CallContext, Canceled, Credential, ErrorKind, Finished, ImageRequest, ModelRegistry, Next,
    OpenAttempt, Operation, Polled, Provider, ProviderError, Reconciled, Replicate,
    ReplicateConfig, Sent, Spent, Stability, StabilityConfig, Submitted, seed_of,
};
use sandbox::{Fault, Mode, RetryAfter, Sandbox, SandboxConfig, Timings};
use tokio::time::Instant;
use uuid::Uuid;

const FLUX: &str = "black-forest-labs/flux-schnell";

struct Bench {
    sandbox: Sandbox,
    key: Credential,
}

impl Bench {
    async fn start() -> Self {
        let config = SandboxConfig {
            timings: Timings::default().with_work(Duration::from_millis(20)),
            ..SandboxConfig::default()
        };
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
            key: Credential::new("test-1", "r8_test".into()),
        }
    }

    async fn with(fault: Fault) -> Self {
        let bench = Self::start().await;
        bench.sandbox.faults().push(fault).unwrap();
        bench
    }

    fn call(&self) -> CallContext<'_> {
        CallContext {
            credential: &self.key,
            deadline: Instant::now() + Duration::from_secs(20),
        }
    }

    fn replicate(&self, visible_after_s: u64) -> Replicate {
        let base = self.sandbox.base_url(sandbox::Provider::Replicate);
        let config = ReplicateConfig {
            replicate_base_url: base.parse().unwrap(),
            replicate_file_hosts: vec!["127.0.0.1".to_owned()],
            replicate_visible_after_seconds: visible_after_s,
            ..ReplicateConfig::default()
        };
        Replicate::new(&config, &models()).unwrap()
    }

    fn stability(&self) -> Stability {
        let base = self.sandbox.base_url(sandbox::Provider::Stability);
        let config = StabilityConfig {
            stability_base_url: base.parse().unwrap(),
            ..StabilityConfig::default()
        };
        Stability::new(&config, &models()).unwrap()
    }

    /// Accepted and billed.
    fn spent(&self) -> (usize, usize) {
        let ledger = self.sandbox.ledger();
        (ledger.accepted(), ledger.billed())
    }
}

fn models() -> ModelRegistry {
    ModelRegistry::load(None).unwrap()
}

fn request(model: &str) -> ImageRequest {
    let attempt = domain::AttemptId(Uuid::now_v7());
    ImageRequest::generate(attempt, model, "a ring named Zoë", (1024, 1024))
}

fn open(request: &ImageRequest) -> OpenAttempt {
    OpenAttempt {
        attempt: request.attempt,
        model: request.model.clone(),
        submitted_at: Utc::now(),
    }
}

async fn submit(
    provider: &dyn Provider,
    bench: &Bench,
    request: &ImageRequest,
) -> Result<Submitted, ProviderError> {
    let prepared = provider.prepare(request).unwrap();
    provider.submit(prepared, bench.call()).await
}

fn reference(submitted: Submitted) -> String {
    match submitted {
        Submitted::Accepted { provider_ref, .. } => provider_ref,
        Submitted::Finished(_) => panic!("it came at once"),
    }
}

async fn poll_to_end(
    provider: &dyn Provider,
    bench: &Bench,
    provider_ref: &str,
) -> Result<Finished, ProviderError> {
    for _ in 0..200 {
        match provider.poll(provider_ref, bench.call()).await? {
            Polled::Finished(finished) => return Ok(finished),
            Polled::Working { .. } => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("it never ended");
}

#[tokio::test]
async fn replicate_brings_a_picture_and_is_billed_once() {
    let bench = Bench::start().await;
    let replicate = bench.replicate(0);
    let request = request(FLUX);
    let provider_ref = reference(submit(&replicate, &bench, &request).await.unwrap());
    let finished = poll_to_end(&replicate, &bench, &provider_ref)
        .await
        .unwrap();
    assert_eq!(finished.content_type, "image/png");
    assert_eq!(finished.cost, domain::Micros(3_000));
    assert_eq!(finished.provider_ref, Some(provider_ref));
    assert_eq!(bench.spent(), (1, 1));
    let entries = bench.sandbox.ledger().entries();
    assert_eq!(entries[0].cost_micros, 3_000);
    assert_eq!(
        entries[0].seed,
        Some(seed_of(request.attempt) & 0x7fff_ffff)
    );
}

#[tokio::test]
async fn a_lost_acknowledgement_is_found_in_the_list_and_paid_once() {
    for mode in [
        Mode::LostAck,
        Mode::ResetAfterAccept,
        Mode::ErrorAfterBill,
        Mode::Truncate,
        Mode::InvalidJson,
    ] {
        let bench = Bench::with(Fault::new(mode).times(1)).await;
        let replicate = bench.replicate(30);
        // Another call beside it, which must not be taken for it.
        let mut ours = request(FLUX);
        ours.callback_url = None;
        let error = submit(&replicate, &bench, &ours).await.unwrap_err();
        assert_eq!(error.next(), Next::Reconcile, "{mode}: {error:?}");
        assert_eq!(error.spent(), Spent::Maybe, "{mode}");
        submit(&replicate, &bench, &request(FLUX)).await.unwrap();
        let found = replicate
            .reconcile(&open(&ours), bench.call())
            .await
            .unwrap();
        let Reconciled::Accepted { provider_ref } = found else {
            panic!("{mode}: {found:?}");
        };
        poll_to_end(&replicate, &bench, &provider_ref)
            .await
            .unwrap();
        assert_eq!(bench.spent().0, 2, "{mode}");
    }
}

#[tokio::test]
async fn what_was_never_accepted_is_proved_only_after_the_window() {
    let bench = Bench::with(Fault::new(Mode::ResetBeforeAccept).times(1)).await;
    let ours = request(FLUX);
    let patient = bench.replicate(30);
    let error = submit(&patient, &bench, &ours).await.unwrap_err();
    assert_ne!(error.sent(), Sent::Yes);
    let early = patient
        .reconcile(&open(&ours), bench.call())
        .await
        .unwrap_err();
    let Next::PollAfter(after) = early.next() else {
        panic!("{early:?}");
    };
    assert!(
        (Duration::from_secs(28)..=Duration::from_secs(32)).contains(&after),
        "{after:?}"
    );
    let mut long_ago = open(&ours);
    long_ago.submitted_at -= chrono::TimeDelta::seconds(60);
    let proved = patient.reconcile(&long_ago, bench.call()).await.unwrap();
    assert_eq!(proved, Reconciled::NotAccepted);
    assert_eq!(bench.spent(), (0, 0));
}

#[tokio::test]
async fn a_list_that_lags_does_not_make_us_pay_again() {
    let bench = Bench::start().await;
    bench
        .sandbox
        .faults()
        .push(Fault::new(Mode::LostAck).times(1))
        .unwrap();
    bench
        .sandbox
        .faults()
        .push(Fault::new(Mode::ListLag).ms(300).times(1))
        .unwrap();
    let replicate = bench.replicate(30);
    let ours = request(FLUX);
    submit(&replicate, &bench, &ours).await.unwrap_err();
    let open = open(&ours);
    let early = replicate.reconcile(&open, bench.call()).await.unwrap_err();
    assert!(early.next().keeps_attempt_open(), "{early:?}");
    tokio::time::sleep(Duration::from_millis(400)).await;
    let found = replicate.reconcile(&open, bench.call()).await.unwrap();
    assert!(matches!(found, Reconciled::Accepted { .. }), "{found:?}");
    assert_eq!(bench.spent().0, 1);
}

#[tokio::test]
async fn a_list_of_several_pages_is_read_to_the_end() {
    let bench = Bench::with(Fault::new(Mode::LostAck).times(1)).await;
    let replicate = bench.replicate(0);
    let ours = request(FLUX);
    let open = open(&ours);
    submit(&replicate, &bench, &ours).await.unwrap_err();
    for _ in 0..120 {
        submit(&replicate, &bench, &request(FLUX)).await.unwrap();
    }
    let found = replicate.reconcile(&open, bench.call()).await.unwrap();
    assert!(matches!(found, Reconciled::Accepted { .. }), "{found:?}");
    let stranger = OpenAttempt {
        attempt: request(FLUX).attempt,
        ..open
    };
    let nothing = replicate.reconcile(&stranger, bench.call()).await;
    assert!(
        matches!(nothing, Ok(Reconciled::NotAccepted)),
        "{nothing:?}"
    );
}

#[tokio::test]
async fn one_that_never_finishes_is_cancelled_and_told_what_it_cost() {
    let bench = Bench::with(Fault::new(Mode::NeverFinishes)).await;
    let replicate = bench.replicate(0);
    let provider_ref = reference(submit(&replicate, &bench, &request(FLUX)).await.unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let polled = replicate.poll(&provider_ref, bench.call()).await.unwrap();
    assert!(matches!(polled, Polled::Working { .. }), "{polled:?}");
    let canceled = replicate.cancel(&provider_ref, bench.call()).await.unwrap();
    let Canceled::Stopped { cost } = canceled else {
        panic!("{canceled:?}");
    };
    assert_eq!(cost.0, bench.sandbox.ledger().cost_micros());
    let error = replicate
        .poll(&provider_ref, bench.call())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn one_that_was_not_started_in_time_is_free() {
    let bench = Bench::with(Fault::new(Mode::Aborted)).await;
    let replicate = bench.replicate(0);
    let provider_ref = reference(submit(&replicate, &bench, &request(FLUX)).await.unwrap());
    let error = poll_to_end(&replicate, &bench, &provider_ref)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.spent()),
        (ErrorKind::Timeout, Spent::None)
    );
    assert_eq!(bench.spent(), (1, 0));
}

#[tokio::test]
async fn a_file_that_is_gone_is_paid_for_nothing_and_not_polled_for_ever() {
    let bench = Bench::with(Fault::new(Mode::ExpiredUrl).ms(0)).await;
    let replicate = bench.replicate(0);
    let provider_ref = reference(submit(&replicate, &bench, &request(FLUX)).await.unwrap());
    let error = poll_to_end(&replicate, &bench, &provider_ref)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadAnswer);
    assert_eq!(error.spent(), Spent::Known(domain::Micros(3_000)));
    assert_eq!(error.next(), Next::OtherProvider);
    assert_eq!(bench.spent(), (1, 1));
}

#[tokio::test]
async fn content_is_refused_before_and_after_the_work() {
    for mode in [Mode::ModeratedIn, Mode::ModeratedOut] {
        let bench = Bench::with(Fault::new(mode)).await;
        let replicate = bench.replicate(0);
        let provider_ref = reference(submit(&replicate, &bench, &request(FLUX)).await.unwrap());
        let error = poll_to_end(&replicate, &bench, &provider_ref)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.next()),
            (ErrorKind::ContentPolicy, Next::Stop),
            "{mode}"
        );

        let stability = bench.stability();
        let error = submit(&stability, &bench, &request("core"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.next()),
            (ErrorKind::ContentPolicy, Next::Stop),
            "{mode}"
        );
        let spent = match mode {
            Mode::ModeratedIn => Spent::None,
            _ => Spent::Known(domain::Micros(30_000)),
        };
        assert_eq!(error.spent(), spent, "{mode}");
    }
}

#[tokio::test]
async fn throttled_it_waits_as_told_and_a_window_where_nothing_is_told() {
    for (says, replicate_s, stability_s) in [
        (RetryAfter::Honest, 1..=30, 1..=60),
        (RetryAfter::None, 1..=30, 10..=60),
    ] {
        let bench = Bench::with(Fault::rate_limit(0, 20_000, says)).await;
        let (replicate, stability) = (bench.replicate(0), bench.stability());
        let waits = [
            (
                submit(&replicate, &bench, &request(FLUX))
                    .await
                    .unwrap_err(),
                replicate_s,
            ),
            (
                submit(&stability, &bench, &request("core"))
                    .await
                    .unwrap_err(),
                stability_s,
            ),
        ];
        for (error, seconds) in waits {
            assert_eq!(
                (error.kind(), error.spent()),
                (ErrorKind::RateLimited, Spent::None)
            );
            let Next::SameAfter(wait) = error.next() else {
                panic!("{error:?}");
            };
            assert!(seconds.contains(&wait.as_secs()), "{says:?}: {wait:?}");
            // What nobody said is no word of the provider's.
            let said = (says == RetryAfter::Honest).then_some(wait);
            assert_eq!(error.rate().retry_after, said);
        }
        assert_eq!(bench.spent(), (0, 0));
    }
}

#[tokio::test]
async fn an_outage_while_polling_never_closes_the_attempt() {
    let bench = Bench::start().await;
    let replicate = bench.replicate(0);
    let provider_ref = reference(submit(&replicate, &bench, &request(FLUX)).await.unwrap());
    bench
        .sandbox
        .faults()
        .push(Fault::new(Mode::Outage))
        .unwrap();
    let error = replicate
        .poll(&provider_ref, bench.call())
        .await
        .unwrap_err();
    assert!(matches!(error.next(), Next::PollAfter(_)), "{error:?}");
    bench.sandbox.faults().clear();
    poll_to_end(&replicate, &bench, &provider_ref)
        .await
        .unwrap();
    assert_eq!(bench.spent(), (1, 1));
}

#[tokio::test]
async fn refusals_of_key_money_and_model_are_told_apart_and_free() {
    for (mode, kind, next) in [
        (Mode::AuthInvalid, ErrorKind::Auth, Next::OtherKey),
        (Mode::Quota, ErrorKind::QuotaExhausted, Next::OtherProvider),
        (
            Mode::ModelGone,
            ErrorKind::InvalidRequest,
            Next::OtherProvider,
        ),
    ] {
        let bench = Bench::with(Fault::new(mode)).await;
        let (replicate, stability) = (bench.replicate(0), bench.stability());
        for error in [
            submit(&replicate, &bench, &request(FLUX))
                .await
                .unwrap_err(),
            submit(&stability, &bench, &request("core"))
                .await
                .unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.next()), (kind, next), "{mode}");
            assert_eq!(error.spent(), Spent::None, "{mode}");
        }
        assert_eq!(bench.spent(), (0, 0), "{mode}");
    }
}

#[tokio::test]
async fn stability_brings_pictures_for_every_kind_of_model() {
    let bench = Bench::start().await;
    let stability = bench.stability();
    let mut billed = 0;
    for model in ["core", "ultra", "sd3.5-large", "sd3.5-medium", "sdxl"] {
        let submitted = submit(&stability, &bench, &request(model)).await.unwrap();
        let Submitted::Finished(finished) = submitted else {
            panic!("{model}: {submitted:?}");
        };
        assert_eq!(finished.content_type, "image/png", "{model}");
        billed += finished.cost.0;
        assert_eq!(bench.sandbox.ledger().cost_micros(), billed, "{model}");
        if model == "core" {
            let image = providers::InputImage {
                bytes: finished.bytes,
                content_type: "image/png",
            };
            let cut = ImageRequest {
                operation: Operation::RemoveBackground {
                    image: image.clone(),
                },
                ..request("remove-background")
            };
            let out = ImageRequest {
                operation: Operation::Outpaint {
                    image,
                    margins_px: [0, 0, 64, 0],
                },
                ..request("outpaint")
            };
            for request in [cut, out] {
                let submitted = submit(&stability, &bench, &request).await.unwrap();
                let Submitted::Finished(finished) = submitted else {
                    panic!("{submitted:?}");
                };
                billed += finished.cost.0;
            }
        }
    }
    assert_eq!(bench.spent(), (7, 7));
}

#[tokio::test]
async fn what_stability_loses_stays_unknown_and_is_sent_once() {
    for mode in [
        Mode::ResetAfterAccept,
        Mode::LostAck,
        Mode::ErrorAfterBill,
        Mode::Truncate,
        Mode::WrongContentLength,
        Mode::EmptyData,
    ] {
        let bench = Bench::with(Fault::new(mode)).await;
        let stability = bench.stability();
        let ours = request("core");
        let error = submit(&stability, &bench, &ours).await.unwrap_err();
        assert_eq!(
            (error.spent(), error.next()),
            (Spent::Maybe, Next::Reconcile),
            "{mode}"
        );
        let reconciled = stability
            .reconcile(&open(&ours), bench.call())
            .await
            .unwrap();
        assert_eq!(reconciled, Reconciled::Unknown, "{mode}");
        assert_eq!(bench.spent().0, 1, "{mode}");
    }
}
