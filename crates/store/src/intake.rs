//! Accepting generations: many requests, one transaction, one commit.
//!
//! What is decided here is decided once and durably: the idempotency key, the unit of quota, the
//! `"Generation"` row and the job. After the commit the generation is accepted and will end.
//!
//! - Dies before the commit: nothing happened; no answer was given.
//! - Dies after the commit, or the reply to the commit is lost: the job exists and the dispatcher
//!   sends it; a client that repeats with its idempotency key gets the same generation.
//! - One bad request in a batch: the batch is taken apart and each goes alone, so that it fails alone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::{BrandId, GenerationId, Lane, Metric, ProductId, PublicId, QuotaPolicy};
use serde_json::Value;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::periods;

mod insert;
mod keys;
mod quota;

/// A request that has been validated and is to be accepted.
#[derive(Debug, Clone)]
pub struct NewGeneration {
    /// The id of the generation and of its job.
    pub id: GenerationId,
    /// The id shown outside.
    pub public_id: PublicId,
    /// Who asks.
    pub brand_id: BrandId,
    /// What for.
    pub product_id: ProductId,
    /// Which key asked: an id, not the key.
    pub key_id: String,
    /// The lane of the brand's plan.
    pub lane: Lane,
    /// Within the brand's own backlog, higher goes first: -100 to 100.
    pub priority: i16,
    /// How many units of work the job counts for in the fair order.
    pub weight: i32,
    /// Not begun by then: EXPIRED.
    pub start_by: Option<DateTime<Utc>>,
    /// Not finished by then: EXPIRED.
    pub deadline: Option<DateTime<Utc>>,
    /// The validated customisations, in canonical form.
    pub customizations: Value,
    /// The shopper's own words.
    pub user_prompt: Option<String>,
    /// The shop's session of the shopper.
    pub session_id: Option<String>,
    /// The provider the product asks for.
    pub ai_provider: String,
    /// The model.
    pub model: String,
    /// The quality word.
    pub quality: String,
    /// Who sent it, for abuse handling.
    pub client: Client,
    /// When the result may be forgotten.
    pub expires_at: Option<DateTime<Utc>>,
    /// W3C trace context of the request.
    pub trace_parent: String,
    /// Whether the caller will add it to a stream at once. Otherwise it joins the backlog.
    pub dispatch_now: bool,
    /// What goes beyond the columns of `"Generation"`.
    pub option: Option<RequestOption>,
    /// The client's own key for this request.
    pub idempotency: Option<IdempotencyKey>,
}

/// Where a request came from.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The peer's address.
    pub ip_address: Option<String>,
    /// The User-Agent header.
    pub user_agent: Option<String>,
    /// The Referer header.
    pub referrer: Option<String>,
}

/// Options of one request that have no column in `"Generation"`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestOption {
    /// A template other than the product's own prompt.
    pub template_id: Option<String>,
    /// Where to announce the end of this generation.
    pub webhook_url: Option<String>,
    /// The customer's own data, returned as it came.
    pub metadata: Option<Value>,
    /// Further widths in pixels to produce.
    pub widths: Vec<i32>,
}

/// An `Idempotency-Key` with what it must match.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The space the key is unique in: the API key that was used.
    pub scope: String,
    /// The header's value.
    pub key: String,
    /// SHA-256 of the request's meaning.
    pub fingerprint: [u8; 32],
}

/// How a request was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is new.
    Created,
    /// Its idempotency key had been used for the same request: here is that generation.
    Replayed(GenerationId, PublicId),
}

/// Where a brand stands that may use no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaRefusal {
    /// What it asked for.
    pub metric: Metric,
    /// The most it may use in the period.
    pub limit: u64,
    /// What is used and reserved.
    pub used: u64,
    /// What its plan says about going on.
    pub policy: QuotaPolicy,
    /// When the period ends and the count begins anew.
    pub reset_at: DateTime<Utc>,
}

/// Why a request was not accepted. Nothing of it is left in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The brand's generations of the period are used up.
    Quota(QuotaRefusal),
    /// The idempotency key was used for another request.
    KeyReused,
    /// The brand may not order: the words say why.
    BrandClosed(&'static str),
}

/// What became of one request of a batch.
pub type Decision = Result<Accepted, Refusal>;

/// Accepts a batch: in one transaction if that works, else each request alone.
///
/// Returns one result per request, in order. Runs to its end or leaves nothing; must not be
/// cancelled half way by a caller that wants to know the outcome.
pub async fn accept(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[NewGeneration],
) -> Vec<Result<Decision, StoreError>> {
    match accept_together(db, now, batch).await {
        Ok(decisions) => decisions.into_iter().map(Ok).collect(),
        Err(error) => accept_each(db, now, batch, error).await,
    }
}

/// Accepts each request alone after all of them together failed with `error`. As soon as PostgreSQL is
/// away the rest are told so, instead of waiting for it once per request.
async fn accept_each(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[NewGeneration],
    error: StoreError,
) -> Vec<Result<Decision, StoreError>> {
    let mut error = Some(error);
    let mut away = db.ping().await.is_err();
    let mut results = Vec::with_capacity(batch.len());
    for request in batch {
        if away {
            let gone = || StoreError::Unavailable(sqlx::Error::PoolTimedOut);
            results.push(Err(error.take().unwrap_or_else(gone)));
            continue;
        }
        let result = accept_again(db, now, request).await;
        away = matches!(result, Err(StoreError::Unavailable(_))) && db.ping().await.is_err();
        results.push(result);
    }
    results
}

