//! Whole calls of OpenAI's adapters against the sandbox: what each fault costs and what it means.

use std::time::Duration;

use providers::{
    Background, CallContext, Canceled, Credential, ErrorKind, Finished, ImageRequest, Moderation,
    Next, OpenAttempt, Operation, Polled, Provider, ProviderError, Reconciled, Recovery, Sent,
    Spent, Submitted,
};
use sandbox::{Fault, Mode, RetryAfter, Sandbox, SandboxConfig};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use crate::openai::{config, expect_golden, openai, request};

const KEY: &str = "sk-test-never-shown-0123456789";

struct World {
    sandbox: Sandbox,
    key: Credential,
}

impl World {
    async fn start() -> Self {
        Self::with(SandboxConfig::default()).await
    }

    async fn with(config: SandboxConfig) -> Self {
        Self {
            sandbox: Sandbox::start(config).await.unwrap(),
            key: Credential::new("openai-test", SecretString::from(KEY)),
        }
    }

    fn base(&self) -> String {
        let base = self.sandbox.base_url(sandbox::Provider::OpenAi);
        format!("--openai-base-url={base}")
    }

    fn call(&self, limit: Duration) -> CallContext<'_> {
        CallContext {
            credential: &self.key,
            deadline: Instant::now() + limit,
        }
    }

    async fn submit(&self, provider: &dyn Provider) -> Result<Submitted, ProviderError> {
        let prepared = provider.prepare(&order()).unwrap();
        provider
            .submit(prepared, self.call(Duration::from_secs(20)))
            .await
    }

    async fn fails(&self, provider: &dyn Provider, fault: Fault) -> ProviderError {
        self.sandbox.ledger().clear();
        self.sandbox.faults().clear();
        self.sandbox.faults().push(fault.clone()).unwrap();
        let error = self.submit(provider).await.unwrap_err();
        let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
        assert!(!shown.contains("never-shown"), "{shown}");
        assert!(!shown.contains("engraved"), "{shown}");
        assert!(
            self.sandbox.ledger().entries().len() <= 1,
            "{fault:?}: sent once"
        );
        error
    }
}

fn order() -> ImageRequest {
    ImageRequest {
        quality: "low".into(),
        ..request("gpt-image-2", (1024, 1024))
    }
}

fn finished(submitted: Submitted) -> Finished {
    match submitted {
        Submitted::Finished(finished) => finished,
        Submitted::Accepted { .. } => panic!("{submitted:?}"),
    }
}

#[tokio::test]
async fn a_picture_is_drawn_and_costs_what_the_answer_reports() {
    let world = World::start().await;
    let provider = openai(&[&world.base()]);
    let picture = finished(world.submit(&provider).await.unwrap());
    assert_eq!(picture.content_type, "image/png");
    let entries = world.sandbox.ledger().entries();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].billed && entries[0].delivered);
    assert_eq!(picture.cost.0, entries[0].cost_micros, "to the millionth");
    assert_eq!(
        picture.provider_ref.as_deref(),
        Some(&*entries[0].request_id)
    );
    assert!(picture.tokens.unwrap() > 0);
    let attempt = order().attempt.to_string();
    assert_eq!(entries[0].client_request_id, Some(attempt));
    let quoted = provider.prepare(&order()).unwrap().price;
    assert!(
        picture.cost <= quoted,
        "{} is above the reserved {quoted}",
        picture.cost
    );
}

#[tokio::test]
async fn transparent_pictures_and_edits_are_drawn() {
    let world = World::start().await;
    let provider = openai(&[&world.base()]);
    let transparent = ImageRequest {
        background: Background::Transparent,
        ..order()
    };
    let call = || world.call(Duration::from_secs(20));
    let prepared = provider.prepare(&transparent).unwrap();
    let picture = finished(provider.submit(prepared, call()).await.unwrap());
    let whole = providers::InputImage {
        bytes: picture.bytes,
        content_type: "image/png",
    };
    let edit = ImageRequest {
        operation: Operation::Edit {
            images: vec![whole.clone(), whole.clone()],
            mask: Some(whole),
        },
        ..order()
    };
    let prepared = provider.prepare(&edit).unwrap();
    finished(provider.submit(prepared, call()).await.unwrap());
    assert_eq!(world.sandbox.ledger().billed(), 2);
}

