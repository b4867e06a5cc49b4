//! Image providers behind one trait.
//!
//! A paid call is never repeated without proof that the first was not accepted. So requests are
//! prepared as pure values ([`Prepared`]), errors answer four questions instead of one
//! ([`ProviderError`]), and what has no answer is reconciled and not sent again ([`Reconciled`]).
//!
//! Pictures that a shopper names by URL are fetched by [`Fetcher`], which trusts nothing.
//!
//! This crate knows no database and no job: the ledger entry before a call and the settlement after
//! it are the worker's.

mod config;
mod error;
mod fetch;
mod http;
mod provider;
mod registry;
mod request;
mod synthetic;
mod wire;

pub use config::{ConfigError, FetchConfig, ProvidersConfig, SyntheticConfig};
pub use error::{ErrorKind, Next, ProviderError, Sent, Spent};
pub use fetch::{FetchError, Fetcher, RefusedAddress};
pub use provider::{
    Canceled, Capabilities, Finished, OpenAttempt, Polled, Provider, Reconciled, Submitted,
};
pub use registry::{Providers, UnknownProvider};
pub use request::{ImageRequest, seed_of};
pub use synthetic::{Failure, FailurePlan, PlanError, Synthetic};
pub use wire::Prepared;
