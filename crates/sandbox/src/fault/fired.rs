//! The faults that one request meets.

use std::time::Duration;

use super::{Fault, Mode, RetryAfter};

/// The faults that one request meets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fired {
    faults: Vec<Fault>,
    /// How long until the window of a rate limit ends, when one refuses the request.
    pub(crate) window_left: Option<Duration>,
}

impl Fired {
    pub(crate) fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// No faults.
    pub(crate) const NONE: Self = Self {
        faults: Vec::new(),
        window_left: None,
    };

    /// The first fault of this mode.
    pub(crate) fn get(&self, mode: Mode) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.mode == mode)
    }

    pub(crate) fn has(&self, mode: Mode) -> bool {
        self.get(mode).is_some()
    }

    /// The milliseconds of the first fault of this mode, zero if it names none.
    pub(crate) fn pause(&self, mode: Mode) -> Option<Duration> {
        let fault = self.get(mode)?;
        Some(Duration::from_millis(fault.ms.unwrap_or(0)))
    }

    /// What a refusal of this mode says about coming back.
    pub(crate) fn retry_after(&self, mode: Mode) -> RetryAfter {
        self.get(mode)
            .and_then(|f| f.retry_after)
            .unwrap_or_default()
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.faults
            .iter()
            .map(|fault| fault.mode.info().name)
            .collect()
    }
}
