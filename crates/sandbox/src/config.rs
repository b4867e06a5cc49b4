//! What a sandbox can be told at the start.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::fault::Fault;

/// Settings of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Faults that are armed from the start.
    pub faults: Vec<Fault>,
    /// How long things take.
    pub timings: Timings,
}

impl Default for SandboxConfig {
    /// A free port of the loopback interface, no faults, quick work.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            faults: Vec::new(),
            timings: Timings::default(),
        }
    }
}

/// How long things take. The defaults keep tests quick; the real services need minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timings {
    /// From accepting to answering, for calls that answer with the picture.
    pub sync_work: Duration,
    /// From accepting to starting, for work that is polled.
    pub queued: Duration,
    /// From starting to the picture, for work that is polled.
    pub async_work: Duration,
    /// How long a Replicate file and a prediction's data can be read. The real service: one hour.
    pub file_life: Duration,
    /// How long a finished response of OpenAI's background mode can be read. The real service: about
    /// ten minutes.
    pub response_life: Duration,
    /// Pauses before a webhook that was not answered with 2xx is sent again.
    pub webhook_retries: Vec<Duration>,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            sync_work: Duration::ZERO,
            queued: Duration::from_millis(20),
            async_work: Duration::from_millis(80),
            file_life: Duration::from_secs(3600),
            response_life: Duration::from_secs(600),
            webhook_retries: [250, 500, 1000, 2000, 4000]
                .map(Duration::from_millis)
                .to_vec(),
        }
    }
}

impl Timings {
    /// Everything takes `work`: synchronous calls answer after it, polled ones wait a fifth of it
    /// and then run for it.
    #[must_use]
    pub fn with_work(mut self, work: Duration) -> Self {
        self.sync_work = work;
        self.queued = work / 5;
        self.async_work = work;
        self
    }
}
