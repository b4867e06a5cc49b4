//! What this process knows of its duties, for the operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// How a duty stands in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyState {
    /// It has not run yet.
    Starting,
    /// Another replica does it.
    Standby,
    /// It is done here, and the last run went well.
    Working,
    /// It is done here, or should be, and the last run failed.
    Failing,
}

/// One duty in this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LocalStatus {
    /// How it stands.
    pub state: DutyState,
    /// Its period, in milliseconds.
    pub period_ms: u64,
    /// Runs here that went well since the process started.
    pub runs: u64,
    /// When it last ran well here.
    pub last_success_at: Option<DateTime<Utc>>,
    /// What the last run that changed something did.
    pub last_change: Option<String>,
    /// Why the last run failed; empty while it goes well.
    pub last_error: Option<String>,
}

/// The statuses of all duties of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct StatusBoard {
    duties: Arc<Mutex<BTreeMap<&'static str, LocalStatus>>>,
}

impl StatusBoard {
    /// Every duty, by name.
    pub fn all(&self) -> BTreeMap<&'static str, LocalStatus> {
        self.lock().clone()
    }

    pub(crate) fn enter(&self, duty: &'static str, period_ms: u64) {
        let status = LocalStatus {
            state: DutyState::Starting,
            period_ms,
            runs: 0,
            last_success_at: None,
            last_change: None,
            last_error: None,
        };
        self.lock().insert(duty, status);
    }

    pub(crate) fn update(&self, duty: &str, change: impl FnOnce(&mut LocalStatus)) {
        if let Some(status) = self.lock().get_mut(duty) {
            change(status);
        }
    }

    /// Statuses are replaced whole, so a panic elsewhere cannot have left half of one.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, LocalStatus>> {
        self.duties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
