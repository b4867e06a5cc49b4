//! Whether intake may add a job to its stream at once, or leaves it to the dispatcher.
//!
//! A lone request should reach a worker within milliseconds, so intake adds it by itself. It must
//! not when that would jump a queue: when the stream is full, when the brand has older jobs waiting
//! in PostgreSQL, or when the brand already has its share of the stream. What is refused here is not
//! refused to the customer; the job is accepted and the dispatcher sends it in its turn.
//!
//! The gate is one process's view. N intake processes may together overshoot a bound by what each of
//! them adds between two boards; bounds are meant with that slack. No I/O, no clock.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{BrandId, Lane};

use crate::board::{BOARD_TTL_MS, Board};
use crate::keys::index;
use crate::producer::LaneLengths;

/// How many entries a lane may hold while no dispatcher says better: twice the slots of a small
/// fleet (two workers of sixteen slots).
pub const DEFAULT_LANE_BOUND: u64 = 64;

/// A brand gets at most this part of a lane's bound without the dispatcher's say: a quarter, so that
/// four busy brands fit before anyone has to wait for the dispatcher.
const SHARE_DIVISOR: u64 = 4;

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inline {
    /// Add it now; a place is reserved.
    Now,
    /// The dispatcher will.
    Later(Later),
}

/// Why the dispatcher shall send the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Later {
    /// The lane's stream holds as much as it should.
    LaneFull,
    /// The brand has older jobs waiting in PostgreSQL.
    BrandBacklogged,
    /// The brand has its share of the stream.
    BrandShare,
    /// So many brands are busy that the board does not name all of them.
    TooManyBrands,
}

impl Later {
    /// The name in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LaneFull => "lane_full",
            Self::BrandBacklogged => "brand_backlogged",
            Self::BrandShare => "brand_share",
            Self::TooManyBrands => "too_many_brands",
        }
    }
}

/// What is known of one lane: the length last heard of, and our own adds since.
#[derive(Debug, Clone, Copy, Default)]
struct LaneView {
    length: u64,
    own: u64,
}

#[derive(Debug)]
struct Seen {
    board: Board,
    at: DateTime<Utc>,
}

/// The gate of one intake process.
///
/// Feed it with [`Self::observe_board`] about once a second, and with [`Self::observe_lengths`] when
/// there is no board; ask [`Self::admit`] per job; report back with [`Self::added`] or
/// [`Self::not_added`].
#[derive(Debug, Default)]
pub struct InlineGate {
    seen: Option<Seen>,
    lanes: [LaneView; Lane::ALL.len()],
    own_brands: HashMap<BrandId, u64>,
}

impl InlineGate {
    /// Takes a board that was read at `now`. One that was seen before changes nothing, so a
    /// dispatcher that stopped is noticed however often its last board is read.
    pub fn observe_board(&mut self, board: Board, now: DateTime<Utc>) {
        if self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.board.at_ms == board.at_ms)
        {
            return;
        }
        self.own_brands.clear();
        for state in &board.lanes {
            self.lanes[index(state.lane)] = LaneView {
                length: state.length,
                own: 0,
            };
        }
        self.seen = Some(Seen { board, at: now });
    }

    /// Takes lengths as they are now: the only way to learn, without a board, that a full lane has
    /// room again. Places reserved for what is on its way stay reserved.
    pub fn observe_lengths(&mut self, lengths: &LaneLengths) {
        for (lane, length) in lengths {
            self.lanes[index(*lane)].length = *length;
        }
    }

    /// Decides for one job, and reserves its place when the answer is [`Inline::Now`].
    pub fn admit(&mut self, lane: Lane, brand: &BrandId, now: DateTime<Utc>) -> Inline {
        if let Some(reason) = self.obstacle(lane, brand, now) {
            return Inline::Later(reason);
        }
        self.lanes[index(lane)].own += 1;
        // Without a board there is no share to count for, and no next board to clear the counts.
        if self.fresh_board(now).is_some() {
            *self.own_brands.entry(brand.clone()).or_default() += 1;
        }
        Inline::Now
    }

    /// Reports that `count` admitted jobs were added to a lane and that it then held `length`.
    pub fn added(&mut self, lane: Lane, count: u64, length: u64) {
        let view = &mut self.lanes[index(lane)];
        view.length = length;
        view.own = view.own.saturating_sub(count);
    }

    /// Gives back the place of an admitted job that could not be added.
    pub fn not_added(&mut self, lane: Lane, brand: &BrandId) {
        let view = &mut self.lanes[index(lane)];
        view.own = view.own.saturating_sub(1);
        if let Some(own) = self.own_brands.get_mut(brand) {
            *own = own.saturating_sub(1);
        }
    }

    fn obstacle(&self, lane: Lane, brand: &BrandId, now: DateTime<Utc>) -> Option<Later> {
        let view = self.lanes[index(lane)];
        let board = self.fresh_board(now);
        let bound = board
            .and_then(|board| board.lanes.iter().find(|state| state.lane == lane))
            .map_or(DEFAULT_LANE_BOUND, |state| state.bound);
        if view.length.saturating_add(view.own) >= bound {
            return Some(Later::LaneFull);
        }
        let board = board?;
        if board.truncated {
            return Some(Later::TooManyBrands);
        }
        if board.backlogged.contains(brand) {
            return Some(Later::BrandBacklogged);
        }
        let sent = board.brands.get(brand).copied().unwrap_or(0);
        let own = self.own_brands.get(brand).copied().unwrap_or(0);
        let share = (bound / SHARE_DIVISOR).max(1);
        (sent.saturating_add(own) >= share).then_some(Later::BrandShare)
    }

    /// The last board, unless it is older than it may get. Age is measured from when it was first
    /// seen, on one clock, so that the clocks of two machines are never compared.
    fn fresh_board(&self, now: DateTime<Utc>) -> Option<&Board> {
        let limit = TimeDelta::milliseconds(i64::try_from(BOARD_TTL_MS).unwrap_or(i64::MAX));
        self.seen
            .as_ref()
            .filter(|seen| now.signed_duration_since(seen.at) <= limit)
            .map(|seen| &seen.board)
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
