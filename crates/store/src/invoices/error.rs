//! Why something about an invoice was not done.

use domain::invoice::{DocumentError, MoneyError, StatementError, TreatmentError};

use crate::error::StoreError;

/// An error about an invoice.
#[derive(Debug, thiserror::Error)]
pub enum InvoiceError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such invoice.
    #[error("there is no invoice {0}")]
    NotFound(String),
    /// Where it stands, it cannot be done.
    #[error("invoice {invoice}: {why}")]
    Refused {
        /// Its number or id.
        invoice: String,
        /// What is in the way, and what to do instead.
        why: String,
    },
    /// A brand's period cannot be made into a document. It stays open until the reason is mended.
    #[error("brand {brand} cannot be invoiced: {why}")]
    Unbillable {
        /// Whose.
        brand: String,
        /// What is missing or wrong.
        why: String,
    },
}

impl InvoiceError {
    /// Whether the same call may succeed later without anything being changed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }

    pub(super) fn refused(invoice: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused {
            invoice: invoice.into(),
            why: why.into(),
        }
    }
}

impl From<sqlx::Error> for InvoiceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// An error of the rules, about a brand.
pub(super) fn unbillable(brand: &str) -> impl Fn(RuleError) -> InvoiceError + '_ {
    move |error| InvoiceError::Unbillable {
        brand: brand.to_owned(),
        why: error.to_string(),
    }
}

/// What the pure rules may refuse.
#[derive(Debug, thiserror::Error)]
pub(super) enum RuleError {
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error(transparent)]
    Treatment(#[from] TreatmentError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error("its plans are in {0} and {1}, and a document is in one currency")]
    TwoCurrencies(String, String),
    #[error("a price is larger than a ledger holds")]
    TooLarge,
}
