//! A brand that wants OpenAI's moderation to look first: whole jobs against the double of the service.

use std::time::Duration;

use domain::{GenerationId, Moderation, ModerationFailure};
use providers::{Providers, Reconciled};
use sandbox::{Fault, Mode, Provider, Sandbox, SandboxConfig};
use serde_json::{Value, json};
use store::ledger::AttemptEvent;
use store::policies::PolicyChange;
use testkit::wait;

use crate::crash::left_behind;
use crate::studio::{Manner, Studio};
use crate::world::{PATIENCE, Running, World, product};

/// What nobody may find beside the request itself.
const WORDS: &str = "kill them all";

struct Scene {
    world: World,
    sandbox: Sandbox,
}

impl Scene {
    async fn new(failure: ModerationFailure) -> Self {
        let mut world = World::new().await;
        let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
        let base = sandbox.base_url(Provider::OpenAi);
        let openai = &mut world.args.providers.openai;
        openai.openai_base_url = base.parse().unwrap();
        openai.openai_api_key = vec!["sk-platform".into()];
        world.args.moderation_timeout_ms = 2_000;
        let change = PolicyChange {
            moderation: Some(Moderation::OpenAi),
            moderation_failure: Some(failure),
            ..PolicyChange::default()
        };
        world.decides(&change).await;
        Self { world, sandbox }
    }

    async fn worker(&self) -> Running {
        let providers = Providers::from_config(&self.world.args.providers).unwrap();
        self.world
            .worker_of(self.world.args.clone(), providers)
            .await
    }

    /// Counts questions from now on; they are answered as ever.
    fn counting(&self) -> u64 {
        let fault = Fault::new(Mode::Slow).on("moderations");
        self.sandbox.faults().push(fault).unwrap()
    }

    fn met(&self, fault: u64) -> u64 {
        let faults = self.sandbox.faults().list();
        let found = faults.iter().find(|status| status.id == fault);
        found.unwrap().met
    }

    /// Moderation is down from now on.
    fn down(&self) -> u64 {
        let fault = Fault::new(Mode::ErrorBefore).on("moderations");
        self.sandbox.faults().push(fault).unwrap()
    }

    async fn order(&self, words: &str) -> GenerationId {
        let mut request = self.world.request("openai");
        request.user_prompt = Some(words.to_owned());
        self.world.submit(&request).await
    }

