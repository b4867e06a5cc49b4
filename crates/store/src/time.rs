//! Between `timestamptz` and the `TIMESTAMP(3)` columns of the older platform, which are UTC.

use chrono::{DateTime, NaiveDateTime, Utc};

/// The instant as a brand-facing column takes it.
pub(crate) fn to_public(at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc()
}

/// The instant a brand-facing column holds.
pub(crate) fn from_public(at: NaiveDateTime) -> DateTime<Utc> {
    at.and_utc()
}
