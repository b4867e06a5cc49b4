//! Lines, and what is taken off or put on a document as a whole.

use serde::{Deserialize, Serialize};

use super::currency::Currency;
use super::decimal::{Minor, MoneyError, Quantity, UnitPrice};
use super::document::Period;
use super::vat::Vat;
use crate::usage::Metric;

/// What a quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Pieces: pictures, calls, views.
    Piece,
    /// Months of a subscription.
    Month,
    /// Days of one.
    Day,
    /// Gigabytes.
    Gigabyte,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 4] = [Self::Piece, Self::Month, Self::Day, Self::Gigabyte];

    /// The code of UN/ECE Recommendation 20 (BT-130).
    pub fn code(self) -> &'static str {
        match self {
            Self::Piece => "C62",
            Self::Month => "MON",
            Self::Day => "DAY",
            Self::Gigabyte => "E34",
        }
    }
}

/// A line before its net is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineInput {
    /// What is sold, in the buyer's language (BT-153).
    pub description: String,
    /// What was counted; none for a base price.
    pub metric: Option<Metric>,
    /// When it was used, where another time than the document's (BG-26).
    pub period: Option<Period>,
    /// How many; negative takes back (BT-129).
    pub quantity: Quantity,
    /// Of what.
    pub unit: Unit,
    /// Each, before VAT, never negative (BT-146).
    pub unit_price: UnitPrice,
    /// How it is taxed.
    pub vat: Vat,
}

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is sold, in the buyer's language (BT-153).
    pub description: String,
    /// What was counted; none for a base price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// When it was used, where another time than the document's (BG-26).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// How many; negative takes back (BT-129).
    pub quantity: Quantity,
    /// Of what.
    pub unit: Unit,
    /// Each, before VAT, never negative (BT-146).
    pub unit_price: UnitPrice,
    /// Quantity times price, rounded half up to the minor unit (BT-131).
    pub net: Minor,
    /// How it is taxed.
    pub vat: Vat,
}

impl Line {
    /// The line with its net: the first of the two places where a document is rounded.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn new(input: LineInput, currency: Currency) -> Result<Self, MoneyError> {
        let LineInput {
            description,
            metric,
            period,
            quantity,
            unit,
            unit_price,
            vat,
        } = input;
        let net = unit_price.times(quantity, currency)?;
        Ok(Self {
            description,
            metric,
            period,
            quantity,
            unit,
            unit_price,
            net,
            vat,
        })
    }
}

/// Whether a document-level amount is taken off or put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    /// Taken off: a discount (BG-20).
    Allowance,
    /// Put on: a fee (BG-21).
    Charge,
}

/// An amount taken off or put on a document as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Which of the two.
    pub kind: AdjustmentKind,
    /// Why (BT-97, BT-104).
    pub reason: String,
    /// How much, never negative (BT-92, BT-99).
    pub amount: Minor,
    /// How it is taxed.
    pub vat: Vat,
}

impl Adjustment {
    /// What it adds to the net: negative for an allowance.
    pub fn signed(&self) -> Minor {
        match self.kind {
            AdjustmentKind::Allowance => Minor(self.amount.0.saturating_neg()),
            AdjustmentKind::Charge => self.amount,
        }
    }
}
