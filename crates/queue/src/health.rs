//! What the fleet knows of the providers' health: breakers, and keys that are not to be used.
//!
//! Each process keeps a view of its own, by which it decides without asking anybody, and a task that
//! brings the view and Redis together every second, and at once after a failure. So a call costs no round
//! trip, and a process without Redis goes on by what it saw itself.
//!
//! Everything stands in one hash, whose fields are bounded by the models and keys that have failed. A
//! field is changed only if it still holds what was read, so two processes never undo each other.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Script;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::breaker::{Breaker, BreakerRules, BreakerState, Tally};
use crate::error::QueueError;
use crate::handle::Queue;

/// How often view and Redis are brought together.
const PERIOD: Duration = Duration::from_secs(1);
/// After a failure of a call, at least this long passes to the next exchange: many calls fail together.
const PAUSE: Duration = Duration::from_millis(50);
/// Most fields that are kept: far above what any installation has of models and keys in trouble.
const MAX_FIELDS: usize = 10_000;

const BREAKER: &str = "breaker:";
const KEY: &str = "key:";

/// Sets a field to ARGV[3], or removes it where that is empty, if it still holds ARGV[2].
const SWAP: &str = r"
local known = redis.call('HGET', KEYS[1], ARGV[1])
if (known or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1";

/// A key that is not to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisabledKey {
    /// Why, as a stable code.
    pub reason: String,
    /// Until when, in milliseconds since 1970 by the clock of Redis.
    pub until_ms: u64,
}

/// Everything that stands in Redis about the providers' health.
#[derive(Debug, Clone, Default)]
pub struct HealthReport {
    /// The time in Redis, in milliseconds since 1970.
    pub now_ms: u64,
    /// Breakers by `provider/model`.
    pub breakers: BTreeMap<String, Breaker>,
    /// Keys not to be used, by id.
    pub keys: BTreeMap<String, DisabledKey>,
}

/// One process's view. Clones share it.
#[derive(Debug, Clone)]
pub struct Health {
    queue: Queue,
    rules: BreakerRules,
    wake: Arc<Notify>,
    view: Arc<Mutex<View>>,
}

#[derive(Debug)]
struct View {
    breakers: HashMap<String, Breaker>,
    keys: HashMap<String, DisabledKey>,
    /// What Redis has not heard of yet.
    tallies: HashMap<String, Tally>,
    disabled: HashMap<String, DisabledKey>,
    began: Instant,
    /// The clock of Redis less the time since we began; 0 before the first exchange.
    ahead_ms: u64,
}

impl Default for View {
    fn default() -> Self {
        Self {
            breakers: HashMap::new(),
            keys: HashMap::new(),
            tallies: HashMap::new(),
            disabled: HashMap::new(),
            began: Instant::now(),
            ahead_ms: 0,
        }
    }
}

impl Health {
    /// A view that knows of no trouble.
    pub fn new(queue: &Queue, rules: BreakerRules) -> Self {
        Self {
            queue: queue.clone(),
            rules,
            wake: Arc::default(),
            view: Arc::default(),
        }
    }

    /// Whether a call to `name`, a `provider/model`, may be made.
    pub fn circuit(&self, name: &str) -> BreakerState {
        let view = self.lock();
        let breaker = view.breakers.get(name);
        breaker.map_or(BreakerState::Closed, |breaker| breaker.state(view.now_ms()))
    }

    /// Takes the one probe of a half-open breaker, for the whole fleet; for this process alone while
    /// Redis is away.
    pub async fn take_probe(&self, name: &str) -> bool {
        let field = format!("{BREAKER}{name}");
        let taken = self.change(&field, |breaker: &mut Breaker, now_ms| {
            breaker.take_probe(now_ms, &self.rules)
        });
        match tokio::time::timeout(PERIOD, taken).await {
            Ok(Ok((taken, breaker))) => {
                self.lock().breakers.insert(name.to_owned(), breaker);
                taken
            }
            Ok(Err(_)) | Err(_) => {
                let mut view = self.lock();
                let now_ms = view.now_ms();
                let breaker = view.breakers.get_mut(name);
                breaker.is_some_and(|breaker| breaker.take_probe(now_ms, &self.rules))
            }
        }
    }

