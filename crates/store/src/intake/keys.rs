//! Idempotency keys: who was first.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{GenerationId, PublicId};

use super::{Accepted, Decision, NewGeneration, Refusal};
use crate::database::Transaction;
use crate::error::StoreError;

/// The requests of each (scope, key) of a batch, in order. The first one is its leader.
type Groups<'a> = HashMap<(&'a str, &'a str), Vec<usize>>;

/// Claims the batch's keys and decides the requests whose key somebody else holds. Returns the
/// requests that repeat a key of this same batch, each with the request that has it.
///
/// Keys are inserted in sorted order: two batches with the same keys queue behind each other instead
/// of waiting for each other.
pub(super) async fn claim(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &[NewGeneration],
    decisions: &mut [Option<Decision>],
) -> Result<Vec<(usize, usize)>, StoreError> {
    let groups = group(batch);
    let leaders: Vec<usize> = sorted_leaders(&groups);
    if leaders.is_empty() {
        return Ok(Vec::new());
    }
    insert(tx, now, batch, &leaders).await?;
    let mut followers = Vec::new();
    for held in holders(tx, batch, &leaders).await? {
        let Some(group) = groups.get(&(held.scope.as_str(), held.key.as_str())) else {
            continue;
        };
        for &index in group {
            decisions[index] = decide(&batch[index], &held)?;
            // The decision of a follower holds it off the quota until its leader's is known.
            let leads = held.job_id == batch[group[0]].id.0;
            if leads && matches!(decisions[index], Some(Ok(Accepted::Replayed(..)))) {
                followers.push((index, group[0]));
            }
        }
    }
    Ok(followers)
}

fn group(batch: &[NewGeneration]) -> Groups<'_> {
    let mut groups = Groups::new();
    for (index, request) in batch.iter().enumerate() {
        if let Some(key) = &request.idempotency {
            groups
                .entry((&key.scope, &key.key))
                .or_default()
                .push(index);
        }
    }
    groups
}

fn sorted_leaders(groups: &Groups<'_>) -> Vec<usize> {
    let mut sorted: Vec<_> = groups.iter().collect();
    sorted.sort();
    sorted
        .into_iter()
        .filter_map(|(_, group)| group.first().copied())
        .collect()
}

async fn insert(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &[NewGeneration],
    leaders: &[usize],
) -> Result<(), StoreError> {
    let mut scopes = Vec::with_capacity(leaders.len());
    let mut keys = Vec::with_capacity(leaders.len());
    let mut fingerprints = Vec::with_capacity(leaders.len());
    let mut jobs = Vec::with_capacity(leaders.len());
    let mut public_ids = Vec::with_capacity(leaders.len());
    for index in leaders {
        let request = &batch[*index];
        let Some(key) = &request.idempotency else {
            continue;
        };
        scopes.push(key.scope.clone());
        keys.push(key.key.clone());
        fingerprints.push(key.fingerprint.to_vec());
        jobs.push(request.id.0);
        public_ids.push(request.public_id.to_string());
    }
    sqlx::query!(
        r#"-- store::intake::claim_keys
        INSERT INTO atelier.idempotency_key (scope, key, fingerprint, job_id, public_id, created_at)
        SELECT u.scope, u.key, u.fingerprint, u.job_id, u.public_id, $6
        FROM unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[], $5::text[])
            AS u (scope, key, fingerprint, job_id, public_id)
        ON CONFLICT (scope, key) DO NOTHING"#,
        &scopes,
        &keys,
        &fingerprints,
        &jobs,
        &public_ids,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

struct Holder {
    scope: String,
    key: String,
    fingerprint: Vec<u8>,
    job_id: uuid::Uuid,
    public_id: String,
}

async fn holders(
    tx: &mut Transaction,
    batch: &[NewGeneration],
    leaders: &[usize],
) -> Result<Vec<Holder>, StoreError> {
    let (scopes, keys): (Vec<String>, Vec<String>) = leaders
        .iter()
        .filter_map(|index| batch[*index].idempotency.as_ref())
        .map(|key| (key.scope.clone(), key.key.clone()))
        .unzip();
    let rows = sqlx::query_as!(
        Holder,
        r#"-- store::intake::key_holders
        SELECT k.scope, k.key, k.fingerprint, k.job_id, k.public_id
        FROM atelier.idempotency_key k
        JOIN unnest($1::text[], $2::text[]) AS u (scope, key) ON k.scope = u.scope AND k.key = u.key"#,
        &scopes,
        &keys
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

fn decide(request: &NewGeneration, held: &Holder) -> Result<Option<Decision>, StoreError> {
    if held.job_id == request.id.0 {
        return Ok(None);
    }
    let same = request
        .idempotency
        .as_ref()
        .is_some_and(|key| key.fingerprint.as_slice() == held.fingerprint);
    if !same {
        return Ok(Some(Err(Refusal::KeyReused)));
    }
    let public_id = PublicId::parse(&held.public_id).map_err(|error| StoreError::Inconsistent {
        table: "atelier.idempotency_key",
        column: "public_id",
        id: held.key.clone(),
        detail: error.to_string(),
    })?;
    Ok(Some(Ok(Accepted::Replayed(
        GenerationId(held.job_id),
        public_id,
    ))))
}

/// Gives back the keys of requests that were refused, so that a later try with the same key is
/// judged anew.
pub(super) async fn release(
    tx: &mut Transaction,
    refused: &[&NewGeneration],
) -> Result<(), StoreError> {
    let jobs: Vec<uuid::Uuid> = refused
        .iter()
        .filter(|request| request.idempotency.is_some())
        .map(|request| request.id.0)
        .collect();
    if jobs.is_empty() {
        return Ok(());
    }
    let (scopes, keys): (Vec<String>, Vec<String>) = refused
        .iter()
        .filter_map(|request| request.idempotency.as_ref())
        .map(|key| (key.scope.clone(), key.key.clone()))
        .unzip();
    sqlx::query!(
        r#"-- store::intake::release_keys
        DELETE FROM atelier.idempotency_key k
        USING unnest($1::text[], $2::text[]) AS u (scope, key)
        WHERE k.scope = u.scope AND k.key = u.key AND k.job_id = ANY($3)"#,
        &scopes,
        &keys,
        &jobs
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
