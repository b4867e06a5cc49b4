//! Periods, counters and subscriptions.

use chrono::{DateTime, Utc};

use super::{Found, MOST_ROWS};
use crate::database::Transaction;
use crate::invoices::{InvoiceError, comes_to_nothing};

pub(super) async fn closed(
    tx: &mut Transaction,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<Found>, InvoiceError> {
    let mut found = sqlx::query_as!(
        Found,
        r#"-- store::audits::overlapping
        SELECT 'period:' || p.brand_id || ':' || to_char(p.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                AS "subject!",
            CASE WHEN n.period_start < p.period_end THEN 'the next one begins before it ends'
                ELSE 'it is ' || p.status || ' and has the invoice ' || i.number_text END AS "detail!"
        FROM atelier.billing_period p
        LEFT JOIN LATERAL (SELECT period_start FROM atelier.billing_period n
            WHERE n.brand_id = p.brand_id AND n.period_start > p.period_start
            ORDER BY n.period_start LIMIT 1) n ON true
        LEFT JOIN atelier.invoice i ON i.brand_id = p.brand_id AND i.period_start = p.period_start
            AND i.kind = 'regular' AND i.state NOT IN ('draft', 'void')
        WHERE n.period_start < p.period_end OR (p.status <> 'closed' AND i.id IS NOT NULL)
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?;
    let without = sqlx::query!(
        r#"-- store::audits::without_invoice
        SELECT p.brand_id, p.period_start, p.closed_at FROM atelier.billing_period p
        WHERE p.status = 'closed' AND ($1::timestamptz IS NULL OR p.closed_at >= $1)
            AND NOT EXISTS (SELECT 1 FROM atelier.invoice i
                WHERE i.brand_id = p.brand_id AND i.period_start = p.period_start
                    AND i.kind = 'regular')
        ORDER BY p.brand_id, p.period_start"#,
        since
    )
    .fetch_all(&mut **tx)
    .await?;
    for row in without {
        let detail = match comes_to_nothing(tx, &row.brand_id, row.period_start, row.closed_at)
            .await
        {
            Ok(true) => continue,
            Ok(false) => {
                "it is closed without an invoice, and there is something to bill".to_owned()
            }
            Err(InvoiceError::Unbillable { why, .. }) => format!("it cannot be computed: {why}"),
            Err(other) => return Err(other),
        };
        found.push(Found {
            subject: format!("period:{}:{}", row.brand_id, row.period_start.date_naive()),
            detail,
        });
    }
    Ok(found)
}

pub(super) async fn counter(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::counter
        SELECT 'brand:' || id AS "subject!",
            'the counter says ' || counted || '; jobs hold ' || reserved || ', used were ' || used
                || ', carried over ' || carried_units AS "detail!"
        FROM (
            SELECT b.id, b."monthlyGenerations" AS counted, p.carried_units,
                (SELECT count(*) FROM atelier.job j
                 WHERE j.brand_id = b.id AND j.quota = 'reserved') AS reserved,
                (SELECT COALESCE(sum(k.units), 0)::bigint FROM atelier.usage_bucket k
                 WHERE k.brand_id = b.id AND k.metric = 'generation' AND k.of_period = p.period_start
                    AND k.period_start = p.period_start) AS used
            FROM "Brand" b
            JOIN LATERAL (SELECT period_start, carried_units FROM atelier.billing_period
                WHERE brand_id = b.id ORDER BY period_start DESC LIMIT 1) p ON true) counts
        WHERE counted <> reserved + used + carried_units
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(super) async fn subscription(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::subscription
        SELECT 'brand:' || p.brand_id AS "subject!",
            'its latest period counts under change ' || p.change_seq || ', its last is ' || c.seq
                AS "detail!"
        FROM (SELECT DISTINCT ON (brand_id) brand_id, change_seq FROM atelier.billing_period
            ORDER BY brand_id, period_start DESC) p
        JOIN LATERAL (SELECT seq FROM atelier.subscription_change
            WHERE brand_id = p.brand_id ORDER BY seq DESC LIMIT 1) c ON c.seq <> p.change_seq
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}
