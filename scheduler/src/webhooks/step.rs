//! One step with the database: record, release, renew, look for lanes, claim.
//!
//! A step may be cancelled or fail anywhere: what was not recorded comes back to the caller, and everything
//! else is found again, by this process or the next holder.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use domain::Clock;
use service::telemetry::error_chain;
use store::webhooks::due::{Claim, Due, claim};
use store::webhooks::lanes;
use store::webhooks::lanes::{LaneLease, LeasedLane, Release, Renewal};
use store::webhooks::recipients;
use store::webhooks::secrets::NoSecret;
use store::webhooks::tries::{Batch, Recorded, record};
use store::{Database, SealingKeys, StoreError};
use uuid::Uuid;

use super::board::Room;
use super::lane::{Ask, window};
use super::route::Route;

/// Wakes taken at once.
const WAKES: i64 = 1_000;

/// What a step works with.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) db: Database,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keys: Option<SealingKeys>,
}

/// What a step is to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) record: Batch,
    pub(super) release: Vec<Release>,
    pub(super) renew: Vec<Renewal>,
    /// Look for lanes that are due, with this much room.
    pub(super) lease: Option<Room>,
    pub(super) asks: Vec<Ask>,
}

/// Why nothing is sent to an endpoint.
#[derive(Debug)]
pub(super) enum Unroutable {
    /// It is switched off or gone.
    Off,
    /// It cannot be signed for.
    Unsigned(NoSecret),
}

/// What was claimed for one lane.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) due: Vec<Due>,
    /// How many were asked for.
    pub(super) asked: usize,
}

/// What a step came to. Whatever is empty was not reached.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) recorded: Recorded,
    /// What is still to be recorded.
    pub(super) unrecorded: Batch,
    pub(super) released: Vec<LaneLease>,
    /// Leases that were renewed, and those that are lost.
    pub(super) renewed: Vec<(LaneLease, Option<Renewal>)>,
    pub(super) renewed_at: Option<Instant>,
    pub(super) leased: Vec<LeasedLane>,
    pub(super) leased_at: Option<Instant>,
    /// Whether there are more wakes or lanes than were taken.
    pub(super) look_again: bool,
    pub(super) routes: Vec<(LaneLease, Result<Arc<Route>, Unroutable>)>,
    pub(super) claimed: HashMap<LaneLease, Claimed>,
    /// Lanes whose claim is in doubt.
    pub(super) in_doubt: Vec<LaneLease>,
    pub(super) error: Option<StoreError>,
}

/// Does a step as far as it gets.
pub(super) async fn run(hands: Hands, plan: Plan) -> Done {
    let mut done = Done::default();
    if let Err(error) = stages(&hands, plan, &mut done).await {
        done.error = Some(error);
    }
    done
}

async fn stages(hands: &Hands, plan: Plan, done: &mut Done) -> Result<(), StoreError> {
    let Plan {
        record,
        release,
        renew,
        lease,
        asks,
    } = plan;
    done.unrecorded = record;
    while !done.unrecorded.is_empty() {
        record_all(hands, done).await?;
    }
    if !release.is_empty() {
        lanes::release(&hands.db, hands.clock.now(), &release).await?;
        done.released = release.into_iter().map(|one| one.lease).collect();
    }
    if !renew.is_empty() {
        let asked_at = Instant::now();
        let held = lanes::renew(&hands.db, &renew).await?;
        done.renewed_at = Some(asked_at);
        done.renewed = renew
            .into_iter()
            .map(|one| (one.lease.clone(), held.contains(&one.lease).then_some(one)))
            .collect();
    }
    if let Some(room) = lease {
        look(hands, &room, done).await?;
    }
    if !asks.is_empty() {
        let claims = routes(hands, asks, done).await?;
        claim_all(hands, claims, done).await?;
    }
    Ok(())
}

/// Records everything at once; where a row is refused, endpoint by endpoint, so that one that cannot be
/// recorded holds up no other.
async fn record_all(hands: &Hands, done: &mut Done) -> Result<(), StoreError> {
    let now = hands.clock.now();
    match record(&hands.db, now, &done.unrecorded).await {
        Ok(recorded) => {
            add(&mut done.recorded, recorded);
            done.unrecorded = Batch::default();
            return Ok(());
        }
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => {
            tracing::error!(
                error = error_chain(&error),
                "tries cannot be recorded together; they are recorded endpoint by endpoint"
            );
        }
    }
    while let Some(webhook) = first_webhook(&done.unrecorded) {
        let part = part_of(&done.unrecorded, &webhook, true);
        match record(&hands.db, now, &part).await {
            Ok(recorded) => add(&mut done.recorded, recorded),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                let error = error_chain(&error);
                tracing::error!(
                    webhook,
                    error,
                    "tries are not recorded; they will be made again"
                );
            }
        }
        done.unrecorded = part_of(&done.unrecorded, &webhook, false);
    }
    Ok(())
}

