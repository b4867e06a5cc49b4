//! Putting back what was sent and is not there any more.
//!
//! That a job was sent is a note; whether its entry still exists, only its lane's stream could say, and
//! asking it job by job would cost more than sending twice. So the sweep goes by what it can see
//! cheaply, and by time. Every rule may be wrong and then only costs a duplicate, which the claim drops.
//!
//! - The stream is empty: nothing that was sent is in it. A short while for intake, which notes before
//!   it adds, and the job goes back.
//! - The stream holds fewer entries than jobs were sent: some were lost; the old ones go back.
//! - Otherwise the entries are most likely there and waiting for slow workers. Sending those again
//!   would fill the streams with duplicates, so they go back only after a long time, whatever the
//!   numbers say.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Lane;
use queue::LaneLengths;
use store::Database;

use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// Why jobs go back; how long ago they must have been sent for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// Intake adds within milliseconds of its commit, or within its command timeout of 2 s.
    Empty,
    /// Long against any claim that is on its way.
    Missing,
    /// The backstop.
    Old,
}

impl Why {
    fn age(self) -> TimeDelta {
        TimeDelta::seconds(match self {
            Self::Empty => 2,
            Self::Missing => 30,
            Self::Old => 300,
        })
    }

    /// The name in the metric's label.
    fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty_stream",
            Self::Missing => "missing_entries",
            Self::Old => "old",
        }
    }

    /// What to believe of a lane with so many jobs sent and so many entries in its stream.
    fn of(sent: u64, length: u64) -> Self {
        match length {
            0 => Self::Empty,
            _ if sent > length => Self::Missing,
            _ => Self::Old,
        }
    }
}

/// Puts back what is lost; returns how many jobs. `lengths` must have been read before this call.
pub(super) async fn put_back(
    db: &Database,
    now: DateTime<Utc>,
    lengths: &LaneLengths,
    metrics: &SchedulerMetrics,
) -> Result<u64, DutyError> {
    let sent = store::dispatch::dispatched_by_lane(db).await?;
    let mut total = 0;
    for (why, lanes) in sort(&sent, lengths) {
        let count = store::dispatch::put_back(db, &lanes, now - why.age()).await?;
        if count > 0 {
            let why = why.as_str();
            metrics
                .put_back_total
                .with_label_values(&[why])
                .inc_by(count);
            tracing::info!(
                count,
                why,
                "jobs that were sent and not claimed are sent again"
            );
        }
        total += count;
    }
    Ok(total)
}

fn sort(sent: &BTreeMap<Lane, u64>, lengths: &LaneLengths) -> BTreeMap<Why, Vec<Lane>> {
    let mut lanes: BTreeMap<Why, Vec<Lane>> = BTreeMap::new();
    for (lane, count) in sent {
        let length = lengths.get(lane).copied().unwrap_or(0);
        lanes
            .entry(Why::of(*count, length))
            .or_default()
            .push(*lane);
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_judged_by_its_entries_and_the_jobs_sent_to_it() {
        assert_eq!(Why::of(1, 0), Why::Empty);
        assert_eq!(Why::of(5, 4), Why::Missing);
        assert_eq!(Why::of(5, 5), Why::Old);
        assert_eq!(Why::of(5, 9), Why::Old);
    }

    #[test]
    fn a_lane_to_which_nothing_was_sent_is_left_alone() {
        let sent = BTreeMap::from([(Lane::Free, 2)]);
        let lengths = LaneLengths::from([(Lane::Starter, 3)]);
        assert_eq!(
            sort(&sent, &lengths),
            BTreeMap::from([(Why::Empty, vec![Lane::Free])])
        );
    }
}
