//! Reading the lanes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{Lane, SessionId};
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use redis::{AsyncConnectionConfig, Pipeline, RedisResult};

use crate::backoff::Backoff;
use crate::entry::{Delivery, EntryId, parse};
use crate::error::{ErrorClass, QueueError, group_is_gone};
use crate::handle::Queue;
use crate::keys::GROUP;
use crate::pick::{PerLane, Picker};
use crate::waker::{WakeState, Waker};

/// What one consumer is.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// Whose name it reads under: unique per process start, so that what a dead process left pending
    /// is never taken for the work of its successor.
    pub session: SessionId,
    /// How long one blocking read lasts when nothing comes. Two seconds by default: long enough to
    /// cost nothing, short enough that a read on a vanished server ends soon.
    pub block: Duration,
}

impl ConsumerOptions {
    /// The usual consumer of a session.
    pub fn new(session: SessionId) -> Self {
        Self {
            session,
            block: Duration::from_secs(2),
        }
    }
}

/// Whether the consumer reaches Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerState {
    /// Its last read succeeded, or it has not read yet.
    Reading,
    /// Its last reads failed.
    Failing {
        /// How many in a row.
        failures: u32,
        /// What is wrong.
        class: ErrorClass,
    },
}

/// Reads entries from all lanes by their weights. Owns its connection; one task drives it.
///
/// An outage never ends it: [`Self::next`] returns empty batches until Redis is back.
#[derive(Debug)]
pub struct Consumer {
    queue: Queue,
    name: String,
    block: Duration,
    /// Taken out during a read and put back after it, so that a read which was cancelled against the
    /// rules closes the connection instead of leaving its answer to the next read.
    connection: Option<Reader>,
    picker: Picker,
    /// What a blocking read brought beyond what was asked for: at most four entries.
    surplus: VecDeque<Delivery>,
    backoff: Backoff,
    state: ConsumerState,
    wake: Arc<WakeState>,
}

/// What an attempt to read says about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// It answers.
    Answered,
    /// Nothing: it was not asked, or it had lost its groups.
    Skipped,
}

#[derive(Debug)]
struct Reader {
    connection: MultiplexedConnection,
    client_id: i64,
}

impl Queue {
    /// Makes a consumer. It connects with its first read.
    pub fn consumer(&self, options: &ConsumerOptions) -> Consumer {
        Consumer {
            queue: self.clone(),
            name: options.session.to_string(),
            block: options.block.max(Duration::from_millis(1)),
            connection: None,
            picker: Picker::default(),
            surplus: VecDeque::new(),
            backoff: Backoff::default(),
            state: ConsumerState::Reading,
            wake: Arc::default(),
        }
    }
}

impl Consumer {
    /// What ends a wait of this consumer.
    pub fn waker(&self) -> Waker {
        Waker {
            queue: self.queue.clone(),
            state: Arc::clone(&self.wake),
        }
    }

    /// Whether it reaches Redis.
    pub fn state(&self) -> ConsumerState {
        self.state
    }

    /// Hands out what is held back, for a process that stops: settle these and let PostgreSQL send
    /// them to someone else.
    pub fn take_surplus(&mut self) -> Vec<Delivery> {
        self.surplus.drain(..).collect()
    }

    /// The next entries, at most `max`: those that are there, else the first to come.
    ///
    /// Empty when nothing came in time, after a wake, after a failure (it then has waited for a
    /// growing, capped time), and at once when `max` is 0.
    ///
    /// **Not to be cancelled**: no `select!`, no timeout around it; use [`Self::waker`]. An entry
    /// delivered to a cancelled read is not lost, but waits until it is reclaimed.
    pub async fn next(&mut self, max: usize) -> Vec<Delivery> {
        let mut batch = Vec::new();
        if max == 0 {
            return batch;
        }
        let held = self.surplus.len().min(max);
        batch.extend(self.surplus.drain(..held));
        match self.read(&mut batch, max).await {
            Ok(Read::Answered) => self.recovered(),
            Ok(Read::Skipped) => {}
            Err(error) => self.failed(&error, batch.is_empty()).await,
        }
        if batch.is_empty() {
            self.wake.take();
        }
        batch
    }