    /// Takes in how a call to `name` went.
    pub fn report(&self, name: &str, tally: Tally) {
        let mut view = self.lock();
        let now_ms = view.now_ms();
        let breaker = view.breakers.entry(name.to_owned()).or_default();
        let closed = breaker.state(now_ms) == BreakerState::Closed;
        breaker.report(now_ms, tally, &self.rules);
        let pending = view.tallies.entry(name.to_owned()).or_default();
        pending.well += tally.well;
        pending.badly += tally.badly;
        // Success is told with the next exchange, unless somebody waits for it.
        if tally.badly > 0 || !closed {
            self.wake.notify_one();
        }
    }

    /// Keeps the fleet from using a key for a while.
    pub fn disable_key(&self, id: &str, reason: &str, pause: Duration) {
        let mut view = self.lock();
        let disabled = DisabledKey {
            reason: reason.to_owned(),
            until_ms: view.now_ms() + u64::try_from(pause.as_millis()).unwrap_or(u64::MAX / 2),
        };
        view.keys.insert(id.to_owned(), disabled.clone());
        view.disabled.insert(id.to_owned(), disabled);
        self.wake.notify_one();
    }

    /// Why a key is not to be used; none where it may be.
    pub fn disabled_key(&self, id: &str) -> Option<String> {
        let view = self.lock();
        let disabled = view.keys.get(id)?;
        (disabled.until_ms > view.now_ms()).then(|| disabled.reason.clone())
    }

    /// All breakers that are not closed, and how many keys are disabled for each reason.
    pub fn troubles(&self) -> (Vec<(String, BreakerState)>, BTreeMap<String, u64>) {
        let view = self.lock();
        let now_ms = view.now_ms();
        let breakers = view.breakers.iter();
        let breakers = breakers.map(|(name, breaker)| (name.clone(), breaker.state(now_ms)));
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for key in view.keys.values().filter(|key| key.until_ms > now_ms) {
            *reasons.entry(key.reason.clone()).or_default() += 1;
        }
        (breakers.collect(), reasons)
    }

    /// Brings view and Redis together until dropped.
    pub async fn keep(&self) {
        loop {
            if let Err(error) = self.exchange().await {
                tracing::debug!(%error, "the providers' health is not shared at the moment");
            }
            tokio::time::sleep(PAUSE).await;
            let _ = tokio::time::timeout(PERIOD, self.wake.notified()).await;
        }
    }

    /// Brings view and Redis together once.
    ///
    /// # Errors
    /// As every command. The view stays as this process saw it itself; what it saw is not told later,
    /// because it would be told as new.
    pub async fn exchange(&self) -> Result<(), QueueError> {
        if self.lock().ahead_ms == 0 {
            let now_ms = self.queue.read_health().await?.now_ms;
            self.lock().keep_time(now_ms);
        }
        let (tallies, disabled) = {
            let mut view = self.lock();
            (
                std::mem::take(&mut view.tallies),
                std::mem::take(&mut view.disabled),
            )
        };
        for (name, tally) in tallies {
            let field = format!("{BREAKER}{name}");
            self.change(&field, |breaker: &mut Breaker, now_ms| {
                breaker.report(now_ms, tally, &self.rules);
            })
            .await?;
        }
        for (id, key) in disabled {
            let json = serde_json::to_string(&key).map_err(value)?;
            let mut command = redis::cmd("HSET");
            let field = format!("{KEY}{id}");
            command.arg(self.queue.keys().health()).arg(field).arg(json);
            let _: i64 = self.queue.command("HSET", &command).await?;
        }
        let report = self.queue.read_health().await?;
        self.drop_what_is_over(&report).await?;
        let mut view = self.lock();
        view.keep_time(report.now_ms);
        view.breakers = report.breakers.into_iter().collect();
        // What was reported while the exchange ran is not in what was read.
        let (now_ms, pending) = (view.now_ms(), view.tallies.clone());
        for (name, tally) in pending {
            let breaker = view.breakers.entry(name).or_default();
            breaker.report(now_ms, tally, &self.rules);
        }
        view.keys = report.keys.into_iter().collect();
        let disabled = view.disabled.clone();
        view.keys.extend(disabled);
        Ok(())
    }

