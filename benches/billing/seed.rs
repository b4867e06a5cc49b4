//! Brands whose last month is over.

use anyhow::Context;
use chrono::{Datelike, Months, NaiveDate, Utc};
use tokio_postgres::Client;

/// Brands on STARTER since the first of last month, each with 20 to 44 API calls, of which ten are included.
pub(crate) async fn fill(client: &Client, brands: i64) -> anyhow::Result<()> {
    let today = today().with_day(1).context("a month begins")?;
    let first = today
        .checked_sub_months(Months::new(1))
        .context("there was a month before")?;
    let midnight = |day: NaiveDate| format!("{day}T00:00:00Z");
    let (start, end) = (midnight(first), midnight(today));
    client
        .batch_execute(
            "UPDATE atelier.plan_price SET included_units = 10, unit_price_e10 = 100000000
             WHERE plan = 'STARTER' AND metric = 'api_call'",
        )
        .await?;
    client
        .execute(
            r#"INSERT INTO "Brand" (id, name, slug, status, "subscriptionPlan", "subscriptionStatus", country,
                "createdAt", "updatedAt")
             SELECT 'brand_' || n, 'Brand ' || n, 'brand-' || n, 'VERIFIED', 'STARTER', 'ACTIVE', 'CH',
                $2::text::timestamptz AT TIME ZONE 'UTC', now() FROM generate_series(1, $1::bigint) n"#,
            &[&brands, &start],
        )
        .await?;
    client
        .execute(
            "INSERT INTO atelier.subscription_change
             SELECT 'brand_' || n, 1, $2::text::timestamptz, 'STARTER', 'ACTIVE', 'initial', $2::text::timestamptz FROM generate_series(1, $1::bigint) n",
            &[&brands, &start],
        )
        .await?;
    client
        .execute(
            "INSERT INTO atelier.billing_period (brand_id, period_start, period_end, anchor_day, fee_from, change_seq)
             SELECT 'brand_' || n, $2::text::timestamptz, $3::text::timestamptz, 1, $2::text::timestamptz, 1 FROM generate_series(1, $1::bigint) n",
            &[&brands, &start, &end],
        )
        .await?;
    client
        .execute(
            "INSERT INTO atelier.usage_bucket (brand_id, period_start, metric, of_period, change_seq, shard, units)
             SELECT 'brand_' || n, $2::text::timestamptz, 'api_call', $2::text::timestamptz, 1, 0, 20 + n % 25 FROM generate_series(1, $1::bigint) n",
            &[&brands, &start],
        )
        .await?;
    client
        .execute(
            r#"INSERT INTO "UsageRecord" (id, "brandId", type, count, metadata, "recordedAt")
             SELECT 'api_call:brand_' || n || ':seed:0', 'brand_' || n, 'api_call', (20 + n % 25)::int,
                jsonb_build_object('period', to_char($2::text::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
                $2::text::timestamptz AT TIME ZONE 'UTC' FROM generate_series(1, $1::bigint) n"#,
            &[&brands, &start],
        )
        .await?;
    client.batch_execute("ANALYZE").await?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the programs that are measured go by the machine's clock"
)]
fn today() -> NaiveDate {
    Utc::now().date_naive()
}
