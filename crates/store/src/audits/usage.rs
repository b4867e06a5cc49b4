//! From finished generations to the quantities that were billed.

use super::{Found, MOST_ROWS};
use crate::database::Transaction;
use crate::invoices::InvoiceError;

pub(super) async fn of_generations(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::usage_of_generations
        SELECT COALESCE('job:' || j.id, 'usage:' || u.id) AS "subject!",
            CASE WHEN u.id IS NULL THEN 'it is done and has no usage record'
                ELSE 'it has a usage record and is ' || COALESCE(j.state, 'not there') END AS "detail!"
        FROM atelier.job j
        FULL JOIN (SELECT id FROM "UsageRecord" WHERE type = 'generation' AND id LIKE 'generation:%') u
            ON u.id = 'generation:' || j.id::text
        WHERE COALESCE(j.state = 'done', false) <> (u.id IS NOT NULL)
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(super) async fn twice(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::usage_twice
        SELECT 'generation:' || (metadata ->> 'generation_id') AS "subject!",
            'it is recorded under ' || string_agg(id, ' and ' ORDER BY id) AS "detail!"
        FROM "UsageRecord"
        WHERE type = 'generation' AND metadata ? 'period' AND metadata ? 'generation_id'
        GROUP BY metadata ->> 'generation_id' HAVING count(*) > 1
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(super) async fn buckets(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::buckets
        WITH recorded AS (
            SELECT "brandId" AS brand_id, (metadata ->> 'period')::timestamptz AS period_start,
                type AS metric, sum(count)::bigint AS units
            FROM "UsageRecord" WHERE metadata ? 'period' GROUP BY 1, 2, 3),
        counted AS (
            SELECT brand_id, period_start, metric, sum(units)::bigint AS units
            FROM atelier.usage_bucket GROUP BY 1, 2, 3)
        SELECT 'period:' || brand_id || ':' || to_char(period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                || ' ' || metric AS "subject!",
            'the records say ' || COALESCE(r.units, 0) || ', the buckets ' || COALESCE(c.units, 0)
                AS "detail!"
        FROM recorded r FULL JOIN counted c USING (brand_id, period_start, metric)
        WHERE COALESCE(r.units, 0) <> COALESCE(c.units, 0)
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

/// An invoice that was voided and issued anew has no buckets any more: its lines count for nothing.
pub(super) async fn billed(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::billed
        WITH counted AS (
            SELECT sealed_by AS invoice_id, metric, of_period, sum(units)::bigint AS units
            FROM atelier.usage_bucket WHERE sealed_by IS NOT NULL GROUP BY 1, 2, 3),
        billed AS (
            SELECT l.invoice_id, l.metric, l.of_period, sum(l.quantity)::bigint AS units
            FROM atelier.invoice_line l JOIN atelier.invoice i ON i.id = l.invoice_id
            WHERE l.kind IN ('included', 'overage') AND (i.state <> 'void' OR EXISTS (
                SELECT 1 FROM atelier.usage_bucket b WHERE b.sealed_by = i.id))
            GROUP BY 1, 2, 3)
        SELECT 'invoice:' || invoice_id || ' ' || metric AS "subject!",
            'its buckets say ' || COALESCE(c.units, 0) || ', its lines ' || COALESCE(b.units, 0)
                AS "detail!"
        FROM counted c FULL JOIN billed b USING (invoice_id, metric, of_period)
        WHERE COALESCE(c.units, 0) <> COALESCE(b.units, 0)
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}

pub(super) async fn sealed(tx: &mut Transaction) -> Result<Vec<Found>, InvoiceError> {
    Ok(sqlx::query_as!(
        Found,
        r#"-- store::audits::sealed
        SELECT DISTINCT 'period:' || b.brand_id || ':'
                || to_char(b.period_start AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS "subject!",
            CASE WHEN b.sealed_by IS NULL THEN 'its invoice ' || i.id || ' does not bill all its usage'
                ELSE 'its usage is billed by ' || b.sealed_by || ', which is not its invoice' END
                AS "detail!"
        FROM atelier.usage_bucket b
        LEFT JOIN atelier.invoice i ON i.brand_id = b.brand_id AND i.period_start = b.period_start
            AND i.kind = 'regular' AND (i.state <> 'void' OR i.id = b.sealed_by)
        WHERE b.units > 0 AND b.sealed_by IS DISTINCT FROM i.id
        ORDER BY 1 LIMIT $1"#,
        MOST_ROWS
    )
    .fetch_all(&mut **tx)
    .await?)
}
