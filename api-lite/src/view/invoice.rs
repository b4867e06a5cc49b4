//! Invoices, as `/v1` shows them. Amounts are decimal text in the invoice's currency: no float is exact.

use chrono::{DateTime, NaiveDate, Utc};
use domain::invoice::{Document, Line, Minor, VatGroup};
use serde::Serialize;
use store::brand_invoices::BrandInvoice;

/// Where an invoice's files are.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InvoiceLinks {
    /// The page as PDF/A-3, with the XML attached.
    #[schema(example = "https://api.example/v1/invoices/0198…/pdf?expires=1764460800&signature=…")]
    pub(crate) pdf: String,
    /// The XML of EN 16931.
    pub(crate) xml: String,
    /// Until when they open without a key; null where they always need one.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// One invoice or credit note.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InvoiceView {
    /// Its id.
    id: String,
    /// Its number.
    #[schema(example = "INV-2026-000042")]
    number: String,
    /// `regular`, `one_off` or `credit_note`; a credit note's amounts are positive and are given back.
    #[schema(example = "regular")]
    kind: String,
    /// `open`, `paid`, `void` or `uncollectible`.
    #[schema(example = "open")]
    status: String,
    /// Whether it is open and its day has passed.
    past_due: bool,
    /// The invoice that a credit note corrects.
    corrects: Option<String>,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// Without VAT.
    #[schema(example = "903.33")]
    net: String,
    /// VAT.
    #[schema(example = "180.67")]
    vat: String,
    /// With VAT.
    #[schema(example = "1084.00")]
    total: String,
    /// Payments so far.
    #[schema(example = "0.00")]
    paid: String,
    /// First day of what it is about.
    period_from: NaiveDate,
    /// Last day of it.
    period_to: NaiveDate,
    /// When it was issued.
    issued_at: DateTime<Utc>,
    /// By when it is to be paid.
    due_at: DateTime<Utc>,
    /// When it was paid.
    paid_at: Option<DateTime<Utc>>,
    /// When it was voided.
    voided_at: Option<DateTime<Utc>>,
    /// Its files; null for some seconds after it was issued.
    links: Option<InvoiceLinks>,
}

impl InvoiceView {
    pub(crate) fn of(
        invoice: &BrandInvoice,
        links: Option<InvoiceLinks>,
        now: DateTime<Utc>,
    ) -> Self {
        let Document { head, totals, .. } = &invoice.document;
        let amount = |amount: Minor| amount.to_decimal(head.currency);
        let open = invoice.state == "open" && invoice.kind != "credit_note";
        Self {
            id: invoice.id.to_string(),
            number: invoice.number.clone(),
            kind: invoice.kind.clone(),
            status: invoice.state.clone(),
            past_due: open && invoice.due_at < now,
            corrects: invoice.corrects.map(|id| id.to_string()),
            currency: head.currency.to_string(),
            net: amount(totals.net),
            vat: amount(totals.vat),
            total: amount(totals.gross),
            paid: amount(Minor(invoice.paid_minor)),
            period_from: head.period.from,
            period_to: head.period.to,
            issued_at: invoice.issued_at,
            due_at: invoice.due_at,
            paid_at: invoice.paid_at,
            voided_at: invoice.voided_at,
            links,
        }
    }
}

/// A page of invoices.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InvoicePage {
    /// The invoices, the newest first.
    pub(crate) data: Vec<InvoiceView>,
    /// Continues after the last of them; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// One invoice with its lines.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InvoiceDetail {
    #[serde(flatten)]
    head: InvoiceView,
    /// Who sells.
    seller: PartyView,
    /// Who buys.
    buyer: PartyView,
    /// What is sold.
    lines: Vec<InvoiceLineView>,
    /// VAT by category and rate.
    vat_breakdown: Vec<VatView>,
}

/// A party, as it was when the invoice was issued.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PartyView {
    /// Its legal name.
    name: String,
    /// Its country, ISO 3166-1.
    #[schema(example = "FR")]
    country: String,
    /// Its VAT number.
    vat_id: Option<String>,
}

/// One line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InvoiceLineView {
    /// What it is, in the buyer's language.
    description: String,
    /// What was counted; null for a fee.
    #[schema(example = "generation")]
    metric: Option<&'static str>,
    /// First day, where another than the invoice's.
    period_from: Option<NaiveDate>,
    /// Last day, where another than the invoice's.
    period_to: Option<NaiveDate>,
    /// How many.
    #[schema(example = "1240")]
    quantity: String,
    /// Of what: `piece`, `month`, `day` or `gigabyte`.
    #[schema(value_type = String, example = "piece")]
    unit: domain::invoice::Unit,
    /// Each, without VAT.
    #[schema(example = "0.60")]
    unit_price: String,
    /// Quantity times price, rounded to the currency's smallest unit.
    #[schema(example = "744.00")]
    net: String,
    /// The VAT category of EN 16931.
    #[schema(example = "S")]
    vat_category: &'static str,
    /// In percent.
    #[schema(example = "20")]
    vat_rate: String,
}

/// The VAT of one category and rate.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VatView {
    /// The category of EN 16931.
    #[schema(example = "S")]
    category: &'static str,
    /// In percent.
    #[schema(example = "20")]
    rate: String,
    /// What it is on.
    taxable: String,
    /// How much it is.
    tax: String,
    /// Why there is none.
    reason: Option<String>,
}

impl InvoiceDetail {
    pub(crate) fn of(head: InvoiceView, document: &Document) -> Self {
        let Document {
            head: parties,
            lines,
            totals,
            ..
        } = document;
        let (seller, buyer) = (&parties.seller, &parties.buyer);
        Self {
            head,
            seller: PartyView {
                name: seller.name.clone(),
                country: seller.address.country.as_str().to_owned(),
                vat_id: seller.vat_id().map(|id| id.to_string()),
            },
            buyer: PartyView {
                name: buyer.name.clone(),
                country: buyer.address.country.as_str().to_owned(),
                vat_id: buyer.vat_id.as_ref().map(|id| id.to_string()),
            },
            lines: lines.iter().map(|line| row(line, document)).collect(),
            vat_breakdown: totals
                .groups
                .iter()
                .map(|one| group(one, document))
                .collect(),
        }
    }
}

fn row(line: &Line, document: &Document) -> InvoiceLineView {
    let currency = document.head.currency;
    InvoiceLineView {
        description: line.description.clone(),
        metric: line.metric.map(domain::Metric::as_str),
        period_from: line.period.map(|period| period.from),
        period_to: line.period.map(|period| period.to),
        quantity: line.quantity.to_decimal(),
        unit: line.unit,
        unit_price: line.unit_price.to_decimal(currency.exponent()),
        net: line.net.to_decimal(currency),
        vat_category: line.vat.category.as_str(),
        vat_rate: line.vat.rate.to_decimal(),
    }
}

fn group(group: &VatGroup, document: &Document) -> VatView {
    let currency = document.head.currency;
    VatView {
        category: group.category.as_str(),
        rate: group.rate.to_decimal(),
        taxable: group.taxable.to_decimal(currency),
        tax: group.tax.to_decimal(currency),
        reason: group.exemption.as_ref().map(|why| why.text.clone()),
    }
}
