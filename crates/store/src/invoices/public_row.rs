//! The rows of `"Invoice"` that the brand-facing side reads.
//!
//! `"stripeInvoiceId"` may not be empty there; an invoice that is not at Stripe has `atelier_<id>`. A brand whose
//! row is gone has none of these.

use uuid::Uuid;

use crate::database::Transaction;
use crate::error::StoreError;

/// Writes the rows of these invoices as they stand: new ones, and what has changed of others.
///
/// `amount` is what is to be paid, in the currency's unit; a credit note's is negative.
pub(super) async fn write(tx: &mut Transaction, ids: &[Uuid]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::invoices::public_rows
        INSERT INTO "Invoice" AS p (id, "brandId", "stripeInvoiceId", amount, currency, status,
            "periodStart", "periodEnd", "createdAt", "paidAt")
        SELECT i.id::text, i.brand_id, COALESCE(i.stripe_invoice_id, 'atelier_' || i.id),
            i.total_minor / (CASE
                WHEN i.currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF',
                    'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
                WHEN i.currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 1000
                ELSE 100 END)::numeric,
            lower(i.currency), i.state,
            COALESCE(i.period_start, i.issued_at) AT TIME ZONE 'UTC',
            COALESCE(i.period_end, i.issued_at) AT TIME ZONE 'UTC',
            i.issued_at AT TIME ZONE 'UTC', i.paid_at AT TIME ZONE 'UTC'
        FROM atelier.invoice i JOIN "Brand" b ON b.id = i.brand_id
        WHERE i.id = ANY($1) AND i.state <> 'draft'
        ORDER BY i.id
        ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status, "paidAt" = EXCLUDED."paidAt""#,
        ids
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
