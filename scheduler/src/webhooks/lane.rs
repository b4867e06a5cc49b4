//! One leased lane: what is in hand, and what may begin now.
//!
//! Everything about an endpoint's limits is decided here, by the one process that holds its lease.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::webhook_policy::{AttemptFault, Breaker, Health, HealthChange, Leave, Pace};
use store::webhooks::due::Due;
use store::webhooks::lanes::{Called, LaneLease, LaneState, LeasedLane, Release, Renewal};
use store::webhooks::recipients::Recipient;
use store::webhooks::tries::{LaneChange, Notice};
use uuid::Uuid;

use super::route::Route;

/// No try begins that could outlast the lease by its own limit and this much more.
const MARGIN: Duration = Duration::from_secs(1);
/// A lease is renewed when it is this old.
const RENEW_AFTER: Duration = Duration::from_secs(3);
/// What is known of an endpoint is read again after this time: a change is heeded this soon.
const ROUTE_AGE: Duration = Duration::from_secs(1);
/// An endpoint whose rate makes it wait longer is left to itself meanwhile.
const LONG_WAIT: chrono::Duration = chrono::Duration::seconds(1);
/// `"Webhook"` shows a working endpoint's last try this often.
const SHOW_EVERY: Duration = Duration::from_secs(1);
/// Deliveries in hand for each that may be under way, so that sending does not wait for the database.
const WINDOW_PER_TRY: u16 = 16;
const WINDOW_MIN: u16 = 16;
const WINDOW_MAX: u16 = 128;

/// How many deliveries of an endpoint are in hand at most.
pub(super) fn window(recipient: &Recipient) -> u16 {
    let window = recipient
        .max_in_flight
        .saturating_mul(WINDOW_PER_TRY)
        .clamp(WINDOW_MIN, WINDOW_MAX);
    // What two seconds of its rate will take.
    let paced = recipient
        .rate_per_s
        .map_or(WINDOW_MAX.into(), |rate| rate * 2.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 128"
    )]
    let paced = paced.ceil().clamp(1.0, WINDOW_MAX.into()) as u16;
    window.min(paced)
}

/// What came of a try, as far as its endpoint goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) event: Uuid,
    pub(super) at: DateTime<Utc>,
    pub(super) status: Option<u16>,
    pub(super) fault: Option<AttemptFault>,
    pub(super) given_up: bool,
}

/// How much more a lane can take in hand.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) lease: LaneLease,
    /// What is known of the endpoint, where it need not be read again.
    pub(super) route: Option<Arc<Route>>,
    /// Deliveries in hand that have not begun.
    pub(super) queued: u16,
    /// One alone: the endpoint is being tried out.
    pub(super) alone: bool,
}

/// A leased lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) lease: LaneLease,
    pub(super) brand: BrandId,
    term: Duration,
    held_since: Instant,
    renewed_at: Instant,
    breaker: Breaker,
    health: Health,
    pace: Pace,
    /// What the lane's row says.
    written: LaneState,
    route: Option<(Arc<Route>, Instant)>,
    queue: VecDeque<Due>,
    under_way: HashSet<Uuid>,
    /// Whether a claim may find more at once.
    more: bool,
    idle_since: Option<Instant>,
    /// Set when it is to be given up, with the moment before which nobody needs to look.
    closing: Option<Option<DateTime<Utc>>>,
    unsent: Vec<Uuid>,
    called: Option<Called>,
    shown_at: Option<Instant>,
    lost: bool,
}

impl Lane {
    /// A lane that was asked for at `asked_at`.
    pub(super) fn new(leased: LeasedLane, asked_at: Instant, now: DateTime<Utc>) -> Self {
        let LeasedLane {
            lease,
            brand,
            term,
            state,
        } = leased;
        Self {
            lease,
            brand,
            term,
            held_since: asked_at,
            renewed_at: asked_at,
            breaker: state.breaker,
            health: state.health,
            pace: Pace::new(None, state.rate_per_s, state.tokens, now),
            written: state,
            route: None,
            queue: VecDeque::new(),
            under_way: HashSet::new(),
            more: true,
            idle_since: None,
            closing: None,
            unsent: Vec::new(),
            called: None,
            shown_at: None,
            lost: false,
        }
    }

