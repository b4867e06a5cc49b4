//! What a finished generation leaves: its row, the closed ledger, one usage record, its pictures.

use chrono::{DateTime, Utc};
use domain::{Metric, UsageId};
use serde_json::Map;
use uuid::Uuid;

use super::{Done, Settlement};
use crate::database::Transaction;
use crate::error::StoreError;
use crate::time::to_public;
use crate::usage::{self, UsageFact};

type Finished<'a> = [(&'a Settlement, &'a Done)];

fn column<T>(finished: &Finished<'_>, of: impl Fn(&Settlement, &Done) -> T) -> Vec<T> {
    finished
        .iter()
        .map(|(settlement, done)| of(settlement, done))
        .collect()
}

pub(super) async fn generations(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    finished: &Finished<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::settle::generations
        UPDATE "Generation" g
        SET status = 'COMPLETED', "outputUrl" = u.output_url, "thumbnailUrl" = u.thumbnail_url,
            "finalPrompt" = u.final_prompt, "negativePrompt" = u.negative_prompt,
            "aiResponse" = u.report, "processingTime" = u.processing_ms, "tokensUsed" = u.tokens,
            cost = (u.cost_micros::numeric / 1000000)::decimal(10, 6), "completedAt" = $10,
            "errorCode" = NULL, "errorMessage" = NULL,
            "retryCount" = (SELECT j.tries FROM atelier.job j WHERE j.id = atelier.job_id(u.id))
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
            $7::int[], $8::int[], $9::bigint[])
            AS u (id, output_url, thumbnail_url, final_prompt, negative_prompt, report,
                  processing_ms, tokens, cost_micros)
        WHERE g.id = u.id"#,
        &column(finished, |s, _| s.lease.job.as_text()),
        &column(finished, |_, d| d.output_url.clone()),
        &column(finished, |_, d| d.thumbnail_url.clone()),
        &column(finished, |_, d| d.final_prompt.clone()),
        &column(finished, |_, d| d.negative_prompt.clone()) as &[Option<String>],
        &column(finished, |_, d| d.report.clone()),
        &column(finished, |_, d| d.processing_ms),
        &column(finished, |_, d| d.tokens) as &[Option<i32>],
        &column(finished, |_, d| d.cost.0),
        to_public(now)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) async fn attempts(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    finished: &Finished<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::settle::attempts
        UPDATE atelier.attempt SET state = 'settled', closed_at = $2
        WHERE job_id = ANY($1) AND state = 'fetched'"#,
        &column(finished, |s, _| s.lease.job.0),
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// One record per generation: the id derives from it, so a second insert cannot bill.
pub(super) async fn usage(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    finished: &Finished<'_>,
) -> Result<(), StoreError> {
    let facts = column(finished, |settlement, done| {
        let mut metadata = Map::new();
        let generation_id = settlement.lease.job.as_text();
        metadata.insert("generation_id".to_owned(), generation_id.into());
        metadata.insert("provider_cost_micros".to_owned(), done.cost.0.into());
        UsageFact {
            id: UsageId::generation(settlement.lease.job),
            brand: settlement.brand_id.clone(),
            metric: Metric::Generation,
            units: 1,
            at: now,
            metadata,
        }
    });
    usage::record(tx, now, &facts).await?;
    Ok(())
}

pub(super) async fn assets(
    tx: &mut Transaction,
    finished: &Finished<'_>,
) -> Result<(), StoreError> {
    let rows: Vec<(Uuid, &super::Asset)> = finished
        .iter()
        .flat_map(|(s, d)| d.assets.iter().map(|asset| (s.lease.job.0, asset)))
        .collect();
    let pixels = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    sqlx::query!(
        r#"-- store::settle::assets
        INSERT INTO atelier.asset (job_id, variant, object_key, content_type, width_px, height_px,
            size_bytes, sha256)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[],
            $7::bigint[], $8::bytea[])
        ON CONFLICT (job_id, variant) DO UPDATE
        SET object_key = EXCLUDED.object_key, content_type = EXCLUDED.content_type,
            width_px = EXCLUDED.width_px, height_px = EXCLUDED.height_px,
            size_bytes = EXCLUDED.size_bytes, sha256 = EXCLUDED.sha256"#,
        &rows.iter().map(|(job, _)| *job).collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, a)| a.variant.clone())
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, a)| a.object_key.clone())
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, a)| a.content_type.clone())
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, a)| pixels(a.width_px))
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, a)| pixels(a.height_px))
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, a)| i64::try_from(a.size_bytes).unwrap_or(i64::MAX))
            .collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, a)| a.sha256.to_vec())
            .collect::<Vec<_>>(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
