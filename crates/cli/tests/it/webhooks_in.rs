//! What Replicate announces: whole jobs with real programs, while the double announces well, badly or not
//! at all.

use std::time::Duration;

use sandbox::{Fault, Mode, Provider, Sandbox, SandboxConfig};
use testkit::wait;

use crate::cluster::{Cluster, Role};
use crate::processes::PATIENCE;

const SECRET: &str = "a secret of the callback addresses, long enough";
/// So seldom that a picture which is there before was announced.
const NEVER: &str = "3600000";

struct Scene {
    cluster: Cluster,
    sandbox: Sandbox,
    api: Role,
    _scheduler: Role,
    ordered: i64,
}

impl Scene {
    async fn start() -> Self {
        let mut config = SandboxConfig::default();
        config.timings = config.timings.with_work(Duration::from_millis(300));
        let sandbox = Sandbox::start(config).await.unwrap();
        let mut cluster = Cluster::seeded().await;
        // Which model is the provider's own choice.
        let products = r#"UPDATE "Product" SET "aiProvider" = 'replicate'; DELETE FROM "Template""#;
        cluster.look().await.batch_execute(products).await.unwrap();
        let told = [
            ("ATELIER_CALLBACK_SECRET", SECRET),
            ("ATELIER_REPLICATE_WEBHOOK_SECRET", sandbox.webhook_secret()),
        ];
        let api = cluster.start("api-lite", &told).await;
        let scheduler = cluster.start("scheduler", &[]).await;
        Self {
            cluster,
            sandbox,
            api,
            _scheduler: scheduler,
            ordered: 0,
        }
    }

    async fn worker(&mut self, poll_ms: &str) -> Role {
        let base = self.sandbox.base_url(Provider::Replicate);
        let told = [
            ("ATELIER_PUBLIC_URL", self.api.url()),
            ("ATELIER_CALLBACK_SECRET", SECRET),
            ("ATELIER_REPLICATE_BASE_URL", base.as_str()),
            ("ATELIER_REPLICATE_API_TOKEN", "r8_test"),
            ("ATELIER_REPLICATE_FILE_HOSTS", "127.0.0.1"),
            ("ATELIER_REPLICATE_POLL_MS", poll_ms),
        ];
        self.cluster.start("worker", &told).await
    }

    /// A picture is ordered and comes while this goes wrong; how often the prediction was asked about.
    async fn order(&mut self, faults: &[Fault]) -> u64 {
        self.sandbox.faults().clear();
        let polls = Fault::new(Mode::Slow).on("predictions/get");
        let polls = self.sandbox.faults().push(polls).unwrap();
        for fault in faults {
            self.sandbox.faults().push(fault.clone()).unwrap();
        }
        self.cluster.order(&self.api, "Zoé").await;
        self.ordered += 1;
        self.cluster.all_done(self.ordered, PATIENCE).await;
        self.cluster.each_once(self.ordered).await;
        let billed = i64::try_from(self.sandbox.ledger().billed()).unwrap();
        assert_eq!(billed, self.ordered, "{faults:?}");
        let listed = self.sandbox.faults().list();
        listed.iter().find(|found| found.id == polls).unwrap().met
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_picture_is_fetched_at_once_however_oddly_it_is_announced() {
    let mut scene = Scene::start().await;
    let _worker = scene.worker(NEVER).await;
    for faults in [
        vec![],
        vec![Fault::new(Mode::WebhookDuplicate)],
        vec![Fault::new(Mode::WebhookForged)],
        vec![Fault::new(Mode::WebhookLate).ms(500)],
    ] {
        let polls = scene.order(&faults).await;
        assert!((1..=8).contains(&polls), "{polls} under {faults:?}");
    }
    let entries = scene.sandbox.ledger().entries();
    let start = format!("{}/v1/providers/replicate/webhook/", scene.api.url());
    for entry in entries {
        let webhook = entry.webhook.unwrap();
        assert!(webhook.starts_with(&start), "{webhook}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_nobody_announces_is_found_by_asking() {
    let mut scene = Scene::start().await;
    let _worker = scene.worker("100").await;
    let polls = scene.order(&[Fault::new(Mode::WebhookNone)]).await;
    assert!(polls >= 2, "{polls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_lost_call_that_no_list_shows_comes_by_announcement() {
    let mut scene = Scene::start().await;
    let _worker = scene.worker("100").await;
    let lost = Fault::new(Mode::LostAck);
    let unlisted = Fault::new(Mode::ListLag).ms(3_600_000);
    scene.order(&[lost, unlisted]).await;
    let entries = scene.sandbox.ledger().entries();
    assert_eq!(entries.len(), 1, "it was sent once: {entries:?}");
    let named = "SELECT count(*) FROM atelier.attempt WHERE provider_ref IS NOT NULL";
    wait::until("the ledger has its id", PATIENCE, async || {
        scene.cluster.number(named).await == 1
    })
    .await
    .unwrap();
}
