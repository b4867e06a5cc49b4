//! Filling the streams: from the deep table to the short streams, fairly.
//!
//! Each run, in this order: see that Redis is the one we filled ([`epoch`]), put back what was sent and
//! is lost ([`sweep`]), fill every lane up to its bound ([`fill`]), tell intake what is going on (the
//! board). Retries are jobs of the retry lane with a time: they are sent when that time has come, and
//! the run asks to be woken for the next one.
//!
//! Why nothing is lost: a job is noted as sent *before* its entry is added, so dying in between leaves
//! a note without an entry, which the sweep finds. The reverse order would leave an entry without a
//! note, and the job would be sent again and again.
//!
//! Not done here: bounds on what a brand may have running, which is the claim's business.

mod epoch;
mod fill;
mod sweep;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{BrandId, Clock, Lane};
use queue::{Board, LaneLengths, LaneState, MAX_BOARD_BRANDS, Queue};
use store::Database;

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;
use fill::{Filled, LaneTurn};

/// The least bound of a lane: a fleet that is just starting finds work at once.
pub const MIN_LANE_BOUND: u64 = 8;

/// How many entries a lane is filled up to, for a fleet of this many slots: twice the slots, so that a
/// worker that ends a job finds the next one without waiting for the dispatcher; and at least
/// [`MIN_LANE_BOUND`]. More would only move the backlog to where it can be neither reordered nor kept.
pub fn lane_bound(fleet_slots: u32) -> u64 {
    (2 * u64::from(fleet_slots)).max(MIN_LANE_BOUND)
}

/// When workers empty a lane faster than the period refills it, the next run comes this soon. Jobs that
/// take a provider's seconds never need it; without it, ones of a few milliseconds would be held to two
/// rounds of the fleet's slots in each period.
const HUNGRY_PAUSE: TimeDelta = TimeDelta::milliseconds(20);

/// The duty `dispatch`.
pub struct Dispatch {
    db: Database,
    queue: Queue,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
    lanes: [LaneTurn; Lane::ALL.len()],
}

/// What a run did, over all lanes.
#[derive(Debug, Default)]
struct Round {
    sent: u64,
    more: bool,
    crowded: bool,
    /// A lane was found more than half empty, and not all of its backlog fits.
    hungry: bool,
    states: Vec<LaneState>,
    backlogged: BTreeSet<BrandId>,
}

impl Dispatch {
    /// The duty's name.
    pub const NAME: &'static str = "dispatch";

    /// A dispatcher that knows nothing yet.
    pub fn new(
        db: Database,
        queue: Queue,
        clock: Arc<dyn Clock>,
        metrics: SchedulerMetrics,
    ) -> Self {
        Self {
            db,
            queue,
            clock,
            metrics,
            lanes: Lane::ALL.map(LaneTurn::new),
        }
    }

    async fn fill(
        &mut self,
        now: DateTime<Utc>,
        lengths: &LaneLengths,
    ) -> Result<Round, DutyError> {
        let bound = lane_bound(store::sessions::fleet_slots(&self.db).await?);
        self.metrics
            .lane_bound
            .set(i64::try_from(bound).unwrap_or(i64::MAX));
        let mut round = Round::default();
        for turn in &mut self.lanes {
            let lane = turn.lane();
            let length = lengths.get(&lane).copied().unwrap_or(0);
            let room = bound.saturating_sub(length);
            let filled = turn.fill(&self.db, &self.queue, now, room).await?;
            self.metrics
                .sent_total
                .with_label_values(&[lane.as_str()])
                .inc_by(filled.sent);
            round.add(lane, bound, length, filled);
        }
        Ok(round)
    }

    async fn publish(&self, now: DateTime<Utc>, round: &mut Round) -> Result<(), DutyError> {
        let limit = i64::try_from(MAX_BOARD_BRANDS).unwrap_or(i64::MAX);
        // One more than fits, so that the board knows when it names not all of them.
        let brands =
            store::dispatch::dispatched_by_brand(&self.db, limit.saturating_add(1)).await?;
        let board = Board {
            at_ms: now.timestamp_millis(),
            lanes: std::mem::take(&mut round.states),
            brands: brands
                .into_iter()
                .map(|(brand, count)| (brand, u64::from(count)))
                .collect(),
            backlogged: std::mem::take(&mut round.backlogged),
            truncated: round.crowded,
        };
        Ok(self.queue.publish_board(&board).await?)
    }
}

impl Duty for Dispatch {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let now = self.clock.now();
        let rebuilt = epoch::agree(&self.db, &self.queue, now, &self.metrics).await?;
        let lengths = self.queue.lengths().await?;
        let put_back = sweep::put_back(&self.db, now, &lengths, &self.metrics).await?;
        let mut round = self.fill(now, &lengths).await?;
        self.publish(now, &mut round).await?;
        let next_due = store::dispatch::next_due(&self.db).await?;
        let rebuilt_note = if rebuilt { ", rebuilt the streams" } else { "" };
        Ok(Progress {
            changed: round.sent + put_back + u64::from(rebuilt),
            detail: format!("sent {}, put back {put_back}{rebuilt_note}", round.sent),
            more: round.more,
            next_at: match round.hungry {
                true => Some(now + HUNGRY_PAUSE),
                // What is due and not sent waits for room, and room is looked for every period.
                false => next_due.filter(|due| *due > now),
            },
        })
    }
}

impl Round {
    fn add(&mut self, lane: Lane, bound: u64, length: u64, filled: Filled) {
        self.sent += filled.sent;
        self.more |= filled.more;
        self.crowded |= filled.crowded;
        self.hungry |= length < bound / 2 && !filled.backlogged.is_empty();
        self.backlogged.extend(filled.backlogged);
        self.states.push(LaneState {
            lane,
            bound,
            length: filled.length.unwrap_or(length),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_twice_the_slots_and_at_least_eight() {
        assert_eq!(lane_bound(0), MIN_LANE_BOUND);
        assert_eq!(lane_bound(3), MIN_LANE_BOUND);
        assert_eq!(lane_bound(16), 32);
        assert_eq!(lane_bound(u32::MAX), 2 * u64::from(u32::MAX));
    }
}
