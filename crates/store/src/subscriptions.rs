//! What brands are subscribed to: changes of plan and status, each a row that stays.
//!
//! `"Brand"` says what holds now, `atelier.subscription_change` since when, and the brand's latest period names the
//! change that usage is counted under. The three change together, under the locks of the period and of the brand's
//! row: whoever records usage at that moment is waited for, so every unit is counted under the plan that held.
//!
//! The older platform may write to `"Brand"` by itself; [`notice`] makes a change of what it finds.

mod notice;
mod read;
mod trials;

use chrono::{DateTime, Utc};
use domain::{BrandId, Plan};
use serde_json::json;

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::invoices::{Entry, write_log};
use crate::periods;
use crate::time::to_public;

pub use notice::notice;
pub use read::{SubscriptionChange, history};
pub use trials::end_trials;

/// How a subscription stands: the names of the `SubscriptionStatus` enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Subscribed.
    Active,
    /// Subscribed, with an invoice that was not paid in time.
    PastDue,
    /// Cancelled: nothing is accepted any more.
    Canceled,
    /// On trial: nothing is charged.
    Trialing,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::PastDue, Self::Canceled, Self::Trialing];

    /// The name in the enum.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::PastDue => "PAST_DUE",
            Self::Canceled => "CANCELED",
            Self::Trialing => "TRIALING",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = domain::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| domain::UnknownName(text.to_owned()))
    }
}

/// Who changed a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// A person, by the command.
    Operator,
    /// The older platform, by itself.
    Platform,
    /// A trial ended.
    Trial,
    /// An invoice was not paid.
    Dunning,
    /// It was.
    Payment,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Platform => "platform",
            Self::Trial => "trial",
            Self::Dunning => "dunning",
            Self::Payment => "payment",
        }
    }
}

/// A brand whose latest period and row are locked, and what it is subscribed to.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) brand: String,
    /// None for a brand whose row is gone.
    period_start: DateTime<Utc>,
    seq: i32,
    effective_at: DateTime<Utc>,
    pub(crate) plan: String,
    pub(crate) status: String,
    pub(crate) reason: String,
}

/// Begins a transaction that holds a brand's latest period and its row, in this order, with a period for `now`.
///
/// # Errors
/// What the database says; nothing was written but, perhaps, the beginning of a period.
pub(crate) async fn hold(
    db: &Database,
    now: DateTime<Utc>,
    brand: &str,
    name: &'static str,
) -> Result<(Transaction, Held), StoreError> {
    loop {
        periods::ensure(db, now, &[brand.to_owned()]).await?;
        let mut tx = db.begin(name).await?;
        if let Some(held) = try_hold(&mut tx, brand).await? {
            return Ok((tx, held));
        }
    }
}

/// `None` when another period began meanwhile: look again.
async fn try_hold(tx: &mut Transaction, brand: &str) -> Result<Option<Held>, StoreError> {
    let Some(latest) = latest(tx, brand).await? else {
        return Ok(None);
    };
    sqlx::query!(
        r#"-- store::subscriptions::lock_period
        SELECT 1 AS "one!" FROM atelier.billing_period
        WHERE brand_id = $1 AND period_start = $2 FOR NO KEY UPDATE"#,
        brand,
        latest
    )
    .fetch_optional(&mut **tx)
    .await?;
    sqlx::query!(
        r#"-- store::subscriptions::lock_brand
        SELECT 1 AS "one!" FROM "Brand" WHERE id = $1 FOR NO KEY UPDATE"#,
        brand
    )
    .fetch_optional(&mut **tx)
    .await?;
    // By a statement of its own: what was waited for may have begun another period.
    if self::latest(tx, brand).await? != Some(latest) {
        return Ok(None);
    }
    let row = sqlx::query!(
        r#"-- store::subscriptions::last_change
        SELECT seq, effective_at, plan, status, reason FROM atelier.subscription_change
        WHERE brand_id = $1 ORDER BY seq DESC LIMIT 1"#,
        brand
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(Some(Held {
        brand: brand.to_owned(),
        period_start: latest,
        seq: row.seq,
        effective_at: row.effective_at,
        plan: row.plan,
        status: row.status,
        reason: row.reason,
    }))
}

async fn latest(tx: &mut Transaction, brand: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"-- store::subscriptions::latest
        SELECT period_start FROM atelier.billing_period
        WHERE brand_id = $1 ORDER BY period_start DESC LIMIT 1"#,
        brand
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// What a subscription becomes.
#[derive(Debug, Clone)]
pub(crate) struct NewChange<'a> {
    pub(crate) plan: &'a str,
    pub(crate) status: Status,
    pub(crate) reason: Reason,
    /// From when; never before the change before it.
    pub(crate) effective_at: DateTime<Utc>,
    /// A new limit of generations a period; the old one stays where none is given.
    pub(crate) max_monthly_generations: Option<i32>,
    pub(crate) actor: &'a str,
}

/// Writes a change, unless it is none. Usage that is recorded after the commit is counted under it.
pub(crate) async fn change(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    held: &mut Held,
    new: &NewChange<'_>,
) -> Result<bool, StoreError> {
    let status = new.status.as_str();
    let same = held.plan == new.plan && held.status == status;
    if same && new.max_monthly_generations.is_none() {
        return Ok(false);
    }
    let (before, was) = (held.plan.clone(), held.status.clone());
    if !same {
        held.seq += 1;
        held.effective_at = held.effective_at.max(new.effective_at);
        new.plan.clone_into(&mut held.plan);
        status.clone_into(&mut held.status);
        new.reason.as_str().clone_into(&mut held.reason);
        insert(tx, now, held).await?;
    }
    // What the platform wrote stands there already, and is not ours to repeat.
    if new.reason != Reason::Platform {
        sqlx::query!(
            r#"-- store::subscriptions::write_brand
            UPDATE "Brand" SET "subscriptionPlan" = ($2::text)::"SubscriptionPlan",
                "subscriptionStatus" = ($3::text)::"SubscriptionStatus",
                "maxMonthlyGenerations" = COALESCE($4, "maxMonthlyGenerations"), "updatedAt" = $5
            WHERE id = $1"#,
            held.brand,
            held.plan,
            held.status,
            new.max_monthly_generations,
            to_public(now)
        )
        .execute(&mut **tx)
        .await?;
    }
    let entry = Entry {
        action: "subscription.changed",
        brand: held.brand.clone(),
        subject: format!("subscription:{}/{}", held.brand, held.seq),
        detail: json!({
            "plan": held.plan, "status": held.status, "plan_before": before, "status_before": was,
            "reason": new.reason, "effective_at": held.effective_at,
            "max_monthly_generations": new.max_monthly_generations,
        }),
    };
    write_log(tx, now, new.actor, &[entry]).await?;
    Ok(true)
}

async fn insert(tx: &mut Transaction, now: DateTime<Utc>, held: &Held) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::subscriptions::insert
        INSERT INTO atelier.subscription_change (brand_id, seq, effective_at, plan, status, reason, noted_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)"#,
        held.brand,
        held.seq,
        held.effective_at,
        held.plan,
        held.status,
        held.reason,
        now
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        r#"-- store::subscriptions::count_under
        UPDATE atelier.billing_period SET change_seq = $3 WHERE brand_id = $1 AND period_start = $2"#,
        held.brand,
        held.period_start,
        held.seq
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a person asks for.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// The plan; the one that holds where none is given.
    pub plan: Option<Plan>,
    /// The status; a new plan makes a cancelled or trying brand active where none is given.
    pub status: Option<Status>,
    /// Generations a period, for plans that block at it. Where none is given, a new plan brings its own.
    pub max_monthly_generations: Option<i32>,
}