    /// Begins the next try, if one may begin now.
    pub(super) fn start(&mut self, now: DateTime<Utc>, at: Instant) -> Option<(Due, Arc<Route>)> {
        if self.closing.is_some() || self.lost || self.queue.is_empty() {
            return None;
        }
        let (route, _) = self.route.clone()?;
        let left = (self.renewed_at + self.term).saturating_duration_since(at);
        if left < route.recipient.timeout() + MARGIN {
            return None;
        }
        let most = match self.breaker.leave(now) {
            Leave::All if route.recipient.ordered => 1,
            Leave::All => usize::from(route.recipient.max_in_flight),
            Leave::One => 1,
            Leave::NotBefore(until) => {
                self.close(Some(until));
                return None;
            }
        };
        if self.under_way.len() >= most {
            return None;
        }
        if let Err(wait) = self.pace.take(now) {
            if wait > LONG_WAIT {
                self.close(Some(now + wait));
            }
            return None;
        }
        let due = self.queue.pop_front()?;
        self.under_way.insert(due.event);
        Some((due, route))
    }

    /// A try has ended. Returns what its brand should know.
    pub(super) fn finished(&mut self, outcome: &Outcome, now: DateTime<Utc>) -> Option<Notice> {
        self.under_way.remove(&outcome.event);
        self.called = Some(Called {
            at: outcome.at,
            status_code: outcome.status,
        });
        let Some(fault) = outcome.fault else {
            self.breaker.succeeded();
            self.health.succeeded();
            self.pace.succeeded(now);
            return None;
        };
        if outcome.status.is_some_and(AttemptFault::asks_for_less) {
            self.pace.asked_for_less(now);
        }
        let change = self.health.failed(now, outcome.given_up);
        let since = self.health.first_failure_at;
        self.breaker.failed(now, since.unwrap_or(now));
        let recipient = &self.route.as_ref()?.0.recipient;
        let (webhook, brand) = (self.lease.webhook.clone(), self.brand.clone());
        let is_gone = fault == AttemptFault::Gone && !recipient.is_request_host;
        // Behind one that failed nothing may be sent where the order matters.
        if recipient.ordered || is_gone || change == Some(HealthChange::Disable) {
            self.close(None);
        }
        let disable = |since, reason| Notice::Disable {
            webhook: webhook.clone(),
            brand: brand.clone(),
            since,
            reason,
        };
        match change {
            _ if is_gone => Some(disable(None, "gone")),
            Some(HealthChange::Disable) => Some(disable(since, "failing")),
            Some(HealthChange::Warn { percent }) => Some(Notice::Failing {
                webhook,
                brand,
                since: since?,
                percent,
            }),
            None => None,
        }
    }

    /// What is to be written about the endpoint, where its row or `"Webhook"` has fallen behind.
    pub(super) fn change(&mut self, at: Instant) -> Option<LaneChange> {
        let state = self.state();
        let differs = state.breaker != self.written.breaker
            || state.health != self.written.health
            || state.rate_per_s != self.written.rate_per_s;
        let is_due = self
            .shown_at
            .is_none_or(|shown| at.duration_since(shown) >= SHOW_EVERY);
        let called = self.called.filter(|_| differs || is_due);
        if !differs && called.is_none() {
            return None;
        }
        self.written = state;
        if called.is_some() {
            self.called = None;
            self.shown_at = Some(at);
        }
        Some(LaneChange {
            lease: self.lease.clone(),
            state,
            called,
        })
    }

    fn state(&self) -> LaneState {
        LaneState {
            breaker: self.breaker,
            rate_per_s: self.pace.current(),
            tokens: Some(self.pace.tokens()),
            health: self.health,
        }
    }

