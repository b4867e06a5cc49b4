//! Asking whether the money adds up.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::Clock;
use store::Database;
use store::audits::{self, CHECKS};

use crate::duty::{Duty, Progress};
use crate::error::DutyError;
use crate::metrics::SchedulerMetrics;

/// How far back documents are read again; `atelier audit money` reads all of them.
fn window() -> TimeDelta {
    TimeDelta::days(40)
}

/// The duty `audit`: the questions of [`store::audits`], and a number of differences for each. It changes
/// nothing.
pub struct Audit {
    db: Database,
    clock: Arc<dyn Clock>,
    metrics: SchedulerMetrics,
}

impl Audit {
    /// The duty's name.
    pub const NAME: &'static str = "audit";

    /// The duty.
    pub fn new(db: Database, clock: Arc<dyn Clock>, metrics: SchedulerMetrics) -> Self {
        Self { db, clock, metrics }
    }
}

impl Duty for Audit {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    async fn run(&mut self) -> Result<Progress, DutyError> {
        let since = self.clock.now() - window();
        let differences = audits::money(&self.db, Some(since)).await?;
        for check in CHECKS {
            let found = differences.iter().filter(|one| one.check == check).count();
            let gauge = self.metrics.audit_differences.with_label_values(&[check]);
            gauge.set(i64::try_from(found).unwrap_or(i64::MAX));
        }
        for one in &differences {
            tracing::error!(
                check = one.check,
                subject = one.subject,
                detail = one.detail,
                "the money does not add up"
            );
        }
        Ok(Progress {
            changed: 0,
            detail: match differences.len() {
                0 => String::new(),
                count => format!("found {count} differences; atelier audit money lists them"),
            },
            more: false,
            next_at: None,
        })
    }

    fn stand_down(&mut self) {
        for check in CHECKS {
            self.metrics
                .audit_differences
                .with_label_values(&[check])
                .set(0);
        }
    }
}
