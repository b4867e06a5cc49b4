//! The invoice itself: what a document says, and the arithmetic that makes it add up.
//!
//! Everything is an integer. A unit price is a count of 10⁻¹⁰ currency units, a quantity a count of
//! 10⁻⁶, an amount a count of the currency's minor unit, a rate a count of hundredths of a percent.
//! Rounding is half up (away from zero) and happens in two places only: where a line's net is computed
//! ([`Line::new`]) and where the tax of a group of equal category and rate is ([`Totals::of`]). Every
//! other number is a sum of numbers that were rounded already, as EN 16931 asks (BR-CO-10 to BR-CO-17).
//!
//! Invariants:
//! - A [`Document`] made by [`Document::new`] breaks none of the rules [`Document::violations`] knows.
//! - Documents are read back from JSON exactly as they were written: no number is a float, and decimals
//!   travel as text.
//! - A credit note carries positive amounts: that it gives money back is said by its type, 381, as EN
//!   16931 wants it. [`Kind::sign`] is for those who add documents up.
//!
//! What it does not do: it gives no numbers, knows no database, and draws nothing.

mod check;
mod country;
mod currency;
mod decimal;
mod document;
mod iban;
mod line;
mod notes;
mod party;
mod party_check;
mod proration;
mod statement;
mod stretch;
mod totals;
mod treatment;
mod vat;
mod vat_id;
mod vat_rates;
mod wording;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod samples;

pub use check::Violation;
pub use country::{Country, CountryError};
pub use currency::{Currency, CurrencyError};
pub use decimal::{Minor, MoneyError, Quantity, UnitPrice, round_half_up};
pub use document::{Document, DocumentError, Head, Kind, Period, Reference};
pub use iban::{is_bic, is_iban, plain_iban};
pub use line::{Adjustment, AdjustmentKind, Line, LineInput, Unit};
pub use notes::{Language, legal_notes};
pub use party::{Address, Bank, Buyer, Contact, Registration, Seller, SellerVat, Terms};
pub use proration::{days_between, prorate, split_by_days};
pub use statement::{Change, Charge, ChargeKind, LATE, PeriodTerms, StatementError, Units};
pub use stretch::{MetricTerms, PlanTerms, Standing};
pub use totals::{Totals, VatGroup};
pub use treatment::{TreatmentError, vat_treatment};
pub use vat::{Exemption, Vat, VatCategory, VatRate, VatRateError};
pub use vat_id::{VatId, VatIdError};
pub use vat_rates::{RateRow, STANDARD_RATES, standard_rate};
pub use wording::describe;
