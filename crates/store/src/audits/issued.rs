//! What was issued: numbers, sums, payments.

use super::{Found, MOST_ROWS};
use crate::database::Transaction;
use crate::invoices::InvoiceError;

pub(super) async fn series(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::series
        SELECT 'series:' || s.series AS "subject!",
            CASE WHEN n.missing IS NULL THEN 'number ' || n.number || ' was never given'
                ELSE 'number ' || n.number || ' is missing' END AS "detail!"
        FROM atelier.invoice_series s
        CROSS JOIN LATERAL (
            SELECT g AS number, true AS missing FROM generate_series(1, s.next_number - 1) g
            WHERE NOT EXISTS (SELECT 1 FROM atelier.invoice i WHERE i.series = s.series AND i.number = g)
            UNION ALL
            SELECT i.number, NULL FROM atelier.invoice i
            WHERE i.series = s.series AND i.number >= s.next_number) n
        UNION ALL
        SELECT 'invoice:' || id,
            'it is printed as ' || number_text || ' and is number ' || number || ' of ' || series
        FROM atelier.invoice
        WHERE number_text <> series || '-' || lpad(number::text, GREATEST(6, length(number::text)), '0')
        ORDER BY 1, 2 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(super) async fn totals(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::totals
        SELECT 'invoice:' || i.id AS "subject!",
            'its lines come to ' || COALESCE(l.net, 0) || ', its net is ' || i.net_minor || ', with '
                || COALESCE(l.wrong, 0) || ' lines of the wrong sign' AS "detail!"
        FROM atelier.invoice i
        LEFT JOIN (SELECT l.invoice_id, sum(l.net_minor)::bigint AS net,
                count(*) FILTER (WHERE (l.net_minor < 0 OR l.quantity < 0) <> (l.kind = 'correction')
                    AND (l.net_minor <> 0 OR l.quantity <> 0)) AS wrong
            FROM atelier.invoice_line l GROUP BY l.invoice_id) l ON l.invoice_id = i.id
        WHERE COALESCE(l.net, 0) <> i.net_minor OR COALESCE(l.wrong, 0) > 0
            OR i.net_minor + i.vat_minor <> i.total_minor
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// A credit note may be open or paid; an invoice is paid where what was paid and credited covers it.
pub(super) async fn payments(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::payments
        SELECT 'invoice:' || id AS "subject!",
            'it is ' || state || ' and ' || total_minor || ' was asked for, ' || paid || ' paid, '
                || credited || ' credited' AS "detail!"
        FROM (
            SELECT i.id, i.state, i.total_minor,
                (SELECT COALESCE(sum(p.amount_minor), 0)::bigint FROM atelier.payment p
                 WHERE p.invoice_id = i.id) AS paid,
                (SELECT COALESCE(-sum(c.total_minor), 0)::bigint FROM atelier.invoice c
                 WHERE c.corrects = i.id AND c.state <> 'draft') AS credited
            FROM atelier.invoice i
            WHERE i.kind <> 'credit_note' AND i.state <> 'draft') standing
        WHERE CASE state WHEN 'paid' THEN paid + credited < total_minor
            WHEN 'void' THEN paid <> 0 OR credited <> total_minor
            ELSE paid + credited >= total_minor END
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(super) async fn credits(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::credits
        SELECT 'invoice:' || l.invoice_id || ' line ' || l.position AS "subject!",
            'of ' || l.quantity || ' were credited ' || -sum(c.quantity) AS "detail!"
        FROM atelier.invoice_line l
        JOIN atelier.invoice n ON n.corrects = l.invoice_id
        JOIN atelier.invoice_line c ON c.invoice_id = n.id AND c.corrects_position = l.position
        GROUP BY l.invoice_id, l.position, l.quantity HAVING l.quantity + sum(c.quantity) < 0
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(super) async fn public(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::public
        SELECT 'invoice:' || i.id AS "subject!",
            CASE WHEN p.id IS NULL THEN 'it has no row in "Invoice"'
                ELSE 'in "Invoice" it is ' || p.status || ' over ' || p.amount || ', here ' || i.state
                    || ' over ' || i.total_minor END AS "detail!"
        FROM atelier.invoice i
        JOIN "Brand" b ON b.id = i.brand_id
        LEFT JOIN "Invoice" p ON p.id = i.id::text
        WHERE i.state <> 'draft' AND (p.id IS NULL OR p.status <> i.state
            OR (i.currency = 'EUR' AND p.amount * 100 <> i.total_minor))
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}
