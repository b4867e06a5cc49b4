//! How often each attempt was submitted: what a provider's bill would show.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::AttemptId;

/// Attempts remembered; older ones are forgotten. Some ten megabytes at most.
const REMEMBERED: usize = 100_000;

#[derive(Default)]
pub(crate) struct Calls {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    counts: HashMap<AttemptId, u32>,
    order: VecDeque<AttemptId>,
    total: u64,
}

impl Calls {
    pub(crate) fn count(&self, attempt: AttemptId) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = &mut *seen;
        seen.total += 1;
        let count = seen.counts.entry(attempt).or_insert(0);
        *count += 1;
        if *count == 1 {
            seen.order.push_back(attempt);
        }
        if seen.order.len() > REMEMBERED
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.counts.remove(&oldest);
        }
    }

    pub(crate) fn of(&self, attempt: AttemptId) -> u32 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.counts.get(&attempt).copied().unwrap_or(0)
    }

    pub(crate) fn total(&self) -> u64 {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn memory_is_bounded_and_the_total_goes_on() {
        let calls = Calls::default();
        let attempt = |n: usize| AttemptId(Uuid::from_u128(n as u128));
        for n in 0..REMEMBERED + 5 {
            calls.count(attempt(n));
        }
        calls.count(attempt(REMEMBERED));
        assert_eq!(calls.of(attempt(4)), 0);
        assert_eq!(calls.of(attempt(5)), 1);
        assert_eq!(calls.of(attempt(REMEMBERED)), 2);
        assert_eq!(calls.total(), REMEMBERED as u64 + 6);
        assert_eq!(calls.seen.lock().unwrap().counts.len(), REMEMBERED);
    }
}
