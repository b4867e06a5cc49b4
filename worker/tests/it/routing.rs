//! Who is asked: fallbacks, breakers, own keys and budgets, with whole jobs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{BrandId, Clock, GenerationId, PublicId};
use providers::{
    CallContext, Canceled, Credential, ErrorKind, ImageRequest, Model, Next, OpenAttempt, Polled,
    Prepared, Provider, ProviderError, Providers, Reconciled, Submitted,
};
use secrecy::SecretString;
use store::provider_keys::{self, NewProviderKey};
use store::{SealingKeys, budgets, generations, routes};
use testkit::wait;
use uuid::Uuid;

use crate::studio::{Manner, Studio};
use crate::world::{PATIENCE, World};

const BRAND: &str = "brand_1";

/// A studio under another name, which may be down, may want keys, and notes which it was shown.
struct House {
    name: &'static str,
    studio: Arc<Studio>,
    down: AtomicBool,
    wants_key: bool,
    good_key: &'static str,
    shown: Mutex<Vec<String>>,
}

impl House {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self::keyed(name, false, ""))
    }

    fn keyed(name: &'static str, wants_key: bool, good_key: &'static str) -> Self {
        Self {
            name,
            studio: Studio::opened(Manner::AtOnce, Reconciled::Unknown),
            down: AtomicBool::new(false),
            wants_key,
            good_key,
            shown: Mutex::default(),
        }
    }

    fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }
}

#[async_trait]
impl Provider for House {
    fn name(&self) -> &'static str {
        self.name
    }
    fn default_model(&self) -> &str {
        "easel-1"
    }
    fn model(&self, _model: &str) -> Option<Model> {
        None
    }
    fn needs_key(&self) -> bool {
        self.wants_key
    }
    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError> {
        self.studio.prepare(request)
    }
    async fn submit(
        &self,
        order: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError> {
        let key = call.credential.expose().to_owned();
        self.shown.lock().unwrap().push(key.clone());
        if self.wants_key && key != self.good_key {
            let (kind, next) = (ErrorKind::Auth, Next::OtherKey);
            return Err(ProviderError::refused(self.name, kind, next, "planned"));
        }
        if self.down.load(Ordering::SeqCst) {
            let next = Next::SameAfter(Duration::from_secs(1));
            let kind = ErrorKind::Unavailable;
            return Err(ProviderError::refused(self.name, kind, next, "planned"));
        }
        self.studio.submit(order, call).await
    }
    async fn poll(&self, reference: &str, call: CallContext<'_>) -> Result<Polled, ProviderError> {
        self.studio.poll(reference, call).await
    }
    async fn cancel(
        &self,
        reference: &str,
        call: CallContext<'_>,
    ) -> Result<Canceled, ProviderError> {
        self.studio.cancel(reference, call).await
    }
    async fn reconcile(
        &self,
        open: &OpenAttempt,
        call: CallContext<'_>,
    ) -> Result<Reconciled, ProviderError> {
        self.studio.reconcile(open, call).await
    }
}

async fn fallback(world: &World, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    routes::set_fallback(&world.db, &BRAND.into(), Some(&names))
        .await
        .unwrap();
}

async fn order(world: &World, provider: &str, count: usize) -> Vec<GenerationId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.submit(&world.request(provider)).await);
    }
    ids
}

/// What the dispatcher does, with the clock going on, until every job has ended.
async fn drive(world: &World, ids: &[GenerationId]) {
    wait::until("every job has ended", PATIENCE, async || {
        world.clock.advance(Duration::from_secs(4));
        world.dispatch(ids).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.open_jobs().await == 0
    })
    .await
    .unwrap();
}

