//! The whole system, and the shape of the house.
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

mod arrows;
mod billing;
mod billing_setup;
mod catalog;
mod cluster;
mod commands;
mod demo;
mod documents;
mod fonts;
mod import_bull;
mod invoicing;
mod moving;
mod outage;
mod processes;
mod quota;
mod read_back;
mod render;
mod secrecy;
mod shop;
mod storm;
mod system;
mod webhooks_in;
mod webhooks_out;
mod webhooks_verified;
