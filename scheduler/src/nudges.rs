//! Waking a duty before its period is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use queue::NudgeFeed;
use service::CancellationToken;
use tokio::sync::Notify;

/// The bells of this process's duties, by name. A bell that rings twice before it is heard rings once.
#[derive(Debug, Clone, Default)]
pub struct Nudges {
    bells: Arc<BTreeMap<&'static str, Arc<Notify>>>,
}

impl Nudges {
    /// One bell per duty.
    pub fn new(duties: &[&'static str]) -> Self {
        let bells = duties.iter().map(|duty| (*duty, Arc::default())).collect();
        Self {
            bells: Arc::new(bells),
        }
    }

    /// The bell of a duty; one that nobody rings if there is no such duty.
    pub fn bell(&self, duty: &str) -> Arc<Notify> {
        self.bells.get(duty).cloned().unwrap_or_default()
    }

    /// Rings a duty's bell. Names of other versions' duties are left alone.
    pub fn ring(&self, duty: &str) {
        if let Some(bell) = self.bells.get(duty) {
            bell.notify_one();
        }
    }

    /// Rings for every nudge that comes by Redis, until `stop`.
    pub(crate) async fn listen(self, mut feed: NudgeFeed, stop: CancellationToken) {
        loop {
            tokio::select! {
                duty = feed.next() => self.ring(&duty),
                () = stop.cancelled() => return,
            }
        }
    }
}