/// Accepts one request after an attempt whose outcome is not known: if its job exists, the earlier
/// commit did arrive. It may also have been under way still and arrive while this one waits for it.
async fn accept_again(
    db: &Database,
    now: DateTime<Utc>,
    request: &NewGeneration,
) -> Result<Decision, StoreError> {
    if is_known(db, request.id).await? {
        return Ok(Ok(Accepted::Created));
    }
    let decisions = match accept_together(db, now, std::slice::from_ref(request)).await {
        Ok(decisions) => decisions,
        Err(_) if is_known(db, request.id).await? => return Ok(Ok(Accepted::Created)),
        Err(error) => return Err(error),
    };
    decisions
        .into_iter()
        .next()
        .ok_or(StoreError::Inconsistent {
            table: "atelier.job",
            column: "id",
            id: request.id.to_string(),
            detail: "a batch of one gave no decision".to_owned(),
        })
}

async fn is_known(db: &Database, id: GenerationId) -> Result<bool, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::intake::known
        SELECT EXISTS (SELECT 1 FROM atelier.job WHERE id = $1) AS "known!""#,
        id.0
    )
    .fetch_one(&mut *connection)
    .await?)
}

async fn accept_together(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[NewGeneration],
) -> Result<Vec<Decision>, StoreError> {
    let brands: BTreeSet<String> = batch.iter().map(|r| r.brand_id.to_string()).collect();
    let brands: Vec<String> = brands.into_iter().collect();
    match accept_once(db, now, batch).await {
        Err(StoreError::PeriodDue) => {
            periods::ensure(db, now, &brands).await?;
            accept_once(db, now, batch).await
        }
        other => other,
    }
}

async fn accept_once(
    db: &Database,
    now: DateTime<Utc>,
    batch: &[NewGeneration],
) -> Result<Vec<Decision>, StoreError> {
    let mut tx = db.begin("intake").await?;
    let mut decisions: Vec<Option<Decision>> = vec![None; batch.len()];
    let followers = keys::claim(&mut tx, now, batch, &mut decisions).await?;
    decide_quota(&mut tx, now, batch, &mut decisions).await?;
    let created: Vec<&NewGeneration> = indices(&decisions, true)
        .map(|index| &batch[index])
        .collect();
    let refused: Vec<&NewGeneration> = indices(&decisions, false)
        .map(|index| &batch[index])
        .collect();
    keys::release(&mut tx, &refused).await?;
    insert::generations(&mut tx, now, &created).await?;
    insert::jobs(&mut tx, now, &created).await?;
    insert::options(&mut tx, now, &created).await?;
    tx.commit().await?;
    for (follower, leader) in followers {
        decisions[follower] = Some(follow(&batch[leader], &decisions[leader]));
    }
    Ok(decisions
        .into_iter()
        .map(|decision| decision.unwrap_or(Ok(Accepted::Created)))
        .collect())
}

/// The same key twice in one batch: the second gets what the first got.
fn follow(leader: &NewGeneration, decision: &Option<Decision>) -> Decision {
    match decision {
        Some(Err(refusal)) => Err(refusal.clone()),
        Some(Ok(Accepted::Replayed(id, public_id))) => {
            Ok(Accepted::Replayed(*id, public_id.clone()))
        }
        Some(Ok(Accepted::Created)) | None => {
            Ok(Accepted::Replayed(leader.id, leader.public_id.clone()))
        }
    }
}

/// The requests decided to be created (`true`), or refused by quota or a closed brand (`false`).
fn indices(decisions: &[Option<Decision>], created: bool) -> impl Iterator<Item = usize> + '_ {
    decisions
        .iter()
        .enumerate()
        .filter_map(move |(index, decision)| match decision {
            Some(Ok(Accepted::Created)) if created => Some(index),
            Some(Err(Refusal::Quota(_) | Refusal::BrandClosed(_))) if !created => Some(index),
            _ => None,
        })
}

/// Takes a unit of quota for each request that is still undecided, brand by brand in a fixed order,
/// so that two batches cannot wait for each other.
async fn decide_quota(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    batch: &[NewGeneration],
    decisions: &mut [Option<Decision>],
) -> Result<(), StoreError> {
    let mut wanted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, request) in batch.iter().enumerate() {
        if decisions[index].is_none() {
            wanted
                .entry(request.brand_id.as_str())
                .or_default()
                .push(index);
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let brands =
        quota::lock_brands(tx, now, wanted.keys().map(|id| (*id).to_owned()).collect()).await?;
    let mut taken: Vec<(String, i32)> = Vec::new();
    for (brand_id, requests) in wanted {
        let granted = match brands.get(brand_id) {
            None => refuse_all(
                decisions,
                &requests,
                &Refusal::BrandClosed("the brand is gone"),
            ),
            Some(brand) => match brand.closed() {
                Some(why) => refuse_all(decisions, &requests, &Refusal::BrandClosed(why)),
                None => quota::share_out(brand, &requests, decisions),
            },
        };
        if granted > 0 {
            taken.push((brand_id.to_owned(), granted));
        }
    }
    quota::take(tx, &taken).await?;
    quota::tell_thresholds(tx, now, &brands, &taken).await
}

fn refuse_all(decisions: &mut [Option<Decision>], requests: &[usize], refusal: &Refusal) -> i32 {
    for index in requests {
        decisions[*index] = Some(Err(refusal.clone()));
    }
    0
}
