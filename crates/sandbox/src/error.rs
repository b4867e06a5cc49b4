//! Why a sandbox does not start, or refuses a fault.

use std::io;
use std::net::SocketAddr;

/// Why a sandbox does not start, or refuses a fault.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address cannot be had.
    #[error("cannot listen on {listen}")]
    Listen {
        /// What was asked for.
        listen: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No threads to draw on.
    #[error("cannot start the drawing threads")]
    Threads(#[source] imaging::PoolError),
    /// A fault that makes no sense; the text says why and what would.
    #[error("{0}")]
    Fault(String),
}
