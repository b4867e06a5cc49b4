//! The faults that are armed, and which of them a request meets.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Fault, Fired, Kind, Mode};
use crate::error::SandboxError;
use crate::provider::Provider;

/// So many faults may be armed at once.
const MAX_FAULTS: usize = 1000;

/// The faults that are armed. They may be changed at any time and hold from the next request.
#[derive(Debug, Default)]
pub struct FaultPlan {
    armed: Mutex<Armed>,
}

/// An armed fault and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultStatus {
    /// Its number.
    pub id: u64,
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many requests it met.
    pub met: u64,
}

#[derive(Debug, Default)]
struct Armed {
    faults: Vec<Arming>,
    last_id: u64,
}

#[derive(Debug)]
struct Arming {
    status: FaultStatus,
    /// Requests it could have met.
    seen: u64,
    window: Option<Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    passed: u32,
}

/// What a request looks like to a fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe<'a> {
    pub(crate) provider: Provider,
    pub(crate) endpoint: &'a str,
    pub(crate) model: &'a str,
    pub(crate) kind: Kind,
}

impl FaultPlan {
    /// Arms a fault after those that are armed, and gives its number.
    ///
    /// # Errors
    /// [`SandboxError::Fault`] when its parameters do not fit, or a thousand are armed.
    pub fn push(&self, fault: Fault) -> Result<u64, SandboxError> {
        fault.check()?;
        let mut armed = self.armed();
        if armed.faults.len() >= MAX_FAULTS {
            let text = format!("{MAX_FAULTS} faults are armed, which is the most; remove some");
            return Err(SandboxError::Fault(text));
        }
        armed.last_id += 1;
        let id = armed.last_id;
        let status = FaultStatus { id, fault, met: 0 };
        armed.faults.push(Arming {
            status,
            seen: 0,
            window: None,
        });
        Ok(id)
    }

    /// All armed faults, spent ones too.
    pub fn list(&self) -> Vec<FaultStatus> {
        self.armed()
            .faults
            .iter()
            .map(|a| a.status.clone())
            .collect()
    }

    /// Removes one; whether it was there.
    pub fn remove(&self, id: u64) -> bool {
        let mut armed = self.armed();
        let before = armed.faults.len();
        armed.faults.retain(|arming| arming.status.id != id);
        armed.faults.len() < before
    }

    /// Removes all.
    pub fn clear(&self) {
        self.armed().faults.clear();
    }

    /// The faults that a request meets, counted as met.
    pub(crate) fn meet(&self, probe: Probe<'_>) -> Fired {
        let mut fired = Fired::default();
        for arming in &mut self.armed().faults {
            arming.meet(probe, &mut fired);
        }
        fired
    }

    fn armed(&self) -> MutexGuard<'_, Armed> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arming {
    fn meet(&mut self, probe: Probe<'_>, fired: &mut Fired) {
        let fault = &self.status.fault;
        let spent = fault
            .times
            .is_some_and(|times| self.status.met >= u64::from(times));
        if spent || !applies(fault, probe) {
            return;
        }
        self.seen += 1;
        if self.seen <= u64::from(fault.skip) || !chance(fault, self.seen) {
            return;
        }
        if fault.mode == Mode::RateLimit {
            let Some(left) = self.over_limit() else {
                return;
            };
            fired.window_left = Some(left);
        }
        self.status.met += 1;
        fired.push(self.status.fault.clone());
    }

    /// How long until the window ends, if this request is over its limit; else it is counted.
    fn over_limit(&mut self) -> Option<Duration> {
        let fault = &self.status.fault;
        let length = Duration::from_millis(fault.window_ms.unwrap_or(1).max(1));
        let requests = fault.requests.unwrap_or(0);
        let now = Instant::now();
        let window = self.window.get_or_insert(Window {
            began: now,
            passed: 0,
        });
        let age = now.duration_since(window.began);
        if age >= length {
            *window = Window {
                began: now,
                passed: 0,
            };
        } else if window.passed >= requests {
            return Some(length.saturating_sub(age));
        }
        if requests == 0 {
            return Some(length);
        }
        window.passed += 1;
        None
    }
}

