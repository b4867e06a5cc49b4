//! All lanes of this process, and whose turn it is.
//!
//! Tries begin in turn, one lane after the other, so that a lane with much to send gets no more slots than
//! its neighbours; one brand gets at most a quarter of all slots. When there are more lanes due than slots,
//! a lane that was held for a while goes back to the end of the row.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::BrandId;
use store::webhooks::due::Due;
use store::webhooks::lanes::{LaneLease, Release, Renewal};
use store::webhooks::tries::LaneChange;

use super::lane::{Ask, Lane};
use super::route::Route;

/// How long a lane is held while others wait for a place.
const TURN: Duration = Duration::from_secs(2);
/// How long a lane with nothing to do is kept, while there is room: its next event is seen by a poll
/// instead of a new lease.
const LINGER: Duration = Duration::from_secs(1);
/// Most lanes leased by one statement.
const LEASED_AT_ONCE: usize = 64;

/// A try that may begin.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) due: Due,
    pub(super) route: Arc<Route>,
}

/// How many lanes may be leased, and whose not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) lanes: usize,
    pub(super) passed_over: Vec<String>,
}

/// The lanes of this process.
#[derive(Debug)]
pub(super) struct Board {
    lanes: HashMap<LaneLease, Lane>,
    /// Lanes with something queued, in the order of their turns. A lane stands in it once.
    ring: VecDeque<LaneLease>,
    ringed: HashSet<LaneLease>,
    under_way: usize,
    under_way_of: HashMap<BrandId, usize>,
    slots: usize,
    slots_of_brand: usize,
}

impl Board {
    /// A board with so many tries under way at once.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            ring: VecDeque::new(),
            ringed: HashSet::new(),
            under_way: 0,
            under_way_of: HashMap::new(),
            slots,
            slots_of_brand: slots.div_ceil(4),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(super) fn held(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    pub(super) fn lane(&mut self, lease: &LaneLease) -> Option<&mut Lane> {
        self.lanes.get_mut(lease)
    }

    pub(super) fn add(&mut self, lane: Lane) {
        self.lanes.insert(lane.lease.clone(), lane);
    }

    pub(super) fn remove(&mut self, lease: &LaneLease) {
        self.lanes.remove(lease);
    }

    /// The next try that may begin, if one may.
    pub(super) fn next_start(&mut self, now: DateTime<Utc>, at: Instant) -> Option<Start> {
        for _ in 0..self.ring.len() {
            if self.under_way >= self.slots {
                return None;
            }
            let lease = self.ring.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&lease) else {
                self.ringed.remove(&lease);
                continue;
            };
            let of_brand = self.under_way_of.get(&lane.brand).copied().unwrap_or(0);
            if of_brand >= self.slots_of_brand {
                self.ring.push_back(lease);
                continue;
            }
            let Some((due, route)) = lane.start(now, at) else {
                // Back when one of its tries has ended, at the next poll at the latest.
                self.ringed.remove(&lease);
                continue;
            };
            self.under_way += 1;
            *self.under_way_of.entry(lane.brand.clone()).or_default() += 1;
            self.ring.push_back(lease);
            return Some(Start { due, route });
        }
        None
    }

    /// A try of this lane and brand has ended: its slot is free.
    pub(super) fn freed(&mut self, lease: &LaneLease, brand: &BrandId) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(count) = self.under_way_of.get_mut(brand) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.under_way_of.remove(brand);
            }
        }
        self.line_up(lease);
    }

    /// Gives a lane its turn again, if it has something queued.
    pub(super) fn line_up(&mut self, lease: &LaneLease) {
        let has_queue = self.lanes.get(lease).is_some_and(Lane::has_queue);
        if has_queue && self.ringed.insert(lease.clone()) {
            self.ring.push_back(lease.clone());
        }
    }

    /// The same for all.
    pub(super) fn line_all_up(&mut self) {
        let leases: Vec<LaneLease> = self.lanes.keys().cloned().collect();
        for lease in &leases {
            self.line_up(lease);
        }
    }

    /// Closes what has nothing to do, and what has had its turn while others wait. Forgets lanes that are
    /// lost and have nothing under way.
    pub(super) fn tidy(&mut self, now: DateTime<Utc>, at: Instant) {
        let crowded = self.lanes.len() >= self.slots;
        let roomy = self.lanes.len() < self.slots / 2;
        self.lanes
            .retain(|_, lane| !(lane.is_lost() && lane.has_ended()));
        for lane in self.lanes.values_mut() {
            let idle = lane.idle_for(at);
            if idle.is_some_and(|idle| idle >= LINGER || !roomy) {
                lane.close(None);
            } else if crowded && lane.age(at) >= TURN {
                lane.close(Some(now));
            }
        }
    }

    pub(super) fn close_all(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.close(None);
        }
    }

    /// How many more lanes there is room for.
    pub(super) fn room(&self) -> Option<Room> {
        let lanes = self
            .slots
            .saturating_sub(self.lanes.len())
            .min(LEASED_AT_ONCE);
        if lanes == 0 {
            return None;
        }
        let mut held: HashMap<&BrandId, usize> = HashMap::new();
        for lane in self.lanes.values() {
            *held.entry(&lane.brand).or_default() += 1;
        }
        let full = held
            .into_iter()
            .filter(|(_, count)| *count >= self.slots_of_brand);
        Some(Room {
            lanes,
            passed_over: full.map(|(brand, _)| brand.to_string()).collect(),
        })
    }

    pub(super) fn changes(&mut self, at: Instant) -> Vec<LaneChange> {
        let lanes = self.lanes.values_mut();
        lanes.filter_map(|lane| lane.change(at)).collect()
    }

    pub(super) fn releases(&mut self) -> Vec<Release> {
        let lanes = self.lanes.values_mut().filter(|lane| !lane.is_lost());
        lanes.filter_map(Lane::release).collect()
    }

    pub(super) fn renewals(&self, at: Instant) -> Vec<Renewal> {
        self.lanes
            .values()
            .filter_map(|lane| lane.renewal(at))
            .collect()
    }

    pub(super) fn asks(&mut self, now: DateTime<Utc>, at: Instant, poll: bool) -> Vec<Ask> {
        self.lanes
            .values_mut()
            .filter_map(|lane| lane.ask(now, at, poll))
            .collect()
    }

    /// Whether a step would move anything before the next poll.
    pub(super) fn wants_step(&mut self, now: DateTime<Utc>, at: Instant) -> bool {
        self.lanes.values_mut().any(|lane| {
            (lane.is_closing() && lane.has_ended()) || lane.ask(now, at, false).is_some()
        })
    }
}

#[cfg(test)]
mod tests;
