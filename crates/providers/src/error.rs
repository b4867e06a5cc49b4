//! What went wrong, as four answers instead of one boolean.
//!
//! What kind · was it sent · was money spent · what next. The answers depend on each other, so the
//! fields are private and an error can only be made by a constructor that names the situation.
//!
//! Invariants, held by those constructors:
//! - maybe sent ⇒ [`Next::Reconcile`]: nothing is sent again without proof that it was not taken.
//! - maybe spent ⇒ the attempt stays open ([`Next::keeps_attempt_open`]).
//! - not sent ⇒ nothing was spent.
//! - a content-policy refusal ⇒ [`Next::Stop`].

use std::fmt;
use std::time::Duration;

use domain::Micros;

use crate::rate::RateHints;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Too many calls at this moment. It costs no attempt.
    RateLimited,
    /// The provider will not draw this.
    ContentPolicy,
    /// The request can never succeed as it is.
    InvalidRequest,
    /// The key is wrong, revoked or not allowed to do this.
    Auth,
    /// The account behind the key has no money or quota left.
    QuotaExhausted,
    /// The provider is down or overloaded.
    Unavailable,
    /// No answer within the deadline.
    Timeout,
    /// The connection could not be made or broke.
    Network,
    /// An answer came that cannot be read, or holds no picture.
    BadAnswer,
}

impl ErrorKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 9] = [
        Self::RateLimited,
        Self::ContentPolicy,
        Self::InvalidRequest,
        Self::Auth,
        Self::QuotaExhausted,
        Self::Unavailable,
        Self::Timeout,
        Self::Network,
        Self::BadAnswer,
    ];

    /// The stable public code: what the ledger stores, metrics count and a shopper's page shows.
    ///
    /// Faults of the brand's account ([`Auth`](Self::Auth), [`QuotaExhausted`](Self::QuotaExhausted))
    /// carry the provider in their name, so that nobody takes them for the shopper's own.
    pub fn code(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::ContentPolicy => "content_policy",
            Self::InvalidRequest => "invalid_request",
            Self::Auth => "provider_auth",
            Self::QuotaExhausted => "provider_quota_exhausted",
            Self::Unavailable => "provider_unavailable",
            Self::Timeout => "provider_timeout",
            Self::Network => "provider_network",
            Self::BadAnswer => "provider_bad_answer",
        }
    }
}

/// Whether the provider took the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Proved not: no byte left, or the provider has no trace of it.
    No,
    /// Some bytes left and no answer came.
    Maybe,
    /// An answer came.
    Yes,
}

/// Whether money was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// Nothing.
    None,
    /// This much.
    Known(Micros),
    /// Nobody can say yet.
    Maybe,
}

/// What the caller does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Close this attempt; a new one may go to the same provider and key after this long. For a 429, whoever
    /// keeps the key's limits goes by [`ProviderError::rate`] instead: this may be the adapter's own guess.
    SameAfter(Duration),
    /// Close this attempt; a new one needs another key of the same provider.
    OtherKey,
    /// Close this attempt; a new one should go to another provider.
    OtherProvider,
    /// Close this attempt and fail the job: no repeat can help.
    Stop,
    /// Keep this attempt open and poll the same reference again after this long.
    PollAfter(Duration),
    /// Keep this attempt open and find out with [`Provider::reconcile`](crate::Provider::reconcile).
    Reconcile,
}

impl Next {
    /// Whether the attempt's outcome is still unknown, so that no other may be opened beside it.
    pub fn keeps_attempt_open(self) -> bool {
        matches!(self, Self::PollAfter(_) | Self::Reconcile)
    }
}

/// A call to a provider that brought no picture.
///
/// `Display` and `Debug` hold neither a key nor a prompt: adapters put only their own words and the
/// provider's error code into the detail.
#[derive(Debug, thiserror::Error)]
#[error("{provider}: {}: {detail}", kind.code())]
pub struct ProviderError {
    provider: &'static str,
    kind: ErrorKind,
    sent: Sent,
    spent: Spent,
    next: Next,
    detail: String,
    rate: Box<RateHints>,
    #[source]
    source: Option<Source>,
}

impl ProviderError {
    /// The request cannot be made for this provider at all: found by `prepare`, before any call.
    pub fn invalid(provider: &'static str, detail: impl fmt::Display) -> Self {
        Self::not_sent(provider, ErrorKind::InvalidRequest, Next::Stop, detail)
    }

    /// It is proved that the provider took nothing: no connection, or a failure before the first
    /// byte of the request.
    pub fn not_sent(
        provider: &'static str,
        kind: ErrorKind,
        next: Next,
        detail: impl fmt::Display,
    ) -> Self {
        Self::new(provider, kind, Sent::No, Spent::None, next, detail)
    }

    /// The provider answered that it does not do this, and charges nothing for saying so.
    pub fn refused(
        provider: &'static str,
        kind: ErrorKind,
        next: Next,
        detail: impl fmt::Display,
    ) -> Self {
        Self::new(provider, kind, Sent::Yes, Spent::None, next, detail)
    }

