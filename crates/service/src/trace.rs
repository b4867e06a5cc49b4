//! W3C trace context: the identity of one job's path through all processes.
//!
//! Only what `traceparent` of <https://www.w3.org/TR/trace-context/> (level 1, version 00) needs.
//! `tracestate` is not carried, and nothing is exported: the id goes into log lines (span field
//! `trace_id`), the queue and webhooks. Randomness is handed in.

use std::fmt;
use std::str::FromStr;

/// Length of `00-<32 hex>-<16 hex>-<2 hex>` in bytes.
const VERSION_00_BYTES: usize = 55;
/// The flag that says an upstream recorder sampled this trace.
const SAMPLED: u8 = 0x01;

/// A text that is not a valid `traceparent`. Callers usually start a trace of their own then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid W3C traceparent")]
pub struct InvalidTraceparent;

/// The trace a piece of work belongs to and the span that caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// A new trace from 24 random bytes: 16 for the trace, 8 for its first span.
    ///
    /// The specification reserves zero for "no id", so zero becomes one.
    pub fn generate(random: [u8; 24]) -> Self {
        let mut trace = [0; 16];
        let mut span = [0; 8];
        trace.copy_from_slice(&random[..16]);
        span.copy_from_slice(&random[16..]);
        Self {
            trace_id: u128::from_be_bytes(trace).max(1),
            span_id: u64::from_be_bytes(span).max(1),
            flags: SAMPLED,
        }
    }

    /// The same trace one step further, as a span of eight random bytes.
    #[must_use]
    pub fn child(&self, random: [u8; 8]) -> Self {
        Self {
            span_id: u64::from_be_bytes(random).max(1),
            ..*self
        }
    }

    /// The trace's id as it stands in logs: 32 lower-case hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The span's id: 16 lower-case hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// The span every line about this piece of work is logged in; its field `trace_id` is what a
    /// person searches for.
    pub fn span(&self, work: &'static str) -> tracing::Span {
        tracing::info_span!("work", work, trace_id = %self.trace_id())
    }
}

/// Writes the `traceparent` header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id, self.span_id, self.flags
        )
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    /// Accepts version 00 exactly, and of later versions the part that version 00 defines.
    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let bytes = text.as_bytes();
        let head = bytes.get(..VERSION_00_BYTES).ok_or(InvalidTraceparent)?;
        if head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
            return Err(InvalidTraceparent);
        }
        let version = hex(&head[..2])?;
        let rest = &bytes[VERSION_00_BYTES..];
        let length_fits = match version {
            0x00 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest[0] == b'-',
        };
        let trace_id = hex(&head[3..35])?;
        let span_id = u64::try_from(hex(&head[36..52])?).map_err(|_| InvalidTraceparent)?;
        let flags = u8::try_from(hex(&head[53..55])?).map_err(|_| InvalidTraceparent)?;
        if !length_fits || trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceparent);
        }
        // Only the sampled flag is defined; the specification wants unknown flags sent as zero.
        Ok(Self {
            trace_id,
            span_id,
            flags: flags & SAMPLED,
        })
    }
}

/// Up to 32 lower-case hexadecimal digits as a number. Upper case is invalid by the specification.
fn hex(digits: &[u8]) -> Result<u128, InvalidTraceparent> {
    digits.iter().try_fold(0_u128, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return Err(InvalidTraceparent),
        };
        Ok(value << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_specification_survives_a_round_trip() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id(), "00f067aa0ba902b7");
    }

    #[test]
    fn malformed_texts_are_refused() {
        let bad = [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-0f067aa0ba902b7-01",
        ];
        for text in bad {
            assert_eq!(
                text.parse::<TraceContext>(),
                Err(InvalidTraceparent),
                "{text}"
            );
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-extra";
        assert_eq!(later.parse::<TraceContext>().unwrap().to_string(), EXAMPLE);
    }

    #[test]
    fn a_child_keeps_the_trace_and_changes_the_span() {
        let parent = TraceContext::generate([7; 24]);
        let child = parent.child([9; 8]);
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_eq!(child.span_id(), "0909090909090909");
        assert_ne!(child.span_id(), parent.span_id());
    }

    #[test]
    fn all_zero_randomness_still_gives_a_valid_context() {
        let context = TraceContext::generate([0; 24]).child([0; 8]);
        assert_eq!(context.to_string().parse(), Ok(context));
    }
}
