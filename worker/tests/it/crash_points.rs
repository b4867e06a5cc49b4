//! Real workers, killed at each point between the intent to pay and the end of the job, against the double
//! of the providers, whose ledger says how often the picture would have been charged.
//!
//! No point is met by waiting some time. A worker is held there by a lock on a table, by a proxy that
//! lets nothing pass or by a folder that cannot be written; the test looks until it stands there, and kills
//! it. The points are those of `docs/providers.md`, "When nobody can tell".

use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use domain::{GenerationId, UnknownOutcome};
use sandbox::{Fault, Mode as FaultMode, Provider, Sandbox, SandboxConfig};
use store::recovery::recover_dead_sessions;
use testkit::{ChaosProxy, Mode as ProxyMode, wait};
use tokio_postgres::NoTls;

use crate::process::{Program, command};
use crate::world::{PATIENCE, World};

/// A job for one provider, the double of that provider, and the workers that come and go.
struct Scene {
    world: World,
    sandbox: Sandbox,
    provider: Provider,
    folder: tempfile::TempDir,
    programs: usize,
}

impl Scene {
    async fn new(provider: Provider, work: Duration) -> Self {
        let mut config = SandboxConfig::default();
        config.timings = config.timings.with_work(work);
        Self {
            world: World::new().await,
            sandbox: Sandbox::start(config).await.unwrap(),
            provider,
            folder: tempfile::tempdir().unwrap(),
            programs: 0,
        }
    }

    /// A worker that speaks to the double itself.
    async fn worker(&mut self) -> Program {
        let base = self.sandbox.base_url(self.provider);
        self.worker_at(&base).await
    }

    /// A worker that speaks to the double through a proxy, which lets nothing pass at first.
    async fn worker_behind_a_proxy(&mut self) -> (Program, ChaosProxy) {
        let upstream = self.sandbox.addr().to_string();
        let proxy = ChaosProxy::start(upstream.clone()).await.unwrap();
        proxy.set(ProxyMode::Freeze);
        let base = self.sandbox.base_url(self.provider);
        let base = base.replace(&upstream, &proxy.address().to_string());
        (self.worker_at(&base).await, proxy)
    }

    async fn worker_at(&mut self, base: &str) -> Program {
        self.programs += 1;
        let ready = self.folder.path().join(format!("{}.json", self.programs));
        let program = command(&self.world)
            .env("ATELIER_READY_FILE", &ready)
            .env("ATELIER_OPENAI_BASE_URL", base)
            .env("ATELIER_OPENAI_API_KEY", "sk-test")
            .env("ATELIER_REPLICATE_BASE_URL", base)
            .env("ATELIER_REPLICATE_API_TOKEN", "r8_test")
            .env("ATELIER_REPLICATE_FILE_HOSTS", "127.0.0.1")
            .env("ATELIER_REPLICATE_VISIBLE_AFTER_SECONDS", "0")
            .env("ATELIER_PROVIDER_TIMEOUT_SECONDS", "20")
            .env("ATELIER_RETRY_BASE_MS", "20")
            .env("ATELIER_RETRY_CAP_MS", "50")
            .env("ATELIER_AFTERCARE_PERIOD_MS", "100")
            .spawn()
            .unwrap();
        let program = Program(program);
        wait::until("the worker is ready", PATIENCE, async || ready.exists())
            .await
            .unwrap();
        program
    }

    async fn submit(&self) -> GenerationId {
        // The workers have the machine's clock.
        self.world.clock.set(Utc::now());
        let name = match self.provider {
            Provider::OpenAi => "openai",
            Provider::Stability => "stability",
            Provider::Replicate => "replicate",
        };
        self.world.submit(&self.world.request(name)).await
    }

    /// A lock that lets the ledger be read and not written, until it is dropped.
    async fn lock_the_ledger(&self) -> tokio_postgres::Client {
        let url = self.world.database_url();
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let lock = "BEGIN; LOCK TABLE atelier.attempt IN SHARE ROW EXCLUSIVE MODE";
        client.batch_execute(lock).await.unwrap();
        client
    }

