//! Waiting for something to become true, instead of sleeping and hoping.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// First pause between two looks; doubled up to [`PAUSE_MAX`], so that quick things are seen at once
/// and slow ones cost little.
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// It did not become true in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("waited {waited_ms} ms in vain until {what}")]
pub struct WaitError {
    /// What should have become true.
    pub what: String,
    /// How long it had, in milliseconds.
    pub waited_ms: u128,
}

/// Asks `predicate` again and again until it says yes. `what` completes "waited until …".
///
/// The predicate is always asked at least once. One that hangs fails too, at the deadline; it is then
/// dropped in the middle.
///
/// # Errors
/// [`WaitError`] naming `what` after `timeout`.
pub async fn until(
    what: &str,
    timeout: Duration,
    mut predicate: impl AsyncFnMut() -> bool,
) -> Result<(), WaitError> {
    until_some(what, timeout, async || predicate().await.then_some(())).await
}

/// As [`until`], but hands over what was found.
///
/// # Errors
/// [`WaitError`] naming `what` after `timeout`.
pub async fn until_some<T>(
    what: &str,
    timeout: Duration,
    mut find: impl AsyncFnMut() -> Option<T>,
) -> Result<T, WaitError> {
    let late = || WaitError {
        what: what.to_owned(),
        waited_ms: timeout.as_millis(),
    };
    let deadline = Instant::now() + timeout;
    let mut pause = PAUSE_MIN;
    loop {
        if let Some(found) = tokio::time::timeout_at(deadline, find())
            .await
            .map_err(|_| late())?
        {
            return Ok(found);
        }
        if Instant::now() + pause > deadline {
            return Err(late());
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
