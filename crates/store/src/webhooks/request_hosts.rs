//! The endpoints that stand for the hosts which requests name by `webhook_url`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::BrandId;
use domain::webhook_endpoint::RequestHost;

use super::secrets::SEALED;
use crate::database::Transaction;
use crate::error::StoreError;
use crate::time::to_public;

/// Makes those that are not there yet, in the order of their ids, so that two batches do not wait for
/// each other in a circle.
pub(crate) async fn ensure(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    hosts: &BTreeMap<RequestHost, BrandId>,
) -> Result<(), StoreError> {
    if hosts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::webhooks::request_hosts::ensure
        WITH made AS (
            INSERT INTO "Webhook" (id, "brandId", name, url, secret, events, "createdAt", "updatedAt")
            SELECT u.id, u.brand_id, 'Requests to ' || u.origin, u.origin, $4, '{}', $5, $5
            FROM unnest($1::text[], $2::text[], $3::text[]) AS u (id, brand_id, origin)
            WHERE NOT EXISTS (SELECT 1 FROM atelier.webhook_endpoint e WHERE e.webhook_id = u.id)
            ORDER BY u.id
            ON CONFLICT (id) DO NOTHING RETURNING id, "brandId"),
        endpoint AS (
            INSERT INTO atelier.webhook_endpoint (webhook_id, brand_id, kind, payload_format)
            SELECT id, "brandId", 'request', 'standard' FROM made
            RETURNING webhook_id)
        INSERT INTO atelier.webhook_lane (webhook_id) SELECT webhook_id FROM endpoint"#,
        &hosts.keys().map(|host| host.webhook_id.clone()).collect::<Vec<_>>(),
        &hosts.values().map(ToString::to_string).collect::<Vec<_>>(),
        &hosts.keys().map(|host| host.origin.clone()).collect::<Vec<_>>(),
        SEALED,
        to_public(now)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
