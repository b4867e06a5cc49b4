//! The three providers.

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::call::Refusal;

/// Whose shapes a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Under `/openai/v1`.
    OpenAi,
    /// Under `/stability`.
    Stability,
    /// Under `/replicate/v1`.
    Replicate,
}

impl Provider {
    /// The name in ledger entries and faults.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Stability => "stability",
            Self::Replicate => "replicate",
        }
    }

    /// This provider's words for a refusal that all have in common.
    pub(crate) fn refuse(self, refusal: &Refusal) -> Answer {
        match self {
            Self::OpenAi => crate::openai::refuse(refusal),
            Self::Stability => crate::stability::refuse(refusal),
            Self::Replicate => crate::replicate::refuse(refusal),
        }
    }
}
