//! Issued invoices, as rows, for tests of what becomes of them.
//!
//! How an invoice comes about is the store's business and shown there; what reads, renders or collects one needs
//! nothing but its rows.

use std::error::Error;

use chrono::{DateTime, Utc};
use domain::invoice::{
    Buyer, Currency, Document, Head, Kind, LineInput, Minor, Period, Quantity, Seller, Unit,
    vat_treatment,
};
use serde_json::json;
use uuid::Uuid;

/// What a test wants an invoice to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paper {
    /// The last part of its number.
    pub number: i64,
    /// Where the seller's logo lies.
    pub logo: Option<String>,
    /// The buyer's mail address.
    pub email: Option<String>,
}

impl Paper {
    /// An invoice to a buyer with a mail address.
    pub fn numbered(number: i64) -> Self {
        Self {
            number,
            logo: None,
            email: Some("compta@zoe.example".to_owned()),
        }
    }

    /// What it says: a fee of 29.00 EUR for February 2026, and as many pictures at 0.75 EUR as its number, with 20 %
    /// VAT.
    ///
    /// # Errors
    /// None, unless the rules of documents have changed.
    pub fn document(&self) -> Result<Document, Box<dyn Error + Send + Sync>> {
        let address = |city: &str| json!({"lines": ["12 rue des Lilas"], "postcode": "75011", "city": city, "country": "FR"});
        let seller: Seller = serde_json::from_value(json!({
            "name": "Atelier Exemple SAS", "logo": self.logo, "address": address("Paris"),
            "registrations": [{"label": "SIREN", "id": "303265045", "scheme": "0002"}],
            "vat": {"regime": "registered", "vat_id": "FR40303265045"},
            "terms": {"payment_days": 30},
        }))?;
        let buyer: Buyer = serde_json::from_value(json!({
            "name": "Boutique Zoé", "address": address("Lyon"), "language": "fr",
            "contact": {"email": self.email},
        }))?;
        let period = Period::half_open("2026-02-01".parse()?, "2026-03-01".parse()?);
        let vat = vat_treatment(&seller, &buyer, period.to)?;
        let line = |description: &str,
                    quantity,
                    price: &str|
         -> Result<LineInput, Box<dyn Error + Send + Sync>> {
            Ok(LineInput {
                description: description.to_owned(),
                metric: None,
                period: None,
                quantity: Quantity::whole(quantity),
                unit: Unit::Piece,
                unit_price: price.parse()?,
                vat: vat.clone(),
            })
        };
        let lines = vec![
            line("Offre Starter", 1, "29")?,
            line("Images", self.number, "0.75")?,
        ];
        let head = Head {
            kind: Kind::Invoice,
            number: Some(format!("INV-2026-{:06}", self.number)),
            issued_on: "2026-03-01".parse()?,
            due_on: Some("2026-03-31".parse()?),
            period,
            currency: Currency::EUR,
            seller,
            buyer,
            notes: vec![],
        };
        Ok(Document::new(head, lines, vec![], Minor::ZERO)?)
    }

    /// The statements that issue it to a brand at `at`, due 30 days later. They may be sent as they are.
    ///
    /// # Errors
    /// As [`document`](Self::document).
    pub fn issue_sql(
        &self,
        id: Uuid,
        brand: &str,
        at: DateTime<Utc>,
    ) -> Result<String, Box<dyn Error + Send + Sync>> {
        let document = self.document()?;
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let json = quoted(&json!(document).to_string());
        let (brand, at, number) = (quoted(brand), quoted(&at.to_rfc3339()), self.number);
        let lines: Vec<String> = document
            .lines
            .iter()
            .enumerate()
            .map(|(index, line)| {
                let (position, net) = (index + 1, line.net.0);
                let description = quoted(&line.description);
                format!("('{id}', {position}, 'fee', {description}, 1, 'C62', 0, {net}, 'S', 2000)")
            })
            .collect();
        let (lines, totals) = (lines.join(", "), document.totals);
        let (net, vat, total) = (totals.net.0, totals.vat.0, totals.gross.0);
        Ok(format!(
            r#"BEGIN;
            INSERT INTO atelier.invoice_series VALUES ('INV-2026', 1000000) ON CONFLICT DO NOTHING;
            INSERT INTO atelier.invoice (id, brand_id, kind, state, document, currency, created_at)
                VALUES ('{id}', {brand}, 'one_off', 'draft', {json}, 'EUR', {at});
            INSERT INTO atelier.invoice_line (invoice_id, position, kind, description, quantity, unit,
                unit_price_e10, net_minor, vat_category, vat_rate_bp) VALUES {lines};
            UPDATE atelier.invoice SET state = 'open', series = 'INV-2026', number = {number},
                number_text = 'INV-2026-' || lpad('{number}', 6, '0'), net_minor = {net}, vat_minor = {vat},
                total_minor = {total}, issued_at = {at}, due_at = {at}::timestamptz + interval '30 days'
                WHERE id = '{id}';
            INSERT INTO "Invoice" (id, "brandId", "stripeInvoiceId", amount, status, "periodStart", "periodEnd")
                VALUES ('{id}', {brand}, 'atelier:{id}', {total} / 100.0, 'open', '2026-02-01', '2026-03-01');
            COMMIT;"#
        ))
    }
}
