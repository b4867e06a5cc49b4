//! Telling an endpoint many things once more.

use anyhow::{Context, bail, ensure};
use domain::{Clock, EventKind};
use service::SystemClock;
use store::webhooks::bulk::{self, Asked, Job, Kind, NewJob};
use uuid::Uuid;

use super::{instant, known, missing, open};
use crate::args::webhook::{Repair, Whose};
use crate::output;

pub(super) async fn begin(repair: Repair, kind: Kind, statuses: Vec<String>) -> anyhow::Result<()> {
    let Repair {
        endpoint,
        since,
        until,
        events,
    } = repair;
    let now = SystemClock.now();
    let until = until.unwrap_or(now).min(now);
    ensure!(
        since < until,
        "--since must lie before --until, and both in the past"
    );
    let (db, brand) = open(&endpoint.whose).await?;
    let found = known(&db, &brand, &endpoint.id).await?;
    ensure!(
        !(found.is_request_host && kind == Kind::ReplayMissing),
        "{} stands for a host that requests name: it subscribes to nothing it could have missed",
        endpoint.id
    );
    let new = NewJob {
        id: Uuid::now_v7(),
        brand: brand.clone(),
        webhook: endpoint.id.clone(),
        kind,
        since,
        until,
        events: events
            .into_iter()
            .map(|event: EventKind| event.type_name().to_owned())
            .collect(),
        statuses,
    };
    match bulk::create(&db, now, &new).await? {
        Asked::Queued => {}
        Asked::Inactive => bail!(
            "{} is switched off; `atelier webhook enable` first",
            endpoint.id
        ),
        Asked::Missing => bail!(missing(&brand, &endpoint.id)),
    }
    output::data(&new.id.to_string());
    output::note("The scheduler does it; `atelier webhook jobs` shows how far it is.");
    Ok(())
}

pub(super) async fn list(whose: &Whose, webhook: Option<&str>) -> anyhow::Result<()> {
    let (db, brand) = open(whose).await?;
    for job in bulk::list(&db, &brand, webhook).await? {
        output::data(&line(&job));
    }
    Ok(())
}

fn line(job: &Job) -> String {
    let state = match job.cancel_requested && job.ended_at.is_none() {
        true => "canceling",
        false => job.state.as_str(),
    };
    format!(
        "{}  {}  {}  {state}  {} %  looked at {}, sent {}  {} to {}",
        job.id,
        job.webhook,
        job.kind,
        job.progress_percent(),
        job.looked_at,
        job.queued,
        instant(job.since),
        instant(job.until)
    )
}

pub(super) async fn cancel(whose: &Whose, id: Uuid) -> anyhow::Result<()> {
    let (db, brand) = open(whose).await?;
    let job = bulk::find(&db, &brand, id).await?;
    let job = job.with_context(|| format!("{brand} has no job {id}"))?;
    let open = bulk::cancel(&db, &brand, id).await?;
    ensure!(open, "{id} is {}", job.state);
    output::data(&format!(
        "{id} stops before its next step; what it has made due stays due"
    ));
    Ok(())
}
