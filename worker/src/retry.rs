//! Repeating what must not be given up.

use std::future::Future;
use std::time::Duration;

use service::telemetry::error_chain;
use store::StoreError;

/// Pauses double from here …
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// … to here: a database that comes back is met within two seconds.
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Repeats a write that may be repeated until the store takes it or refuses it for good. Its end while
/// the store is away is the end of the process: a lost lease stops that hard.
///
/// Logs the first failure of a row only.
///
/// # Errors
/// Only an error that no repetition mends.
pub(crate) async fn persistently<T, F>(
    what: &'static str,
    mut write: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match write().await {
            Err(error) if error.is_transient() => {
                if pause == FIRST_PAUSE {
                    tracing::warn!(
                        what,
                        error = error_chain(&error),
                        "the store is away, repeating"
                    );
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
            result => return result,
        }
    }
}