async fn record(world: &World, id: GenerationId) -> serde_json::Value {
    let sql = r#"SELECT "publicId" FROM "Generation" WHERE id = $1"#;
    let public = world.text(sql, &[&id.as_text()]).await.unwrap();
    let public = PublicId::parse(&public).unwrap();
    let found = generations::find(&world.db, &BRAND.into(), &public)
        .await
        .unwrap()
        .unwrap();
    serde_json::json!({ "attempts": found.attempts, "report": found.report })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down_costs_a_few_calls_and_gets_its_traffic_back_when_it_heals() {
    let world = World::new().await;
    fallback(&world, &["second"]).await;
    let (first, second) = (House::new("first"), House::new("second"));
    let mut args = world.args.clone();
    args.routing.breaker_pause_ms = 400;
    let worker = world
        .worker_with(args, [first.clone() as _, second.clone() as _])
        .await;
    first.down.store(true, Ordering::SeqCst);
    let ids = order(&world, "first", 40).await;
    drive(&world, &ids).await;
    assert_eq!(second.studio.submitted(), 40, "everyone got a picture");
    let asked = first.shown().len();
    assert!(
        (5..=25).contains(&asked),
        "{asked}: five open it, and those under way"
    );
    let sql = "SELECT count(*) FROM atelier.job WHERE tries = 0 AND state = 'done'";
    assert_eq!(
        world.number(sql, &[]).await,
        40,
        "nobody had to be tried again"
    );
    let told = record(&world, *ids.last().unwrap()).await;
    let considered = &told["attempts"][0]["considered"];
    assert_eq!(considered[0]["verdict"], "circuit_open", "{told}");
    assert_eq!(considered[1]["verdict"], "chosen", "{told}");
    first.down.store(false, Ordering::SeqCst);
    wait::until("the first is used again", PATIENCE, async || {
        let ids = order(&world, "first", 2).await;
        drive(&world, &ids).await;
        first.studio.submitted() >= 4
    })
    .await
    .unwrap();
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_of_ten_pictures_buys_ten_for_fifty_jobs_at_once_over_two_workers() {
    let world = World::new().await;
    budgets::set_limit(&world.db, &BRAND.into(), 70)
        .await
        .unwrap();
    let house = House::new("first");
    let workers = [
        world.worker([house.clone() as _]).await,
        world.worker([house.clone() as _]).await,
    ];
    let ids = order(&world, "first", 50).await;
    drive(&world, &ids).await;
    assert_eq!(house.studio.submitted(), 10);
    let ended =
        |state: &'static str| format!("SELECT count(*) FROM atelier.job WHERE state = '{state}'");
    assert_eq!(world.number(&ended("done"), &[]).await, 10);
    let refused = r#"SELECT count(*) FROM "Generation" WHERE "errorCode" = 'budget_exhausted'"#;
    assert_eq!(world.number(refused, &[]).await, 40);
    assert_eq!(world.quota_used().await, 10);
    let budget = budgets::find(&world.db, &BRAND.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((budget.spent.0, budget.reserved.0), (700_000, 0));
    for worker in workers {
        worker.stop().await;
    }
}

fn sealing() -> SealingKeys {
    "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
        .parse()
        .unwrap()
}

async fn own_key(world: &World, secret: &str) {
    let new = NewProviderKey {
        id: Uuid::now_v7(),
        brand: Some(BrandId::from(BRAND)),
        provider: "first".to_owned(),
        name: "own".to_owned(),
        secret: SecretString::from(secret),
    };
    provider_keys::add(&world.db, world.clock.now(), &sealing(), &new)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brand_with_an_own_key_spends_on_it_and_never_on_the_platforms() {
    for (own, state) in [("own-good", "done"), ("own-revoked", "failed")] {
        let world = World::new().await;
        own_key(&world, own).await;
        fallback(&world, &["second"]).await;
        let first = Arc::new(House::keyed("first", true, "own-good"));
        let second = Arc::new(House::keyed("second", true, "platform"));
        let platform = || {
            vec![Credential::new(
                "platform-1",
                SecretString::from("platform"),
            )]
        };
        let providers = Providers::with_keys([
            (first.clone() as Arc<dyn Provider>, platform()),
            (second.clone() as Arc<dyn Provider>, platform()),
        ]);
        let mut args = world.args.clone();
        args.routing.sealing.sealing_keys = Some(sealing());
        let worker = world.worker_of(args, providers).await;
        let id = world.submit(&world.request("first")).await;
        world.until_state(id, state).await;
        assert_eq!(first.shown(), [own]);
        assert!(second.shown().is_empty(), "{:?}", second.shown());
        if state == "failed" {
            let code = world
                .text(r#"SELECT "errorCode" FROM "Generation""#, &[])
                .await;
            assert_eq!(code.as_deref(), Some("provider_account"));
            let told = record(&world, id).await.to_string();
            assert!(
                told.contains("keys_disabled") && told.contains("no_key"),
                "{told}"
            );
            // The fleet leaves the key alone: the next job costs no call.
            let next = world.submit(&world.request("first")).await;
            world.until_state(next, "failed").await;
            assert_eq!(first.shown().len(), 1);
        }
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_refused_is_followed_by_another_of_the_pool_in_the_same_run() {
    let world = World::new().await;
    let house = Arc::new(House::keyed("first", true, "good"));
    let key = |id: &str, secret: &str| Credential::new(id, SecretString::from(secret));
    let keys = vec![key("p1", "bad-1"), key("p2", "good"), key("p3", "bad-2")];
    let providers = Providers::with_keys([(house.clone() as Arc<dyn Provider>, keys)]);
    let worker = world.worker_of(world.args.clone(), providers).await;
    for _ in 0..3 {
        let id = world.submit(&world.request("first")).await;
        world.until_state(id, "done").await;
    }
    let shown = house.shown();
    assert_eq!(shown.iter().filter(|key| *key == "good").count(), 3);
    assert!(
        shown.len() <= 5,
        "each bad key was shown once at most: {shown:?}"
    );
    let tries = "SELECT sum(tries)::bigint FROM atelier.job";
    assert_eq!(world.number(tries, &[]).await, 0);
    worker.stop().await;
}
