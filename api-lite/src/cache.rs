//! A small bounded memory of what PostgreSQL said a moment ago.
//!
//! Time is the caller's, so tests drive it. Two callers that miss at once both ask; the answers are
//! the same and the last one stays.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

struct Kept<V> {
    value: V,
    until: DateTime<Utc>,
}

/// At most `capacity` values, each until its own time.
pub(crate) struct Cache<K, V> {
    capacity: usize,
    kept: Mutex<HashMap<K, Kept<V>>>,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            kept: Mutex::default(),
        }
    }

    /// The value, unless its time is over. A clock that was set back ends it too: `until` can never
    /// be further away than the longest time to live.
    pub(crate) fn get<Q>(&self, key: &Q, now: DateTime<Utc>) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let kept = self.lock();
        let found = kept.get(key).filter(|kept| now < kept.until)?;
        Some(found.value.clone())
    }

    /// Keeps a value for `ttl`. When there is no room, what is over goes; if nothing is, everything
    /// goes: a flood of keys must cost its sender a look-up each and us no memory.
    pub(crate) fn put(&self, key: K, value: V, now: DateTime<Utc>, ttl: TimeDelta) {
        let until = now.checked_add_signed(ttl).unwrap_or(now);
        let mut kept = self.lock();
        if kept.len() >= self.capacity && !kept.contains_key(&key) {
            kept.retain(|_, kept| now < kept.until);
            if kept.len() >= self.capacity {
                kept.clear();
            }
        }
        kept.insert(key, Kept { value, until });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Kept<V>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn a_value_is_forgotten_at_its_time() {
        let cache: Cache<String, u8> = Cache::new(4);
        cache.put("a".to_owned(), 1, at(10), TimeDelta::seconds(5));
        assert_eq!(cache.get("a", at(14)), Some(1));
        assert_eq!(cache.get("a", at(15)), None);
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let cache: Cache<u32, u32> = Cache::new(8);
        for key in 0..1000 {
            cache.put(key, key, at(10), TimeDelta::seconds(5));
            assert!(cache.lock().len() <= 8);
            assert_eq!(cache.get(&key, at(10)), Some(key));
        }
    }

    #[test]
    fn what_is_over_makes_room_before_what_is_alive() {
        let cache: Cache<u32, u32> = Cache::new(2);
        cache.put(1, 1, at(10), TimeDelta::seconds(1));
        cache.put(2, 2, at(10), TimeDelta::seconds(60));
        cache.put(3, 3, at(20), TimeDelta::seconds(60));
        assert_eq!(cache.get(&2, at(20)), Some(2));
        assert_eq!(cache.get(&3, at(20)), Some(3));
    }
}
