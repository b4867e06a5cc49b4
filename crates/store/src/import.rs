//! Waiting generations of another system's queue, made jobs of ours.
//!
//! The generation is there already, accepted and counted by the older platform; its row gets a job's id
//! (its public id stays, so that shops' pages find it), its customisations get our form, and a job is
//! made for it, in one transaction. `atelier.imported_job` remembers both ids, so that a second import
//! changes nothing.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::{Customizations, GenerationId, Lane, Plan, ProductId};
use serde_json::Value;

use crate::database::Database;
use crate::error::StoreError;
use crate::products::{self, CatalogEntry};

/// The unit of quota was taken by the older platform when it accepted the generation.
const KEY_ID: &str = "import-bull";

/// A generation that waits in another system's queue.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Queue and id there.
    pub source: String,
    /// `"Generation".id`.
    pub generation_id: String,
}

/// What can be done with one.
#[derive(Debug, Clone)]
pub enum Judged {
    /// It can be imported.
    Ready(Box<Ready>),
    /// It was imported before.
    Known,
    /// The generation has ended; nothing is left to do.
    Ended(String),
    /// It cannot be imported as it is: why.
    Refused(String),
}

/// A generation that can be imported.
#[derive(Debug, Clone)]
pub struct Ready {
    source: String,
    former_id: String,
    brand_id: String,
    product_id: String,
    plan: Plan,
    customizations: Value,
}

/// Looks at waiting generations, all at once. Changes nothing.
///
/// # Errors
/// [`StoreError`] where PostgreSQL does not answer or a product's row is broken.
pub async fn judge(db: &Database, waiting: &[Waiting]) -> Result<Vec<Judged>, StoreError> {
    let known = known(db, waiting).await?;
    let found = generations(db, waiting).await?;
    let judged = waiting.iter().map(|w| {
        if known.contains(&format!("{} {}", w.source, w.generation_id)) {
            return Judged::Known;
        }
        match found.get(&w.generation_id) {
            Some(Judged::Ready(ready)) => Judged::Ready(Box::new(Ready {
                source: w.source.clone(),
                ..(**ready).clone()
            })),
            Some(other) => other.clone(),
            None => Judged::Refused("there is no such generation".to_owned()),
        }
    });
    Ok(judged.collect())
}

/// Source and former id of those that were imported before.
async fn known(db: &Database, waiting: &[Waiting]) -> Result<HashSet<String>, StoreError> {
    let mut connection = db.connection().await?;
    let known = sqlx::query_scalar!(
        r#"-- store::import::known
        SELECT i.source || ' ' || i.former_id AS "known!"
        FROM atelier.imported_job i
        JOIN unnest($1::text[], $2::text[]) AS u (source, former_id)
            ON i.source = u.source AND i.former_id = u.former_id"#,
        &column(waiting, |w| &w.source),
        &column(waiting, |w| &w.generation_id)
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(known.into_iter().collect())
}

/// What can be done with each generation that is there, by its id. The source is for the caller to add.
async fn generations(
    db: &Database,
    waiting: &[Waiting],
) -> Result<HashMap<String, Judged>, StoreError> {
    let mut connection = db.connection().await?;
    let rows = sqlx::query!(
        r#"-- store::import::generations
        SELECT g.id, g."brandId" AS brand_id, g."productId" AS product_id, g.customizations,
            g.status::text AS "status!", b."subscriptionPlan"::text AS "plan!"
        FROM "Generation" g JOIN "Brand" b ON b.id = g."brandId" WHERE g.id = ANY($1)"#,
        &column(waiting, |w| &w.generation_id)
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let wanted: Vec<ProductId> = rows
        .iter()
        .map(|row| ProductId(row.product_id.clone()))
        .collect();
    let products: HashMap<String, CatalogEntry> = products::load(db, &wanted)
        .await?
        .into_iter()
        .map(|entry| (entry.product.id.to_string(), entry))
        .collect();
    let judged = rows.into_iter().map(|row| {
        let product = products.get(&row.product_id);
        let judged = match row.status.as_str() {
            "COMPLETED" | "EXPIRED" => Judged::Ended(row.status.to_lowercase()),
            _ => match in_our_form(product, &row.customizations, &row.plan) {
                Err(reason) => Judged::Refused(reason),
                Ok((plan, customizations)) => Judged::Ready(Box::new(Ready {
                    source: String::new(),
                    former_id: row.id.clone(),
                    brand_id: row.brand_id,
                    product_id: row.product_id,
                    plan,
                    customizations,
                })),
            },
        };
        (row.id, judged)
    });
    Ok(judged.collect())
}

fn column(waiting: &[Waiting], of: impl Fn(&Waiting) -> &String) -> Vec<String> {
    waiting.iter().map(|w| of(w).clone()).collect()
}

/// The brand's plan and the customisations as we store them.
fn in_our_form(
    entry: Option<&CatalogEntry>,
    customizations: &Value,
    plan: &str,
) -> Result<(Plan, Value), String> {
    let entry = entry.ok_or("its product is gone")?;
    let plan = plan
        .parse()
        .map_err(|error| format!("its brand: {error}"))?;
    let parsed = Customizations::parse(&entry.product, customizations).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        faults.join("; ")
    })?;
    Ok((plan, parsed.to_json()))
}

