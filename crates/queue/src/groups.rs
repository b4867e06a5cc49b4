//! The consumer groups: making them, and cleaning up after consumers that died.

use std::time::Duration;

use domain::{GenerationId, Lane};
use redis::streams::StreamAutoClaimReply;
use redis::{Pipeline, RedisResult, Script, Value};

use crate::entry::{EntryId, parse};
use crate::error::{QueueError, group_is_gone, has_code};
use crate::handle::Queue;
use crate::keys::GROUP;

/// The consumer that reclaimed entries go through. No session has this name.
const RECLAIMER: &str = "reclaimer";

/// Entries looked at per `XAUTOCLAIM`. It looks at ten times as many pending ones and stops, however
/// many stale ones come behind them; hence the loop until the cursor is back at the start.
const RECLAIM_COUNT: usize = 100;

/// The most entries one call of [`Queue::reclaim`] takes from one lane; the rest waits for the next.
const RECLAIM_LIMIT: usize = 10_000;

/// The end of an `XAUTOCLAIM` walk.
const WALK_DONE: &str = "0-0";

/// Check and removal are one script: between two commands a consumer could read an entry, and the
/// removal would take that entry out of everyone's reach.
const DROP_IDLE: &str = r"
local dropped = 0
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local of = {}
  for at = 1, #fields, 2 do of[fields[at]] = fields[at + 1] end
  if of['pending'] == 0 and of['idle'] >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of['name'])
    dropped = dropped + 1
  end
end
return dropped";

impl Queue {
    /// Creates every lane's stream and group where they are missing, and returns how many were.
    ///
    /// The group starts at 0, not at `$`: what was added before the group existed is work too. Made
    /// at deployment and again by whoever finds a group gone.
    ///
    /// # Errors
    /// As every command. Safe to cancel and to repeat.
    pub async fn ensure_groups(&self) -> Result<usize, QueueError> {
        let during = "XGROUP CREATE";
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors();
        for lane in Lane::ALL {
            let key = self.keys().lane(lane);
            pipeline
                .cmd("XGROUP")
                .arg("CREATE")
                .arg(key)
                .arg(GROUP)
                .arg("0")
                .arg("MKSTREAM");
        }
        let answers: Vec<RedisResult<Value>> = self.pipeline(during, &pipeline).await?;
        let mut created = 0;
        for answer in answers {
            match answer {
                Ok(_) => created += 1,
                Err(error) if has_code(&error, "BUSYGROUP") => {}
                Err(error) => return Err(QueueError::redis(during)(error)),
            }
        }
        self.inner.metrics.groups_created.inc_by(created as u64);
        Ok(created)
    }

    /// Removes the entries that some consumer read at least `idle` ago and never settled, and returns
    /// which generations they named. PostgreSQL knows whether those still wait, and sends them again.
    ///
    /// # Errors
    /// Entries of lanes already walked are removed; the dispatcher's sweep finds their jobs. Safe to
    /// cancel and to repeat for the same reason.
    pub async fn reclaim(&self, idle: Duration) -> Result<Vec<GenerationId>, QueueError> {
        let mut found = Vec::new();
        for lane in Lane::ALL {
            match self.reclaim_lane(lane, idle, &mut found).await {
                Err(QueueError::Redis { source, .. }) if group_is_gone(&source) => {
                    self.ensure_groups().await?;
                }
                walked => walked?,
            }
        }
        Ok(found)
    }

    async fn reclaim_lane(
        &self,
        lane: Lane,
        idle: Duration,
        found: &mut Vec<GenerationId>,
    ) -> Result<(), QueueError> {
        let metrics = &self.inner.metrics;
        let mut cursor = WALK_DONE.to_owned();
        let mut taken = 0;
        while taken < RECLAIM_LIMIT {
            let mut claim = redis::cmd("XAUTOCLAIM");
            claim.arg(self.keys().lane(lane)).arg(GROUP).arg(RECLAIMER);
            claim
                .arg(whole_ms(idle))
                .arg(&cursor)
                .arg("COUNT")
                .arg(RECLAIM_COUNT);
            let reply: StreamAutoClaimReply = self.command("XAUTOCLAIM", &claim).await?;
            let entries: Vec<_> = reply
                .claimed
                .iter()
                .map(|entry| (lane, EntryId(entry.id.clone())))
                .collect();
            self.settle_entries(&entries).await?;
            taken += entries.len();
            for entry in &reply.claimed {
                match parse(&entry.map) {
                    Ok((id, _)) => found.push(id),
                    Err(_) => metrics.malformed.with_label_values(&[lane.as_str()]).inc(),
                }
            }
            metrics
                .reclaimed
                .with_label_values(&[lane.as_str()])
                .inc_by(entries.len() as u64);
            cursor = reply.next_stream_id;
            if cursor == WALK_DONE {
                break;
            }
        }
        Ok(())
    }

    /// Forgets consumers that have nothing pending and did not read for `idle`, and returns how many.
    ///
    /// Every process start is a consumer of its own, and Redis keeps their names for ever. `idle`
    /// should be minutes: a living consumer reads every two seconds, and one that was forgotten by
    /// mistake is made again by its next read.
    ///
    /// # Errors
    /// As every command. Safe to cancel and to repeat.
    pub async fn drop_idle_consumers(&self, idle: Duration) -> Result<u64, QueueError> {
        let script = Script::new(DROP_IDLE);
        let mut dropped: u64 = 0;
        for lane in Lane::ALL {
            let mut call = script.key(self.keys().lane(lane));
            call.arg(GROUP).arg(whole_ms(idle));
            let ran = self.within("XGROUP DELCONSUMER", async |conn| {
                call.invoke_async::<u64>(conn).await
            });
            match ran.await {
                Ok(count) => dropped += count,
                Err(QueueError::Redis { source, .. }) if group_is_gone(&source) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(dropped)
    }
}

fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
