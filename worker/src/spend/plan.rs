//! Whom to ask next: the candidates of one job, what is known of each, and what this run learnt.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{FailureCode, Micros};
use providers::routing::{
    Candidate, Chosen, Circuit, Decision, KeyOffer, KeyState, Listing, Need, Offer, Patience,
    Refusal, Verdict, candidates, route,
};
use providers::{Credential, ErrorKind, Model, ModelError, Next, Provider, RateHints, Resolved};
use queue::{Absence, BreakerState, Dimension, Permit, Tally, Turn};
use serde_json::Value;
use service::telemetry::error_chain;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::call::Closed;
use crate::job::Job;
use crate::keyring::Wallet;
use crate::prompt::Order;
use crate::stop::Stop;
use crate::verdict;
use crate::worker::Worker;

/// How long the fleet leaves a key alone that its provider refused: a key that was just made may need
/// minutes until it works, and one that was revoked costs one free call in this time.
const AUTH_PAUSE: Duration = Duration::from_secs(900);
/// The same for an account without money: somebody has to pay first.
const QUOTA_PAUSE: Duration = Duration::from_secs(3_600);
/// A job does not wait longer than this in its slot, all waits together.
const LONGEST_IN_PLACE: Duration = Duration::from_secs(10);
/// Nor longer than this without looking again.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// A job that stayed away until a key's next window is back this much sooner, to wait for it in a slot:
/// from the backlog to the provider it takes some tenths of a second.
const EARLY: Duration = Duration::from_millis(500);
/// Jobs that come back for the same window are spread over a twentieth of the time until it, and no more
/// than this.
const LONGEST_SPREAD: Duration = Duration::from_secs(2);
/// Giving a slot away and taking one again costs about as much as this.
const LEAST_AWAY: Duration = Duration::from_millis(250);

/// The candidates of one job and what this run learnt of them.
pub(super) struct Plan<'a> {
    worker: &'a Worker,
    job: &'a Job,
    need: Need,
    places: Vec<Place>,
    decision: Option<Decision>,
    /// The last error of a call, as what the job comes to when nobody is left.
    last: Option<(ErrorKind, Next)>,
    /// The right to wait in a slot, once it was needed.
    waiting: Option<OwnedSemaphorePermit>,
    waited: Duration,
}

/// One candidate.
struct Place {
    candidate: Candidate,
    listing: Listing,
    /// The model by the provider's own name, after replacement.
    model: String,
    /// That it took the place of another.
    note: Option<String>,
    provider: Option<Arc<dyn Provider>>,
    keys: Vec<Credential>,
    /// Keys that were refused in this run.
    tried: Vec<String>,
    earlier: Option<Refusal>,
}

/// Who is asked now.
pub(super) struct Pick {
    pub(super) place: usize,
    pub(super) provider: Arc<dyn Provider>,
    pub(super) model: String,
    pub(super) row: Option<Model>,
    pub(super) note: Option<String>,
    pub(super) credential: Credential,
    permit: Mutex<Option<Permit>>,
}

impl Pick {
    /// The turn of its key.
    pub(super) fn take_permit(&self) -> Option<Permit> {
        let mut permit = self.permit.lock().unwrap_or_else(PoisonError::into_inner);
        permit.take()
    }
}

impl<'a> Plan<'a> {
    /// Lists the candidates.
    pub(super) async fn new(worker: &'a Worker, job: &'a Job, order: &Order) -> Result<Self, Stop> {
        let brand = &job.claim.brand_id;
        let wallet = worker.keyring.brand(brand).await.map_err(away)?;
        let settings = &worker.settings;
        let fallback = order.fallback().or(wallet.fallback.as_deref());
        let listed = candidates(
            (&order.asked.0, &order.asked.1),
            wallet.default_provider.as_deref(),
            &settings.default_provider,
            fallback.unwrap_or(&settings.fallback),
        );
        let mut places = Vec::with_capacity(listed.len());
        for candidate in listed {
            places.push(place(worker, &wallet, candidate).await?);
        }
        Ok(Self {
            need: Need {
                operation: order.operation(),
                background: order.background(),
                input_images: u32::from(order.has_input()),
                size_px: order.size_px,
                prompt_chars: order.prompt.prompt.chars().count(),
            },
            worker,
            job,
            places,
            decision: None,
            last: None,
            waiting: None,
            waited: Duration::ZERO,
        })
    }

