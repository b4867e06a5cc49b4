//! The arguments of what concerns money: invoices, subscriptions, audits.

use chrono::{DateTime, Utc};
use clap::{Subcommand, ValueEnum};
use store::DatabaseArgs;

pub(crate) const INVOICE_EXAMPLES: &str = "\
Examples:
  atelier invoice preview --brand brand_1
  atelier invoice close --now 2026-12-01T02:00:00Z
  atelier invoice list --brand brand_1 --state open
  atelier invoice pay INV-2026-000042 --amount 34.80 --reference 'bank:2026-12-14/17'
  atelier invoice credit INV-2026-000042 --line 2:5 --reason 'five pictures were unusable'
  atelier invoice void INV-2026-000042 --reason 'wrong company' --reissue
  atelier invoice export --from 2026-01-01T00:00:00Z --format csv > invoices.csv

An invoice is named by its number or its id. docs/billing.md has the rules.";

#[derive(Debug, Subcommand)]
pub(crate) enum InvoiceCommand {
    /// Do what the duty `billing` does, at a given time and to its end: begin and close periods, issue invoices, dun
    ///
    /// Prints what was done, and exits with 1 if a period could not be closed. Running it again changes nothing. A
    /// period is closed as soon as it is over, where the duty lets it rest for an hour.
    Close {
        /// The moment that counts as now; the machine's time if not given
        #[arg(long, value_name = "RFC3339")]
        now: Option<DateTime<Utc>>,
        /// This brand alone
        #[arg(long, value_name = "ID")]
        brand: Option<String>,
        /// Seconds that a period rests after its end
        #[arg(long, value_name = "S", default_value_t = 0)]
        grace_s: u32,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// What a brand's open periods would be invoiced at if they ended now; writes nothing
    Preview {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        /// Print the whole documents as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List invoices, the newest first
    List {
        #[command(flatten)]
        which: Which,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 50,
              value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Show an invoice and all that it says, as JSON
    Show {
        /// Its number or id
        invoice: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Write issued invoices and credit notes for a bookkeeper: csv has one row per document, json the documents
    Export {
        #[command(flatten)]
        which: Which,
        /// Issued at or after this moment
        #[arg(long, value_name = "RFC3339")]
        from: Option<DateTime<Utc>>,
        /// Issued before this moment
        #[arg(long, value_name = "RFC3339")]
        until: Option<DateTime<Utc>>,
        /// As what
        #[arg(long, value_enum, default_value_t = Format::Csv)]
        format: Format,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Give back an invoice, or some of its lines, by a credit note
    Credit {
        /// The number or id of the invoice
        invoice: String,
        /// Why; it stands on the credit note
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// A line, and how much of it; may be repeated. Everything that is left if not given
        #[arg(long = "line", value_name = "POSITION[:QUANTITY]")]
        lines: Vec<String>,
        /// Names this credit: under the same name it is issued once, however often this is run
        #[arg(long, value_name = "TEXT")]
        reference: Option<String>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Take back an open invoice as a whole, as one that should not have been issued
    Void {
        /// Its number or id
        invoice: String,
        /// Why; it stands on the credit note
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Invoice its period anew, to the buyer as it is then; `invoice close` or the duty does it
        #[arg(long)]
        reissue: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Book money that came in for an invoice, or went out for a credit note
    ///
    /// Under the same reference it is booked once. A payment that settles a brand's last overdue invoice makes the brand
    /// active again.
    Pay {
        /// The number or id of the invoice
        invoice: String,
        /// How much, in the invoice's currency: 34.80
        #[arg(long, value_name = "AMOUNT")]
        amount: String,
        /// What names it where it came from, such as the bank's statement and line
        #[arg(long, value_name = "TEXT")]
        reference: String,
        /// How it came
        #[arg(long, value_name = "TEXT", default_value = "transfer")]
        method: String,
        /// When it came in; now if not given
        #[arg(long, value_name = "RFC3339")]
        received_at: Option<DateTime<Utc>>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Give an open invoice up; a payment that comes all the same can still be booked
    Uncollectible {
        /// Its number or id
        invoice: String,
        /// Why, for the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

/// Which invoices.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Which {
    /// Of this brand alone
    #[arg(long, value_name = "ID")]
    pub(crate) brand: Option<String>,
    /// In this state alone
    #[arg(long, value_name = "STATE", value_parser = ["draft", "open", "paid", "void", "uncollectible"])]
    pub(crate) state: Option<String>,
    /// Of this kind alone
    #[arg(long, value_name = "KIND", value_parser = ["regular", "credit_note", "one_off"])]
    pub(crate) kind: Option<String>,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One row per document
    Csv,
    /// One document per line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that the money adds up; exits with 1 and names the rows if it does not
    ///
    /// One snapshot of the database answers all checks: usage against buckets, buckets against lines, lines against
    /// totals, totals against documents, numbers without gap, counters, payments. It changes nothing.
    Money {
        /// Print the differences as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SubscriptionCommand {
    /// Show what a brand was subscribed to, and since when
    Show {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Change a brand's plan or status from now on; fees are shared out by days
    Set {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        /// The new plan. A brand that was cancelled or on trial is active by it, unless --status says otherwise
        #[arg(long, value_name = "PLAN", value_parser = ["FREE", "STARTER", "PROFESSIONAL", "ENTERPRISE"])]
        plan: Option<String>,
        /// The new status
        #[arg(long, value_name = "STATUS", value_parser = ["ACTIVE", "PAST_DUE", "CANCELED", "TRIALING"])]
        status: Option<String>,
        /// Generations a period for plans that block at it; a new plan brings its own if not given
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
        max_monthly_generations: Option<i32>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}