    /// How much more can be taken in hand; at a poll also where the last claim found everything.
    pub(super) fn ask(&mut self, now: DateTime<Utc>, at: Instant, poll: bool) -> Option<Ask> {
        if self.closing.is_some() || self.lost || !(self.more || poll) {
            return None;
        }
        let alone = match self.breaker.leave(now) {
            Leave::All => false,
            Leave::One => true,
            Leave::NotBefore(until) => {
                self.close(Some(until));
                return None;
            }
        };
        let queued = u16::try_from(self.queue.len()).unwrap_or(u16::MAX);
        let fresh = self
            .route
            .as_ref()
            .filter(|(_, read)| at.duration_since(*read) < ROUTE_AGE);
        let full = self
            .route
            .as_ref()
            .map_or(WINDOW_MIN, |(route, _)| window(&route.recipient));
        // By halves, so that a claim is worth its way.
        if queued > full / 2 || (alone && queued > 0) {
            return None;
        }
        Some(Ask {
            lease: self.lease.clone(),
            route: fresh.map(|(route, _)| Arc::clone(route)),
            queued,
            alone,
        })
    }

    /// What is known of the endpoint, as of `at`.
    pub(super) fn learn(&mut self, route: &Arc<Route>, at: Instant, now: DateTime<Utc>) {
        let limit = route.recipient.rate_per_s;
        let known = self
            .route
            .as_ref()
            .map(|(known, _)| known.recipient.rate_per_s);
        if known != Some(limit) {
            let left = match known {
                None => self.written.tokens,
                Some(_) => Some(self.pace.tokens()),
            };
            self.pace = Pace::new(limit, self.pace.current(), left, now);
        }
        self.term = store::webhooks::lanes::term(route.recipient.timeout_ms).min(self.term);
        self.route = Some((Arc::clone(route), at));
    }

    /// Takes what was claimed in hand; `more` where there was as much as was asked for.
    pub(super) fn take(&mut self, due: Vec<Due>, more: bool) {
        self.more = more;
        self.queue.extend(due);
    }

    /// To be given up when what is under way has ended; nobody needs to look before the moment.
    pub(super) fn close(&mut self, not_before: Option<DateTime<Utc>>) {
        let known = self.closing.flatten();
        self.closing = Some(known.max(not_before));
    }

    /// Somebody else's by now: nothing more begins, and what ends is recorded where it still can be.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// How long it has been held.
    pub(super) fn age(&self, at: Instant) -> Duration {
        at.duration_since(self.held_since)
    }

    /// How long nothing has been in hand.
    pub(super) fn idle_for(&mut self, at: Instant) -> Option<Duration> {
        if !self.queue.is_empty() || !self.under_way.is_empty() || self.more {
            self.idle_since = None;
            return None;
        }
        Some(at.duration_since(*self.idle_since.get_or_insert(at)))
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    pub(super) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The release of a lane that is closing and has nothing under way.
    pub(super) fn release(&mut self) -> Option<Release> {
        let not_before = self.closing.filter(|_| self.under_way.is_empty())?;
        self.unsent
            .extend(self.queue.drain(..).map(|due| due.event));
        Some(Release {
            lease: self.lease.clone(),
            state: self.state(),
            called: self.called,
            not_before,
            unsent: self.unsent.clone(),
        })
    }

    /// The renewal, when it is time.
    pub(super) fn renewal(&self, at: Instant) -> Option<Renewal> {
        if self.lost || at.duration_since(self.renewed_at) < RENEW_AFTER {
            return None;
        }
        let queued = self.queue.iter().map(|due| due.event);
        Some(Renewal {
            lease: self.lease.clone(),
            term: self.term_wanted(),
            in_hand: queued.chain(self.under_way.iter().copied()).collect(),
        })
    }

    fn term_wanted(&self) -> Duration {
        self.route.as_ref().map_or(self.term, |(route, _)| {
            store::webhooks::lanes::term(route.recipient.timeout_ms)
        })
    }

    /// It was renewed by a call made at `asked_at`.
    pub(super) fn renewed(&mut self, asked_at: Instant, term: Duration) {
        self.renewed_at = asked_at;
        self.term = term;
    }
}

#[cfg(test)]
pub(super) mod tests;