    /// Decides whom to ask, and waits for its turn where the wait is short.
    pub(super) async fn choose(&mut self) -> Result<Pick, Stop> {
        loop {
            let decision = route(&self.need, &self.offers(), self.patience());
            self.decision = Some(decision.clone());
            let Some(chosen) = &decision.chosen else {
                return Err(self.nobody(&decision).await);
            };
            if !chosen.wait.is_zero() {
                self.wait(chosen, chosen.wait).await?;
                continue;
            }
            let place = &self.places[chosen.place];
            let circuit = circuit_name(place);
            if chosen.probe && !self.worker.health.take_probe(&circuit).await {
                // Somebody else of the fleet finds out; by now the view says so.
                continue;
            }
            match self
                .worker
                .limits
                .take(&place.candidate.provider, &chosen.key)
                .await
            {
                Turn::Go(permit) => return self.pick(chosen.place, &chosen.key, permit),
                Turn::Wait(wait) => self.wait(chosen, wait).await?,
            }
        }
    }

    fn pick(&self, place: usize, key: &str, permit: Permit) -> Result<Pick, Stop> {
        let found = &self.places[place];
        let mut keys = found.keys.iter();
        let credential = keys.find(|known| known.id() == key).cloned();
        match (&found.provider, credential) {
            (Some(provider), Some(credential)) => Ok(Pick {
                place,
                provider: Arc::clone(provider),
                model: found.model.clone(),
                row: match &found.listing {
                    Listing::Row(model) => Some(model.clone()),
                    _ => None,
                },
                note: found.note.clone(),
                credential,
                permit: Mutex::new(Some(permit)),
            }),
            _ => Err(Stop::Failed(FailureCode::Internal)),
        }
    }

    /// Waits in the slot. Only half of the slots may wait, and none for long: the others are for jobs of
    /// providers that have room.
    async fn wait(&mut self, chosen: &Chosen, wait: Duration) -> Result<(), Stop> {
        if self.waiting.is_none() {
            let waiting = Arc::clone(&self.worker.waiting).try_acquire_owned();
            self.waiting = waiting.ok();
        }
        self.worker.metrics.limiter_waits_total.inc();
        if self.waiting.is_none() || self.waited + wait > LONGEST_IN_PLACE {
            return Err(self.stay_away(chosen.place, &chosen.key, wait).await);
        }
        // What is known may change meanwhile.
        let wait = wait.min(LONGEST_SLEEP);
        self.waited += wait;
        let sleeping = async {
            sleep(wait + spread(Duration::from_millis(10))).await;
            Ok(())
        };
        self.job.unless_stopped(self.worker, sleeping).await
    }

    fn patience(&self) -> Patience {
        Patience {
            in_place: self.worker.settings.patience,
            left: self
                .job
                .deadline
                .map(|deadline| deadline.saturating_duration_since(Instant::now())),
        }
    }

    fn offers(&self) -> Vec<Offer> {
        self.places.iter().map(|place| self.offer(place)).collect()
    }

    fn offer(&self, place: &Place) -> Offer {
        let circuit = match self.worker.health.circuit(&circuit_name(place)) {
            BreakerState::Closed => Circuit::Closed,
            BreakerState::Open(wait) => Circuit::Open(wait),
            BreakerState::HalfOpen => Circuit::Probe,
        };
        let key = |credential: &Credential| KeyOffer {
            id: credential.id().to_owned(),
            state: self.key_state(place, credential.id()),
        };
        Offer {
            candidate: place.candidate.clone(),
            listing: place.listing.clone(),
            circuit,
            keys: place.keys.iter().map(key).collect(),
            earlier: place.earlier,
        }
    }

    fn key_state(&self, place: &Place, id: &str) -> KeyState {
        if place.tried.iter().any(|tried| tried == id) {
            return KeyState::Tried;
        }
        if self.worker.health.disabled_key(id).is_some() {
            return KeyState::Disabled;
        }
        match self.worker.limits.outlook(&place.candidate.provider, id) {
            Duration::ZERO => KeyState::Ready,
            wait => KeyState::Wait(wait),
        }
    }

    /// Takes in how a call ended that brought no picture.
    pub(super) fn learn(&mut self, pick: &Pick, closed: &Closed) {
        let Closed { kind, next, .. } = *closed;
        self.last = Some((kind, next));
        let place = &mut self.places[pick.place];
        let key = pick.credential.id().to_owned();
        match (kind, next) {
            (ErrorKind::Auth | ErrorKind::QuotaExhausted, _) => {
                let pause = match kind {
                    ErrorKind::Auth => AUTH_PAUSE,
                    _ => QUOTA_PAUSE,
                };
                self.worker.health.disable_key(&key, kind.code(), pause);
                place.tried.push(key);
            }
            (_, Next::OtherKey) => place.tried.push(key),
            // Its gate was told, and knows when there is room again.
            (ErrorKind::RateLimited, Next::SameAfter(_)) => {}
            _ => place.earlier = Some(Refusal::FailedBefore(kind)),
        }
    }

