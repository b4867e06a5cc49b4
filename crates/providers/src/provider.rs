//! The one trait behind which every image provider stands.
//!
//! The order of a call, and who writes what into the ledger:
//!
//! ```text
//! prepare ─▶ ledger: submitting ─▶ submit ─┬▶ Finished ─▶ ledger: fetched
//! (pure)     (committed first)             └▶ Accepted ─▶ ledger: accepted ─▶ poll … ─▶ fetched
//! ```
//!
//! A new owner of a job reads the ledger first: an accepted attempt is polled by its reference, a
//! submitting one is reconciled, and neither is submitted.
//!
//! Implementations never retry by themselves; they classify and return. Their futures may be dropped
//! at any await point, after which the outcome of a submit counts as unknown.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{AttemptId, Micros};
use url::Url;

use crate::credential::CallContext;
use crate::error::ProviderError;
use crate::models::{Model, ModelError, Resolved};
use crate::rate::RateHints;
use crate::request::ImageRequest;
use crate::wire::Prepared;

/// An image provider.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The name in configuration, ledger and metric labels: lower case, stable.
    fn name(&self) -> &'static str;

    /// The model used where neither brand nor product names one.
    fn default_model(&self) -> &str;

    /// What `model` can do and costs; `None` where this provider has no such model.
    fn model(&self, model: &str) -> Option<Model>;

    /// The model to use where `model` is asked for on the day `today`: the same while it lives, the one
    /// that replaces it, with a note, once it is retired.
    ///
    /// # Errors
    /// A name that this provider has no model for, or none that lives.
    fn resolve(&self, model: &str, today: NaiveDate) -> Result<Resolved, ModelError> {
        let _ = today;
        let found = self.model(model).ok_or_else(|| ModelError::Unknown {
            provider: self.name().to_owned(),
            model: model.to_owned(),
            known: String::new(),
        })?;
        Ok(Resolved {
            model: found,
            note: None,
        })
    }

    /// Whether a call needs somebody's key.
    fn needs_key(&self) -> bool {
        false
    }

    /// Whether the provider would announce the ends of calls at this address of ours. Most announce
    /// nothing.
    fn announces_at(&self, address: &Url) -> bool {
        let _ = address;
        false
    }

    /// Turns a request into the exact bytes that would be sent. Pure: the same request gives the
    /// same bytes, nothing is called, nothing is remembered.
    ///
    /// # Errors
    /// A request this provider can never serve (unknown model, size out of range).
    fn prepare(&self, request: &ImageRequest) -> Result<Prepared, ProviderError>;

    /// Sends it: the one call that costs money. The ledger must hold the attempt before.
    ///
    /// Dropping the future leaves the outcome unknown: reconcile.
    ///
    /// # Errors
    /// Classified: see [`ProviderError`]. Past the deadline it is a
    /// [`Timeout`](crate::ErrorKind::Timeout).
    async fn submit(
        &self,
        prepared: Prepared,
        call: CallContext<'_>,
    ) -> Result<Submitted, ProviderError>;

    /// Asks for the picture of an accepted call, and brings it when it is there. May be cancelled
    /// and repeated: it never starts work. Where every call ends with its answer, there is nothing to
    /// poll, and a reference can only be another provider's.
    ///
    /// # Errors
    /// Classified. Failing to ask keeps the attempt open
    /// ([`Next::PollAfter`](crate::Next::PollAfter)).
    async fn poll(
        &self,
        _provider_ref: &str,
        _call: CallContext<'_>,
    ) -> Result<Polled, ProviderError> {
        let detail = "every call ends with its answer, none is polled";
        Err(ProviderError::invalid(self.name(), detail))
    }

    /// Asks the provider to stop an accepted call. May be cancelled and repeated. Most cannot.
    ///
    /// # Errors
    /// Classified, as for [`poll`](Self::poll).
    async fn cancel(
        &self,
        _provider_ref: &str,
        _call: CallContext<'_>,
    ) -> Result<Canceled, ProviderError> {
        Ok(Canceled::Unsupported)
    }

    /// Finds out what became of an attempt whose submit had no answer. May be cancelled and
    /// repeated. Most have no way to tell.
    ///
    /// # Errors
    /// Classified: failing to ask keeps the attempt open. "The provider cannot tell" is not an
    /// error but [`Reconciled::Unknown`].
    async fn reconcile(
        &self,
        _open: &OpenAttempt,
        _call: CallContext<'_>,
    ) -> Result<Reconciled, ProviderError> {
        Ok(Reconciled::Unknown)
    }
}

/// The answer to a submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The picture came with the answer.
    Finished(Finished),
    /// The provider works on it under this reference.
    Accepted {
        /// The provider's id of the call; ask for it with [`Provider::poll`].
        provider_ref: String,
        /// What its answer said about its limits.
        rate: RateHints,
    },
}

/// The answer to a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// Still at work.
    Working {
        /// How long the provider wants to be left alone.
        ask_again_after: Duration,
    },
    /// Here is the picture.
    Finished(Finished),
}

/// A picture and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The picture as it came. Untrusted: imaging decides what it is, under its own limits.
    pub bytes: Bytes,
    /// What the provider says it is. A hint for the stored object, not a fact.
    pub content_type: String,
    /// The provider's id of the call, where it gives one.
    pub provider_ref: Option<String>,
    /// What the call cost, in millionths of a US dollar.
    pub cost: Micros,
    /// Tokens billed, for providers that bill by token.
    pub tokens: Option<i32>,
    /// What the answer said about the provider's limits.
    pub rate: RateHints,
    /// What the adapter had to change or leave out, and what the provider said it changed, for the
    /// generation's record. No shopper text stands here.
    pub notes: Vec<String>,
}

/// The answer to a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canceled {
    /// It stops, and costs this much all the same, in millionths of a US dollar.
    Stopped {
        /// Nothing where the provider does not charge for stopped calls.
        cost: Micros,
    },
    /// It had ended before.
    TooLate,
    /// This provider cannot stop a call.
    Unsupported,
}

/// An attempt found in the ledger as submitted, without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// The attempt; its seed is [`seed_of`](crate::seed_of) it.
    pub attempt: AttemptId,
    /// The model it was for.
    pub model: String,
    /// When the ledger recorded that it would be submitted.
    pub submitted_at: DateTime<Utc>,
}

/// What became of an attempt without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reconciled {
    /// Proof that nothing was accepted: it may be sent again.
    NotAccepted,
    /// It was accepted: poll it.
    Accepted {
        /// The provider's id of the call.
        provider_ref: String,
    },
    /// The provider has no way to tell.
    Unknown,
}
