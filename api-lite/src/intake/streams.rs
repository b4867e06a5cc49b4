//! The way of accepted jobs to the workers: at once into a short stream, or by the dispatcher.
//!
//! What is decided here is only who sends a job, never whether it is accepted. A job that was meant
//! for its stream and did not get there is found and sent by the dispatcher's sweep.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{BrandId, Clock, Lane};
use queue::{Dispatch, Inline, InlineGate, Queue, QueueError};
use service::telemetry::error_chain;
use service::{BatchConfig, Batcher, BoxError, CancellationToken, Tasks};
use store::StoreError;
use store::intake::{Accepted, Decision, NewGeneration};

use crate::metrics::ApiMetrics;

/// How often the dispatcher's board is read: ten small reads a second for each process.
const BOARD_PERIOD: Duration = Duration::from_millis(100);

/// The duty that is woken when a job joins the backlog.
const DISPATCH_DUTY: &str = "dispatch";

/// Two pipelines on their way at once keep up with the intake's four transactions; a pipeline takes a
/// fraction of a commit's time. One errand is one intake batch.
const ERRANDS: BatchConfig = BatchConfig {
    slots: 2,
    max_items: 64,
    queue: 1024,
};

/// What is to be done after one intake batch.
#[derive(Debug)]
struct Errand {
    jobs: Vec<(BrandId, Dispatch)>,
    nudge: bool,
}

/// What the streams need of their process.
pub(crate) struct StreamsParts {
    pub(crate) queue: Queue,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: ApiMetrics,
    pub(crate) tasks: Tasks,
}

struct Shared {
    parts: StreamsParts,
    gate: Mutex<InlineGate>,
    /// Whether Redis answered last time. While it does not, jobs go to the backlog at once, where
    /// the dispatcher finds them without having to wait for its sweep.
    reachable: AtomicBool,
}

/// The sending side of the streams.
pub(crate) struct Streams {
    shared: Arc<Shared>,
    errands: Batcher<Errand, ()>,
}

impl Streams {
    /// Starts sending, and reading the dispatcher's board until `stop`.
    ///
    /// # Errors
    /// When a bound of the batches cannot be used.
    pub(crate) fn start(parts: StreamsParts, stop: CancellationToken) -> Result<Self, BoxError> {
        let tasks = parts.tasks.clone();
        let shared = Arc::new(Shared {
            parts,
            gate: Mutex::default(),
            reachable: AtomicBool::new(true),
        });
        let runner = shared.clone();
        let handler = move |errands| Box::pin(run(runner.clone(), errands));
        let errands = Batcher::spawn("streams", ERRANDS, None, &tasks, handler)?;
        tasks.spawn_essential("board", watch_board(shared.clone(), stop));
        Ok(Self { shared, errands })
    }

    /// Decides for each request of a batch who will send it, and returns the ways for the metrics.
    pub(super) fn admit(
        &self,
        batch: &mut [NewGeneration],
        now: DateTime<Utc>,
    ) -> Vec<&'static str> {
        let reachable = self.shared.reachable.load(Ordering::Relaxed);
        let mut gate = self.shared.gate();
        let decide = |request: &mut NewGeneration| {
            let answer = reachable.then(|| gate.admit(request.lane, &request.brand_id, now));
            request.dispatch_now = answer == Some(Inline::Now);
            match answer {
                Some(Inline::Now) => "inline",
                Some(Inline::Later(reason)) => reason.as_str(),
                None => "redis_away",
            }
        };
        batch.iter_mut().map(decide).collect()
    }

    /// Sends what a committed batch created, in the background.
    pub(super) fn dispatch(
        &self,
        batch: &[NewGeneration],
        decisions: &[Result<Decision, StoreError>],
        ways: &[&'static str],
    ) {
        let mut errand = Errand {
            jobs: Vec::new(),
            nudge: false,
        };
        for ((request, decision), way) in batch.iter().zip(decisions).zip(ways) {
            let created = matches!(decision, Ok(Ok(Accepted::Created)));
            if created {
                let accepted = &self.shared.parts.metrics.accepted_total;
                accepted.with_label_values(&[*way]).inc();
            }
            match (created, request.dispatch_now) {
                (true, true) => errand.jobs.push((request.brand_id.clone(), sent(request))),
                (true, false) => errand.nudge = true,
                (false, true) => self
                    .shared
                    .gate()
                    .not_added(request.lane, &request.brand_id),
                (false, false) => {}
            }
        }
        if errand.jobs.is_empty() && !errand.nudge {
            return;
        }
        let errands = self.errands.clone();
        let shared = self.shared.clone();
        let places: Vec<(Lane, BrandId)> = errand
            .jobs
            .iter()
            .map(|(brand, job)| (job.lane, brand.clone()))
            .collect();
        let submit = async move {
            if errands.try_submit(errand).await.is_err() {
                shared.give_back(&places, "queue_full");
            }
        };
        // It starts at once and runs on by itself; nobody needs its result.
        drop(self.shared.parts.tasks.run_to_end("stream-errand", submit));
    }
}