/// Changes a brand's subscription from `now` on. Returns whether anything changed; `None` where there is no such
/// brand. Doing it again changes nothing.
///
/// # Errors
/// What the database says: all of it was written or nothing.
pub async fn set(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    order: &Order,
    actor: &str,
) -> Result<Option<bool>, StoreError> {
    if !crate::brands::exists(db, brand).await? {
        return Ok(None);
    }
    let (mut tx, mut held) = hold(db, now, brand.as_str(), "set_subscription").await?;
    let plan = order
        .plan
        .map_or(held.plan.clone(), |plan| plan.to_string());
    let is_new = plan != held.plan;
    let status = match (order.status, held.status.as_str()) {
        (Some(status), _) => status,
        (None, "PAST_DUE") => Status::PastDue,
        (None, "TRIALING") if !is_new => Status::Trialing,
        (None, "CANCELED") if !is_new => Status::Canceled,
        (None, _) => Status::Active,
    };
    let limit = match order.max_monthly_generations {
        None if is_new => included_generations(&mut tx, now, &plan).await?,
        given => given,
    };
    let new = NewChange {
        plan: &plan,
        status,
        reason: Reason::Operator,
        effective_at: now,
        max_monthly_generations: limit,
        actor,
    };
    let changed = change(&mut tx, now, &mut held, &new).await?;
    tx.commit().await?;
    Ok(Some(changed))
}

/// Generations that a plan includes in a period, where it says so.
async fn included_generations(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    plan: &str,
) -> Result<Option<i32>, StoreError> {
    let included = sqlx::query_scalar!(
        r#"-- store::subscriptions::included
        SELECT included_units FROM atelier.plan_price
        WHERE plan = $1 AND metric = 'generation' AND valid_from <= $2
        ORDER BY valid_from DESC LIMIT 1"#,
        plan,
        now
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(included
        .flatten()
        .and_then(|units| i32::try_from(units).ok()))
}

/// Makes a brand active again that dunning had put back, where nothing is overdue any more. In the transaction of
/// the payment, or of the credit that takes its place.
pub(crate) async fn restore(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    held: &mut Held,
    actor: &str,
) -> Result<bool, StoreError> {
    let by_dunning = match held.status.as_str() {
        "PAST_DUE" => held.reason != Reason::Platform.as_str(),
        "CANCELED" => held.reason == Reason::Dunning.as_str(),
        _ => false,
    };
    if !by_dunning {
        return Ok(false);
    }
    let overdue = sqlx::query_scalar!(
        r#"-- store::subscriptions::overdue
        SELECT EXISTS (SELECT 1 FROM atelier.invoice
            WHERE brand_id = $1 AND kind <> 'credit_note'
                AND (state = 'uncollectible' OR (state = 'open' AND dunning_step > 0))) AS "exists!""#,
        held.brand
    )
    .fetch_one(&mut **tx)
    .await?;
    if overdue {
        return Ok(false);
    }
    let plan = held.plan.clone();
    let new = NewChange {
        plan: &plan,
        status: Status::Active,
        reason: Reason::Payment,
        effective_at: now,
        max_monthly_generations: None,
        actor,
    };
    change(tx, now, held, &new).await
}
