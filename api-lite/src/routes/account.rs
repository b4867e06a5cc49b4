//! The brand's own quota and usage.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use store::usage_report::{self, GroupBy};

use super::answers::KeyProblems;
use crate::app::App;
use crate::auth::Caller;
use crate::problem::{Code, Problem};
use crate::request::Query;
use crate::view::{QuotaView, UsageView};

/// The longest range that is added up, in days: a quarter.
const MAX_DAYS: i64 = 92;

/// Sums in one answer: a quarter of days of every metric has 460.
const MAX_SUMS: i64 = 1_000;

/// Read what the plan gives in the current period, and what is left of it.
#[utoipa::path(
    get,
    path = "/v1/quota",
    tag = "account",
    responses((status = 200, description = "One entry per metric", body = QuotaView), KeyProblems),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_quota(
    State(app): State<App>,
    caller: Caller,
    query: Query,
) -> Result<Json<QuotaView>, Problem> {
    caller.must_be_secret()?;
    query.finish()?;
    let report = store::quota::of_brand(&app.database, app.now(), caller.brand()).await?;
    Ok(Json(report.ok_or(Code::NotFound)?.into()))
}

/// Add up what was used, with what providers charged for it.
///
/// Calls and storage are counted with a delay: calls within a minute, storage once a day.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "account",
    params(
        ("from" = Option<String>, Query, description = "From this instant on (RFC 3339); otherwise 30 days before `to`"),
        ("to" = Option<String>, Query, description = "Until before this instant, at most 92 days later; otherwise now"),
        ("group_by" = Option<String>, Query, description = "`day` (otherwise), `product`, `provider` or `metric`"),
    ),
    responses((status = 200, description = "At most 1,000 sums, by key and metric", body = UsageView), KeyProblems),
    security(("key" = []), ("header_key" = [])),
)]
pub(super) async fn get_usage(
    State(app): State<App>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<UsageView>, Problem> {
    caller.must_be_secret()?;
    let now = app.now();
    let to = instant(&mut query, "to").unwrap_or(now);
    let from = instant(&mut query, "from").unwrap_or_else(|| to - TimeDelta::days(30));
    if from >= to {
        query.fault("from", "out_of_range", "it must lie before `to`");
    } else if to - from > TimeDelta::days(MAX_DAYS) {
        let detail = format!("at most {MAX_DAYS} days may lie between `from` and `to`");
        query.fault("from", "out_of_range", detail);
    }
    let expected = "day, product, provider or metric";
    let group = query
        .parsed::<GroupBy>("group_by", expected)
        .unwrap_or(GroupBy::Day);
    query.finish()?;
    let (database, brand) = (&app.database, caller.brand());
    let mut sums = usage_report::sums(database, brand, from, to, group, MAX_SUMS + 1).await?;
    let most = usize::try_from(MAX_SUMS).unwrap_or(usize::MAX);
    let truncated = sums.len() > most;
    sums.truncate(most);
    Ok(Json(UsageView {
        from,
        to,
        group_by: group.as_str(),
        truncated,
        data: sums.into_iter().map(Into::into).collect(),
    }))
}

fn instant(query: &mut Query, name: &str) -> Option<DateTime<Utc>> {
    let text = query.text(name)?;
    match DateTime::parse_from_rfc3339(&text) {
        Ok(at) => Some(at.with_timezone(&Utc)),
        Err(_) => {
            query.fault(name, "malformed", "an instant such as 2026-05-01T12:00:00Z");
            None
        }
    }
}
