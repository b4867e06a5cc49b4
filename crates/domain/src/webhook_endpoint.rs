//! What a brand can say about an endpoint that its events are sent to.
//!
//! | module | holds |
//! |---|---|
//! | `format` | the body in each of its forms |
//! | `headers` | further headers, and which are refused |
//! | `request_host` | the endpoint that stands for the address which a request named |
//!
//! Where an address may lead is judged by `target` and `address`, and again when it is connected to.

mod format;
mod headers;
mod request_host;

use std::ops::RangeInclusive;

pub use self::format::PayloadFormat;
pub use self::headers::{WebhookHeaders, WebhookHeadersFault};
pub use self::request_host::RequestHost;

/// Endpoints that one brand may have: beyond this, one that fans out by itself serves it better.
pub const MAX_ENDPOINTS: i64 = 50;
/// Longest name of an endpoint, in bytes.
pub const MAX_ENDPOINT_NAME_BYTES: usize = 100;
/// Longest address: what every common server accepts in a request line.
pub const MAX_ENDPOINT_URL_BYTES: usize = 2048;
/// Deliveries that may be under way to one endpoint at once.
pub const IN_FLIGHT: RangeInclusive<i64> = 1..=64;
/// How many where nothing else is said.
pub const DEFAULT_IN_FLIGHT: i16 = 4;
/// Milliseconds that one try may take, from the name's lookup to the last byte read.
pub const TIMEOUT_MS: RangeInclusive<i64> = 1_000..=30_000;
/// How many where nothing else is said.
pub const DEFAULT_TIMEOUT_MS: i32 = 15_000;
/// Tries a second that a brand may limit its endpoint to.
pub const RATE_PER_S: RangeInclusive<f64> = 0.01..=10_000.0;
/// Seconds that a secret goes on signing after it was replaced: nothing to seven days.
pub const OVERLAP_SECONDS: RangeInclusive<i64> = 0..=7 * 24 * 3600;
/// How many where nothing else is said: a day.
pub const DEFAULT_OVERLAP_SECONDS: i64 = 24 * 3600;
/// Secrets of one endpoint that sign at once; replacing one more ends the oldest.
pub const MAX_SECRETS: i64 = 10;
