//! Invoices: from periods that are over to documents that are issued, paid and corrected.
//!
//! | module | owns |
//! |---|---|
//! | `close` | a period's end: its buckets are sealed and its draft is written, in one transaction |
//! | `statement` | what a period costs, read from prices, subscription and buckets |
//! | `parties` | who sells and who buys, as the document will keep them |
//! | `finalize` | numbers, in the order of the series, and what follows from having one |
//! | `credit`, `void` | taking back, in part or as a whole, by a credit note |
//! | `payment` | money that came in, booked once |
//! | `dunning` | what happens while an invoice is not paid |
//! | `read` | finding, listing |
//! | `log` | who did what, in `atelier.audit_log` |
//!
//! Invariants:
//! - A period is invoiced once (`invoice_of_period`), and its buckets are sealed by the invoice that bills them
//!   in the transaction that writes it. A period that comes to nothing is closed without an invoice: no number
//!   is spent on it, and its buckets stay unsealed.
//! - A number is given in the transaction that issues the document, under the lock of its series: there are no
//!   gaps, and nobody ever sees a number that is not taken.
//! - What was issued never changes (the triggers of `0010_billing.sql`); it is corrected by a credit note.
//!
//! Locks are taken in one order everywhere: periods, `"Brand"`, invoices, the series.
//!
//! Nothing here draws a page or speaks to anybody: what follows from an issued invoice (its event, the row in
//! `"Invoice"`) is written with it, files and Stripe come afterwards.

mod close;
mod credit;
mod draft;
mod dunning;
mod error;
mod finalize;
mod log;
mod parties;
mod payment;
mod preview;
mod public_row;
mod read;
mod series;
mod statement;
mod states;
mod void;

pub use close::{Closed, DuePeriod, close, due, overdue};
pub use credit::{Credit, CreditPart, credit};
pub use dunning::{DUNNING_DAYS, Dunned, dun};
pub use error::InvoiceError;
pub use finalize::{Issued, finalize};
pub use payment::{Booked, Payment, pay, uncollectible};
pub use preview::{Preview, preview};
pub use read::{Filter, Invoice, InvoiceSummary, document, find, list};
pub use states::{InvoiceKind, InvoiceState};
pub use void::{Voided, void};

pub(crate) use log::{Entry, write as write_log};
pub(crate) use payment::{InvoiceRow, balance, book, lock};
pub(crate) use statement::comes_to_nothing;
