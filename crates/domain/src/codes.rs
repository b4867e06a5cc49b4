//! Why a generation ended without a picture, in words a shop's page can act on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::lane::UnknownName;

/// The stable code of a failure: `"Generation"."errorCode"`, the API's `error_code`, and the
/// `reason` of `generation.failed`. What exactly happened stands in logs and the attempt ledger,
/// never here, because shoppers read this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The provider or the brand's own rules refused the content.
    ContentPolicy,
    /// The brand wants designs looked at before they are made, and nobody could look.
    ModerationUnavailable,
    /// The provider refused the request as invalid.
    InvalidRequest,
    /// The shopper's or the brand's picture could not be fetched or read.
    InvalidImage,
    /// The prompt could not be built from the template.
    PromptFailed,
    /// No provider could serve the request in time.
    ProviderUnavailable,
    /// The brand's account or key at the provider is refused, or out of money.
    ProviderAccount,
    /// The provider answered with something that is no picture.
    ProviderBadAnswer,
    /// Whether the provider took the request could not be found out.
    OutcomeUnknown,
    /// The brand's budget for provider costs is used up.
    BudgetExhausted,
    /// The job's deadline passed while it ran.
    TimedOut,
    /// The pictures could not be composed or stored.
    ProcessingFailed,
    /// Somebody asked for it to stop.
    Canceled,
    /// It was not begun in time.
    Expired,
    /// It took its worker down too many times.
    Crashed,
    /// A fault of ours.
    Internal,
}

impl FailureCode {
    /// Every code.
    pub const ALL: [Self; 16] = [
        Self::ContentPolicy,
        Self::ModerationUnavailable,
        Self::InvalidRequest,
        Self::InvalidImage,
        Self::PromptFailed,
        Self::ProviderUnavailable,
        Self::ProviderAccount,
        Self::ProviderBadAnswer,
        Self::OutcomeUnknown,
        Self::BudgetExhausted,
        Self::TimedOut,
        Self::ProcessingFailed,
        Self::Canceled,
        Self::Expired,
        Self::Crashed,
        Self::Internal,
    ];

    /// The code as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContentPolicy => "content_policy",
            Self::ModerationUnavailable => "moderation_unavailable",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidImage => "invalid_image",
            Self::PromptFailed => "prompt_failed",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderAccount => "provider_account",
            Self::ProviderBadAnswer => "provider_bad_answer",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::BudgetExhausted => "budget_exhausted",
            Self::TimedOut => "timed_out",
            Self::ProcessingFailed => "processing_failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Crashed => "crashed",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request, sent again as a new generation, may well succeed. A page offers
    /// "try again" for these, and "change your design" or nothing for the others.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::ModerationUnavailable
            | Self::ProviderUnavailable
            | Self::ProviderBadAnswer
            | Self::OutcomeUnknown
            | Self::TimedOut
            | Self::ProcessingFailed
            | Self::Canceled
            | Self::Expired
            | Self::Internal => true,
            Self::ContentPolicy
            | Self::InvalidRequest
            | Self::InvalidImage
            | Self::PromptFailed
            | Self::ProviderAccount
            | Self::BudgetExhausted
            | Self::Crashed => false,
        }
    }

    /// A sentence for the shopper's page.
    pub fn message(self) -> &'static str {
        match self {
            Self::ContentPolicy => "The design was refused by the content rules. Please change it.",
            Self::ModerationUnavailable => {
                "The design could not be checked at the moment. Please try again."
            }
            Self::InvalidRequest => "The design cannot be produced as it is. Please change it.",
            Self::InvalidImage => "The picture could not be read. Please choose another one.",
            Self::PromptFailed => "This product cannot be generated at the moment.",
            Self::ProviderUnavailable | Self::ProviderBadAnswer | Self::OutcomeUnknown => {
                "The picture service did not answer as it should. Please try again."
            }
            Self::ProviderAccount | Self::BudgetExhausted => {
                "This shop cannot generate pictures at the moment."
            }
            Self::TimedOut | Self::Expired => "It took too long. Please try again.",
            Self::Canceled => "The generation was canceled.",
            Self::ProcessingFailed | Self::Crashed | Self::Internal => {
                "The picture could not be finished."
            }
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FailureCode {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| UnknownName(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for code in FailureCode::ALL {
            assert_eq!(code.as_str().parse::<FailureCode>().unwrap(), code);
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn refused_content_is_never_worth_the_same_request_again() {
        assert!(!FailureCode::ContentPolicy.is_retryable());
        assert!(!FailureCode::InvalidRequest.is_retryable());
        assert!(FailureCode::ProviderUnavailable.is_retryable());
    }
}