    /// What the dispatcher does with what waits, while the clock goes on, until the job is there.
    async fn drive(&self, id: GenerationId, state: &str, step: Duration) {
        wait::until("the job is there", PATIENCE, async || {
            self.world.clock.advance(step);
            self.world.dispatch(&[id]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.world.state(id).await == state
        })
        .await
        .unwrap();
    }

    /// The rows of decisions, as text.
    async fn decisions(&self) -> String {
        let sql = "SELECT COALESCE(string_agg(decision || ' ' || categories::text, ', '), '')
            FROM atelier.moderation";
        self.world.text(sql, &[]).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_flagged_fails_as_content_policy_and_is_neither_paid_nor_written_down_again() {
    let scene = Scene::new(ModerationFailure::Closed).await;
    let worker = scene.worker().await;
    let id = scene.order(WORDS).await;
    scene.world.until_state(id, "failed").await;
    let failure = scene.world.failure(id).await;
    assert_eq!(failure.as_deref(), Some("content_policy"));
    assert_eq!(scene.decisions().await, "flagged {violence}");
    let record = scene.world.record(id).await;
    assert_eq!(record["moderation"]["decision"], "flagged");
    assert_eq!(record["moderation"]["categories"], json!(["violence"]));
    assert!(!record.to_string().contains(WORDS), "{record}");
    assert_eq!(scene.sandbox.ledger().entries().len(), 0);
    assert_eq!(scene.world.attempts(id).await, []);
    assert_eq!(scene.world.quota_used().await, 0);
    let flagged = r#"atelier_worker_moderations_total{outcome="flagged"}"#;
    assert_eq!(worker.metric(flagged), 1.0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passed_is_not_asked_about_again_when_the_job_is_taken_up_again() {
    let scene = Scene::new(ModerationFailure::Closed).await;
    let asked = scene.counting();
    let mut overloaded = Fault::new(Mode::Overloaded).on("images/generations");
    overloaded.times = Some(2);
    scene.sandbox.faults().push(overloaded).unwrap();
    let worker = scene.worker().await;
    let id = scene.order("a silver ring").await;
    scene.drive(id, "done", Duration::from_secs(3)).await;
    assert!(
        scene.world.attempts(id).await.len() >= 2,
        "it was taken up again"
    );
    assert_eq!(scene.met(asked), 1);
    assert_eq!(scene.decisions().await, "passed {}");
    let record = scene.world.record(id).await;
    assert_eq!(record["moderation"]["decision"], "passed", "{record}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_waits_without_a_try_until_somebody_can_look() {
    let scene = Scene::new(ModerationFailure::Closed).await;
    let down = scene.down();
    let worker = scene.worker().await;
    let id = scene.order("a silver ring").await;
    let waits = "SELECT count(*) FROM atelier.job
        WHERE state = 'waiting' AND reason = 'moderation_unavailable' AND tries = 0";
    wait::until("the job waits", PATIENCE, async || {
        scene.world.number(waits, &[]).await == 1
    })
    .await
    .unwrap();
    assert!(
        scene.met(down) >= 2,
        "it was asked again before the deadline"
    );
    assert_eq!(scene.decisions().await, "", "nothing is decided");
    assert_eq!(scene.sandbox.ledger().entries().len(), 0);
    scene.sandbox.faults().clear();
    scene.drive(id, "done", Duration::from_secs(3)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_fails_in_the_end_with_a_code_of_its_own_and_gives_the_quota_back() {
    let scene = Scene::new(ModerationFailure::Closed).await;
    scene.down();
    let mut args = scene.world.args.clone();
    args.moderation_timeout_ms = 100;
    let providers = Providers::from_config(&args.providers).unwrap();
    let worker = scene.world.worker_of(args, providers).await;
    let mut request = scene.world.request("openai");
    request.start_by = None;
    let id = scene.world.submit(&request).await;
    scene.drive(id, "failed", Duration::from_secs(1_000)).await;
    let failure = scene.world.failure(id).await;
    assert_eq!(failure.as_deref(), Some("moderation_unavailable"));
    assert_eq!(scene.world.quota_used().await, 0);
    assert_eq!(scene.sandbox.ledger().entries().len(), 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_that_is_accepted_closed_fails_at_once_and_another_key_is_tried_first() {
    let scene = Scene::new(ModerationFailure::Closed).await;
    let mut args = scene.world.args.clone();
    args.providers.openai.openai_api_key = vec!["sk-revoked".into(), "sk-good".into()];
    let refused = Fault {
        times: Some(1),
        ..Fault::new(Mode::AuthInvalid).on("moderations")
    };
    scene.sandbox.faults().push(refused.clone()).unwrap();
    let providers = Providers::from_config(&args.providers).unwrap();
    let worker = scene.world.worker_of(args, providers).await;
    let id = scene.order("a silver ring").await;
    scene.world.until_state(id, "done").await;
    let all = Fault {
        times: None,
        ..refused
    };
    scene.sandbox.faults().push(all).unwrap();
    let id = scene.order("a silver ring").await;
    scene.world.until_state(id, "failed").await;
    let failure = scene.world.failure(id).await;
    assert_eq!(failure.as_deref(), Some("moderation_unavailable"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_goes_on_unseen_and_the_record_says_so() {
    let scene = Scene::new(ModerationFailure::Open).await;
    scene.down();
    let worker = scene.worker().await;
    let id = scene.order("a silver ring").await;
    scene.world.until_state(id, "done").await;
    assert_eq!(scene.decisions().await, "unseen {}");
    let record = scene.world.record(id).await;
    assert_eq!(record["moderation"]["decision"], "unseen", "{record}");
    let unseen = r#"atelier_worker_moderations_total{outcome="unseen"}"#;
    assert_eq!(worker.metric(unseen), 1.0);
    worker.stop().await;
}

/// A red picture as a data address.
fn photo() -> Value {
    use base64::Engine as _;
    let picture = imaging::Picture::from_rgb(40, 30, [200, 40, 40].repeat(1_200)).unwrap();
    let png = imaging::encode(&picture, imaging::Format::Png).unwrap();
    let data = base64::engine::general_purpose::STANDARD.encode(png);
    json!({"data": format!("data:image/png;base64,{data}")})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_uploaded_picture_is_shown_and_what_the_brand_offers_itself_is_not_asked_about() {
    let scene = Scene::new(ModerationFailure::Closed).await;
    let mut spec = product();
    let mut second = spec["zone"][2].clone();
    second["id"] = json!("zone_other");
    spec["zone"].as_array_mut().unwrap().push(second);
    spec["zone"]
        .as_array_mut()
        .unwrap()
        .push(json!({"id": "zone_color", "name": "Colour",
        "type": "COLOR", "x": 0, "y": 0, "width": 9, "height": 9, "allowed_colors": ["#ff0000"]}));
    scene.world.product(spec, None).await;
    let asked = scene.counting();
    let worker = scene.worker().await;
    let given = json!({"zone_photo": photo(), "zone_other": photo()});
    let mut request = scene.world.request("openai");
    request.customizations = scene.world.customizations(given).await;
    let id = scene.world.submit(&request).await;
    scene.world.until_state(id, "done").await;
    assert_eq!(scene.met(asked), 2, "one picture a question");
    let mut request = scene.world.request("openai");
    request.customizations = scene
        .world
        .customizations(json!({"zone_color": "#ff0000"}))
        .await;
    let id = scene.world.submit(&request).await;
    scene.world.until_state(id, "done").await;
    assert_eq!(scene.met(asked), 2);
    assert_eq!(scene.decisions().await, "passed {}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_call_is_open_is_polled_without_a_question() {
    let scene = Scene::new(ModerationFailure::Closed).await;
    let accepted = AttemptEvent::Accepted {
        provider_ref: "order-1".to_owned(),
    };
    let (id, _) = left_behind(&scene.world, vec![accepted]).await;
    let down = scene.down();
    let studio = Studio::opened(Manner::ByReference, Reconciled::Unknown);
    let worker = scene.world.worker([studio.clone() as _]).await;
    scene.world.dispatch(&[id]).await;
    scene.world.until_state(id, "done").await;
    assert_eq!((studio.submitted(), scene.met(down)), (0, 0));
    worker.stop().await;
}
