//! A document: an invoice or a credit note.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::check::Violation;
use super::currency::Currency;
use super::decimal::{Minor, MoneyError};
use super::line::{Adjustment, Line, LineInput};
use super::party::{Buyer, Seller};
use super::totals::Totals;

/// Days, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    /// First day (BT-73).
    pub from: NaiveDate,
    /// Last day (BT-74).
    pub to: NaiveDate,
}

impl Period {
    /// The days from `from` until before `until`, as ledgers keep periods. A period of no days is its
    /// first.
    pub fn half_open(from: NaiveDate, until: NaiveDate) -> Self {
        let last = until.pred_opt().unwrap_or(until);
        Self {
            from,
            to: last.max(from),
        }
    }
}

/// A document issued before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its number (BT-25).
    pub number: String,
    /// Its date (BT-26).
    pub issued_on: NaiveDate,
}

/// What a document is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A commercial invoice.
    Invoice,
    /// Gives back what an invoice asked for; its amounts are positive.
    CreditNote {
        /// The invoice it corrects.
        corrects: Reference,
    },
}

impl Kind {
    /// The code of UNTDID 1001 (BT-3).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invoice => "380",
            Self::CreditNote { .. } => "381",
        }
    }

    /// 1 or −1: what a document's amounts count for in a sum over documents.
    pub fn sign(&self) -> i64 {
        match self {
            Self::Invoice => 1,
            Self::CreditNote { .. } => -1,
        }
    }
}

/// What stands above the lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Invoice or credit note.
    #[serde(flatten)]
    pub kind: Kind,
    /// The number (BT-1); none until the document is issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Day of issue (BT-2).
    pub issued_on: NaiveDate,
    /// Day by which it is to be paid (BT-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<NaiveDate>,
    /// What time it is about (BG-14).
    pub period: Period,
    /// Its currency (BT-5).
    pub currency: Currency,
    /// Who sells.
    pub seller: Seller,
    /// Who buys.
    pub buyer: Buyer,
    /// Sentences for this document alone (BT-22).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An invoice or a credit note, added up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What stands above the lines.
    #[serde(flatten)]
    pub head: Head,
    /// What is sold.
    pub lines: Vec<Line>,
    /// What is taken off or put on as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
    /// What it comes to.
    pub totals: Totals,
}

/// Why a document cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// A number is out of range.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Rules of EN 16931 are broken.
    #[error("the document breaks {}", list(.0))]
    Rules(Vec<Violation>),
}

fn list(violations: &[Violation]) -> String {
    let texts: Vec<String> = violations.iter().map(Violation::to_string).collect();
    texts.join("; ")
}

impl Document {
    /// Computes lines and totals and checks the rules.
    ///
    /// # Errors
    /// [`DocumentError`] with every rule that is broken.
    pub fn new(
        head: Head,
        lines: Vec<LineInput>,
        adjustments: Vec<Adjustment>,
        paid: Minor,
    ) -> Result<Self, DocumentError> {
        let lines = lines
            .into_iter()
            .map(|line| Line::new(line, head.currency))
            .collect::<Result<Vec<_>, _>>()?;
        let totals = Totals::of(&lines, &adjustments, paid)?;
        let document = Self {
            head,
            lines,
            adjustments,
            totals,
        };
        match document.violations() {
            broken if broken.is_empty() => Ok(document),
            broken => Err(DocumentError::Rules(broken)),
        }
    }
}
