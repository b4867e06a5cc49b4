//! PostgreSQL and object storage: what must never be lost.
//!
//! One module per aggregate, plain functions over a [`Database`], checked SQL. Every statement begins
//! with the name of the function that sends it, so that it is found in `pg_stat_activity`. `now` is a
//! bind from the caller's clock, except where leases expire: there the database's own clock decides.
//!
//! There are deliberately no storage traits: there is one database.

mod config;
mod database;
mod ending;
mod error;
mod events;
mod generation_status;
mod lease;
mod metrics;
mod outbox;
mod time;

pub mod aftercare;
pub mod api_keys;
pub mod ar_views;
pub mod audits;
pub mod billing;
pub mod billing_profiles;
pub mod brand_fonts;
pub mod brand_invoices;
pub mod brands;
pub mod budgets;
pub mod callbacks;
pub mod cancel;
pub mod catalog;
pub mod claims;
pub mod dispatch;
pub mod duties;
pub mod epochs;
pub mod expiry;
pub mod generations;
pub mod held;
pub mod import;
pub mod intake;
pub mod invoice_files;
pub mod invoices;
pub mod ledger;
pub mod metering;
pub mod migrate;
pub mod moderations;
pub mod objects;
pub mod periods;
pub mod plans;
pub mod policies;
pub mod products;
pub mod provider_keys;
pub mod quota;
pub mod recovery;
pub mod retention;
pub mod routes;
pub mod seal;
pub mod sellers;
pub mod sessions;
pub mod settle;
pub mod stripe;
pub mod subscriptions;
pub mod usage;
pub mod usage_report;
pub mod webhooks;

pub use config::{DatabaseArgs, ObjectArgs, WebhookArgs};
pub use database::{Database, Transaction};
pub use error::StoreError;
pub use lease::Lease;
pub use metrics::StoreMetrics;
pub use objects::Objects;
pub use seal::{SealError, Sealed, SealingArgs, SealingKeys};