    /// A candidate whose adapter cannot make the request.
    pub(super) fn unfit(&mut self, pick: &Pick, kind: ErrorKind) {
        self.places[pick.place].earlier = Some(Refusal::FailedBefore(kind));
    }

    /// A candidate that the brand's budget has no room for. A cheaper one may fit.
    pub(super) fn over_budget(&mut self, pick: &Pick) {
        self.places[pick.place].earlier = Some(Refusal::OverBudget);
    }

    /// Whether nobody is left who may be asked at all.
    pub(super) fn is_last(&self) -> bool {
        let decision = route(&self.need, &self.offers(), self.patience());
        decision.chosen.is_none() && decision.later.is_none()
    }

    /// The last decision, for the record.
    pub(super) fn record(&self) -> Option<Value> {
        self.decision.as_ref().map(Decision::to_json)
    }

    /// What the job comes to after so many calls as one run may make.
    pub(super) fn no_more_calls(&self) -> Stop {
        match self.last {
            Some((kind, next)) => verdict::of_closed(self.worker, self.job, kind, next),
            None => Stop::Failed(FailureCode::ProviderUnavailable),
        }
    }

    /// What the job comes to when nobody can be asked now.
    async fn nobody(&self, decision: &Decision) -> Stop {
        let refusals = || {
            decision.considered.iter().filter_map(|(_, v)| match v {
                Verdict::Refused(refusal) => Some(*refusal),
                Verdict::Chosen | Verdict::NotNeeded => None,
            })
        };
        let failed = self
            .last
            .filter(|(kind, _)| *kind != ErrorKind::RateLimited);
        if let (Some(later), None) = (decision.later, failed) {
            let limited = refusals().any(|refusal| matches!(refusal, Refusal::Limited(_)));
            return match self.ready_first(decision, later) {
                Some((place, key)) => self.stay_away(place, &key, later).await,
                None if limited => self.hand_back(later, ErrorKind::RateLimited),
                None => self.hand_back(later, ErrorKind::Unavailable),
            };
        }
        if refusals().any(|refusal| refusal == Refusal::OverBudget) {
            return Stop::Failed(FailureCode::BudgetExhausted);
        }
        if let Some((kind, next)) = self.last {
            return verdict::of_closed(self.worker, self.job, kind, next);
        }
        tracing::warn!(refusal = ?decision.first_refusal(), "nobody can be asked");
        let code = match decision.first_refusal() {
            Some(Refusal::NoKey | Refusal::KeysDisabled) => FailureCode::ProviderAccount,
            _ => FailureCode::ProviderUnavailable,
        };
        Stop::Failed(code)
    }

    /// The candidate whose limits have room after `later`, with its key.
    fn ready_first(&self, decision: &Decision, later: Duration) -> Option<(usize, String)> {
        let soonest = Verdict::Refused(Refusal::Limited(later));
        let mut verdicts = decision.considered.iter();
        let number = verdicts.position(|(_, verdict)| *verdict == soonest)?;
        let place = self.places.get(number)?;
        let waits = place.keys.iter().filter_map(|credential| {
            match self.key_state(place, credential.id()) {
                KeyState::Wait(wait) => Some((wait, credential.id().to_owned())),
                _ => None,
            }
        });
        waits.min().map(|(_, key)| (number, key))
    }

    /// Gives the slot to another job until a key's limits have room, as its gate places it among those
    /// that wait. No try is counted.
    async fn stay_away(&self, place: usize, key: &str, wait: Duration) -> Stop {
        let provider = &self.places[place].candidate.provider;
        // Who is back for a window and found no place to wait in comes again for the same one.
        let parked = match wait > EARLY {
            true => self.worker.limits.park(provider, key).await,
            false => None,
        };
        let Some(Absence { opens, place }) = parked else {
            return self.hand_back(wait, ErrorKind::RateLimited);
        };
        let place = place.unwrap_or_else(rand::random);
        let spread = (opens / 20).min(LONGEST_SPREAD).mul_f64(place);
        let after = opens - EARLY.min(opens / 4) + spread;
        // Who would be too late by then tries its luck before.
        if self.patience().left.is_some_and(|left| after >= left) {
            return self.hand_back(wait, ErrorKind::RateLimited);
        }
        Stop::Retry {
            after,
            counted: false,
            code: ErrorKind::RateLimited.code(),
        }
    }

