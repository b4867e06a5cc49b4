//! What was used: the one place that writes it.
//!
//! A record's id derives from its fact ([`domain::UsageId`]), and the bucket of its period grows only
//! when the record is new: both in the transaction of the fact, so nothing is counted twice and nothing
//! without being recorded. A record names the period that bills it (`metadata.period`).
//!
//! The periods are held `FOR SHARE` until the commit, so closing one, beginning the next and changing
//! the plan wait for whoever records, and nobody who records waits for another who does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{BrandId, GenerationId, Metric, UsageId};
use serde_json::{Map, Value};

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::quota;
use crate::time::to_public;

/// Something that was used, once.
#[derive(Debug, Clone)]
pub(crate) struct UsageFact {
    /// Derived from the fact.
    pub(crate) id: UsageId,
    pub(crate) brand: BrandId,
    pub(crate) metric: Metric,
    /// How much of it.
    pub(crate) units: i32,
    /// When; a moment after `now` counts as `now`.
    pub(crate) at: DateTime<Utc>,
    /// What else the record says. `period`, `of_period` and `late` are ours.
    pub(crate) metadata: Map<String, Value>,
}

/// A period that takes usage.
#[derive(Debug, Clone, Copy)]
struct Open {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    change_seq: i32,
}

/// Where a fact is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    period: DateTime<Utc>,
    /// The period it was used in, when that is closed.
    of_period: DateTime<Utc>,
    change_seq: i32,
    /// Whether the brand's counter still counts this period.
    current: bool,
}

/// Records usage in the transaction of its facts. Returns, in order, which of them were new; a fact that
/// was recorded before changes nothing.
///
/// Usage of a period that is closed is counted in the brand's next one, and marked as late. A finished
/// generation that is counted in another period than the current one gives back the unit that its job
/// holds there.
///
/// # Errors
/// [`StoreError::PeriodDue`] when a brand has no period for `now`: roll back, begin it with
/// [`crate::periods::ensure`], and run again.
pub(crate) async fn record(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    facts: &[UsageFact],
) -> Result<Vec<bool>, StoreError> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let open = hold_periods(tx, facts).await?;
    let mut places = Vec::with_capacity(facts.len());
    for fact in facts {
        let periods = open.get(fact.brand.as_str()).map_or(&[][..], Vec::as_slice);
        places.push(place(tx, now, fact, periods).await?);
    }
    let inserted = insert(tx, facts, &places).await?;
    let mut seen = HashSet::new();
    let new: Vec<bool> = facts
        .iter()
        .map(|fact| inserted.contains(fact.id.as_str()) && seen.insert(fact.id.as_str()))
        .collect();
    let counted: Vec<(&UsageFact, Place)> = facts
        .iter()
        .zip(&places)
        .zip(&new)
        .filter_map(|((fact, place), new)| new.then_some((fact, *place)))
        .collect();
    fill_buckets(tx, &counted).await?;
    give_back(tx, &counted).await?;
    let recorded: Vec<(BrandId, Metric)> = counted
        .iter()
        .map(|(fact, _)| (fact.brand.clone(), fact.metric))
        .collect();
    quota::look_after(tx, now, &recorded).await?;
    Ok(new)
}