    async fn read(&mut self, batch: &mut Vec<Delivery>, max: usize) -> Result<Read, QueueError> {
        if batch.len() >= max {
            return Ok(Read::Skipped);
        }
        let Some(mut reader) = self.reader().await? else {
            return Ok(Read::Skipped);
        };
        let mut read = self.take_waiting(&mut reader, batch, max).await;
        if read.is_ok() && batch.is_empty() {
            read = self.wait(&mut reader, batch, max).await;
        }
        match read {
            Ok(()) => {
                self.connection = Some(reader);
                Ok(Read::Answered)
            }
            Err(error) if group_is_gone(&error) => {
                self.connection = Some(reader);
                self.remake_groups().await?;
                Ok(Read::Skipped)
            }
            Err(source) => Err(QueueError::Redis {
                during: "XREADGROUP",
                source,
            }),
        }
    }

    /// The groups went with the data. A server that says so while it has them would have us turn in
    /// a circle without a pause.
    async fn remake_groups(&mut self) -> Result<(), QueueError> {
        let created = self.queue.ensure_groups().await?;
        if created > 0 {
            tracing::warn!(created, "consumer groups were gone and are made again");
        } else {
            let wait = self.backoff.failed(rand::random());
            self.wake.unless_woken(tokio::time::sleep(wait)).await;
        }
        Ok(())
    }

    /// Takes what is there, lane by lane in the proportion of their weights. Two round trips as a
    /// rule; another for each lane that held less than its length said, others having been faster.
    async fn take_waiting(
        &mut self,
        reader: &mut Reader,
        batch: &mut Vec<Delivery>,
        max: usize,
    ) -> RedisResult<()> {
        reader
            .connection
            .set_response_timeout(self.queue.inner.command_timeout);
        let mut available = self.lengths(reader).await?;
        while batch.len() < max {
            let plan = self.picker.plan(max - batch.len(), available);
            if plan.iter().all(|count| *count == 0) {
                break;
            }
            self.take_planned(reader, batch, plan, &mut available)
                .await?;
        }
        Ok(())
    }

    /// Stream lengths. They count entries that others hold unsettled too, so they bound from above.
    async fn lengths(&self, reader: &mut Reader) -> RedisResult<PerLane> {
        let mut pipeline = Pipeline::with_capacity(Lane::ALL.len());
        for lane in Lane::ALL {
            pipeline.cmd("XLEN").arg(self.queue.keys().lane(lane));
        }
        pipeline.query_async(&mut reader.connection).await
    }

