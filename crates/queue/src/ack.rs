//! Taking delivered entries out of their streams.

use domain::Lane;
use redis::Pipeline;

use crate::entry::EntryId;
use crate::error::QueueError;
use crate::handle::Queue;
use crate::keys::GROUP;

impl Queue {
    /// Acknowledges and deletes entries **that were delivered to this process**, in one transaction.
    ///
    /// Call it as soon as the claim was answered, whatever the answer: from then on PostgreSQL holds
    /// the lease, and the entry has nothing more to say. `XACK` alone would let the stream grow for
    /// ever; `XDEL` alone would leave the entry pending.
    ///
    /// # Errors
    /// The entries stay pending and [`Queue::reclaim`] removes them later. Safe to cancel and to
    /// repeat.
    pub async fn settle_entries(&self, entries: &[(Lane, EntryId)]) -> Result<(), QueueError> {
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        for lane in Lane::ALL {
            let ids: Vec<&str> = entries
                .iter()
                .filter(|(of, _)| *of == lane)
                .map(|(_, entry)| entry.as_str())
                .collect();
            if ids.is_empty() {
                continue;
            }
            let key = self.keys().lane(lane);
            pipeline.cmd("XACK").arg(key).arg(GROUP).arg(&ids).ignore();
            pipeline.cmd("XDEL").arg(key).arg(&ids).ignore();
        }
        if pipeline.is_empty() {
            return Ok(());
        }
        self.pipeline::<()>("XACK", &pipeline).await?;
        for (lane, _) in entries {
            self.inner
                .metrics
                .settled
                .with_label_values(&[lane.as_str()])
                .inc();
        }
        Ok(())
    }
}
