//! Reading a queue of Bull 4 or BullMQ 5, and taking jobs out of it.
//!
//! A job is taken in one step: a script moves its id from the queue's list or sorted set into a list of
//! our own beside it, so that no worker of the old system can have it too. The job's hash stays until
//! [`forget`](BullQueue::forget), after the new system has committed it. Whoever dies in between leaves
//! the id in our list, where the next run finds it ([`held`](BullQueue::held)). Jobs that are being
//! worked on, wait for children or repeat are never touched.
//!
//! Key layout, from running both: `bull:<queue>:wait` and `:paused` are lists whose right end is next;
//! `:delayed` is a sorted set with score `ms × 4096 + n`; `:<id>` is a hash with `name`, `data`, `opts`,
//! `timestamp`, `delay`, `priority`. Bull 4 puts jobs with a priority into `wait` at their place and
//! notes them in the sorted set `:priority`; `BullMQ` 5 keeps them in the sorted set `:prioritized`.

use std::collections::HashMap;

use redis::{Cmd, Script, cmd};
use serde::{Deserialize, Serialize};

use crate::error::QueueError;
use crate::handle::Queue;

/// Where a job stood, in the order in which the old system would take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the list of those that are next.
    Wait,
    /// In the same list of a queue that is paused.
    Paused,
    /// Among those with a priority, of `BullMQ`.
    Prioritized,
    /// Among those whose time has not come.
    Delayed,
}

impl Place {
    /// Every place that jobs are taken from, in the old system's order.
    pub const ALL: [Self; 4] = [Self::Wait, Self::Paused, Self::Prioritized, Self::Delayed];

    /// The last part of the key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Paused => "paused",
            Self::Prioritized => "prioritized",
            Self::Delayed => "delayed",
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::Wait | Self::Paused)
    }
}

/// Which program wrote the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// Bull 4.
    Bull,
    /// `BullMQ` 5.
    BullMq,
}

/// How many jobs stand where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Which program wrote it.
    pub flavor: Flavor,
    /// Next ones.
    pub wait: u64,
    /// Next ones of a paused queue.
    pub paused: u64,
    /// Those with a priority.
    pub prioritized: u64,
    /// Those whose time has not come.
    pub delayed: u64,
    /// In a worker's hands: never touched.
    pub active: u64,
    /// Taken by an earlier import that did not end.
    pub held: u64,
}

/// A job's place in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The old system's id.
    pub id: String,
    /// Where it stands.
    pub place: Place,
    /// Its score, where the place is a sorted set.
    pub score: Option<f64>,
}

impl Standing {
    /// When its time comes, in milliseconds since 1970; none for those that are next.
    pub fn due_ms(&self) -> Option<i64> {
        let score = self.score.filter(|_| self.place == Place::Delayed)?;
        Some((score / 4096.0).floor() as i64)
    }
}

/// What a job's hash says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BullJob {
    /// The name it was added under.
    pub name: String,
    /// Its data, JSON as it was written.
    pub data: String,
    /// Its options, likewise.
    pub opts: String,
    /// When it was added, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// How often it was begun.
    pub attempts_made: i64,
}

/// One queue of Bull or `BullMQ`.
#[derive(Debug, Clone)]
pub struct BullQueue {
    redis: Queue,
    /// `bull:<queue>:`
    base: String,
}

impl BullQueue {
    /// The queue `name` under `prefix`, which is `bull` unless the application chose another.
    pub fn new(redis: Queue, prefix: &str, name: &str) -> Self {
        let base = format!("{prefix}:{name}:");
        Self { redis, base }
    }

    fn key(&self, last: &str) -> String {
        format!("{}{last}", self.base)
    }

    fn hold(&self) -> String {
        self.key("atelier-import")
    }

    async fn run<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, QueueError> {
        self.redis.command("import", command).await
    }

    /// How many jobs stand where; `None` where there is no such queue.
    ///
    /// # Errors
    /// [`QueueError`] where Redis does not answer.
    pub async fn survey(&self) -> Result<Option<Survey>, QueueError> {
        let count = async |command: &str, last: &str| {
            self.run::<u64>(cmd(command).arg(self.key(last))).await
        };
        let version: Option<String> = self
            .run(cmd("HGET").arg(self.key("meta")).arg("version"))
            .await?;
        let prioritized = count("ZCARD", "prioritized").await?;
        let is_bullmq =
            version.is_some() || prioritized > 0 || count("EXISTS", "events").await? > 0;
        let survey = Survey {
            flavor: if is_bullmq {
                Flavor::BullMq
            } else {
                Flavor::Bull
            },
            wait: count("LLEN", "wait").await?,
            paused: count("LLEN", "paused").await?,
            prioritized,
            delayed: count("ZCARD", "delayed").await?,
            active: count("LLEN", "active").await?,
            held: count("LLEN", "atelier-import").await?,
        };
        let Survey {
            wait,
            paused,
            delayed,
            active,
            held,
            ..
        } = survey;
        let any = is_bullmq || wait + paused + delayed + active + held > 0;
        Ok((any || count("EXISTS", "id").await? > 0).then_some(survey))
    }

