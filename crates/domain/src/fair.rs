//! Which brand's work goes next when there is more of it than room.
//!
//! Deficit round robin (Shreedhar and Varghese, 1995) over brands: in each round a brand with waiting
//! work is credited one quantum and sends jobs while their cost is covered. So every brand gets the
//! same share by cost, whatever the number of its jobs, keys or products; a flood waits behind its
//! own brand only. What this does not do: caps on concurrency and priorities of plans. The caller
//! leaves out what must not run yet, and keeps one instance per lane.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// A job that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<I> {
    /// Which job.
    pub id: I,
    /// What it costs: the number of pictures, or the like. Zero counts as one.
    pub weight: u32,
}

impl<I> Candidate<I> {
    fn cost(&self) -> u64 {
        u64::from(self.weight.max(1))
    }
}

/// The state between picks: whose turn it is, and what each brand is owed.
///
/// It holds one entry per brand that had work left at the last call; brands without are forgotten,
/// and with them their credit, so nobody can save up turns by being idle.
#[derive(Debug, Clone)]
pub struct DeficitRoundRobin<K> {
    quantum: u64,
    ring: VecDeque<Turn<K>>,
}

#[derive(Debug, Clone)]
struct Turn<K> {
    brand: K,
    deficit: u64,
    /// The room ended within this brand's turn: it goes on without a second credit.
    credited: bool,
}

impl<K> Default for DeficitRoundRobin<K> {
    /// Quantum 1: with jobs of weight 1 the brands alternate job by job, which is the finest grain
    /// and lets a brand's single job wait for at most one job of every other brand.
    fn default() -> Self {
        Self::new(1)
    }
}

impl<K> DeficitRoundRobin<K> {
    /// A round robin that credits `quantum` per round; zero counts as one.
    pub fn new(quantum: u32) -> Self {
        Self {
            quantum: u64::from(quantum.max(1)),
            ring: VecDeque::new(),
        }
    }

    /// How many brands are remembered.
    pub fn remembered(&self) -> usize {
        self.ring.len()
    }
}

impl<K: Clone + Eq + Hash> DeficitRoundRobin<K> {
    /// Chooses at most `room` jobs, in the order in which they go.
    ///
    /// `backlogs` has every brand with waiting work, each with its next jobs in their order; it need
    /// not hold more than `room` jobs of one brand. As many jobs are chosen as there are, up to
    /// `room`. The time taken grows with the number of jobs given, not with their weights.
    pub fn pick<I>(
        &mut self,
        backlogs: impl IntoIterator<Item = (K, Vec<Candidate<I>>)>,
        room: usize,
    ) -> Vec<I> {
        let mut queues = self.admit(backlogs);
        let mut picked = Vec::new();
        let mut turns_without_pick = 0;
        while picked.len() < room {
            let Some(turn) = self.ring.pop_front() else {
                break;
            };
            let before = picked.len();
            self.take_turn(turn, &mut queues, room, &mut picked);
            turns_without_pick = if picked.len() > before {
                0
            } else {
                turns_without_pick + 1
            };
            if turns_without_pick >= self.ring.len() {
                self.skip_empty_rounds(&queues);
                turns_without_pick = 0;
            }
        }
        picked
    }

    /// Queues by brand; new brands join the end of the ring, those without work leave it.
    fn admit<I>(
        &mut self,
        backlogs: impl IntoIterator<Item = (K, Vec<Candidate<I>>)>,
    ) -> HashMap<K, VecDeque<Candidate<I>>> {
        let known: HashSet<K> = self.ring.iter().map(|turn| turn.brand.clone()).collect();
        let mut queues: HashMap<K, VecDeque<Candidate<I>>> = HashMap::new();
        for (brand, jobs) in backlogs {
            if jobs.is_empty() {
                continue;
            }
            if !known.contains(&brand) && !queues.contains_key(&brand) {
                self.ring.push_back(Turn {
                    brand: brand.clone(),
                    deficit: 0,
                    credited: false,
                });
            }
            queues.entry(brand).or_default().extend(jobs);
        }
        self.ring.retain(|turn| queues.contains_key(&turn.brand));
        queues
    }

    /// One brand's turn: credit, jobs while they are covered and there is room, and its new place.
    fn take_turn<I>(
        &mut self,
        mut turn: Turn<K>,
        queues: &mut HashMap<K, VecDeque<Candidate<I>>>,
        room: usize,
        picked: &mut Vec<I>,
    ) {
        let Some(queue) = queues.get_mut(&turn.brand) else {
            return;
        };
        if !turn.credited {
            turn.deficit = turn.deficit.saturating_add(self.quantum);
        }
        while let Some(job) = queue.pop_front_if(|job| job.cost() <= turn.deficit) {
            if picked.len() == room {
                queue.push_front(job);
                turn.credited = true;
                self.ring.push_front(turn);
                return;
            }
            turn.deficit -= job.cost();
            picked.push(job.id);
        }
        if !queue.is_empty() {
            turn.credited = false;
            self.ring.push_back(turn);
        }
    }

