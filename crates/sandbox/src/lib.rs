//! The image providers, on this machine: OpenAI, Stability and Replicate over real sockets.
//!
//! A [`Sandbox`] serves the wire shapes of the three (`/openai/v1`, `/stability`, `/replicate/v1`),
//! draws real pictures, bills what the real service would bill into a [`Ledger`] that anybody can
//! read, and misbehaves on command: see [`Fault`] and [`Mode`]. Official clients are run against it
//! in its tests, so that what Atelier's adapters learn here holds outside.
//!
//! | module | owns |
//! |---|---|
//! | `server`, `socket` | connections: resets, and knowing that an answer left completely |
//! | `call`, `answer` | what all requests have in common: key, faults, ledger entry, headers |
//! | `fault` | what goes wrong, for whom and how often |
//! | `ledger` | what was accepted, billed and delivered |
//! | `draw` | pictures, a pure function of the request |
//! | `openai`, `stability`, `replicate` | one provider's shapes each |
//! | `control` | `/_ledger`, `/_faults`, `/_reset` |
//!
//! It deliberately knows nothing of jobs, brands or the adapters, and keeps nothing on disk.

mod answer;
mod call;
mod config;
mod control;
mod draw;
mod error;
mod fault;
mod form;
mod ids;
mod ledger;
mod openai;
mod provider;
mod replicate;
mod sandbox;
mod server;
mod socket;
mod source;
mod stability;
mod world;

pub use config::{SandboxConfig, Timings};
pub use error::SandboxError;
pub use fault::{Fault, FaultPlan, FaultStatus, Mode, ModeInfo, RetryAfter};
pub use ledger::{Entry, Ledger};
pub use provider::Provider;
pub use sandbox::Sandbox;
