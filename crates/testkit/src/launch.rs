//! Starting a server until it is ready, on a free port or on the port it had before.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::ServerError;
use crate::guard::{Exit, GuardSpec, Guarded};
use crate::scratch;

/// How long a server may take to become ready. Usually well under 1 s; but PostgreSQL flushes every
/// file when it recovers after `kill -9`, and a test with two restarts took 25 s on a busy disk.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at a server that is starting.
const POLL_EVERY: Duration = Duration::from_millis(5);
/// Tries when the port is taken, or when children of a killed server still hold its memory.
const TRIES: u32 = 50;
/// Between two tries on a port that must stay the same.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How much of a log an error shows.
const LOG_TAIL_LINES: usize = 20;

/// A kind of server.
pub(crate) trait Server {
    /// Its name in errors.
    const NAME: &'static str;

    /// What to start for this port.
    fn spec(&self, port: u16) -> GuardSpec;

    /// The file its output goes to.
    fn log(&self) -> &Path;

    /// Whether the process `pid` (and nobody else) serves on `port`.
    async fn is_ready(&self, pid: u32, port: u16) -> bool;
}

/// Starts `server` and puts it in the place of `guard`, whose program must have ended. Takes the given
/// port, or a free one. Not to be cancelled: the server would be stopped only when `guard` is dropped.
pub(crate) async fn launch<S: Server>(
    server: &S,
    guard: &mut Guarded,
    port: Option<u16>,
) -> Result<u16, ServerError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let try_port = port.map_or_else(scratch::free_port, Ok)?;
        let log_start = std::fs::metadata(server.log()).map_or(0, |found| found.len());
        guard.succeed_by(&server.spec(try_port)).await?;
        match until_ready(server, guard, try_port).await {
            Ok(()) => return Ok(try_port),
            Err(failure) => {
                let log = log_since(server.log(), log_start);
                if tries == TRIES || !passes_with_time(&failure, &log) {
                    return Err(failure.with_log(S::NAME, &log));
                }
            }
        }
        if port.is_some() {
            sleep(RETRY_AFTER).await;
        }
    }
}

enum Failure {
    Ended(Exit),
    NotReady,
}

impl Failure {
    fn with_log(self, server: &'static str, log: &str) -> ServerError {
        let lines: Vec<&str> = log.lines().collect();
        let log = lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n");
        match self {
            Self::Ended(Exit::Status(status)) => ServerError::Ended {
                server,
                status,
                log,
            },
            Self::Ended(Exit::Unseen) => ServerError::Ended {
                server,
                status: -1,
                log,
            },
            Self::NotReady => ServerError::NotReady {
                server,
                waited_s: READY_WITHIN.as_secs(),
                log,
            },
        }
    }
}

async fn until_ready<S: Server>(server: &S, guard: &Guarded, port: u16) -> Result<(), Failure> {
    let deadline = Instant::now() + READY_WITHIN;
    while !server.is_ready(guard.pid(), port).await {
        if let Some(exit) = guard.exit() {
            return Err(Failure::Ended(exit));
        }
        if Instant::now() > deadline {
            return Err(Failure::NotReady);
        }
        sleep(POLL_EVERY).await;
    }
    Ok(())
}

/// Both servers run with English messages, so their words for these two conditions are known.
fn passes_with_time(failure: &Failure, log: &str) -> bool {
    matches!(failure, Failure::Ended(_))
        && (log.contains("Address already in use") || log.contains("is still in use"))
}

fn log_since(path: &Path, start: u64) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let start = usize::try_from(start).unwrap_or(0).min(bytes.len());
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}