    /// Until a worker waits for that lock with this statement.
    async fn until_it_waits_to(&self, statement: &str) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1";
        let like = format!("%{statement}%");
        wait::until("the worker waits for the ledger", PATIENCE, async || {
            self.world.number(waiting, &[&like]).await >= 1
        })
        .await
        .unwrap();
    }

    async fn until_attempt(&self, state: &str) {
        let sql = "SELECT count(*) FROM atelier.attempt WHERE state = $1";
        wait::until("the attempt stands there", PATIENCE, async || {
            self.world.number(sql, &[&state]).await == 1
        })
        .await
        .unwrap();
    }

    /// Until the double has charged for one picture and handed it over.
    async fn until_delivered(&self) {
        wait::until("the picture was handed over", PATIENCE, async || {
            self.sandbox.ledger().delivered() == 1
        })
        .await
        .unwrap();
    }

    /// A folder in which no raw answer can be kept: its name is taken by a file.
    fn spoil_the_store(&self) -> PathBuf {
        let raw = self.world.folder().join("raw");
        std::fs::write(&raw, "in the way").unwrap();
        raw
    }

    /// Kills a worker and takes its job back, as the scheduler does when the lease has run out.
    async fn kill(&self, mut program: Program) {
        program.signal("KILL");
        program.exit().await;
        let expire = "UPDATE atelier.worker_session SET expires_at = now() - interval '1 s'
            WHERE ended_at IS NULL";
        self.world.execute(expire, &[]).await;
        let recovered = wait::until("the job is taken back", PATIENCE, async || {
            // A row that a dying connection still holds is passed over and found again.
            let found = recover_dead_sessions(&self.world.db, Utc::now()).await;
            found.unwrap();
            self.world
                .number(
                    "SELECT count(*) FROM atelier.job WHERE state = 'running'",
                    &[],
                )
                .await
                == 0
        });
        recovered.await.unwrap();
    }

    /// Brings the job to its end, as the dispatcher's sweeps do.
    async fn finish(&self, id: GenerationId) {
        wait::until("the job has ended", PATIENCE, async || {
            self.world.clock.set(Utc::now());
            self.world.dispatch(&[id]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.world.open_jobs().await == 0
        })
        .await
        .unwrap();
    }

    /// The next worker ends the job with its picture; the double charged `billed` times, the brand is told
    /// of one, and nothing is left open.
    async fn ends_well(&mut self, id: GenerationId, billed: usize) {
        let mut heir = self.worker().await;
        self.finish(id).await;
        assert_eq!(self.world.state(id).await, "done");
        assert_eq!(self.sandbox.ledger().billed(), billed, "times billed");
        let usage = r#"SELECT count(*) FROM "UsageRecord""#;
        assert_eq!(self.world.number(usage, &[]).await, 1);
        let open = "SELECT count(*) FROM atelier.attempt WHERE closed_at IS NULL";
        assert_eq!(self.world.number(open, &[]).await, 0);
        let cost = r#"SELECT (cost * 1000000)::bigint FROM "Generation""#;
        let settled =
            "SELECT sum(cost_micros)::bigint FROM atelier.attempt WHERE state = 'settled'";
        let (cost, settled) = (
            self.world.number(cost, &[]).await,
            self.world.number(settled, &[]).await,
        );
        assert!(cost > 0 && cost == settled, "{cost} and {settled}");
        heir.signal("TERM");
        assert_eq!(heir.exit().await.code(), Some(0));
    }
}

/// Far shorter than anything that is waited for.
const QUICK: Duration = Duration::from_millis(20);

async fn c1_before_the_intent_is_committed(provider: Provider) {
    let mut scene = Scene::new(provider, QUICK).await;
    let lock = scene.lock_the_ledger().await;
    let worker = scene.worker().await;
    let id = scene.submit().await;
    scene.until_it_waits_to("store::ledger::open").await;
    worker.signal("KILL");
    drop(lock);
    scene.kill(worker).await;
    assert_eq!(scene.sandbox.ledger().accepted(), 0);
    scene.ends_well(id, 1).await;
}

