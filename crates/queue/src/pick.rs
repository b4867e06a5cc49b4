//! Which lanes the next jobs are taken from. Pure.
//!
//! Smooth weighted round robin: at each pick every lane with work gains its weight, the richest is
//! picked and pays what all gained together. Over a round of as many picks as the weights sum to,
//! each lane is picked exactly its weight times, evenly spread. A lane without work neither gains nor
//! keeps anything, so its share goes to the others and it cannot save up for a burst.

use domain::Lane;

/// One number per lane, in the order of [`Lane::ALL`].
pub(crate) type PerLane = [u64; Lane::ALL.len()];

/// The memory of the weighting, one per consumer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picker {
    credit: [i64; Lane::ALL.len()],
}

impl Picker {
    /// How many jobs to take from each lane, `max` in all or as many as there are. Where credits are
    /// equal the earlier lane is picked, so a fresh picker begins with the retry lane.
    pub(crate) fn plan(&mut self, max: usize, available: PerLane) -> PerLane {
        let mut left = available;
        let mut plan = PerLane::default();
        for _ in 0..max {
            let Some(place) = self.pick(left) else { break };
            left[place] -= 1;
            plan[place] += 1;
        }
        plan
    }

    fn pick(&mut self, left: PerLane) -> Option<usize> {
        let mut gained = 0;
        let mut richest: Option<usize> = None;
        for (place, lane) in Lane::ALL.into_iter().enumerate() {
            if left[place] == 0 {
                self.credit[place] = 0;
                continue;
            }
            let weight = i64::from(lane.weight());
            gained += weight;
            self.credit[place] += weight;
            if richest.is_none_or(|best| self.credit[place] > self.credit[best]) {
                richest = Some(place);
            }
        }
        if let Some(place) = richest {
            self.credit[place] -= gained;
        }
        richest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FULL: PerLane = [u64::MAX; 5];

    fn round() -> u64 {
        Lane::ALL
            .into_iter()
            .map(|lane| u64::from(lane.weight()))
            .sum()
    }

    fn add(total: &mut PerLane, plan: PerLane) {
        for (sum, picks) in total.iter_mut().zip(plan) {
            *sum += picks;
        }
    }

    #[test]
    fn the_first_pick_is_the_retry_lane() {
        assert_eq!(Picker::default().plan(1, FULL), [1, 0, 0, 0, 0]);
    }

    #[test]
    fn a_lane_that_was_empty_has_saved_nothing() {
        let mut picker = Picker::default();
        for _ in 0..1_000 {
            picker.plan(1, [u64::MAX, 0, 0, 0, 0]);
        }
        let plan = picker.plan(usize::try_from(round()).unwrap(), FULL);
        assert_eq!(plan, Lane::ALL.map(|lane| u64::from(lane.weight())));
    }

    #[test]
    fn the_share_of_empty_lanes_goes_to_the_others_by_their_weights() {
        let plan = Picker::default().plan(15, [0, 99, 99, 99, 99]);
        assert_eq!(plan, [0, 8, 4, 2, 1]);
    }

    proptest! {
        #[test]
        fn full_lanes_get_their_weights_and_none_starves(sizes in prop::collection::vec(1_usize..40, 1..60)) {
            let mut picker = Picker::default();
            let mut total = PerLane::default();
            for size in sizes {
                add(&mut total, picker.plan(size, FULL));
                let picks: u64 = total.iter().sum();
                let (whole, part) = (picks / round(), picks % round());
                for (place, lane) in Lane::ALL.into_iter().enumerate() {
                    let weight = u64::from(lane.weight());
                    prop_assert!(total[place] >= whole * weight);
                    prop_assert!(total[place] <= whole * weight + part.min(weight));
                }
            }
        }

        #[test]
        fn no_pick_is_wasted_while_any_lane_has_work(
            max in 0_usize..100,
            available in prop::array::uniform5(0_u64..40),
            before in 0_usize..50,
        ) {
            let mut picker = Picker::default();
            picker.plan(before, FULL);
            let plan = picker.plan(max, available);
            let wanted = (max as u64).min(available.iter().sum());
            prop_assert_eq!(plan.iter().sum::<u64>(), wanted);
            for (picks, there) in plan.iter().zip(available) {
                prop_assert!(*picks <= there);
            }
        }
    }
}
