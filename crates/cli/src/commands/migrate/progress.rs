//! What a migration tells while it goes on, on standard error.

use std::time::{Duration, Instant};

use store::migrate::Event;

use crate::output;

/// Not more than a line a second of the same step.
const EVERY: Duration = Duration::from_secs(1);

/// Remembers what was told last.
#[derive(Debug, Default)]
pub(super) struct Progress {
    told: Option<(&'static str, Instant)>,
}

impl Progress {
    pub(super) fn tell(&mut self, event: &Event) {
        match event {
            Event::Waiting => {
                output::note("another process is migrating this database: waiting for it")
            }
            Event::Start(sentence) => output::note(sentence),
            Event::Begun(name) => output::note(&format!("{name} …")),
            Event::Done(name) => output::note(&format!("{name}: done")),
            Event::Retry { place, tries, .. } => output::note(&format!(
                "  {place}: somebody holds a lock; gave way, attempt {}",
                tries + 1
            )),
            Event::Step {
                step, done, total, ..
            } => self.step(step, *done, *total),
        }
    }

    fn step(&mut self, step: &'static str, done: i64, total: Option<i64>) {
        let finished = total.is_none_or(|total| done >= total);
        if let Some((told, at)) = self.told
            && told == step
            && at.elapsed() < EVERY
            && !finished
        {
            return;
        }
        self.told = Some((step, Instant::now()));
        output::note(&match total {
            Some(total) if total > 0 => {
                format!("  {step}: {done} of {total} ({} %)", done * 100 / total)
            }
            _ => format!("  {step}: {done} rows"),
        });
    }
}