    /// Everything that stands in one place, in the order in which the old system would take it.
    ///
    /// # Errors
    /// [`QueueError`] where Redis does not answer.
    pub async fn standing(&self, place: Place) -> Result<Vec<Standing>, QueueError> {
        let key = self.key(place.as_str());
        if place.is_list() {
            let ids: Vec<String> = self.run(cmd("LRANGE").arg(&key).arg(0).arg(-1)).await?;
            let next_first = ids.into_iter().rev();
            // Versions of BullMQ before 5 put markers for delayed jobs into the list.
            let jobs = next_first.filter(|id| !id.starts_with("0:"));
            return Ok(jobs
                .map(|id| Standing {
                    id,
                    place,
                    score: None,
                })
                .collect());
        }
        let scored: Vec<(String, f64)> = self
            .run(cmd("ZRANGE").arg(&key).arg(0).arg(-1).arg("WITHSCORES"))
            .await?;
        Ok(scored
            .into_iter()
            .map(|(id, score)| Standing {
                id,
                place,
                score: Some(score),
            })
            .collect())
    }

    /// The hash of a job; `None` where it is gone.
    ///
    /// # Errors
    /// [`QueueError`] where Redis does not answer.
    pub async fn load(&self, id: &str) -> Result<Option<BullJob>, QueueError> {
        let mut fields: HashMap<String, String> =
            self.run(cmd("HGETALL").arg(self.key(id))).await?;
        let Some(data) = fields.remove("data") else {
            return Ok(None);
        };
        let number = |text: Option<&String>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Some(BullJob {
            timestamp_ms: number(fields.get("timestamp")),
            attempts_made: number(fields.get("attemptsMade").or(fields.get("atm"))),
            name: fields.remove("name").unwrap_or_default(),
            opts: fields.remove("opts").unwrap_or_default(),
            data,
        }))
    }

    /// Takes a job out of its place, if it still stands there. From here on only [`put_back`] and
    /// [`forget`] let go of it.
    ///
    /// [`put_back`]: Self::put_back
    /// [`forget`]: Self::forget
    ///
    /// # Errors
    /// [`QueueError`] where Redis does not answer; the job may then be held.
    pub async fn take(&self, job: &Standing) -> Result<bool, QueueError> {
        let held = held(job)?;
        let script = Script::new(
            "local taken
             if ARGV[1] == 'list' then
                 taken = redis.call('LREM', KEYS[1], -1, ARGV[2])
             else
                 taken = redis.call('ZREM', KEYS[1], ARGV[2])
             end
             if taken > 0 then
                 redis.call('ZREM', KEYS[3], ARGV[2])
                 redis.call('RPUSH', KEYS[2], ARGV[3])
             end
             return taken",
        );
        let mut call = script.key(self.key(job.place.as_str()));
        call.key(self.hold()).key(self.key("priority"));
        call.arg(kind(job.place)).arg(&job.id).arg(held);
        let taken: u64 = self
            .redis
            .within("import", async |conn| call.invoke_async(conn).await)
            .await?;
        Ok(taken > 0)
    }

    /// What was taken and neither put back nor forgotten, by this run or one that died.
    ///
    /// # Errors
    /// [`QueueError::Value`] where somebody else wrote into our list.
    pub async fn held(&self) -> Result<Vec<Standing>, QueueError> {
        let texts: Vec<String> = self
            .run(cmd("LRANGE").arg(self.hold()).arg(0).arg(-1))
            .await?;
        texts
            .iter()
            .map(|text| {
                serde_json::from_str(text).map_err(|source| QueueError::Value {
                    during: "import",
                    source,
                })
            })
            .collect()
    }

    /// Puts a taken job back where it stood, as the next one of its list.
    ///
    /// # Errors
    /// [`QueueError`] where Redis does not answer; the job is then still held, or back.
    pub async fn put_back(&self, job: &Standing) -> Result<(), QueueError> {
        let script = Script::new(
            "if redis.call('LREM', KEYS[2], 1, ARGV[3]) == 0 then return 0 end
             if ARGV[1] == 'list' then
                 redis.call('RPUSH', KEYS[1], ARGV[2])
                 local priority = tonumber(redis.call('HGET', KEYS[4], 'priority') or '0')
                 if ARGV[5] == 'bull' and priority and priority > 0 then
                     redis.call('ZADD', KEYS[3], priority, ARGV[2])
                 end
             else
                 redis.call('ZADD', KEYS[1], ARGV[4], ARGV[2])
             end
             return 1",
        );
        let is_bull = self
            .survey()
            .await?
            .is_some_and(|survey| survey.flavor == Flavor::Bull);
        let mut call = script.key(self.key(job.place.as_str()));
        call.key(self.hold())
            .key(self.key("priority"))
            .key(self.key(&job.id));
        call.arg(kind(job.place)).arg(&job.id).arg(held(job)?);
        // Seventeen digits keep every bit of the score.
        call.arg(format!("{:.0}", job.score.unwrap_or(0.0)));
        call.arg(if is_bull { "bull" } else { "bullmq" });
        let _moved: u64 = self
            .redis
            .within("import", async |conn| call.invoke_async(conn).await)
            .await?;
        Ok(())
    }

    /// Lets go of a taken job that the new system has, and removes what the old one kept of it.
    ///
    /// # Errors
    /// [`QueueError`] where Redis does not answer; forgetting again is harmless.
    pub async fn forget(&self, job: &Standing) -> Result<(), QueueError> {
        let logs = format!("{}:logs", job.id);
        let mut all = redis::pipe();
        all.atomic()
            .cmd("LREM")
            .arg(self.hold())
            .arg(1)
            .arg(held(job)?)
            .ignore()
            .cmd("DEL")
            .arg(self.key(&job.id))
            .arg(self.key(&logs))
            .ignore();
        self.redis.pipeline("import", &all).await
    }
}

fn kind(place: Place) -> &'static str {
    if place.is_list() { "list" } else { "zset" }
}

fn held(job: &Standing) -> Result<String, QueueError> {
    serde_json::to_string(job).map_err(|source| QueueError::Value {
        during: "import",
        source,
    })
}
