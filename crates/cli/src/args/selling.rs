//! The commands about who sells, who buys, what it costs, and Stripe.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use store::{DatabaseArgs, ObjectArgs};

pub(crate) const SELLER_HELP: &str = "\
A seller file, all of it; only name, address.country, address.city, registrations, vat and terms are needed:

  invoice_prefix = \"INV\"          # INV-2026-000042
  credit_prefix = \"CN\"
  logo = \"logo.png\"               # PNG or JPEG beside this file, at most 512 KiB

  [seller]
  name = \"Atelier Exemple SAS\"
  trading_name = \"Atelier\"
  legal_form = \"SAS au capital de 10 000 €\"
  address = { lines = [\"12 rue des Lilas\"], postcode = \"75011\", city = \"Paris\", country = \"FR\" }
  registrations = [{ label = \"SIREN\", id = \"303265045\", scheme = \"0002\" }]
  contact = { email = \"facturation@atelier.example\", phone = \"+33 1 23 45 67 89\" }
  bank = { iban = \"FR7630006000011234567890189\", bic = \"AGRIFRPP\", name = \"Crédit Exemple\" }
  terms = { payment_days = 30, notes = [\"Merci de votre confiance.\"] }

  [seller.vat]
  regime = \"registered\"           # charges VAT; or not_subject, small_business
  vat_id = \"FR40303265045\"
  oss = true                      # consumers' VAT through the one-stop shop

A Swiss company below the threshold: regime = \"not_subject\", and its UID among the registrations.
A small business: regime = \"small_business\", tax_number, and the text that its law wants, such as
\"TVA non applicable, art. 293 B du CGI\".";

pub(crate) const PROFILE_HELP: &str = "\
A buyer file; only name, address.country and address.city are needed:

  payment_days = 60               # where another term than the seller's was agreed

  [buyer]
  name = \"Boutique Zoé\"
  address = { lines = [\"1 place du Marché\"], postcode = \"69001\", city = \"Lyon\", country = \"FR\" }
  vat_id = \"FR83404833048\"        # with one of a member state it is a business to the Union's VAT
  registrations = [{ label = \"SIREN\", id = \"404833048\", scheme = \"0002\" }]
  contact = { email = \"compta@zoe.example\" }      # Stripe sends its invoices there
  language = \"fr\"                 # en or fr
  reference = \"ACHATS-2026\"       # what the buyer wants to see on each invoice
  order_number = \"4500012345\"

Without a profile the invoice says what the brand's own row says.";

#[derive(Debug, Subcommand)]
pub(crate) enum SellerCommand {
    /// Show who sells
    Show {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Set who sells, from a file; invoices that were issued keep the seller of their day
    #[command(after_help = SELLER_HELP)]
    Set {
        /// The seller file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Check the file and change nothing
        #[arg(long)]
        check: bool,
        #[command(flatten)]
        objects: ObjectArgs,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BillingProfileCommand {
    /// Show who stands on a brand's invoices
    Show {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Set who stands on a brand's invoices, from a file; those that were issued keep the buyer of their day
    #[command(after_help = PROFILE_HELP)]
    Set {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        /// The buyer file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// List what plans cost, now and later
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Add a price of a metric from a moment on; periods that begin before it keep the price they have
    Price {
        /// FREE, STARTER, PROFESSIONAL or ENTERPRISE
        plan: String,
        /// generation, ar_view, api_call, storage (megabytes kept for a day) or webhook_delivery
        metric: String,
        /// Each unit beyond those included, in the currency's unit, with at most ten decimals
        #[arg(long, value_name = "DECIMAL")]
        unit_price: String,
        /// Units that the fee covers; without it there is no end of them
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
        included: Option<i64>,
        /// Beyond those included: block refuses, charge bills, charge_capped bills up to --cap
        #[arg(long, value_name = "POLICY")]
        policy: String,
        /// The most units in a period, included ones counted; with charge_capped alone
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
        cap: Option<i64>,
        /// From when on: a moment to come
        #[arg(long, value_name = "RFC3339")]
        from: DateTime<Utc>,
        /// The plan's currency
        #[arg(long, value_name = "CODE", default_value = "EUR")]
        currency: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Add a monthly fee from a moment on
    Fee {
        /// FREE, STARTER, PROFESSIONAL or ENTERPRISE
        plan: String,
        /// The fee of a whole period, in the currency's unit, with at most its decimals
        #[arg(long, value_name = "DECIMAL")]
        monthly: String,
        /// From when on: a moment to come
        #[arg(long, value_name = "RFC3339")]
        from: DateTime<Utc>,
        /// The plan's currency
        #[arg(long, value_name = "CODE", default_value = "EUR")]
        currency: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StripeCommand {
    /// List the steps that Stripe refused and that wait for a person, with what it said
    Stuck {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Let a step go on once the reason was mended at Stripe: it is looked for there first, then sent again under the
    /// same key
    Release {
        /// The step's key, as `stripe stuck` shows it
        key: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}