    /// The provider answered, brought no picture, and charged `cost`.
    pub fn charged(
        provider: &'static str,
        kind: ErrorKind,
        cost: Micros,
        next: Next,
        detail: impl fmt::Display,
    ) -> Self {
        Self::new(provider, kind, Sent::Yes, Spent::Known(cost), next, detail)
    }

    /// Bytes left and nothing came back: the provider may or may not be at work, for money.
    pub fn unknown(provider: &'static str, kind: ErrorKind, detail: impl fmt::Display) -> Self {
        Self::new(
            provider,
            kind,
            Sent::Maybe,
            Spent::Maybe,
            Next::Reconcile,
            detail,
        )
    }

    /// An answer came that does not say whether the call is charged, such as a 500.
    pub fn unclear(provider: &'static str, kind: ErrorKind, detail: impl fmt::Display) -> Self {
        Self::new(
            provider,
            kind,
            Sent::Yes,
            Spent::Maybe,
            Next::Reconcile,
            detail,
        )
    }

    /// Asking about an accepted call failed. The call itself goes on, so it is asked again and
    /// never sent again.
    pub fn poll_failed(
        provider: &'static str,
        kind: ErrorKind,
        after: Duration,
        detail: impl fmt::Display,
    ) -> Self {
        Self::new(
            provider,
            kind,
            Sent::Yes,
            Spent::Maybe,
            Next::PollAfter(after),
            detail,
        )
    }

    fn new(
        provider: &'static str,
        kind: ErrorKind,
        sent: Sent,
        spent: Spent,
        next: Next,
        detail: impl fmt::Display,
    ) -> Self {
        let next = match kind {
            ErrorKind::ContentPolicy if !next.keeps_attempt_open() => Next::Stop,
            _ => next,
        };
        Self {
            provider,
            kind,
            sent,
            spent,
            next,
            detail: detail.to_string(),
            rate: Box::default(),
            source: None,
        }
    }

    /// The same error with what caused it. The cause is for logs; its text is not printed here.
    #[must_use]
    pub fn because(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error with what the answer said about the provider's limits.
    #[must_use]
    pub fn with_rate(mut self, rate: RateHints) -> Self {
        self.rate = Box::new(rate);
        self
    }

    /// What the answer said about the provider's limits; empty where there was none.
    pub fn rate(&self) -> &RateHints {
        &self.rate
    }

    /// Which provider it was.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the provider took the request.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Whether money was spent.
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// What to do now.
    pub fn next(&self) -> Next {
        self.next
    }

    /// The stable public code: [`ErrorKind::code`].
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// What happened, in words for an operator.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: [Next; 6] = [
        Next::SameAfter(Duration::from_secs(1)),
        Next::OtherKey,
        Next::OtherProvider,
        Next::Stop,
        Next::PollAfter(Duration::from_secs(1)),
        Next::Reconcile,
    ];

    /// Every error the constructors can make, over every kind and every `Next`.
    fn every_error() -> Vec<ProviderError> {
        let mut all = Vec::new();
        for kind in ErrorKind::ALL {
            all.push(ProviderError::unknown("p", kind, "d"));
            all.push(ProviderError::unclear("p", kind, "d"));
            all.push(ProviderError::poll_failed(
                "p",
                kind,
                Duration::from_secs(1),
                "d",
            ));
            for next in NEXT {
                all.push(ProviderError::not_sent("p", kind, next, "d"));
                all.push(ProviderError::refused("p", kind, next, "d"));
                all.push(ProviderError::charged("p", kind, Micros(1), next, "d"));
            }
        }
        all.push(ProviderError::invalid("p", "d"));
        all
    }

    #[test]
    fn whatever_was_maybe_sent_is_reconciled_and_nothing_else() {
        let mut seen = 0;
        for error in every_error()
            .iter()
            .filter(|error| error.sent() == Sent::Maybe)
        {
            assert_eq!(error.next(), Next::Reconcile, "{error:?}");
            seen += 1;
        }
        assert_eq!(seen, ErrorKind::ALL.len());
    }

    #[test]
    fn an_attempt_that_maybe_cost_money_stays_open() {
        for error in every_error()
            .iter()
            .filter(|error| error.spent() == Spent::Maybe)
        {
            assert!(error.next().keeps_attempt_open(), "{error:?}");
        }
    }

    #[test]
    fn what_was_not_sent_cost_nothing() {
        for error in every_error()
            .iter()
            .filter(|error| error.sent() == Sent::No)
        {
            assert_eq!(error.spent(), Spent::None, "{error:?}");
        }
    }

    #[test]
    fn a_content_policy_refusal_always_stops() {
        let error = ProviderError::refused(
            "p",
            ErrorKind::ContentPolicy,
            Next::SameAfter(Duration::from_secs(1)),
            "d",
        );
        assert_eq!(error.next(), Next::Stop);
    }

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        let codes: std::collections::HashSet<_> = ErrorKind::ALL.map(ErrorKind::code).into();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn display_leaves_the_source_to_the_chain() {
        let error = ProviderError::unknown("p", ErrorKind::Network, "no answer")
            .because(std::io::Error::other("reset by peer"));
        assert_eq!(error.to_string(), "p: provider_network: no answer");
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "reset by peer"
        );
    }
}
