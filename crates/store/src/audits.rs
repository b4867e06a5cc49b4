//! Does the money add up? Questions to the database whose right answer is no row.
//!
//! All of them are asked in one snapshot, so that what changes meanwhile is no difference. They read and write
//! nothing. Each names the rows that it found, at most [`MOST_ROWS`] of them.
//!
//! | check | holds that |
//! |---|---|
//! | `usage_of_generations` | a job that is done has one usage record, and no other job has one |
//! | `usage_twice` | no generation is recorded under two ids |
//! | `buckets` | the usage records of a period add up to its buckets |
//! | `billed` | the sealed buckets of an invoice add up to the quantities of its lines |
//! | `sealed` | the buckets of an invoiced period are sealed by its invoice, and those of an open one by none |
//! | `periods` | a closed period has an invoice or nothing to bill; periods of a brand do not overlap |
//! | `counter` | a brand's monthly counter is what jobs hold, what was used, and what was carried over |
//! | `subscription` | a brand's latest period counts under its last change |
//! | `series` | numbers have no gap and no double |
//! | `totals` | lines add up to their invoice, and are negative on credit notes alone |
//! | `documents` | what a document says is what the rows say, and breaks no rule |
//! | `payments` | an invoice is paid where nothing is left to be paid, and only there |
//! | `credits` | no line was credited more than once over |
//! | `public` | `"Invoice"` says the same |

mod documents;
mod issued;
mod periods;
mod usage;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::database::{Database, Transaction};
use crate::invoices::InvoiceError;

/// Rows that one check names.
pub const MOST_ROWS: i64 = 100;

/// Something that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which check found it.
    pub check: &'static str,
    /// The row it is about.
    pub subject: String,
    /// What is there, and what should be.
    pub detail: String,
}

/// A row of a check's statement.
struct Found {
    subject: String,
    detail: String,
}

/// Every check, in the order in which they are asked.
pub const CHECKS: [&str; 14] = [
    "usage_of_generations",
    "usage_twice",
    "buckets",
    "billed",
    "sealed",
    "periods",
    "counter",
    "subscription",
    "series",
    "totals",
    "documents",
    "payments",
    "credits",
    "public",
];

/// Asks everything. What is asked of each document, and of each period that came to nothing, is asked of those
/// issued or closed since `since`, or of all.
///
/// # Errors
/// [`InvoiceError::Store`]: nothing was found out. A period that cannot be computed is a difference.
pub async fn money(
    db: &Database,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<Difference>, InvoiceError> {
    let mut tx = db.begin("audit_money").await?;
    sqlx::query!(
        r#"-- store::audits::snapshot
        SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"#
    )
    .execute(&mut *tx)
    .await?;
    let mut differences = Vec::new();
    for check in CHECKS {
        let found = ask(&mut tx, check, since).await?;
        differences.extend(found.into_iter().map(|one| Difference {
            check,
            subject: one.subject,
            detail: one.detail,
        }));
    }
    Ok(differences)
}

async fn ask(
    tx: &mut Transaction,
    check: &str,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<Found>, InvoiceError> {
    match check {
        "usage_of_generations" => usage::of_generations(tx).await,
        "usage_twice" => usage::twice(tx).await,
        "buckets" => usage::buckets(tx).await,
        "billed" => usage::billed(tx).await,
        "sealed" => usage::sealed(tx).await,
        "periods" => periods::closed(tx, since).await,
        "counter" => periods::counter(tx).await,
        "subscription" => periods::subscription(tx).await,
        "series" => issued::series(tx).await,
        "totals" => issued::totals(tx).await,
        "documents" => documents::agree(tx, since).await,
        "payments" => issued::payments(tx).await,
        "credits" => issued::credits(tx).await,
        _ => issued::public(tx).await,
    }
}
