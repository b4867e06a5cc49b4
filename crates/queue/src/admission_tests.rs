use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::board::LaneState;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_000 + ms).unwrap()
}

fn board(at_ms: i64, bound: u64, length: u64) -> Board {
    Board {
        at_ms,
        lanes: Lane::ALL
            .map(|lane| LaneState {
                lane,
                bound,
                length,
            })
            .to_vec(),
        ..Board::default()
    }
}

fn brand(name: &str) -> BrandId {
    BrandId::from(name)
}

/// Jobs admitted in a row, each for a brand of its own, before the lane is full.
fn room(gate: &mut InlineGate, now: DateTime<Utc>) -> u64 {
    (0..10_000)
        .take_while(|n| gate.admit(Lane::Free, &brand(&format!("b{n}")), now) == Inline::Now)
        .count() as u64
}

#[test]
fn a_lane_takes_as_many_as_its_bound_less_its_length() {
    let mut gate = InlineGate::default();
    gate.observe_board(board(1, 40, 30), at(0));
    assert_eq!(room(&mut gate, at(0)), 10);
    assert_eq!(
        gate.admit(Lane::Free, &brand("x"), at(0)),
        Inline::Later(Later::LaneFull)
    );
    assert_eq!(gate.admit(Lane::Starter, &brand("x"), at(0)), Inline::Now);
}

#[test]
fn a_lone_request_is_added_at_once_even_where_the_bound_is_one() {
    let mut gate = InlineGate::default();
    gate.observe_board(board(1, 1, 0), at(0));
    assert_eq!(gate.admit(Lane::Free, &brand("x"), at(0)), Inline::Now);
}

#[test]
fn a_brand_gets_a_quarter_of_the_bound_counting_what_the_dispatcher_sent() {
    let mut gate = InlineGate::default();
    let brands = BTreeMap::from([(brand("busy"), 7)]);
    gate.observe_board(
        Board {
            brands,
            ..board(1, 40, 0)
        },
        at(0),
    );
    for _ in 0..3 {
        assert_eq!(gate.admit(Lane::Free, &brand("busy"), at(0)), Inline::Now);
    }
    assert_eq!(
        gate.admit(Lane::Free, &brand("busy"), at(0)),
        Inline::Later(Later::BrandShare)
    );
    assert_eq!(gate.admit(Lane::Free, &brand("calm"), at(0)), Inline::Now);
}

#[test]
fn a_backlogged_brand_queues_up_behind_its_older_jobs() {
    let mut gate = InlineGate::default();
    let backlogged = BTreeSet::from([brand("late")]);
    gate.observe_board(
        Board {
            backlogged,
            ..board(1, 40, 0)
        },
        at(0),
    );
    let answer = gate.admit(Lane::Free, &brand("late"), at(0));
    assert_eq!(answer, Inline::Later(Later::BrandBacklogged));
}

#[test]
fn a_truncated_board_lets_nobody_jump_the_queue() {
    let mut gate = InlineGate::default();
    gate.observe_board(
        Board {
            truncated: true,
            ..board(1, 40, 0)
        },
        at(0),
    );
    let answer = gate.admit(Lane::Free, &brand("unlisted"), at(0));
    assert_eq!(answer, Inline::Later(Later::TooManyBrands));
}

#[test]
fn without_a_dispatcher_a_lane_takes_the_default_bound_and_brands_have_no_share() {
    let mut gate = InlineGate::default();
    let admitted = (0..200)
        .filter(|_| gate.admit(Lane::Free, &brand("one"), at(0)) == Inline::Now)
        .count() as u64;
    assert_eq!(admitted, DEFAULT_LANE_BOUND);
}

#[test]
fn a_dead_dispatchers_board_stops_counting_after_five_seconds_though_it_is_read_again() {
    let mut gate = InlineGate::default();
    let dead = Board {
        backlogged: BTreeSet::from([brand("late")]),
        ..board(1, 40, 0)
    };
    gate.observe_board(dead.clone(), at(0));
    gate.observe_board(dead.clone(), at(4_000));
    let late = Inline::Later(Later::BrandBacklogged);
    assert_eq!(gate.admit(Lane::Free, &brand("late"), at(5_000)), late);
    gate.observe_board(dead, at(5_000));
    assert_eq!(
        gate.admit(Lane::Free, &brand("late"), at(5_001)),
        Inline::Now
    );
}

