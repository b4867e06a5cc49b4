//! Putting jobs before the workers.

use std::collections::BTreeMap;

use domain::Lane;
use redis::Pipeline;

use crate::entry::{Dispatch, ID, TRACE};
use crate::error::QueueError;
use crate::handle::Queue;

/// Entries per lane, those delivered but not yet settled included.
pub type LaneLengths = BTreeMap<Lane, u64>;

/// The longest pipeline: a bound on what one call may hold in memory and on how long the server
/// serves nobody else.
const MAX_BATCH: usize = 1_000;

impl Queue {
    /// Adds jobs to their lanes and returns the lengths of the lanes touched, counted after the last
    /// add. One round trip per 1,000 jobs.
    ///
    /// Never trims: `MAXLEN` drops entries that nobody read. The bound on a stream is the caller's
    /// ([`InlineGate`](crate::InlineGate), the dispatcher's refill).
    ///
    /// # Errors
    /// Some entries may have been added all the same. The caller may send the batch again: a job
    /// delivered twice is claimed once. Safe to cancel for the same reason.
    pub async fn add(&self, jobs: &[Dispatch]) -> Result<LaneLengths, QueueError> {
        let mut lengths = LaneLengths::new();
        for batch in jobs.chunks(MAX_BATCH) {
            lengths.extend(self.add_batch(batch).await?);
        }
        self.note_lengths(&lengths);
        Ok(lengths)
    }

    async fn add_batch(&self, batch: &[Dispatch]) -> Result<LaneLengths, QueueError> {
        let mut pipeline = Pipeline::with_capacity(batch.len() + Lane::ALL.len());
        for job in batch {
            let key = self.keys().lane(job.lane);
            let id = job.id.as_text();
            let add = pipeline.cmd("XADD").arg(key).arg("*").arg(ID).arg(id);
            if let Some(trace) = &job.trace {
                add.arg(TRACE).arg(trace);
            }
            pipeline.ignore();
        }
        let touched: Vec<Lane> = Lane::ALL
            .into_iter()
            .filter(|lane| batch.iter().any(|job| job.lane == *lane))
            .collect();
        let lengths = self.with_lengths(&mut pipeline, &touched, "XADD").await?;
        for job in batch {
            self.inner
                .metrics
                .added
                .with_label_values(&[job.lane.as_str()])
                .inc();
        }
        Ok(lengths)
    }

    /// The length of every lane, in one round trip. A lane without a stream has length 0.
    ///
    /// # Errors
    /// As every command.
    pub async fn lengths(&self) -> Result<LaneLengths, QueueError> {
        let lengths = self
            .with_lengths(&mut Pipeline::new(), &Lane::ALL, "XLEN")
            .await?;
        self.note_lengths(&lengths);
        Ok(lengths)
    }

    async fn with_lengths(
        &self,
        pipeline: &mut Pipeline,
        lanes: &[Lane],
        during: &'static str,
    ) -> Result<LaneLengths, QueueError> {
        for lane in lanes {
            pipeline.cmd("XLEN").arg(self.keys().lane(*lane));
        }
        let lengths: Vec<u64> = self.pipeline(during, pipeline).await?;
        Ok(lanes.iter().copied().zip(lengths).collect())
    }

    fn note_lengths(&self, lengths: &LaneLengths) {
        for (lane, length) in lengths {
            let length = i64::try_from(*length).unwrap_or(i64::MAX);
            self.inner
                .metrics
                .lane_length
                .with_label_values(&[lane.as_str()])
                .set(length);
        }
    }
}
