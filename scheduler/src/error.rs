//! Why a run of a duty failed.

use queue::QueueError;
use store::StoreError;
use store::invoices::InvoiceError;

/// An error of one run. The duty runs again, so none of them loses anything.
#[derive(Debug, thiserror::Error)]
pub enum DutyError {
    /// PostgreSQL did not do its part.
    #[error("PostgreSQL failed the duty")]
    Store(#[from] StoreError),
    /// An invoice could not be made or changed.
    #[error(transparent)]
    Invoice(InvoiceError),
    /// Redis did not do its part.
    #[error("Redis failed the duty")]
    Queue(#[from] QueueError),
    /// Stripe takes no request from the account.
    #[error("Stripe refuses ATELIER_STRIPE_SECRET_KEY: {0}")]
    Stripe(String),
    /// The run was cut off.
    #[error("the run took longer than {limit_seconds} s")]
    TimedOut {
        /// How long it had.
        limit_seconds: u64,
    },
}

impl From<InvoiceError> for DutyError {
    fn from(error: InvoiceError) -> Self {
        match error {
            InvoiceError::Store(error) => Self::Store(error),
            other => Self::Invoice(other),
        }
    }
}

impl DutyError {
    /// The name in metric labels and in the status.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "postgres",
            Self::Invoice(_) => "invoice",
            Self::Queue(_) => "redis",
            Self::Stripe(_) => "stripe",
            Self::TimedOut { .. } => "timeout",
        }
    }
}
