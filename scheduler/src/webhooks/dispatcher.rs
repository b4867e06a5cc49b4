//! The loop that sends: it leases lanes, makes their tries, and records what came of them.
//!
//! One loop per process owns all lanes and decides alone, so nothing here is locked. While a step with the
//! database is under way, tries go on, end, and follow one another; what ended meanwhile is recorded by the
//! next step together. There is no timer in that: under little load a try is recorded at once, under much
//! load many share a transaction.
//!
//! Any number of processes may run. Redis is not needed. Dying anywhere leaves leases that run out and
//! deliveries that are made again; stopping in order ends what is under way and gives the lanes up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::{BrandId, Clock};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use service::telemetry::error_chain;
use service::{CancellationToken, Tasks};
use store::webhooks::lanes::LaneLease;
use store::webhooks::secrets::NoSecret;
use store::webhooks::tries::{Batch, Fate};
use store::{Database, SealingKeys, StoreError};
use uuid::Uuid;

use super::board::{Board, Start};
use super::ended::Ended;
use super::lane::{Lane, Outcome};
use super::metrics::WebhookMetrics;
use super::sender::{Answer, Sender};
use super::step::{self, Done, Hands, Plan, Unroutable};

/// The rest after a step that failed; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_LONGEST: Duration = Duration::from_secs(2);
/// An endpoint without a secret gets one within seconds, by the duty `webhooks`.
const UNTIL_SECRET: chrono::Duration = chrono::Duration::seconds(5);
/// One whose secrets this process cannot open is left to others, and to whoever starts us anew.
const UNTIL_KEYS: chrono::Duration = chrono::Duration::seconds(60);
/// Most tries recorded by one transaction.
const RECORDED_AT_ONCE: usize = 256;

/// What a dispatcher works with.
pub struct DispatcherParts {
    /// PostgreSQL.
    pub db: Database,
    /// Where the moments come from.
    pub clock: Arc<dyn Clock>,
    /// What secrets are opened with; without, endpoints whose secrets are sealed wait for another process.
    pub keys: Option<SealingKeys>,
    /// Makes the tries.
    pub sender: Sender,
    /// What runs them.
    pub tasks: Tasks,
    /// Where they are measured.
    pub metrics: WebhookMetrics,
    /// Tries under way at once.
    pub slots: usize,
    /// Between two looks for what became due.
    pub poll: Duration,
}

type Sending = BoxFuture<'static, (LaneLease, BrandId, Uuid, Option<Ended>)>;

/// Sends what is due.
pub struct Dispatcher {
    hands: Hands,
    sender: Sender,
    tasks: Tasks,
    metrics: WebhookMetrics,
    poll: Duration,
    next_poll: Instant,
    board: Board,
    sending: FuturesUnordered<Sending>,
    batch: Batch,
    /// Failed steps in a row.
    failures: u32,
}

impl Dispatcher {
    /// A dispatcher that has not begun.
    pub fn new(parts: DispatcherParts) -> Self {
        let DispatcherParts {
            db,
            clock,
            keys,
            sender,
            tasks,
            metrics,
            slots,
            poll,
        } = parts;
        Self {
            hands: Hands { db, clock, keys },
            sender,
            tasks,
            metrics,
            poll,
            next_poll: Instant::now(),
            board: Board::new(slots),
            sending: FuturesUnordered::new(),
            batch: Batch::default(),
            failures: 0,
        }
    }

