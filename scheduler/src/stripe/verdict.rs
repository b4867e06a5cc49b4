//! What an answer means for its step.

use chrono::{DateTime, TimeDelta, Utc};
use store::stripe::Outcome;

use super::client::Refusal;

/// After 500, the first pause; it doubles with each try. No jitter: one scheduler does this duty at a time.
const FIRST_PAUSE_SECONDS: i64 = 5;
const LONGEST_PAUSE_SECONDS: i64 = 3_600;

/// What to do with a step now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Write this down.
    Record(Outcome),
    /// Stripe refuses the account's key: no step can be done, and it is none of their fault.
    Account {
        /// What Stripe said.
        error: String,
        /// What to write down for the step that met it.
        outcome: Outcome,
    },
}

impl Verdict {
    pub(super) fn done(stripe_id: impl Into<String>) -> Self {
        Self::Record(Outcome::Done {
            stripe_id: stripe_id.into(),
        })
    }

    pub(super) fn stuck(error: impl Into<String>) -> Self {
        Self::Record(Outcome::Stuck {
            error: error.into(),
        })
    }

    /// No answer came: the same request again. Stripe answers it with what it answered, or would have.
    pub(super) fn lost(error: String, now: DateTime<Utc>, tries: i32) -> Self {
        Self::Record(later(error, pause(now, tries, None), false))
    }

    /// What Stripe's refusal asks for; `None` where only a look can tell, because the step may have been done
    /// before and be refused for that.
    pub(super) fn of_refusal(refusal: &Refusal, now: DateTime<Utc>, tries: i32) -> Option<Self> {
        let error = refusal.to_string();
        let at = pause(now, tries, refusal.retry_after_seconds);
        Some(match refusal.status {
            401 | 403 => Self::Account {
                outcome: later(error.clone(), at, false),
                error,
            },
            // Another request under this key is under way, or there are too many: nothing began.
            409 | 429 => Self::Record(later(error, at, false)),
            // Kept under the key, whether or not it was done.
            500.. => Self::Record(later(error, at, true)),
            // The same key with other parameters. Another key could make a second invoice: a person decides.
            _ if refusal.kind == "idempotency_error" => Self::stuck(error),
            _ => return None,
        })
    }
}

fn later(error: String, at: DateTime<Utc>, must_look: bool) -> Outcome {
    Outcome::Later {
        at,
        error,
        must_look,
    }
}

fn pause(now: DateTime<Utc>, tries: i32, asked_seconds: Option<u64>) -> DateTime<Utc> {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(16);
    let own = FIRST_PAUSE_SECONDS.saturating_mul(1 << doublings);
    let asked = asked_seconds.and_then(|seconds| i64::try_from(seconds).ok());
    let seconds = own.max(asked.unwrap_or(0)).min(LONGEST_PAUSE_SECONDS);
    now + TimeDelta::seconds(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, kind: &str) -> Refusal {
        Refusal {
            status,
            kind: kind.to_owned(),
            ..Refusal::default()
        }
    }

    #[test]
    fn each_refusal_has_its_consequence() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let of = |status, kind| Verdict::of_refusal(&refusal(status, kind), now, 1);
        for (status, looks) in [
            (409, false),
            (429, false),
            (500, true),
            (502, true),
            (503, true),
        ] {
            match of(status, "api_error") {
                Some(Verdict::Record(Outcome::Later { must_look, at, .. })) => {
                    assert_eq!(
                        (must_look, at),
                        (looks, now + TimeDelta::seconds(5)),
                        "{status}"
                    );
                }
                other => panic!("{status}: {other:?}"),
            }
        }
        for status in [401, 403] {
            assert!(
                matches!(of(status, ""), Some(Verdict::Account { .. })),
                "{status}"
            );
        }
        let mismatch = of(400, "idempotency_error");
        assert!(matches!(
            mismatch,
            Some(Verdict::Record(Outcome::Stuck { .. }))
        ));
        for status in [400, 402, 404] {
            assert_eq!(of(status, "invalid_request_error"), None, "{status}");
        }
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_are_never_shorter_than_asked() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let seconds = |tries, asked| pause(now, tries, asked).timestamp();
        assert_eq!(
            [1, 2, 3, 10].map(|tries| seconds(tries, None)),
            [5, 10, 20, 2_560]
        );
        assert_eq!(
            [11, 40, i32::MAX].map(|tries| seconds(tries, None)),
            [3_600; 3]
        );
        assert_eq!((seconds(1, Some(60)), seconds(5, Some(1))), (60, 80));
        assert_eq!(seconds(1, Some(u64::MAX)), 5);
    }
}