    /// Changes one breaker in Redis, and gives what came of it.
    async fn change<T>(
        &self,
        field: &str,
        change: impl Fn(&mut Breaker, u64) -> T,
    ) -> Result<(T, Breaker), QueueError> {
        loop {
            let mut reading = redis::pipe();
            reading.cmd("TIME");
            reading
                .cmd("HGET")
                .arg(self.queue.keys().health())
                .arg(field);
            let ((seconds, micros), known): ((u64, u64), Option<String>) =
                self.queue.pipeline("HGET", &reading).await?;
            let known = known.unwrap_or_default();
            let now_ms = seconds * 1_000 + micros / 1_000;
            // What another version wrote and this one cannot read is begun anew.
            let mut breaker: Breaker = serde_json::from_str(&known).unwrap_or_default();
            let made = change(&mut breaker, now_ms);
            let json = match breaker == Breaker::default() {
                true => String::new(),
                false => serde_json::to_string(&breaker).map_err(value)?,
            };
            if known == json || self.swap(field, &known, &json).await? {
                return Ok((made, breaker));
            }
        }
    }

    async fn swap(&self, field: &str, known: &str, new: &str) -> Result<bool, QueueError> {
        let script = Script::new(SWAP);
        let mut swap = script.key(self.queue.keys().health());
        swap.arg(field).arg(known).arg(new);
        let swapped: i64 = self
            .queue
            .within(
                "EVALSHA swap",
                async |conn: &mut deadpool_redis::Connection| swap.invoke_async(conn).await,
            )
            .await?;
        Ok(swapped == 1)
    }

    async fn drop_what_is_over(&self, report: &HealthReport) -> Result<(), QueueError> {
        let now_ms = report.now_ms;
        let idle = report.breakers.iter();
        let idle = idle.filter(|(_, breaker)| breaker.is_idle(now_ms, &self.rules));
        let over = report.keys.iter().filter(|(_, key)| key.until_ms <= now_ms);
        let fields: Vec<(String, String)> = idle
            .filter_map(|(name, b)| {
                Some((format!("{BREAKER}{name}"), serde_json::to_string(b).ok()?))
            })
            .chain(over.filter_map(|(id, key)| {
                Some((format!("{KEY}{id}"), serde_json::to_string(key).ok()?))
            }))
            .collect();
        for (field, json) in fields {
            self.swap(&field, &json, "").await?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    fn now_ms(&self) -> u64 {
        self.elapsed_ms().saturating_add(self.ahead_ms)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes over the clock of Redis. What was noted by our own before is moved along.
    fn keep_time(&mut self, now_ms: u64) {
        let ahead_ms = now_ms.saturating_sub(self.elapsed_ms());
        if self.ahead_ms == 0 {
            let noted = self.keys.values_mut().chain(self.disabled.values_mut());
            noted.for_each(|key| key.until_ms = key.until_ms.saturating_add(ahead_ms));
        }
        self.ahead_ms = ahead_ms;
    }
}

fn value(source: serde_json::Error) -> QueueError {
    QueueError::Value {
        during: "HSET",
        source,
    }
}

impl Queue {
    /// What stands in Redis about the providers' health. Fields that cannot be read are left out.
    ///
    /// # Errors
    /// As every command.
    pub async fn read_health(&self) -> Result<HealthReport, QueueError> {
        let mut reading = redis::pipe();
        reading.cmd("TIME");
        reading.cmd("HGETALL").arg(self.keys().health());
        let ((seconds, micros), fields): ((u64, u64), HashMap<String, String>) =
            self.pipeline("HGETALL", &reading).await?;
        let mut report = HealthReport {
            now_ms: seconds * 1_000 + micros / 1_000,
            ..HealthReport::default()
        };
        for (field, json) in fields.into_iter().take(MAX_FIELDS) {
            if let Some(name) = field.strip_prefix(BREAKER) {
                if let Ok(breaker) = serde_json::from_str(&json) {
                    report.breakers.insert(name.to_owned(), breaker);
                }
            } else if let Some(id) = field.strip_prefix(KEY)
                && let Ok(key) = serde_json::from_str(&json)
            {
                report.keys.insert(id.to_owned(), key);
            }
        }
        Ok(report)
    }

    /// Lets a key be used again. Returns whether it was disabled.
    ///
    /// # Errors
    /// As every command.
    pub async fn enable_key(&self, id: &str) -> Result<bool, QueueError> {
        self.forget(&format!("{KEY}{id}")).await
    }

    /// Closes a breaker by hand. Returns whether there was one.
    ///
    /// # Errors
    /// As every command.
    pub async fn close_breaker(&self, name: &str) -> Result<bool, QueueError> {
        self.forget(&format!("{BREAKER}{name}")).await
    }

    async fn forget(&self, field: &str) -> Result<bool, QueueError> {
        let mut command = redis::cmd("HDEL");
        command.arg(self.keys().health()).arg(field);
        let removed: i64 = self.command("HDEL", &command).await?;
        Ok(removed > 0)
    }
}