    /// Gives the slot to another job until then. No try is counted: nothing was asked. Only a job that has
    /// waited out an hour of outage goes by its tries from then on, so that none goes on for ever.
    fn hand_back(&self, wait: Duration, kind: ErrorKind) -> Stop {
        if kind == ErrorKind::Unavailable && !verdict::waits_out(self.worker, self.job) {
            return verdict::retry(self.worker, self.job, kind, Some(wait));
        }
        Stop::Retry {
            // Spread, so that all who wait for the same moment do not come at once.
            after: wait.max(LEAST_AWAY) + spread(wait / 10 + Duration::from_millis(50)),
            counted: false,
            code: kind.code(),
        }
    }
}

/// Anything from nothing to this long.
fn spread(most: Duration) -> Duration {
    most.mul_f64(rand::random::<f64>())
}

async fn place(worker: &Worker, wallet: &Wallet, candidate: Candidate) -> Result<Place, Stop> {
    let provider = worker.providers.get(&candidate.provider).ok().cloned();
    let asked = candidate.model.clone();
    let (listing, model, note) = match &provider {
        None => (Listing::NoProvider, asked.unwrap_or_default(), None),
        Some(provider) => {
            let asked = asked.unwrap_or_else(|| provider.default_model().to_owned());
            living(worker, provider.as_ref(), asked)
        }
    };
    let mut keys = match &provider {
        Some(provider) if !provider.needs_key() => vec![Credential::none()],
        Some(_) => {
            let keys = worker.keyring.keys(wallet, &candidate.provider).await;
            keys.map_err(away)?
        }
        None => Vec::new(),
    };
    // The calls are shared by all keys of a pool: each job begins with another.
    if keys.len() > 1 {
        let start = rand::random_range(0..keys.len());
        keys.rotate_left(start);
    }
    Ok(Place {
        candidate,
        listing,
        model,
        note,
        provider,
        keys,
        tried: Vec::new(),
        earlier: None,
    })
}

/// The model, or the one that took its place when it was retired.
fn living(
    worker: &Worker,
    provider: &dyn Provider,
    asked: String,
) -> (Listing, String, Option<String>) {
    match provider.resolve(&asked, worker.clock.now().date_naive()) {
        Ok(Resolved { model, note }) => {
            let name = model.name.clone();
            (Listing::Row(model), name, note)
        }
        Err(ModelError::Ended { ended, .. }) => (Listing::Retired(ended), asked, None),
        Err(ModelError::Unknown { .. }) => (Listing::Unlisted, asked, None),
    }
}

fn circuit_name(place: &Place) -> String {
    circuit(&place.candidate.provider, &place.model)
}

fn circuit(provider: &str, model: &str) -> String {
    format!("{provider}/{model}")
}

fn away(error: store::StoreError) -> Stop {
    tracing::warn!(
        error = error_chain(&error),
        "keys and routes cannot be read"
    );
    Stop::passing("database_unavailable")
}

/// What an answer told of its limits, as the gate takes it.
pub(super) fn dimensions(rate: &RateHints) -> Vec<Dimension> {
    let windows = rate.windows.iter();
    windows
        .map(|window| Dimension {
            name: window.dimension,
            limit: window.limit,
            remaining: window.remaining,
            reset_after: window.reset_after,
        })
        .collect()
}

/// Tells the fleet that a call brought a picture.
pub(super) fn tell_well(worker: &Worker, provider: &str, model: &str, cost: Micros) {
    let tally = Tally { well: 2, badly: 0 };
    worker.health.report(&circuit(provider, model), tally);
    let metrics = &worker.metrics;
    let spend = u64::try_from(cost.0).unwrap_or(0);
    metrics
        .provider_calls_total
        .with_label_values(&[provider, model, "done"])
        .inc();
    metrics
        .provider_spend_micros_total
        .with_label_values(&[provider, model])
        .inc_by(spend);
}

/// Tells the fleet that a call did not.
pub(super) fn tell_badly(worker: &Worker, provider: &str, model: &str, kind: ErrorKind) {
    let badly = match kind {
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Network => 2,
        // A picture that cannot be read may be the fault of that one request.
        ErrorKind::BadAnswer => 1,
        // These say nothing about whether the provider works.
        ErrorKind::RateLimited
        | ErrorKind::ContentPolicy
        | ErrorKind::InvalidRequest
        | ErrorKind::Auth
        | ErrorKind::QuotaExhausted => 0,
    };
    if badly > 0 {
        let tally = Tally { well: 0, badly };
        worker.health.report(&circuit(provider, model), tally);
    }
    worker
        .metrics
        .provider_calls_total
        .with_label_values(&[provider, model, kind.code()])
        .inc();
}