fn sent(request: &NewGeneration) -> Dispatch {
    Dispatch {
        lane: request.lane,
        id: request.id,
        trace: Some(request.trace_parent.clone()),
    }
}

impl Shared {
    fn gate(&self) -> MutexGuard<'_, InlineGate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, places: &[(Lane, BrandId)], reason: &'static str) {
        let unsent = self.parts.metrics.unsent_total.with_label_values(&[reason]);
        unsent.inc_by(places.len() as u64);
        let mut gate = self.gate();
        for (lane, brand) in places {
            gate.not_added(*lane, brand);
        }
    }

    /// Notes whether Redis answered, and logs the change only.
    fn answered<T>(&self, answer: Result<T, QueueError>) -> Option<T> {
        match answer {
            Ok(value) => {
                if !self.reachable.swap(true, Ordering::Relaxed) {
                    tracing::info!("Redis answers again");
                }
                Some(value)
            }
            Err(error) => {
                if self.reachable.swap(false, Ordering::Relaxed) {
                    let error = error_chain(&error);
                    tracing::warn!(
                        error,
                        "Redis is away: accepted jobs wait for the dispatcher"
                    );
                }
                None
            }
        }
    }
}

/// One round trip for the errands of several batches, and one nudge for all of them.
async fn run(shared: Arc<Shared>, errands: Vec<Errand>) -> Vec<()> {
    let done = vec![(); errands.len()];
    let nudge = errands.iter().any(|errand| errand.nudge);
    let (brands, jobs): (Vec<BrandId>, Vec<Dispatch>) =
        errands.into_iter().flat_map(|errand| errand.jobs).unzip();
    if !jobs.is_empty() {
        let mut counts: BTreeMap<Lane, u64> = BTreeMap::new();
        for job in &jobs {
            *counts.entry(job.lane).or_default() += 1;
        }
        match shared.answered(shared.parts.queue.add(&jobs).await) {
            Some(lengths) => {
                let mut gate = shared.gate();
                for (lane, length) in lengths {
                    gate.added(lane, counts.get(&lane).copied().unwrap_or(0), length);
                }
            }
            None => {
                let places: Vec<(Lane, BrandId)> =
                    jobs.iter().map(|job| job.lane).zip(brands).collect();
                shared.give_back(&places, "redis_away");
            }
        }
    }
    if nudge {
        // A lost nudge costs the dispatcher's period, no job.
        shared.answered(shared.parts.queue.nudge(DISPATCH_DUTY).await);
    }
    done
}

/// Keeps the gate's view fresh. Without a board, the lanes' lengths are the next best thing.
async fn watch_board(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(BOARD_PERIOD) => {}
        }
        let queue = &shared.parts.queue;
        let now = shared.parts.clock.now();
        match shared.answered(queue.read_board().await) {
            Some(Some(board)) => shared.gate().observe_board(board, now),
            Some(None) => {
                if let Some(lengths) = shared.answered(queue.lengths().await) {
                    shared.gate().observe_lengths(&lengths);
                }
            }
            None => {}
        }
    }
}
