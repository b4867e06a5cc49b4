//! How fast a key may be used at its provider: a gate for the whole fleet, in Redis.
//!
//! Nothing is known of a key at first, and its calls go without asking. From the first refusal, or the
//! first answer that tells of a limit, every call of the key asks for its turn: one round trip, one script
//! (`limits/take.lua`), by the clock of Redis. After a refusal the gate is shut until the provider's next
//! window. When that begins, the refusals bound (a `Retry-After` in whole seconds is up to one too long),
//! and so do the windows before; where nobody said anything, single calls find out. A window begins with
//! one call that goes alone: only when that is taken do the others follow, as many as the last window
//! took and a twentieth more. Beside it stands a token bucket for each dimension that rate headers tell
//! of.
//!
//! Who cannot wait asks for how long to stay away (`limits/park.lua`): jobs come back in the numbers that
//! a window takes, shortly before it begins.
//!
//! Each process also bounds how many calls of a key it has in flight: halved when it is refused without a
//! reason, one more for each call that goes well.
//!
//! Without Redis a process goes by its own refusals alone: it waits as it was told, or twice as long as the
//! last time. It neither stops paying work nor opens a flood.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Script;
use tokio::time::Instant;

use crate::error::QueueError;
use crate::handle::Queue;

/// A key that was neither used nor refused for this long is as good as unknown.
const KEPT: Duration = Duration::from_secs(900);
/// The gate is not worth more of a call's time than this.
const PATIENCE: Duration = Duration::from_millis(500);
/// After Redis did not answer, it is left alone this long.
const LEAVE_ALONE: Duration = Duration::from_secs(2);
/// First and longest wait after a refusal without a word, while Redis is away.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// When a call may ask again that found too many of its process in flight.
const CROWDED: Duration = Duration::from_millis(25);
/// Before the end of a longer wait it is asked once more: the gate may have learnt something since.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// A refusal within this time of the last one belongs to the same burst.
const BURST: Duration = Duration::from_millis(250);

const TAKE: &str = concat!(
    include_str!("limits/gate.lua"),
    include_str!("limits/take.lua")
);
const TELL: &str = concat!(
    include_str!("limits/gate.lua"),
    include_str!("limits/tell.lua")
);
const PARK: &str = concat!(
    include_str!("limits/gate.lua"),
    include_str!("limits/park.lua")
);

/// What an answer told of one limited dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimension {
    /// What is counted.
    pub name: &'static str,
    /// How many the window allows.
    pub limit: Option<u64>,
    /// How many are left in it.
    pub remaining: Option<u64>,
    /// When it is full again.
    pub reset_after: Option<Duration>,
}

/// What the gate said to a refusal.
#[derive(Debug, Clone, Copy)]
struct Told {
    shut: Duration,
    reckoned: bool,
}

/// Whether a call may go.
#[derive(Debug)]
pub enum Turn {
    /// It may.
    Go(Permit),
    /// Not before this long; ask again then.
    Wait(Duration),
}

/// How long a job stays away from a key that is used up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Absence {
    /// Until the window it comes back for begins.
    pub opens: Duration,
    /// Its place among those that come back for this window, from 0 to 1; none where nobody knows how
    /// many there are.
    pub place: Option<f64>,
}

/// The limits of every key, as one process sees them. Clones share it.
#[derive(Debug, Clone)]
pub struct Limits {
    queue: Queue,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    keys: HashMap<(String, String), Key>,
    redis_away_until: Option<Instant>,
}

impl Shared {
    fn is_redis_away(&self, now: Instant) -> bool {
        self.redis_away_until.is_some_and(|until| until > now)
    }
}

#[derive(Debug)]
struct Key {
    /// Whether anybody was refused, or told of a limit, lately.
    limited_until: Option<Instant>,
    shut_until: Option<Instant>,
    /// Until when nobody goes while Redis is away.
    alone_until: Option<Instant>,
    /// The next wait after a refusal without a word, while Redis is away.
    backoff: Duration,
    in_flight: u32,
    ceiling: u32,
    cut_at: Option<Instant>,
}

impl Default for Key {
    fn default() -> Self {
        Self {
            limited_until: None,
            shut_until: None,
            alone_until: None,
            backoff: BACKOFF.0,
            in_flight: 0,
            ceiling: u32::MAX,
            cut_at: None,
        }
    }
}

impl Key {
    fn is_limited(&self, now: Instant) -> bool {
        self.limited_until.is_some_and(|until| until > now)
    }