/// Holds the open periods of the facts' brands, by the order of the brands.
async fn hold_periods(
    tx: &mut Transaction,
    facts: &[UsageFact],
) -> Result<HashMap<String, Vec<Open>>, StoreError> {
    let brands: BTreeSet<&str> = facts.iter().map(|fact| fact.brand.as_str()).collect();
    let brands: Vec<String> = brands.into_iter().map(str::to_owned).collect();
    let rows = sqlx::query!(
        r#"-- store::usage::hold_periods
        SELECT brand_id, period_start, period_end, change_seq FROM atelier.billing_period
        WHERE brand_id = ANY($1) AND status = 'open'
        ORDER BY brand_id, period_start FOR SHARE"#,
        &brands
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut open: HashMap<String, Vec<Open>> = HashMap::new();
    for row in rows {
        open.entry(row.brand_id).or_default().push(Open {
            start: row.period_start,
            end: row.period_end,
            change_seq: row.change_seq,
        });
    }
    Ok(open)
}

/// Where a fact is counted: in the open period that holds it, else in the next open one.
async fn place(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    fact: &UsageFact,
    open: &[Open],
) -> Result<Place, StoreError> {
    let at = fact.at.min(now);
    let latest = open.last().filter(|latest| latest.end > now);
    let latest = latest.ok_or(StoreError::PeriodDue)?;
    // INVARIANT: `open` is in order and its last ends after `at`, so one is found.
    let target = open.iter().find(|period| at < period.end).unwrap_or(latest);
    let of_period = if target.start <= at {
        target.start
    } else {
        period_before(tx, &fact.brand, at)
            .await?
            .unwrap_or(target.start)
    };
    Ok(Place {
        period: target.start,
        of_period,
        change_seq: target.change_seq,
        current: of_period == latest.start,
    })
}

/// The closed period that held `at`; none before the brand's first.
async fn period_before(
    tx: &mut Transaction,
    brand: &BrandId,
    at: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"-- store::usage::period_before
        SELECT period_start FROM atelier.billing_period
        WHERE brand_id = $1 AND period_start <= $2 ORDER BY period_start DESC LIMIT 1"#,
        brand.as_str(),
        at
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// Writes the records. Returns the ids that were not there.
async fn insert(
    tx: &mut Transaction,
    facts: &[UsageFact],
    places: &[Place],
) -> Result<HashSet<String>, StoreError> {
    let metadata: Vec<Value> = facts
        .iter()
        .zip(places)
        .map(|(fact, place)| describe(fact, place))
        .collect();
    let inserted = sqlx::query_scalar!(
        r#"-- store::usage::insert
        INSERT INTO "UsageRecord" (id, "brandId", type, count, metadata, "recordedAt")
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::jsonb[],
            $6::timestamp[]) AS u (id, brand_id, metric, units, metadata, at)
        ORDER BY u.id
        ON CONFLICT (id) DO NOTHING RETURNING id"#,
        &column(facts, |f| f.id.to_string()),
        &column(facts, |f| f.brand.to_string()),
        &column(facts, |f| f.metric.to_string()),
        &column(facts, |f| f.units),
        &metadata,
        &column(facts, |f| to_public(f.at))
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(inserted.into_iter().collect())
}

fn describe(fact: &UsageFact, place: &Place) -> Value {
    let text = |at: DateTime<Utc>| Value::from(at.to_rfc3339_opts(SecondsFormat::Secs, true));
    let mut metadata = fact.metadata.clone();
    metadata.insert("period".to_owned(), text(place.period));
    if place.of_period != place.period {
        metadata.insert("of_period".to_owned(), text(place.of_period));
        metadata.insert("late".to_owned(), Value::Bool(true));
    }
    Value::Object(metadata)
}

/// Adds to the buckets. A backend of PostgreSQL has a shard of its own among eight, so that transactions
/// that record for one brand at once seldom wait for each other's commit.
async fn fill_buckets(
    tx: &mut Transaction,
    counted: &[(&UsageFact, Place)],
) -> Result<(), StoreError> {
    let mut sums: BTreeMap<(&str, Place, &str), i64> = BTreeMap::new();
    for (fact, place) in counted {
        let key = (fact.brand.as_str(), *place, fact.metric.as_str());
        *sums.entry(key).or_default() += i64::from(fact.units);
    }
    if sums.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = sums.into_iter().collect();
    let texts = |of: fn(&(&str, Place, &str)) -> String| -> Vec<String> {
        rows.iter().map(|(key, _)| of(key)).collect()
    };
    let moments = |of: fn(&Place) -> DateTime<Utc>| -> Vec<DateTime<Utc>> {
        rows.iter().map(|((_, place, _), _)| of(place)).collect()
    };
    sqlx::query!(
        r#"-- store::usage::fill_buckets
        INSERT INTO atelier.usage_bucket AS b (brand_id, period_start, metric, of_period, change_seq,
            shard, units)
        SELECT u.brand_id, u.period_start, u.metric, u.of_period, u.change_seq,
            pg_backend_pid() % 8, u.units
        FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::timestamptz[], $5::int[],
            $6::bigint[]) AS u (brand_id, period_start, metric, of_period, change_seq, units)
        ORDER BY u.brand_id, u.period_start, u.metric, u.of_period, u.change_seq
        ON CONFLICT (brand_id, period_start, metric, of_period, change_seq, shard)
        DO UPDATE SET units = b.units + EXCLUDED.units"#,
        &texts(|(brand, _, _)| (*brand).to_owned()),
        &moments(|place| place.period),
        &texts(|(_, _, metric)| (*metric).to_owned()),
        &moments(|place| place.of_period),
        &rows.iter().map(|((_, place, _), _)| place.change_seq).collect::<Vec<_>>(),
        &rows.iter().map(|(_, units)| *units).collect::<Vec<_>>()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// When the next period began, each job under way got a unit of it. One that turns out to have ended
/// before gives it back.
async fn give_back(
    tx: &mut Transaction,
    counted: &[(&UsageFact, Place)],
) -> Result<(), StoreError> {
    let mut units: BTreeMap<&str, i32> = BTreeMap::new();
    for (fact, place) in counted {
        if fact.metric == Metric::Generation && !place.current {
            *units.entry(fact.brand.as_str()).or_default() += fact.units;
        }
    }
    if units.is_empty() {
        return Ok(());
    }
    let (brands, counts): (Vec<String>, Vec<i32>) = units
        .into_iter()
        .map(|(brand, count)| (brand.to_owned(), count))
        .unzip();
    sqlx::query!(
        r#"-- store::usage::give_back
        UPDATE "Brand" b SET "monthlyGenerations" = GREATEST(b."monthlyGenerations" - u.count, 0)
        FROM (
            SELECT u.id, u.count FROM unnest($1::text[], $2::int[]) AS u (id, count)
            JOIN "Brand" l ON l.id = u.id ORDER BY u.id FOR NO KEY UPDATE OF l
        ) u
        WHERE b.id = u.id"#,
        &brands,
        &counts
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn column<T>(facts: &[UsageFact], of: impl Fn(&UsageFact) -> T) -> Vec<T> {
    facts.iter().map(of).collect()
}

/// How many usage records a generation has: one once it is done, never more.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn records_of(
    db: &Database,
    brand: &BrandId,
    id: GenerationId,
) -> Result<i64, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_scalar!(
        r#"-- store::usage::records_of
        SELECT count(*) AS "count!" FROM "UsageRecord"
        WHERE "brandId" = $1 AND type = 'generation' AND metadata->>'generation_id' = $2"#,
        brand.as_str(),
        id.as_text()
    )
    .fetch_one(&mut *connection)
    .await?)
}