/// A job to be made.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// The generation.
    pub ready: Ready,
    /// Its new id. Ids must rise in the order in which the jobs are to run.
    pub id: GenerationId,
    /// When it may begin, where that is later than now.
    pub run_at: Option<DateTime<Utc>>,
    /// W3C trace context.
    pub trace_parent: String,
    /// What stood in the other system.
    pub payload: Value,
}

/// Makes the job. `false` when the generation ended, was imported or was removed since it was judged;
/// nothing is changed then.
///
/// Dies before the commit: nothing happened. After it: the job exists, and importing again says so.
///
/// # Errors
/// [`StoreError`]; after an unavailable database, judge again to learn whether it was made.
pub async fn import(
    db: &Database,
    now: DateTime<Utc>,
    new: &NewImport,
) -> Result<bool, StoreError> {
    let ready = &new.ready;
    let mut tx = db.begin("import_job").await?;
    let fresh = sqlx::query!(
        r#"-- store::import::remember
        INSERT INTO atelier.imported_job (source, former_id, job_id, payload, imported_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"#,
        ready.source,
        ready.former_id,
        new.id.0,
        new.payload,
        now
    )
    .execute(&mut *tx)
    .await?;
    let moved = sqlx::query!(
        r#"-- store::import::rename
        UPDATE "Generation" SET id = $2, customizations = $3, status = 'PENDING',
            "errorMessage" = NULL, "errorCode" = NULL
        WHERE id = $1 AND status IN ('PENDING', 'PROCESSING', 'FAILED')"#,
        ready.former_id,
        new.id.as_text(),
        ready.customizations
    )
    .execute(&mut *tx)
    .await?;
    if fresh.rows_affected() == 0 || moved.rows_affected() == 0 {
        return Ok(false);
    }
    // What waits for its time stands where repeats do, because only there time is looked at.
    let lane = match new.run_at {
        Some(_) => Lane::Retry,
        None => ready.plan.lane(),
    };
    insert_job(&mut tx, now, new, lane).await?;
    tx.commit().await?;
    Ok(true)
}

async fn insert_job(
    tx: &mut crate::database::Transaction,
    now: DateTime<Utc>,
    new: &NewImport,
    lane: Lane,
) -> Result<(), StoreError> {
    let ready = &new.ready;
    sqlx::query!(
        r#"-- store::import::insert_job
        INSERT INTO atelier.job (id, brand_id, product_id, key_id, lane, state, run_at, trace_parent,
            created_at)
        VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8)"#,
        new.id.0,
        ready.brand_id,
        ready.product_id,
        KEY_ID,
        lane.as_str(),
        new.run_at.unwrap_or(now),
        new.trace_parent,
        now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