fn first_webhook(batch: &Batch) -> Option<String> {
    let of_tries = batch.tried.first().map(|one| one.lease.webhook.clone());
    let of_lanes = || batch.lanes.first().map(|one| one.lease.webhook.clone());
    let of_notices = || batch.notices.first().map(|one| one.webhook().to_owned());
    of_tries.or_else(of_lanes).or_else(of_notices)
}

/// What of the batch is about this endpoint, or about all others.
fn part_of(batch: &Batch, webhook: &str, own: bool) -> Batch {
    let is_meant = |other: &str| (other == webhook) == own;
    let tried = batch
        .tried
        .iter()
        .filter(|one| is_meant(&one.lease.webhook));
    let lanes = batch
        .lanes
        .iter()
        .filter(|one| is_meant(&one.lease.webhook));
    let notices = batch.notices.iter().filter(|one| is_meant(one.webhook()));
    Batch {
        tried: tried.cloned().collect(),
        lanes: lanes.cloned().collect(),
        notices: notices.cloned().collect(),
    }
}

fn add(sum: &mut Recorded, more: Recorded) {
    sum.written += more.written;
    sum.lost += more.lost;
    sum.disabled += more.disabled;
}

async fn look(hands: &Hands, room: &Room, done: &mut Done) -> Result<(), StoreError> {
    let now = hands.clock.now();
    let woken = lanes::take_wakes(&hands.db, now, WAKES).await?;
    let asked_at = Instant::now();
    let limit = i64::try_from(room.lanes).unwrap_or(i64::MAX);
    let token = Uuid::new_v4();
    done.leased = lanes::lease(&hands.db, now, token, limit, &room.passed_over).await?;
    done.leased_at = Some(asked_at);
    done.look_again = woken >= WAKES.unsigned_abs() || done.leased.len() == room.lanes;
    Ok(())
}

/// Reads the endpoints that are not known well enough, and says what is to be claimed.
async fn routes(hands: &Hands, asks: Vec<Ask>, done: &mut Done) -> Result<Vec<Claim>, StoreError> {
    let unknown = asks.iter().filter(|ask| ask.route.is_none());
    let unknown: Vec<String> = unknown.map(|ask| ask.lease.webhook.clone()).collect();
    let mut read = match unknown.is_empty() {
        true => HashMap::new(),
        false => {
            let now = hands.clock.now();
            recipients::read(&hands.db, now, hands.keys.as_ref(), &unknown).await?
        }
    };
    let mut claims = Vec::new();
    for ask in asks {
        let route = match ask.route {
            Some(route) => route,
            None => {
                let route = match read.remove(&ask.lease.webhook) {
                    None => Err(Unroutable::Off),
                    Some(found) => Route::new(found)
                        .map(Arc::new)
                        .map_err(Unroutable::Unsigned),
                };
                let known = route.as_ref().ok().cloned();
                done.routes.push((ask.lease.clone(), route));
                match known {
                    Some(route) => route,
                    None => continue,
                }
            }
        };
        let most = match ask.alone {
            true => 1,
            false => window(&route.recipient).saturating_sub(ask.queued),
        };
        if most > 0 {
            claims.push(Claim {
                lease: ask.lease,
                most,
                ordered: route.recipient.ordered,
                term: lanes::term(route.recipient.timeout_ms),
            });
        }
    }
    Ok(claims)
}

async fn claim_all(hands: &Hands, claims: Vec<Claim>, done: &mut Done) -> Result<(), StoreError> {
    let found = match claim(&hands.db, hands.clock.now(), &claims).await {
        Ok(found) => found,
        Err(error) => {
            done.in_doubt = claims.into_iter().map(|claim| claim.lease).collect();
            return Err(error);
        }
    };
    let asked = claims.into_iter().map(|claim| {
        let claimed = Claimed {
            due: Vec::new(),
            asked: usize::from(claim.most),
        };
        (claim.lease, claimed)
    });
    done.claimed = asked.collect();
    for due in found {
        if let Some(claimed) = done.claimed.get_mut(&due.lease) {
            claimed.due.push(due);
        }
    }
    Ok(())
}