    /// Credits at once all the rounds in which nobody could send anything, all but the last one.
    fn skip_empty_rounds<I>(&mut self, queues: &HashMap<K, VecDeque<Candidate<I>>>) {
        let quantum = self.quantum;
        let rounds_to_wait = |turn: &Turn<K>| {
            let cost = queues.get(&turn.brand)?.front()?.cost();
            Some(cost.saturating_sub(turn.deficit).div_ceil(quantum))
        };
        let rounds = self
            .ring
            .iter()
            .filter_map(rounds_to_wait)
            .min()
            .unwrap_or(0);
        for turn in &mut self.ring {
            turn.deficit = turn
                .deficit
                .saturating_add(rounds.saturating_sub(1) * quantum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn jobs(brand: usize, count: usize, weight: u32) -> (usize, Vec<Candidate<usize>>) {
        (brand, vec![Candidate { id: brand, weight }; count])
    }

    #[test]
    fn a_flood_of_one_brand_lets_99_single_jobs_into_the_first_100() {
        let backlogs = (0..100).map(|brand| jobs(brand, if brand == 0 { 100_000 } else { 1 }, 1));
        let picked = DeficitRoundRobin::default().pick(backlogs, 100);
        let small: HashSet<usize> = picked.into_iter().filter(|brand| *brand != 0).collect();
        assert_eq!(small.len(), 99);
    }

    #[test]
    fn turns_go_on_where_the_last_pick_ended() {
        let mut fair = DeficitRoundRobin::default();
        let all = || (0..3).map(|brand| jobs(brand, 5, 1));
        let picked: Vec<usize> = (0..6).flat_map(|_| fair.pick(all(), 1)).collect();
        assert_eq!(picked, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn brands_without_work_are_forgotten() {
        let mut fair = DeficitRoundRobin::default();
        fair.pick((0..1000).map(|brand| jobs(brand, 3, 1)), 10);
        assert_eq!(fair.remembered(), 1000);
        fair.pick([jobs(7, 3, 1)], 1);
        assert_eq!(fair.remembered(), 1);
        fair.pick([jobs(7, 1, 1)], 1);
        assert_eq!(fair.remembered(), 0);
    }

    #[test]
    fn heavy_jobs_do_not_cost_one_round_per_unit() {
        let mut fair = DeficitRoundRobin::default();
        let heavy = u32::MAX;
        assert_eq!(
            fair.pick((0..50).map(|brand| jobs(brand, 2, heavy)), 100)
                .len(),
            100
        );
    }

    #[test]
    fn a_large_quantum_gives_a_whole_turn_over_several_calls() {
        let mut fair = DeficitRoundRobin::new(3);
        let all = || (0..2).map(|brand| jobs(brand, 9, 1));
        let picked: Vec<usize> = (0..8).flat_map(|_| fair.pick(all(), 1)).collect();
        assert_eq!(picked, [0, 0, 0, 1, 1, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn it_fills_the_room_as_far_as_there_is_work(
            counts in proptest::collection::vec((0..20_usize, 0..9_u32), 0..20),
            room in 0..150_usize, quantum in 0..5_u32,
        ) {
            let total: usize = counts.iter().map(|(count, _)| count).sum();
            let backlogs = counts.iter().enumerate().map(|(b, (count, weight))| jobs(b, *count, *weight));
            let picked = DeficitRoundRobin::new(quantum).pick(backlogs, room);
            prop_assert_eq!(picked.len(), total.min(room));
        }

        #[test]
        fn busy_brands_get_the_same_share_by_cost(
            weights in proptest::collection::vec(1..20_u32, 2..8),
            rooms in proptest::collection::vec(1..30_usize, 1..40),
            quantum in 1..5_u32,
        ) {
            let mut fair = DeficitRoundRobin::new(quantum);
            let mut served = vec![0_u64; weights.len()];
            for room in rooms {
                let all = weights.iter().enumerate().map(|(b, weight)| jobs(b, room + 1, *weight));
                for brand in fair.pick(all, room) {
                    served[brand] += u64::from(weights[brand]);
                }
            }
            // A turn's credit and one job's cost are the grain of the method.
            let grain = u64::from(quantum + weights.iter().max().unwrap());
            let (min, max) = (served.iter().min().unwrap(), served.iter().max().unwrap());
            prop_assert!(max - min <= grain, "{:?}", served);
        }

        #[test]
        fn jobs_of_one_brand_keep_their_order(rooms in proptest::collection::vec(1..10_usize, 1..10)) {
            let mut fair = DeficitRoundRobin::default();
            let mut left: Vec<Candidate<usize>> =
                (0..50).map(|id| Candidate { id, weight: 1 + u32::try_from(id % 3).unwrap() }).collect();
            for room in rooms {
                let picked = fair.pick([("a", left.clone())], room);
                let expected: Vec<usize> = left.drain(..picked.len()).map(|job| job.id).collect();
                prop_assert_eq!(picked, expected);
            }
        }
    }
}