    fn shut_for(&self, now: Instant, away: bool) -> Duration {
        let alone_until = self.alone_until.filter(|_| away);
        self.shut_until
            .max(alone_until)
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn shut(&mut self, until: Instant) {
        self.shut_until = Some(self.shut_until.map_or(until, |known| known.max(until)));
    }

    /// Halves how many may be in flight, once for a burst of refusals.
    fn cut(&mut self, now: Instant) {
        if self.cut_at.is_none_or(|at| now.duration_since(at) > BURST) {
            self.cut_at = Some(now);
            self.ceiling = (self.in_flight / 2).max(1);
        }
    }

    /// Waits twice as long as the last time.
    fn back_off(&mut self, now: Instant) {
        self.alone_until = Some(now + self.backoff);
        self.backoff = (self.backoff * 2).min(BACKOFF.1);
    }
}

/// The right to one call. Say how it went; dropped unsaid, it only leaves the flight.
#[derive(Debug)]
pub struct Permit {
    limits: Limits,
    name: (String, String),
    /// When the gate gave its turn; none where the gate was not asked.
    granted: Option<Instant>,
    /// Whether it goes ahead of the others.
    alone: bool,
}

impl Limits {
    /// Knows of no limits.
    pub fn new(queue: &Queue) -> Self {
        Self {
            queue: queue.clone(),
            shared: Arc::default(),
        }
    }

    /// How long a call would have to wait by what this process knows. No round trip.
    pub fn outlook(&self, provider: &str, key: &str) -> Duration {
        let name = (provider.to_owned(), key.to_owned());
        let now = Instant::now();
        let shared = self.lock();
        let away = shared.is_redis_away(now);
        shared
            .keys
            .get(&name)
            .map_or(Duration::ZERO, |key| key.shut_for(now, away))
    }

    /// Asks for a turn. May be cancelled; a turn that was given then counts as used.
    pub async fn take(&self, provider: &str, key: &str) -> Turn {
        let name = (provider.to_owned(), key.to_owned());
        let ask = match self.admit(&name) {
            Ok(ask) => ask,
            Err(wait) => return Turn::Wait(wait),
        };
        // Holds the place in flight from here on.
        let mut permit = Permit {
            limits: self.clone(),
            name,
            granted: None,
            alone: false,
        };
        if !ask {
            return Turn::Go(permit);
        }
        match self.ask(&permit.name).await {
            Some(wait_ms @ 1..) => {
                let wait = looked_at_again(Duration::from_millis(wait_ms.unsigned_abs()));
                if wait > CROWDED * 4 {
                    self.with(&permit.name, |key, now| key.shut_until = Some(now + wait));
                }
                Turn::Wait(wait)
            }
            Some(grant) => {
                permit.granted = Some(Instant::now());
                permit.alone = grant < 0;
                Turn::Go(permit)
            }
            None => Turn::Go(permit),
        }
    }

    /// How long a job is to stay away that the gate has no turn for now; none where the gate is open or
    /// does not answer. Whoever asks is counted among those that come back, so it is asked once for each
    /// absence. May be cancelled.
    pub async fn park(&self, provider: &str, key: &str) -> Option<Absence> {
        if self.is_redis_away() {
            return None;
        }
        let script = Script::new(PARK);
        let mut parking = script.key(self.queue.keys().limit(provider, key));
        parking.arg(KEPT.as_millis() as u64);
        let parked = self.queue.within(
            "EVALSHA park",
            async |conn: &mut deadpool_redis::Connection| {
                parking.invoke_async::<(u64, u64, i64)>(conn).await
            },
        );
        let (opens_ms, ahead_ms, thousandths) = self.within_patience(parked).await?;
        let opens = Duration::from_millis(opens_ms);
        let name = (provider.to_owned(), key.to_owned());
        self.with(&name, |key, now| {
            key.shut_until = Some(now + looked_at_again(opens));
        });
        (opens_ms > 0).then(|| Absence {
            opens: opens + Duration::from_millis(ahead_ms),
            place: (thousandths >= 0).then_some(thousandths as f64 / 1_000.0),
        })
    }

    /// Takes a place in flight, and tells whether Redis is to be asked.
    fn admit(&self, name: &(String, String)) -> Result<bool, Duration> {
        let now = Instant::now();
        let mut shared = self.lock();
        let away = shared.is_redis_away(now);
        let key = shared.keys.entry(name.clone()).or_default();
        let shut = key.shut_for(now, away);
        if !shut.is_zero() {
            return Err(shut);
        }
        if key.in_flight >= key.ceiling {
            return Err(CROWDED);
        }
        key.in_flight += 1;
        Ok(key.is_limited(now) && !away)
    }

