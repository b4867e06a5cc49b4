//! New ids: version 7, from the process's clock and fresh randomness.

use domain::{AttemptId, Clock, SessionId};
use uuid::{Builder, Uuid};

pub(crate) fn attempt(clock: &dyn Clock) -> AttemptId {
    AttemptId(uuid_v7(clock))
}

pub(crate) fn session(clock: &dyn Clock) -> SessionId {
    SessionId(uuid_v7(clock))
}

fn uuid_v7(clock: &dyn Clock) -> Uuid {
    let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}