#[test]
fn a_new_board_counts_own_adds_anew() {
    let mut gate = InlineGate::default();
    gate.observe_board(board(1, 8, 0), at(0));
    assert_eq!(room(&mut gate, at(0)), 8);
    gate.observe_board(board(2, 8, 5), at(1_000));
    assert_eq!(room(&mut gate, at(1_000)), 3);
}

#[test]
fn the_length_in_an_add_reply_replaces_the_guess() {
    let mut gate = InlineGate::default();
    gate.observe_board(board(1, 8, 0), at(0));
    assert_eq!(gate.admit(Lane::Free, &brand("a"), at(0)), Inline::Now);
    assert_eq!(gate.admit(Lane::Free, &brand("b"), at(0)), Inline::Now);
    // One of the two is on its way still; others have filled the lane meanwhile.
    gate.added(Lane::Free, 1, 6);
    assert_eq!(room(&mut gate, at(0)), 1);
}

#[test]
fn a_failed_add_gives_the_place_back() {
    let mut gate = InlineGate::default();
    gate.observe_board(board(1, 1, 0), at(0));
    assert_eq!(gate.admit(Lane::Free, &brand("a"), at(0)), Inline::Now);
    gate.not_added(Lane::Free, &brand("a"));
    assert_eq!(gate.admit(Lane::Free, &brand("a"), at(0)), Inline::Now);
}

#[test]
fn a_full_lane_without_a_dispatcher_opens_again_when_its_length_is_read() {
    let mut gate = InlineGate::default();
    gate.added(Lane::Free, 1, DEFAULT_LANE_BOUND);
    assert_eq!(
        gate.admit(Lane::Free, &brand("a"), at(0)),
        Inline::Later(Later::LaneFull)
    );
    gate.observe_lengths(&LaneLengths::from([(Lane::Free, 3)]));
    assert_eq!(gate.admit(Lane::Free, &brand("a"), at(0)), Inline::Now);
}

#[test]
fn a_length_that_is_read_does_not_give_away_the_place_of_a_job_on_its_way() {
    let mut gate = InlineGate::default();
    gate.added(Lane::Free, 0, DEFAULT_LANE_BOUND - 1);
    assert_eq!(gate.admit(Lane::Free, &brand("a"), at(0)), Inline::Now);
    gate.observe_lengths(&LaneLengths::from([(Lane::Free, DEFAULT_LANE_BOUND - 1)]));
    assert_eq!(
        gate.admit(Lane::Free, &brand("a"), at(0)),
        Inline::Later(Later::LaneFull)
    );
    gate.not_added(Lane::Free, &brand("a"));
    assert_eq!(gate.admit(Lane::Free, &brand("a"), at(0)), Inline::Now);
}

#[test]
fn a_board_without_the_lane_leaves_it_the_default_bound() {
    let mut gate = InlineGate::default();
    gate.observe_board(
        Board {
            lanes: vec![],
            ..board(1, 0, 0)
        },
        at(0),
    );
    assert_eq!(room(&mut gate, at(0)), DEFAULT_LANE_BOUND);
}

proptest! {
    #[test]
    fn no_lane_and_no_brand_is_ever_admitted_beyond_its_bound(
        bound in 0_u64..50,
        length in 0_u64..60,
        sent in 0_u64..20,
        jobs in prop::collection::vec((0_usize..5, 0_usize..6), 0..300),
    ) {
        let mut gate = InlineGate::default();
        let brands = BTreeMap::from([(brand("b0"), sent)]);
        gate.observe_board(Board { brands, ..board(1, bound, length) }, at(0));
        let mut by_lane = [0_u64; 5];
        let mut by_brand = [sent, 0, 0, 0, 0, 0];
        for (lane, name) in jobs {
            if gate.admit(Lane::ALL[lane], &brand(&format!("b{name}")), at(0)) == Inline::Now {
                by_lane[lane] += 1;
                by_brand[name] += 1;
                prop_assert!(by_lane[lane] + length <= bound);
                prop_assert!(by_brand[name] <= (bound / 4).max(1));
            }
        }
    }
}
