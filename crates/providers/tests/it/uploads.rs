//! Pictures that Replicate takes only as files: uploaded first, named by address, and nothing ordered when
//! that goes wrong.

use std::time::Duration;

use bytes::Bytes;
use domain::AttemptId;
use imaging::{Format, Picture, decode, encode};
use providers::{
    CallContext, Credential, ErrorKind, ImageRequest, InputImage, ModelRegistry, Next, Operation,
    Polled, Provider, Replicate, ReplicateConfig, Sent, Spent, Submitted,
};
use sandbox::{Fault, Mode, RetryAfter, Sandbox, SandboxConfig};
use tokio::time::Instant;
use uuid::Uuid;

const SIDE: u32 = 512;

/// A picture that no compressor makes small.
fn noise() -> InputImage {
    let mut state = 1_u64;
    let pixels = (0..SIDE * SIDE * 3).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    let picture = Picture::from_rgb(SIDE, SIDE, pixels.collect::<Vec<u8>>()).unwrap();
    let bytes = Bytes::from(encode(&picture, Format::Png).unwrap());
    assert!(bytes.len() > 500_000);
    InputImage {
        bytes,
        content_type: "image/png",
    }
}

/// Black, and white in the middle.
fn mask() -> InputImage {
    let middle = SIDE / 4..SIDE * 3 / 4;
    let pixels = (0..SIDE * SIDE).flat_map(|at| {
        let inside = middle.contains(&(at % SIDE)) && middle.contains(&(at / SIDE));
        [if inside { 255 } else { 0 }; 3]
    });
    let picture = Picture::from_rgb(SIDE, SIDE, pixels.collect::<Vec<u8>>()).unwrap();
    InputImage {
        bytes: encode(&picture, Format::Png).unwrap().into(),
        content_type: "image/png",
    }
}

struct Bench {
    sandbox: Sandbox,
    replicate: Replicate,
    key: Credential,
}

impl Bench {
    async fn start() -> Self {
        let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
        let base = sandbox.base_url(sandbox::Provider::Replicate);
        let config = ReplicateConfig {
            replicate_base_url: base.parse().unwrap(),
            replicate_file_hosts: vec!["127.0.0.1".to_owned()],
            ..ReplicateConfig::default()
        };
        Self {
            sandbox,
            replicate: Replicate::new(&config, &ModelRegistry::load(None).unwrap()).unwrap(),
            key: Credential::new("test-1", "r8_test".into()),
        }
    }

    fn call(&self) -> CallContext<'_> {
        CallContext {
            credential: &self.key,
            deadline: Instant::now() + Duration::from_secs(20),
        }
    }

    async fn submit(&self) -> Result<Submitted, providers::ProviderError> {
        let model = "black-forest-labs/flux-fill-pro";
        let attempt = AttemptId(Uuid::now_v7());
        let request = ImageRequest {
            operation: Operation::Edit {
                images: vec![noise()],
                mask: Some(mask()),
            },
            ..ImageRequest::generate(attempt, model, "a ring", (SIDE, SIDE))
        };
        let prepared = self.replicate.prepare(&request).unwrap();
        assert_eq!(prepared.uploads.len(), 1);
        self.replicate.submit(prepared, self.call()).await
    }
}

#[tokio::test]
async fn a_large_picture_is_uploaded_and_redrawn_where_the_mask_says_so() {
    let bench = Bench::start().await;
    let Submitted::Accepted { provider_ref, .. } = bench.submit().await.unwrap() else {
        panic!("it came at once");
    };
    let finished = testkit::wait::until_some("the picture", Duration::from_secs(20), async || {
        let polled = bench.replicate.poll(&provider_ref, bench.call()).await;
        match polled.unwrap() {
            Polled::Finished(finished) => Some(finished),
            Polled::Working { .. } => None,
        }
    })
    .await
    .unwrap();
    assert_eq!(bench.sandbox.ledger().billed(), 1);
    let limits = imaging::DecodeLimits::default();
    let before = decode(&noise().bytes, &limits).unwrap();
    let after = decode(&finished.bytes, &limits).unwrap();
    assert_eq!((after.width(), after.height()), (SIDE, SIDE));
    let same = |x: u32, y: u32| before.pixel(x, y) == after.pixel(x, y);
    assert!(same(4, 4) && same(SIDE - 5, SIDE - 5), "outside the mask");
    let inside = SIDE / 2 - 20..SIDE / 2 + 20;
    assert!(inside.clone().any(|at| !same(at, at)), "inside the mask");
}

#[tokio::test]
async fn whatever_goes_wrong_with_an_upload_orders_nothing_and_is_known_to_cost_nothing() {
    let seconds = |seconds| Next::SameAfter(Duration::from_secs(seconds));
    for (mode, kind, next) in [
        (Mode::ErrorBefore, ErrorKind::Unavailable, seconds(2)),
        (Mode::ResetBeforeAccept, ErrorKind::Network, seconds(1)),
        (Mode::ResetAfterAccept, ErrorKind::Network, seconds(1)),
        (Mode::InvalidJson, ErrorKind::BadAnswer, Next::OtherProvider),
        (Mode::AuthInvalid, ErrorKind::Auth, Next::OtherKey),
    ] {
        let bench = Bench::start().await;
        bench
            .sandbox
            .faults()
            .push(Fault::new(mode).on("uploads"))
            .unwrap();
        let error = bench.submit().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.next()),
            (kind, next),
            "{mode}: {error:?}"
        );
        assert_eq!(
            (error.sent(), error.spent()),
            (Sent::No, Spent::None),
            "{mode}"
        );
        assert_eq!(bench.sandbox.ledger().entries().len(), 0, "{mode}");
    }
}

#[tokio::test]
async fn an_upload_that_is_one_too_many_tells_the_gate_when_to_come_back() {
    let bench = Bench::start().await;
    let limit = Fault::rate_limit(0, 60_000, RetryAfter::Honest).on("uploads");
    bench.sandbox.faults().push(limit).unwrap();
    let error = bench.submit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let wait = error.rate().retry_after.unwrap();
    assert!((55..=60).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(error.next(), Next::SameAfter(wait));
    assert_eq!(error.spent(), Spent::None);
}
