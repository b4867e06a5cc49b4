//! Trials that are over.

use chrono::{DateTime, Utc};
use domain::{BrandId, Plan};

use super::{NewChange, Reason, Status, hold};
use crate::database::Database;
use crate::error::StoreError;
use crate::time::{from_public, to_public};

/// Ends at most `most` trials whose `"trialEndsAt"` has come: the brand is active from then on, on the plan that it
/// tried, which is FREE where it tried none; of one brand alone where it is given. Returns how many there were.
///
/// The change holds from the end of the trial, however late this runs; units used in between stay free.
///
/// # Errors
/// What the database says; each brand is a transaction, and the rest is done next time.
pub async fn end_trials(
    db: &Database,
    now: DateTime<Utc>,
    brand: Option<&BrandId>,
    most: i64,
) -> Result<u64, StoreError> {
    let mut connection = db.connection().await?;
    let found = sqlx::query_scalar!(
        r#"-- store::subscriptions::ended_trials
        SELECT id FROM "Brand"
        WHERE "subscriptionStatus" = 'TRIALING' AND "trialEndsAt" <= $1 AND "deletedAt" IS NULL
            AND ($2::text IS NULL OR id = $2)
        ORDER BY id LIMIT $3"#,
        to_public(now),
        brand.map(BrandId::as_str),
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let mut ended = 0;
    for brand in found {
        let (mut tx, mut held) = hold(db, now, &brand, "end_trial").await?;
        let row = sqlx::query!(
            r#"-- store::subscriptions::trial
            SELECT "subscriptionPlan"::text AS "plan!", "trialEndsAt" AS "ends_at!" FROM "Brand"
            WHERE id = $1 AND "subscriptionStatus" = 'TRIALING' AND "trialEndsAt" <= $2"#,
            brand,
            to_public(now)
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { continue };
        let plan: Plan = row.plan.parse().unwrap_or(Plan::Free);
        let new = NewChange {
            plan: plan.as_str(),
            status: Status::Active,
            reason: Reason::Trial,
            effective_at: from_public(row.ends_at),
            max_monthly_generations: None,
            actor: "duty:billing",
        };
        if super::change(&mut tx, now, &mut held, &new).await? {
            tx.commit().await?;
            ended += 1;
        }
    }
    Ok(ended)
}
