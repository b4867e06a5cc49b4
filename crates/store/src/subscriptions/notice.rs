//! What the older platform changed by itself.

use chrono::{DateTime, Utc};
use domain::BrandId;

use super::{NewChange, Reason, hold};
use crate::database::Database;
use crate::error::StoreError;

/// Makes changes of what `"Brand"` says otherwise than its brand's last change, at most `most` of them; of one brand
/// alone where it is given. A brand that was deleted counts as cancelled. Returns how many there were.
///
/// The platform does not say when it wrote; a change holds from when it is noticed.
///
/// # Errors
/// What the database says; each brand is a transaction, and the rest is noticed next time.
pub async fn notice(
    db: &Database,
    now: DateTime<Utc>,
    brand: Option<&BrandId>,
    most: i64,
) -> Result<u64, StoreError> {
    let mut connection = db.connection().await?;
    let found = sqlx::query_scalar!(
        r#"-- store::subscriptions::differing
        SELECT b.id FROM "Brand" b
        JOIN LATERAL (SELECT plan, status FROM atelier.subscription_change c
            WHERE c.brand_id = b.id ORDER BY seq DESC LIMIT 1) c ON true
        WHERE ($1::text IS NULL OR b.id = $1) AND (c.plan <> b."subscriptionPlan"::text
            OR c.status <> CASE WHEN b."deletedAt" IS NULL THEN b."subscriptionStatus"::text
                ELSE 'CANCELED' END)
        ORDER BY b.id LIMIT $2"#,
        brand.map(BrandId::as_str),
        most
    )
    .fetch_all(&mut *connection)
    .await?;
    drop(connection);
    let mut noticed = 0;
    for brand in found {
        let (mut tx, mut held) = hold(db, now, &brand, "notice_subscription").await?;
        let row = sqlx::query!(
            r#"-- store::subscriptions::of_brand
            SELECT "subscriptionPlan"::text AS "plan!",
                CASE WHEN "deletedAt" IS NULL THEN "subscriptionStatus"::text ELSE 'CANCELED' END
                    AS "status!"
            FROM "Brand" WHERE id = $1"#,
            brand
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { continue };
        let Ok(status) = row.status.parse() else {
            continue;
        };
        let new = NewChange {
            plan: &row.plan,
            status,
            reason: Reason::Platform,
            effective_at: now,
            max_monthly_generations: None,
            actor: "duty:billing",
        };
        if super::change(&mut tx, now, &mut held, &new).await? {
            tx.commit().await?;
            noticed += 1;
        }
    }
    Ok(noticed)
}