#[tokio::test]
async fn every_fault_means_what_it_is_and_is_sent_once() {
    let world = World::start().await;
    let provider = openai(&[&world.base()]);
    let maybe = (Spent::Maybe, Some(Next::Reconcile));
    let stop = (Spent::None, Some(Next::Stop));
    let rows = [
        (
            Fault::new(Mode::ResetBeforeAccept),
            ErrorKind::Network,
            maybe,
        ),
        (
            Fault::new(Mode::ResetAfterAccept),
            ErrorKind::Network,
            maybe,
        ),
        (Fault::new(Mode::ErrorBefore), ErrorKind::Unavailable, maybe),
        (
            Fault::new(Mode::ErrorAfterBill),
            ErrorKind::Unavailable,
            maybe,
        ),
        (Fault::new(Mode::Truncate), ErrorKind::BadAnswer, maybe),
        (
            Fault::new(Mode::WrongContentLength),
            ErrorKind::BadAnswer,
            maybe,
        ),
        (Fault::new(Mode::InvalidJson), ErrorKind::BadAnswer, maybe),
        (
            Fault::new(Mode::ModeratedIn),
            ErrorKind::ContentPolicy,
            stop,
        ),
        (
            Fault::new(Mode::AuthInvalid),
            ErrorKind::Auth,
            (Spent::None, Some(Next::OtherKey)),
        ),
        (
            Fault::new(Mode::Quota),
            ErrorKind::QuotaExhausted,
            (Spent::None, Some(Next::OtherKey)),
        ),
        (
            Fault::new(Mode::Quota).code("project_spend_limit_exceeded"),
            ErrorKind::QuotaExhausted,
            (Spent::None, Some(Next::OtherKey)),
        ),
        (
            Fault::new(Mode::ModelGone),
            ErrorKind::InvalidRequest,
            (Spent::None, Some(Next::OtherProvider)),
        ),
        (
            Fault::new(Mode::Overloaded),
            ErrorKind::Unavailable,
            (Spent::None, None),
        ),
    ];
    for (fault, kind, (spent, next)) in rows {
        let error = world.fails(&provider, fault.clone()).await;
        assert_eq!(error.kind(), kind, "{fault:?}: {error:?}");
        assert_eq!(error.spent(), spent, "{fault:?}: {error:?}");
        match next {
            Some(next) => assert_eq!(error.next(), next, "{fault:?}: {error:?}"),
            None => assert!(matches!(error.next(), Next::SameAfter(_)), "{error:?}"),
        }
    }
    let blocked = world.fails(&provider, Fault::new(Mode::ModeratedOut)).await;
    assert_eq!(
        (blocked.kind(), blocked.next()),
        (ErrorKind::ContentPolicy, Next::Stop)
    );
    assert!(
        matches!(blocked.spent(), Spent::Known(cost) if cost.0 > 0),
        "{blocked:?}"
    );
    let empty = world.fails(&provider, Fault::new(Mode::EmptyData)).await;
    assert_eq!(empty.kind(), ErrorKind::BadAnswer);
    assert_ne!(empty.spent(), Spent::None, "{empty:?}");
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait_and_a_slow_answer_leaves_it_open() {
    let world = World::start().await;
    let provider = openai(&[&world.base()]);
    world
        .sandbox
        .faults()
        .push(Fault::rate_limit(0, 5_000, RetryAfter::Ms))
        .unwrap();
    let error = world.submit(&provider).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let pause = error.rate().retry_after.unwrap();
    assert!(pause <= Duration::from_secs(5), "{pause:?}");
    assert_eq!(error.next(), Next::SameAfter(pause));
    world.sandbox.faults().clear();
    world
        .sandbox
        .faults()
        .push(Fault::new(Mode::Slow).ms(5_000))
        .unwrap();
    let prepared = provider.prepare(&order()).unwrap();
    let call = world.call(Duration::from_millis(300));
    let error = provider.submit(prepared, call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!((error.sent(), error.next()), (Sent::Maybe, Next::Reconcile));
    let open = OpenAttempt {
        attempt: order().attempt,
        model: "gpt-image-2".into(),
        submitted_at: chrono::DateTime::UNIX_EPOCH,
    };
    let call = world.call(Duration::from_secs(1));
    let became = provider.reconcile(&open, call).await.unwrap();
    assert_eq!(
        became,
        Reconciled::Unknown,
        "nobody can tell, and it says so"
    );
}

/// Polls to the end.
async fn poll(world: &World, provider: &dyn Provider, id: &str) -> Result<Finished, ProviderError> {
    loop {
        let call = world.call(Duration::from_secs(20));
        match provider.poll(id, call).await? {
            Polled::Finished(finished) => return Ok(finished),
            Polled::Working { .. } => sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn accepted(world: &World, provider: &dyn Provider) -> String {
    match world.submit(provider).await.unwrap() {
        Submitted::Accepted { provider_ref, .. } => provider_ref,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_background_call_is_polled_and_can_be_asked_for_again() {
    let world = World::start().await;
    let provider = openai(&[&world.base(), "--openai-background-models=gpt-image-2*"]);
    assert_eq!(
        provider.model("gpt-image-2").unwrap().recovery,
        Recovery::ByReference
    );
    assert_eq!(
        provider.model("gpt-image-1.5").unwrap().recovery,
        Recovery::Never
    );
    let prepared = provider.prepare(&order()).unwrap();
    expect_golden("openai-background", &prepared);
    let id = accepted(&world, &provider).await;
    let first = poll(&world, &provider, &id).await.unwrap();
    let again = poll(&world, &provider, &id).await.unwrap();
    assert_eq!(first.bytes, again.bytes, "a lost answer is asked for again");
    assert!(
        first.cost.0 > 0 && first.cost <= prepared.price,
        "{}",
        first.cost
    );
    assert_eq!(world.sandbox.ledger().billed(), 1);
}

#[tokio::test]
async fn a_failed_question_keeps_the_call_open_and_a_lost_answer_is_named() {
    let world = World::with(SandboxConfig {
        timings: sandbox::Timings {
            response_life: Duration::from_millis(50),
            ..sandbox::Timings::default()
        },
        ..SandboxConfig::default()
    })
    .await;
    let provider = openai(&[&world.base(), "--openai-background-models=*"]);
    let id = accepted(&world, &provider).await;
    let broken = Fault::new(Mode::ResetBeforeAccept)
        .on("responses/get")
        .times(1);
    world.sandbox.faults().push(broken).unwrap();
    let call = world.call(Duration::from_secs(20));
    let error = provider.poll(&id, call).await.unwrap_err();
    assert!(matches!(error.next(), Next::PollAfter(_)), "{error:?}");
    sleep(Duration::from_millis(400)).await;
    let error = poll(&world, &provider, &id).await.unwrap_err();
    assert!(error.detail().starts_with("result_gone"), "{error:?}");
    assert_eq!(
        (error.spent(), error.next()),
        (Spent::Maybe, Next::Reconcile)
    );
    let error = provider
        .poll("../files", world.call(Duration::from_secs(1)))
        .await;
    assert_eq!(error.unwrap_err().sent(), Sent::No);
}

#[tokio::test]
async fn a_background_call_fails_by_its_code_and_can_be_stopped() {
    let world = World::start().await;
    let provider = openai(&[&world.base(), "--openai-background-models=*"]);
    for (code, kind, next) in [
        (
            "image_content_policy_violation",
            ErrorKind::ContentPolicy,
            Next::Stop,
        ),
        ("server_error", ErrorKind::Unavailable, Next::OtherProvider),
        ("invalid_image", ErrorKind::InvalidRequest, Next::Stop),
    ] {
        world.sandbox.faults().clear();
        world
            .sandbox
            .faults()
            .push(Fault::new(Mode::Failed).code(code))
            .unwrap();
        let id = accepted(&world, &provider).await;
        let error = poll(&world, &provider, &id).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.next()),
            (kind, next),
            "{code}: {error:?}"
        );
    }
    world.sandbox.faults().clear();
    let empty = Fault::new(Mode::EmptyData);
    world.sandbox.faults().push(empty).unwrap();
    let id = accepted(&world, &provider).await;
    let error = poll(&world, &provider, &id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadAnswer, "{error:?}");
    assert!(
        matches!(error.spent(), Spent::Known(cost) if cost.0 > 0),
        "{error:?}"
    );
    world.sandbox.faults().clear();
    let id = accepted(&world, &provider).await;
    let call = || world.call(Duration::from_secs(20));
    let stopped = provider.cancel(&id, call()).await.unwrap();
    assert!(matches!(stopped, Canceled::Stopped { .. }), "{stopped:?}");
    let id = accepted(&world, &provider).await;
    poll(&world, &provider, &id).await.unwrap();
    assert_eq!(
        provider.cancel(&id, call()).await.unwrap(),
        Canceled::TooLate
    );
}

#[tokio::test]
async fn a_moderation_answers_and_its_failures_leave_nothing_open() {
    let world = World::start().await;
    let moderation = Moderation::new(&config(&[&world.base()])).unwrap();
    let call = || world.call(Duration::from_secs(20));
    let verdict = moderation
        .check("a silver ring", None, call())
        .await
        .unwrap();
    assert!(!verdict.flagged, "{verdict:?}");
    for mode in [
        Mode::ResetBeforeAccept,
        Mode::ErrorBefore,
        Mode::AuthInvalid,
    ] {
        world.sandbox.faults().clear();
        world
            .sandbox
            .faults()
            .push(Fault::new(mode).on("moderations"))
            .unwrap();
        let error = moderation.check("a ring", None, call()).await.unwrap_err();
        assert_eq!(error.spent(), Spent::None, "{error:?}");
        assert!(!error.next().keeps_attempt_open(), "{error:?}");
    }
}