fn applies(fault: &Fault, probe: Probe<'_>) -> bool {
    let endpoint_fits = match &fault.endpoint {
        None => true,
        Some(wanted) => probe
            .endpoint
            .strip_prefix(wanted.trim_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    endpoint_fits
        && fault
            .provider
            .is_none_or(|provider| provider == probe.provider)
        && fault
            .model
            .as_ref()
            .is_none_or(|model| model == probe.model)
        && fault
            .mode
            .meets(probe.provider, probe.kind, fault.endpoint.is_some())
}

/// Whether the fault's chance falls on this request: the same seed gives the same answers.
fn chance(fault: &Fault, number: u64) -> bool {
    if fault.probability >= 1.0 {
        return true;
    }
    // SplitMix64, whose upper 53 bits are a fraction.
    let mut x = fault
        .seed
        .wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    ((x >> 11) as f64 / (1_u64 << 53) as f64) < fault.probability
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fault::RetryAfter;

    const GENERATE: Probe<'static> = Probe {
        provider: Provider::OpenAi,
        endpoint: "images/generations",
        model: "gpt-image-2",
        kind: Kind::Sync,
    };

    fn plan(faults: impl IntoIterator<Item = Fault>) -> FaultPlan {
        let plan = FaultPlan::default();
        for fault in faults {
            plan.push(fault).unwrap();
        }
        plan
    }

    #[test]
    fn a_fault_meets_so_many_requests_after_those_it_skips() {
        let plan = plan([Fault::new(Mode::ErrorBefore).after(1).times(2)]);
        let met: Vec<bool> = (0..5)
            .map(|_| plan.meet(GENERATE).has(Mode::ErrorBefore))
            .collect();
        assert_eq!(met, [false, true, true, false, false]);
        assert_eq!(plan.list()[0].met, 2);
    }

    #[test]
    fn filters_leave_others_alone() {
        let others = [
            Fault::new(Mode::ErrorBefore).of(Provider::Stability),
            Fault::new(Mode::ErrorBefore).for_model("gpt-image-1"),
            Fault::new(Mode::ErrorBefore).on("images/edits"),
            Fault::new(Mode::ErrorBefore).on("images/gen"),
            Fault::new(Mode::NeverFinishes),
        ];
        let plan = plan(others);
        assert!(plan.meet(GENERATE).names().is_empty());
        assert!(plan.list().iter().all(|status| status.met == 0));
        let poll = Probe {
            endpoint: "responses/get",
            kind: Kind::Read,
            ..GENERATE
        };
        let plan = self::plan([
            Fault::new(Mode::ErrorBefore),
            Fault::new(Mode::InvalidJson).on("responses"),
        ]);
        assert_eq!(plan.meet(poll).names(), ["invalid_json"]);
    }

    #[test]
    fn a_chance_is_the_same_for_the_same_seed_and_about_as_large_as_told() {
        let draw = |seed| {
            let mut fault = Fault::new(Mode::ErrorBefore);
            fault.probability = 0.3;
            fault.seed = seed;
            let plan = plan([fault]);
            (0..1000)
                .map(|_| plan.meet(GENERATE).has(Mode::ErrorBefore))
                .collect::<Vec<_>>()
        };
        let first = draw(7);
        assert_eq!(first, draw(7));
        assert_ne!(first, draw(8));
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&hits), "{hits}");
    }

    #[test]
    fn a_rate_limit_lets_so_many_pass_and_says_when_its_window_ends() {
        let plan = plan([Fault::rate_limit(2, 60_000, RetryAfter::Honest)]);
        assert!(plan.meet(GENERATE).names().is_empty());
        assert!(plan.meet(GENERATE).names().is_empty());
        let refused = plan.meet(GENERATE);
        assert_eq!(refused.names(), ["rate_limit"]);
        assert!(refused.window_left.unwrap() > Duration::from_secs(59));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let cases = [
            (
                json!({"mode": "meteor"}),
                "no mode is called `meteor`; there are reset_before_accept, ",
            ),
            (
                json!({"mode": "quota", "ms": 5}),
                "mode quota takes code, not ms",
            ),
            (
                json!({"mode": "aborted", "provider": "openai"}),
                "does not exist for openai",
            ),
            (
                json!({"mode": "aborted", "code": "x"}),
                "takes no parameters, not code",
            ),
            (json!({"mode": "503", "probability": 2}), "must be 0 to 1"),
            (
                json!({"mode": "rate_limit"}),
                "needs requests and window_ms",
            ),
            (json!({"mode": "slow", "sm": 5}), "unknown field `sm`"),
            (
                json!({"mode": "500_before", "status": 200}),
                "must be 500 to 599",
            ),
            (json!([{"mode": "503"}, {}]), "fault 2: "),
            (json!({"faults": 1}), "must be an array"),
        ];
        for (value, expected) in cases {
            let told = Fault::list_from_json(value.clone())
                .unwrap_err()
                .to_string();
            assert!(told.contains(expected), "{value}: {told}");
        }
    }
}
