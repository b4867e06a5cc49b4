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

mod compatible;
mod config;
mod credential;
mod error;
mod fetch;
pub mod guard;
mod http;
mod mask;
mod models;
mod moderation;
mod money;
mod multipart;
mod openai;
mod picture;
mod provider;
mod rate;
mod registry;
mod replicate;
mod request;
pub mod routing;
mod rows;
mod stability;
mod synthetic;
mod transport;
mod wire;

pub use compatible::{Compatible, CompatibleEndpoint};
pub use config::{
    CompatibleConfig, ConfigError, FetchConfig, ModelsConfig, OpenAiConfig, ProvidersConfig,
    SyntheticConfig,
};
pub use credential::{CallContext, Credential};
pub use domain::address::RefusedAddress;
pub use error::{ErrorKind, Next, ProviderError, Sent, Spent};
pub use fetch::{FetchError, Fetcher};
pub use models::{
    Charged, ControlSyntax, MaskConvention, Model, ModelError, ModelRegistry, ModelRow,
    ModelsFileError, NegativePrompt, Price, PriceBasis, Priced, Quote, Recovery, Resolved,
    RetiredModel, Sizes, TextModel, Usage,
};
pub use moderation::{Moderation, ModerationVerdict};
pub use openai::OpenAi;
pub use provider::{Canceled, Finished, OpenAttempt, Polled, Provider, Reconciled, Submitted};
pub use rate::{RateHints, RateWindow};
pub use registry::{Providers, UnknownProvider};
pub use replicate::{Replicate, ReplicateConfig, ReplicateRow, SizeInput};
pub use request::{Background, ImageRequest, InputImage, Operation, OperationKind, seed_of};
pub use stability::{Stability, StabilityConfig};
pub use synthetic::{Failure, FailurePlan, PlanError, Synthetic};
pub use wire::{Prepared, Upload};
