//! The right to write to a job.

use domain::{Fence, GenerationId, SessionId};

/// Proof that a session claimed a job under a fence. Every later write demands it, and changes
/// nothing once the job has moved on (invariant I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The job, which is also the generation.
    pub job: GenerationId,
    /// The fence this claim raised.
    pub fence: Fence,
    /// The session that claimed.
    pub session: SessionId,
}
