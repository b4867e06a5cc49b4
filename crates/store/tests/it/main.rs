//! The store against a real PostgreSQL: each test has a database of its own.
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

mod api_keys;
mod audits;
mod billing_example;
mod billing_faults;
mod billing_laws;
mod budgets;
mod cancel;
mod catalog;
mod claims;
mod corrections;
mod dispatch;
mod duties;
mod expiry;
mod generations;
mod held;
mod intake;
mod intake_faults;
mod intake_keys;
mod invariants;
mod invoices;
mod ledger;
mod ledgers;
mod metering;
mod migrate;
mod moving;
mod objects;
mod outcomes;
mod plans;
mod policies;
mod provider_keys;
mod quota;
mod races;
mod recovery;
mod retention;
mod schema;
mod sessions;
mod settle;
mod states;
mod subscriptions;
mod usage;
mod walk;
mod webhook_bulk;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_fan_out;
mod webhook_retention;
mod webhook_secrets;
mod world;