    async fn take_planned(
        &mut self,
        reader: &mut Reader,
        batch: &mut Vec<Delivery>,
        plan: PerLane,
        available: &mut PerLane,
    ) -> RedisResult<()> {
        let asked: Vec<usize> = (0..plan.len()).filter(|place| plan[*place] > 0).collect();
        let mut pipeline = Pipeline::with_capacity(asked.len());
        pipeline.ignore_errors();
        for place in &asked {
            let key = self.queue.keys().lane(Lane::ALL[*place]);
            pipeline
                .cmd("XREADGROUP")
                .arg("GROUP")
                .arg(GROUP)
                .arg(&self.name);
            pipeline
                .arg("COUNT")
                .arg(plan[*place])
                .arg("STREAMS")
                .arg(key)
                .arg(">");
        }
        let answers: Vec<RedisResult<Option<StreamReadReply>>> =
            pipeline.query_async(&mut reader.connection).await?;
        let mut failed = None;
        for (place, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(reply) => {
                    let entries = self.accept(reply.unwrap_or_default()).await;
                    let short = (entries.len() as u64) < plan[place];
                    available[place] = if short {
                        0
                    } else {
                        available[place] - plan[place]
                    };
                    batch.extend(entries);
                }
                // The other lanes' entries are delivered already: they are kept.
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Waits for the first entry on any lane. One read may bring one of each lane.
    async fn wait(
        &mut self,
        reader: &mut Reader,
        batch: &mut Vec<Delivery>,
        max: usize,
    ) -> RedisResult<()> {
        let mut command = redis::cmd("XREADGROUP");
        command
            .arg("GROUP")
            .arg(GROUP)
            .arg(&self.name)
            .arg("COUNT")
            .arg(1);
        command
            .arg("BLOCK")
            .arg(u64::try_from(self.block.as_millis()).unwrap_or(u64::MAX));
        command
            .arg("STREAMS")
            .arg(&Lane::ALL.map(|lane| self.queue.keys().lane(lane)));
        command.arg(&[">"; Lane::ALL.len()]);
        // The server ends the read first; only a server that does not is given up.
        let limit = self.block + self.queue.inner.command_timeout;
        reader.connection.set_response_timeout(limit);
        if !self.wake.begin_block(reader.client_id) {
            return Ok(());
        }
        let reply: RedisResult<Option<StreamReadReply>> =
            command.query_async(&mut reader.connection).await;
        self.wake.end_block();
        let mut entries = self.accept(reply?.unwrap_or_default()).await;
        let surplus = entries.split_off(entries.len().min(max));
        batch.extend(entries);
        self.surplus.extend(surplus);
        Ok(())
    }

    /// Turns a reply into deliveries. What is not ours was delivered to us all the same, so it is
    /// removed and counted; a failure to remove it leaves it to be reclaimed.
    async fn accept(&self, reply: StreamReadReply) -> Vec<Delivery> {
        let metrics = &self.queue.inner.metrics;
        let mut entries = Vec::new();
        let mut foreign = Vec::new();
        for stream in reply.keys {
            let Some(lane) = self.queue.keys().lane_of(&stream.key) else {
                continue;
            };
            for entry in stream.ids {
                let entry_id = EntryId(entry.id);
                match parse(&entry.map) {
                    Ok((id, trace)) => entries.push(Delivery {
                        lane,
                        entry_id,
                        id,
                        trace,
                    }),
                    Err(reason) => {
                        tracing::warn!(%lane, entry = %entry_id, %reason, "removed a foreign entry");
                        metrics.malformed.with_label_values(&[lane.as_str()]).inc();
                        foreign.push((lane, entry_id));
                    }
                }
            }
        }
        for entry in &entries {
            metrics
                .delivered
                .with_label_values(&[entry.lane.as_str()])
                .inc();
        }
        if let Err(error) = self.queue.settle_entries(&foreign).await {
            tracing::debug!(%error, "foreign entries are left to be reclaimed");
        }
        entries
    }

    /// The connection, made where there is none. `None` when a wake came first.
    async fn reader(&mut self) -> Result<Option<Reader>, QueueError> {
        if let Some(reader) = self.connection.take() {
            return Ok(Some(reader));
        }
        let connected = self.wake.unless_woken(Box::pin(self.connect())).await;
        connected.transpose().map_err(QueueError::redis("connect"))
    }

    async fn connect(&self) -> RedisResult<Reader> {
        let inner = &self.queue.inner;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(inner.connect_timeout))
            .set_response_timeout(Some(inner.command_timeout));
        let mut connection = inner
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let client_id = redis::cmd("CLIENT")
            .arg("ID")
            .query_async(&mut connection)
            .await?;
        inner.metrics.connects.inc();
        Ok(Reader {
            connection,
            client_id,
        })
    }

    fn recovered(&mut self) {
        if self.state != ConsumerState::Reading {
            tracing::info!(
                failures = self.backoff.failures(),
                "reading from Redis again"
            );
            self.state = ConsumerState::Reading;
        }
        self.backoff.succeeded();
    }

    /// Notes a failure, logs the first of a row, and waits unless there is something to hand out.
    async fn failed(&mut self, error: &QueueError, may_wait: bool) {
        let class = error.class();
        self.queue
            .inner
            .metrics
            .reads_failed
            .with_label_values(&[class.as_str()])
            .inc();
        if self.state == ConsumerState::Reading {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(%error, source, class = class.as_str(), "cannot read from Redis");
        }
        let wait = self.backoff.failed(rand::random());
        self.state = ConsumerState::Failing {
            failures: self.backoff.failures(),
            class,
        };
        if may_wait {
            self.wake.unless_woken(tokio::time::sleep(wait)).await;
        }
    }
}
