//! What the providers promise, seen from outside.
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

mod compatible;
mod fetch;
mod hostile;
mod openai;
mod openai_calls;
mod replicate;
mod sandbox;
mod stability;
mod synthetic;
mod uploads;
mod wire;
