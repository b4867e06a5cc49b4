//! The pure rules of Atelier.
//!
//! Everything here is a value or a function of its arguments: no tokio, no I/O, no clock and no
//! random numbers of its own. Time comes in as a [`Clock`] or an instant, chance as bytes or a
//! fraction. That is what makes every rule testable without a server.

mod clock;
mod ids;
mod job;
mod lane;
mod money;

pub use clock::Clock;
pub use ids::{AttemptId, BrandId, GenerationId, IdError, KeyId, ProductId, PublicId, SessionId};
pub use job::{Fence, IllegalMove, JobState, MAX_CRASHES, Move};
pub use lane::{Lane, Plan};
pub use money::{Currency, Micros};