    /// Sends until `stop`, then ends what is under way, records it and gives all lanes up.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            if stop.is_cancelled() {
                self.board.close_all();
                if self.board.is_empty() && self.batch.is_empty() && self.sending.is_empty() {
                    return;
                }
            }
            let plan = self.plan(&stop);
            let done = self.step(plan).await;
            self.apply(done);
            self.start();
            self.show();
            self.rest(&stop).await;
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.hands.clock.now()
    }

    fn plan(&mut self, stop: &CancellationToken) -> Plan {
        let (now, at) = (self.now(), Instant::now());
        let is_poll = at >= self.next_poll && !stop.is_cancelled();
        if is_poll {
            self.next_poll = at + self.poll;
            self.board.line_all_up();
        }
        self.board.tidy(now, at);
        let mut record = std::mem::take(&mut self.batch);
        if record.tried.len() > RECORDED_AT_ONCE {
            self.batch.tried = record.tried.split_off(RECORDED_AT_ONCE);
        }
        record.lanes.extend(self.board.changes(at));
        Plan {
            record,
            // What is still to be recorded belongs before the release.
            release: match self.batch.is_empty() {
                true => self.board.releases(),
                false => Vec::new(),
            },
            renew: self.board.renewals(at),
            lease: is_poll.then(|| self.board.room()).flatten(),
            asks: match stop.is_cancelled() {
                true => Vec::new(),
                false => self.board.asks(now, at, is_poll),
            },
        }
    }

    /// Does a step while tries go on.
    async fn step(&mut self, plan: Plan) -> Done {
        let fates: Vec<Fate> = plan.record.tried.iter().map(|one| one.fate).collect();
        let mut step = Box::pin(step::run(self.hands.clone(), plan));
        let done = loop {
            tokio::select! {
                done = &mut step => break done,
                Some(ended) = self.sending.next(), if !self.sending.is_empty() => self.finish(ended),
            }
        };
        if done.unrecorded.is_empty() {
            self.metrics.recorded(&fates, done.recorded);
        }
        done
    }

    fn apply(&mut self, done: Done) {
        let now = self.now();
        let Done {
            recorded: _,
            unrecorded,
            released,
            renewed,
            renewed_at,
            leased,
            leased_at,
            look_again,
            routes,
            claimed,
            in_doubt,
            error,
        } = done;
        self.keep(unrecorded);
        for lease in &released {
            self.board.remove(lease);
        }
        for (lease, renewal) in renewed {
            let Some(lane) = self.board.lane(&lease) else {
                continue;
            };
            match renewal.zip(renewed_at) {
                Some((renewal, at)) => lane.renewed(at, renewal.term),
                None => {
                    tracing::warn!(
                        webhook = lease.webhook,
                        "a lane was leased by another process"
                    );
                    lane.lose();
                }
            }
        }
        for lane in leased {
            let at = leased_at.unwrap_or_else(Instant::now);
            self.board.add(Lane::new(lane, at, now));
        }
        for (lease, route) in routes {
            self.learn(&lease, route, now);
        }
        for (lease, claimed) in claimed {
            if let Some(lane) = self.board.lane(&lease) {
                let more = claimed.due.len() == claimed.asked;
                lane.take(claimed.due, more);
            }
            self.board.line_up(&lease);
        }
        // Whether anything carries their tokens is not known: a new lease will find it.
        for lease in in_doubt {
            if let Some(lane) = self.board.lane(&lease) {
                lane.close(None);
            }
        }
        if look_again {
            self.next_poll = Instant::now();
        }
        self.note(error);
    }

    fn learn(
        &mut self,
        lease: &LaneLease,
        route: Result<Arc<super::route::Route>, Unroutable>,
        now: DateTime<Utc>,
    ) {
        let Some(lane) = self.board.lane(lease) else {
            return;
        };
        match route {
            Ok(route) => lane.learn(&route, Instant::now(), now),
            Err(Unroutable::Off) => lane.close(None),
            Err(Unroutable::Unsigned(why)) => {
                self.metrics.unsigned_total.inc();
                tracing::warn!(
                    webhook = lease.webhook,
                    %why,
                    "nothing is sent to an endpoint until it can be signed for"
                );
                let wait = match why {
                    NoSecret::Missing => UNTIL_SECRET,
                    NoSecret::NoKeys | NoSecret::Seal(_) => UNTIL_KEYS,
                };
                lane.close(Some(now + wait));
            }
        }
    }

    /// What could not be recorded comes before what has ended since.
    fn keep(&mut self, unrecorded: Batch) {
        if unrecorded.is_empty() {
            return;
        }
        let since = std::mem::replace(&mut self.batch, unrecorded);
        self.batch.tried.extend(since.tried);
        self.batch.notices.extend(since.notices);
        // The later state of a lane is the truer one.
        let known = &mut self.batch.lanes;
        known.retain(|old| since.lanes.iter().all(|new| new.lease != old.lease));
        known.extend(since.lanes);
    }

    /// Failures are logged when they begin and when they are over.
    fn note(&mut self, error: Option<StoreError>) {
        match error {
            None => {
                if self.failures > 0 {
                    tracing::info!(failures = self.failures, "sending webhooks goes on");
                }
                self.failures = 0;
            }
            Some(error) => {
                self.metrics.steps_failed_total.inc();
                if self.failures == 0 {
                    tracing::warn!(
                        error = error_chain(&error),
                        "sending webhooks fails at the database; it goes on when that does"
                    );
                }
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    /// Begins whatever may begin.
    fn start(&mut self) {
        while let Some(Start { due, route }) = self.board.next_start(self.now(), Instant::now()) {
            let at = self.now();
            let message = route.message(&due, at);
            let (url, body) = (message.url.clone(), message.body.clone());
            let (lease, event) = (due.lease.clone(), due.event);
            let brand = route.recipient.brand.clone();
            let sender = self.sender.clone();
            let tried = self.tasks.run_to_end("webhook try", async move {
                Box::pin(sender.send(message)).await
            });
            let sending = async move {
                let ended = match tried.await {
                    Ok(answer) => Some(answer),
                    Err(service::TaskFailure::Panicked) => Some(Answer::broken()),
                    // The process ends; whoever comes next makes the try again.
                    Err(service::TaskFailure::CutOff) => None,
                };
                let ended = ended.map(|answer| Ended {
                    due,
                    route,
                    url,
                    body,
                    at,
                    answer,
                });
                (lease, brand, event, ended)
            };
            self.sending.push(Box::pin(sending));
        }
    }

    /// A try has ended: what it comes to joins the batch, and its slot goes to whoever is next.
    fn finish(&mut self, (lease, brand, event, ended): (LaneLease, BrandId, Uuid, Option<Ended>)) {
        self.board.freed(&lease, &brand);
        let Some(ended) = ended else { return };
        let now = self.now();
        let fate = ended.fate(now, rand::random());
        self.metrics.tried(&ended.answer);
        if fate == Fate::Delivered && ended.due.tries == 0 {
            let took = (now - ended.due.created_at).as_seconds_f64();
            self.metrics.arrival_seconds.observe(took.max(0.0));
        }
        let outcome = Outcome {
            event,
            at: ended.at,
            status: ended.answer.status,
            fault: ended.answer.fault,
            given_up: fate == Fate::Exhausted,
        };
        if let Some(lane) = self.board.lane(&lease) {
            self.batch.notices.extend(lane.finished(&outcome, now));
        }
        let log_id = format!("whl_{}", Uuid::new_v4().simple());
        self.batch.tried.push(ended.tried(fate, log_id));
        self.board.line_up(&lease);
        self.start();
    }

    fn show(&self) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.lanes_held.set(count(self.board.held()));
        self.metrics.under_way.set(count(self.board.under_way()));
    }

    /// Rests until there is something for a step to do.
    async fn rest(&mut self, stop: &CancellationToken) {
        let (now, at) = (self.now(), Instant::now());
        let has_failed = self.failures > 0;
        if !has_failed && (!self.batch.is_empty() || self.board.wants_step(now, at)) {
            return;
        }
        let until = match has_failed {
            true => at + backoff(self.failures),
            false => self.next_poll,
        };
        let was_stopping = stop.is_cancelled();
        let timer = tokio::time::sleep_until(until.max(at).into());
        tokio::pin!(timer);
        loop {
            tokio::select! {
                () = &mut timer => return,
                () = stop.cancelled(), if !was_stopping && !has_failed => return,
                Some(ended) = self.sending.next(), if !self.sending.is_empty() => {
                    self.finish(ended);
                    if !has_failed {
                        return;
                    }
                }
            }
        }
    }
}

fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = BACKOFF_FIRST.saturating_mul(1 << doublings);
    wait.min(BACKOFF_LONGEST)
}
