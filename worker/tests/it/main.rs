//! The worker against a real PostgreSQL, a real Redis and a real folder of pictures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod aftercare;
mod crash;
mod crash_points;
mod drain;
mod endings;
mod fleet;
mod lost;
mod masks;
mod moderation;
mod one_job;
mod process;
mod routing;
mod secrecy_of_keys;
mod studio;
mod world;
