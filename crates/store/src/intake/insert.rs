//! The rows of accepted requests, many at a time.

use chrono::{DateTime, Utc};
use domain::webhook_endpoint::RequestHost;

use super::NewGeneration;
use crate::database::Transaction;
use crate::error::StoreError;
use crate::time::to_public;
use crate::webhooks::request_hosts;

/// Collects one column of the batch.
fn column<T>(batch: &[&NewGeneration], of: impl Fn(&NewGeneration) -> T) -> Vec<T> {
    batch.iter().map(|request| of(request)).collect()
}

pub(super) async fn generations(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &[&NewGeneration],
) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::intake::insert_generations
        INSERT INTO "Generation" (id, "brandId", "productId", "publicId", "sessionId", customizations,
            "userPrompt", "finalPrompt", "aiProvider", model, quality, "ipAddress", "userAgent",
            referrer, "expiresAt", "createdAt")
        SELECT u.id, u.brand_id, u.product_id, u.public_id, u.session_id, u.customizations,
            u.user_prompt, '', u.ai_provider, u.model, u.quality, u.ip_address, u.user_agent,
            u.referrer, u.expires_at, $15
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
            $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
            $14::timestamp[])
            AS u (id, brand_id, product_id, public_id, session_id, customizations, user_prompt,
                  ai_provider, model, quality, ip_address, user_agent, referrer, expires_at)"#,
        &column(batch, |r| r.id.as_text()),
        &column(batch, |r| r.brand_id.to_string()),
        &column(batch, |r| r.product_id.to_string()),
        &column(batch, |r| r.public_id.to_string()),
        &column(batch, |r| r.session_id.clone()) as &[Option<String>],
        &column(batch, |r| r.customizations.clone()),
        &column(batch, |r| r.user_prompt.clone()) as &[Option<String>],
        &column(batch, |r| r.ai_provider.clone()),
        &column(batch, |r| r.model.clone()),
        &column(batch, |r| r.quality.clone()),
        &column(batch, |r| r.client.ip_address.clone()) as &[Option<String>],
        &column(batch, |r| r.client.user_agent.clone()) as &[Option<String>],
        &column(batch, |r| r.client.referrer.clone()) as &[Option<String>],
        &column(batch, |r| r.expires_at.map(to_public)) as &[Option<chrono::NaiveDateTime>],
        to_public(now)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) async fn jobs(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &[&NewGeneration],
) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::intake::insert_jobs
        INSERT INTO atelier.job (id, brand_id, product_id, key_id, lane, priority, weight, state,
            run_at, start_by, deadline, dispatched_at, trace_parent, created_at)
        SELECT u.id, u.brand_id, u.product_id, u.key_id, u.lane, u.priority, u.weight, 'waiting',
            $12, u.start_by, u.deadline, CASE WHEN u.dispatch_now THEN $12::timestamptz END,
            u.trace_parent, $12
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[],
            $7::int[], $8::timestamptz[], $9::timestamptz[], $10::bool[], $11::text[])
            AS u (id, brand_id, product_id, key_id, lane, priority, weight, start_by, deadline,
                  dispatch_now, trace_parent)"#,
        &column(batch, |r| r.id.0),
        &column(batch, |r| r.brand_id.to_string()),
        &column(batch, |r| r.product_id.to_string()),
        &column(batch, |r| r.key_id.clone()),
        &column(batch, |r| r.lane.as_str().to_owned()),
        &column(batch, |r| r.priority),
        &column(batch, |r| r.weight),
        &column(batch, |r| r.start_by) as &[Option<DateTime<Utc>>],
        &column(batch, |r| r.deadline) as &[Option<DateTime<Utc>>],
        &column(batch, |r| r.dispatch_now),
        &column(batch, |r| r.trace_parent.clone()),
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Rows only for requests that bring options: few do, so they go one by one.
pub(super) async fn options(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &[&NewGeneration],
) -> Result<(), StoreError> {
    let hosts = batch.iter().filter_map(|request| {
        let host = host_of(request)?;
        Some((host, request.brand_id.clone()))
    });
    request_hosts::ensure(tx, now, &hosts.collect()).await?;
    for request in batch {
        let Some(option) = &request.option else {
            continue;
        };
        sqlx::query!(
            r#"-- store::intake::insert_option
            INSERT INTO atelier.request_option (job_id, template_id, webhook_url, metadata, widths, webhook_id)
            VALUES ($1, $2, $3, $4, $5, $6)"#,
            request.id.0,
            option.template_id,
            option.webhook_url,
            option.metadata,
            &option.widths,
            host_of(request).map(|host| host.webhook_id)
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// The host of the address that the request wants to be told at.
fn host_of(request: &NewGeneration) -> Option<RequestHost> {
    let url = request.option.as_ref()?.webhook_url.as_ref()?;
    RequestHost::of(&request.brand_id, url)
}