async fn c2_committed_and_not_sent(provider: Provider) {
    let mut scene = Scene::new(provider, QUICK).await;
    let (worker, proxy) = scene.worker_behind_a_proxy().await;
    let id = scene.submit().await;
    scene.until_attempt("submitting").await;
    scene.kill(worker).await;
    drop(proxy);
    assert_eq!(scene.sandbox.ledger().accepted(), 0);
    scene.ends_well(id, 1).await;
}

async fn c3_sent_and_the_answer_lost(provider: Provider, fault: FaultMode, billed: usize) {
    let mut scene = Scene::new(provider, QUICK).await;
    let fault = Fault::new(fault).of(provider).times(1);
    scene.sandbox.faults().push(fault).unwrap();
    let id = scene.submit().await;
    scene.ends_well(id, billed).await;
}

async fn c7_stored_and_not_committed(provider: Provider) {
    let work = match provider {
        // Long enough for the lock to be there before the picture is.
        Provider::Replicate => Duration::from_secs(3),
        _ => QUICK,
    };
    let mut scene = Scene::new(provider, work).await;
    let (worker, proxy) = scene.worker_behind_a_proxy().await;
    let id = scene.submit().await;
    scene.until_attempt("submitting").await;
    if provider == Provider::Replicate {
        // Accepted first: the lock is to stop what comes after.
        proxy.set(ProxyMode::Pass);
        scene.until_attempt("accepted").await;
    }
    let lock = scene.lock_the_ledger().await;
    proxy.set(ProxyMode::Pass);
    scene.until_it_waits_to("store::ledger::record").await;
    let raw = scene.world.folder().join("raw");
    assert!(raw.exists(), "the answer is stored");
    worker.signal("KILL");
    drop(lock);
    scene.kill(worker).await;
    scene.ends_well(id, 1).await;
}

async fn c8_committed_and_delivered_again(provider: Provider) {
    let mut scene = Scene::new(provider, QUICK).await;
    let worker = scene.worker().await;
    let id = scene.submit().await;
    scene.world.until_state(id, "done").await;
    scene.kill(worker).await;
    // The entry comes again, as one that nobody acknowledged.
    scene.world.dispatch(&[id]).await;
    scene.ends_well(id, 1).await;
    assert_eq!(scene.world.attempts(id).await.len(), 1);
}

/// Killed while the answer is in memory alone.
async fn fetched_and_not_stored(provider: Provider, billed: usize) {
    let mut scene = Scene::new(provider, QUICK).await;
    let raw = scene.spoil_the_store();
    let worker = scene.worker().await;
    let id = scene.submit().await;
    scene.until_delivered().await;
    scene.kill(worker).await;
    std::fs::remove_file(raw).unwrap();
    scene.ends_well(id, billed).await;
}

/// Killed while the provider is at work.
async fn at_work(provider: Provider, state: &str, billed: usize) {
    let mut scene = Scene::new(provider, Duration::from_secs(3)).await;
    let worker = scene.worker().await;
    let id = scene.submit().await;
    wait::until("the double is at work", PATIENCE, async || {
        scene.sandbox.ledger().accepted() == 1
    })
    .await
    .unwrap();
    scene.until_attempt(state).await;
    scene.kill(worker).await;
    scene.ends_well(id, billed).await;
    assert_eq!(scene.sandbox.ledger().accepted(), billed);
}

macro_rules! points {
    ($($name:ident: $run:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $run.await;
            }
        )*
    };
}