    /// What the gate in Redis says, in milliseconds to wait; none where it cannot be asked.
    async fn ask(&self, (provider, key): &(String, String)) -> Option<i64> {
        let script = Script::new(TAKE);
        let mut asking = script.key(self.queue.keys().limit(provider, key));
        asking.arg(KEPT.as_millis() as u64);
        let asked = self.queue.within(
            "EVALSHA take",
            async |conn: &mut deadpool_redis::Connection| asking.invoke_async::<i64>(conn).await,
        );
        self.within_patience(asked).await
    }

    async fn within_patience<T>(
        &self,
        asked: impl Future<Output = Result<T, QueueError>>,
    ) -> Option<T> {
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(%error, "limits are not shared at the moment");
                self.leave_redis_alone();
                None
            }
            Err(_) => {
                self.leave_redis_alone();
                None
            }
        }
    }

    fn leave_redis_alone(&self) {
        self.lock().redis_away_until = Some(Instant::now() + LEAVE_ALONE);
    }

    fn is_redis_away(&self) -> bool {
        self.lock().is_redis_away(Instant::now())
    }

    /// Tells the gate how a call went. None where it does not answer.
    async fn tell(
        &self,
        permit: &Permit,
        word: &'static str,
        wait: Option<Duration>,
        dimensions: &[Dimension],
    ) -> Option<Told> {
        if self.is_redis_away() {
            return None;
        }
        let (provider, key) = &permit.name;
        let age = permit.granted.map(|granted| granted.elapsed());
        let ms = |time: Option<Duration>| {
            time.map_or(-1, |time| i64::try_from(time.as_millis()).unwrap_or(-1))
        };
        let number = |number: Option<u64>| number.map_or(-1, |n| i64::try_from(n).unwrap_or(-1));
        let script = Script::new(TELL);
        let mut telling = script.key(self.queue.keys().limit(provider, key));
        telling.arg(KEPT.as_millis() as u64).arg(word);
        telling.arg(ms(wait)).arg(ms(age));
        telling.arg(u8::from(permit.alone));
        for dimension in dimensions {
            telling
                .arg(dimension.name)
                .arg(number(dimension.limit))
                .arg(number(dimension.remaining))
                .arg(ms(dimension.reset_after));
        }
        let told = self.queue.within(
            "EVALSHA tell",
            async |conn: &mut deadpool_redis::Connection| {
                telling.invoke_async::<(u64, u8)>(conn).await
            },
        );
        let (shut_ms, reckoned) = self.within_patience(told).await?;
        Some(Told {
            shut: Duration::from_millis(shut_ms),
            reckoned: reckoned == 1,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what this process knows of a key.
    fn with<T>(&self, name: &(String, String), change: impl FnOnce(&mut Key, Instant) -> T) -> T {
        let mut shared = self.lock();
        change(shared.keys.entry(name.clone()).or_default(), Instant::now())
    }
}

impl Permit {
    /// The call was taken: whatever came of it, it was not too many.
    pub async fn went(self, dimensions: &[Dimension]) {
        let told_of = dimensions.iter().any(|dimension| dimension.limit.is_some());
        let limited = self.limits.with(&self.name, |key, now| {
            key.backoff = BACKOFF.0;
            key.ceiling = key.ceiling.saturating_add(1);
            if told_of {
                key.limited_until = Some(now + KEPT);
            }
            key.is_limited(now)
        });
        if limited {
            self.limits.tell(&self, "went", None, dimensions).await;
        }
    }

    /// The call was one too many. `wait` is what the provider said.
    pub async fn refused(self, wait: Option<Duration>, dimensions: &[Dimension]) {
        self.limits.with(&self.name, |key, now| {
            key.limited_until = Some(now + KEPT);
            if let Some(wait) = wait {
                key.shut(now + wait);
            }
        });
        let told = self.limits.tell(&self, "refused", wait, dimensions).await;
        self.limits.with(&self.name, |key, now| {
            // One that the gate sent ahead to be refused says nothing of how many are too many at once.
            if wait.is_none() && told.is_none_or(|told| !told.reckoned) {
                key.cut(now);
            }
            match told {
                // It knows more than this one answer.
                Some(told) => key.shut_until = Some(now + looked_at_again(told.shut)),
                None if wait.is_none() => key.back_off(now),
                None => {}
            }
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limits.with(&self.name, |key, _| {
            key.in_flight = key.in_flight.saturating_sub(1);
        });
    }
}

/// A wait up to where it is looked at again.
fn looked_at_again(wait: Duration) -> Duration {
    match wait > LOOK_AGAIN * 2 {
        true => wait - LOOK_AGAIN,
        false => wait,
    }
}
