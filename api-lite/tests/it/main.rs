//! The HTTP intake on a real PostgreSQL and a real Redis.
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

mod world;

mod account;
mod callback;
mod cancel;
mod content;
mod create;
mod idempotency;
mod invoices;
mod keys;
mod limits;
mod list;
mod media;
mod openapi;
mod outage;
mod quota;
mod refused;
mod streams;
mod stripe;
mod webhooks;
mod widget;