// One answer, and no way to ask: what was sent and not stored is paid again, once.
points! {
    openai_c1: c1_before_the_intent_is_committed(Provider::OpenAi);
    openai_c2: c2_committed_and_not_sent(Provider::OpenAi);
    openai_c3_reset: c3_sent_and_the_answer_lost(Provider::OpenAi, FaultMode::ResetAfterAccept, 2);
    openai_c3_server_error: c3_sent_and_the_answer_lost(Provider::OpenAi, FaultMode::ErrorAfterBill, 2);
    openai_c4_and_c6: fetched_and_not_stored(Provider::OpenAi, 2);
    openai_c5: at_work(Provider::OpenAi, "submitting", 2);
    openai_c7: c7_stored_and_not_committed(Provider::OpenAi);
    openai_c8: c8_committed_and_delivered_again(Provider::OpenAi);
}

// By reference, with a list: paid once wherever the worker dies.
points! {
    replicate_c1: c1_before_the_intent_is_committed(Provider::Replicate);
    replicate_c2: c2_committed_and_not_sent(Provider::Replicate);
    replicate_c3_reset: c3_sent_and_the_answer_lost(Provider::Replicate, FaultMode::LostAck, 1);
    replicate_c3_server_error:
        c3_sent_and_the_answer_lost(Provider::Replicate, FaultMode::ErrorAfterBill, 1);
    replicate_c4: answered_and_not_committed();
    replicate_c5: at_work(Provider::Replicate, "accepted", 1);
    replicate_c6: fetched_and_not_stored(Provider::Replicate, 1);
    replicate_c7: c7_stored_and_not_committed(Provider::Replicate);
    replicate_c8: c8_committed_and_delivered_again(Provider::Replicate);
}

/// C4: the reference came and could not be written down.
async fn answered_and_not_committed() {
    let mut scene = Scene::new(Provider::Replicate, QUICK).await;
    let (worker, proxy) = scene.worker_behind_a_proxy().await;
    let id = scene.submit().await;
    scene.until_attempt("submitting").await;
    let lock = scene.lock_the_ledger().await;
    proxy.set(ProxyMode::Pass);
    scene.until_it_waits_to("store::ledger::record").await;
    worker.signal("KILL");
    drop(lock);
    scene.kill(worker).await;
    scene.ends_well(id, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openai_c3_is_billed_once_and_not_delivered_where_the_brand_wants_no_second_call() {
    let mut scene = Scene::new(Provider::OpenAi, QUICK).await;
    scene.world.when_unknown(UnknownOutcome::Fail).await;
    let fault = Fault::new(FaultMode::ResetAfterAccept).times(1);
    scene.sandbox.faults().push(fault).unwrap();
    let _worker = scene.worker().await;
    let id = scene.submit().await;
    scene.world.until_state(id, "failed").await;
    let code = r#"SELECT "errorCode" FROM "Generation""#;
    let code = scene.world.text(code, &[]).await;
    assert_eq!(code.as_deref(), Some("outcome_unknown"));
    assert_eq!(scene.sandbox.ledger().billed(), 1);
    assert_eq!(scene.world.quota_used().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_told_to_stop_waits_for_a_call_that_answers_with_the_picture() {
    let mut scene = Scene::new(Provider::OpenAi, Duration::from_secs(2)).await;
    let mut worker = scene.worker().await;
    let id = scene.submit().await;
    scene.until_attempt("submitting").await;
    worker.signal("TERM");
    assert_eq!(worker.exit().await.code(), Some(0));
    assert_eq!(scene.world.state(id).await, "done");
    assert_eq!(scene.sandbox.ledger().accepted(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_told_to_stop_hands_an_accepted_call_to_the_next_one() {
    let mut scene = Scene::new(Provider::Replicate, Duration::from_secs(3)).await;
    let mut worker = scene.worker().await;
    let id = scene.submit().await;
    scene.until_attempt("accepted").await;
    worker.signal("TERM");
    assert_eq!(worker.exit().await.code(), Some(0));
    assert_eq!(scene.world.state(id).await, "waiting");
    assert_eq!(scene.sandbox.ledger().delivered(), 0);
    scene.ends_well(id, 1).await;
    assert_eq!(scene.sandbox.ledger().accepted(), 1);
    assert_eq!(scene.world.attempts(id).await.len(), 1);
}
