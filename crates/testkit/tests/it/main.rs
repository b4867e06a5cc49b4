//! Tests of the real parts: servers, guard, template databases, fault proxy.
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

mod database;
mod guard;
mod observe;
mod parent_death;
mod postgres;
mod proxy;
mod redis;
mod stripe;
mod wait;
