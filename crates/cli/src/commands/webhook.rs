//! `atelier webhook`: endpoints, what they were told, repairs, and a receiver to try them with.

mod deliveries;
mod endpoints;
mod listen;
mod repairs;
mod verdict;

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::BrandId;
use store::Database;
use store::webhooks::bulk::Kind;
use store::webhooks::endpoints::{Endpoint, find};

use crate::args::webhook::{self as args, WebhookCommand};
use crate::stores;

pub(super) async fn run(command: WebhookCommand) -> anyhow::Result<()> {
    match command {
        WebhookCommand::Create(args) => endpoints::create(args).await,
        WebhookCommand::List { whose, requests } => endpoints::list(&whose, requests).await,
        WebhookCommand::Show(endpoint) => endpoints::show(&endpoint).await,
        WebhookCommand::Update(args) => endpoints::update(args).await,
        WebhookCommand::Enable(endpoint) => endpoints::enable(&endpoint).await,
        WebhookCommand::Disable(endpoint) => endpoints::disable(&endpoint).await,
        WebhookCommand::Remove(endpoint) => endpoints::remove(&endpoint).await,
        WebhookCommand::Rotate {
            endpoint,
            kind,
            overlap_seconds,
            masters,
        } => endpoints::rotate(&endpoint, kind, overlap_seconds, &masters).await,
        WebhookCommand::Test(endpoint) => deliveries::test(&endpoint).await,
        WebhookCommand::Deliveries {
            endpoint,
            statuses,
            event,
            since,
            limit,
        } => deliveries::list(&endpoint, statuses, event, since, limit).await,
        WebhookCommand::Delivery(message) => deliveries::show(&message).await,
        WebhookCommand::Resend(message) => deliveries::resend(&message).await,
        WebhookCommand::Recover(repair) => repairs::begin(repair, Kind::Recover, Vec::new()).await,
        WebhookCommand::Replay { repair, statuses } => {
            repairs::begin(repair, Kind::Replay, statuses).await
        }
        WebhookCommand::ReplayMissing(repair) => {
            repairs::begin(repair, Kind::ReplayMissing, Vec::new()).await
        }
        WebhookCommand::Jobs { whose, id } => repairs::list(&whose, id.as_deref()).await,
        WebhookCommand::CancelJob { whose, job } => repairs::cancel(&whose, job).await,
        WebhookCommand::Listen(args) => listen::run(args).await,
    }
}

/// The database, and the brand that the command is about.
async fn open(whose: &args::Whose) -> anyhow::Result<(Database, BrandId)> {
    let db = stores::database(&whose.database).await?;
    Ok((db, BrandId(whose.brand.clone())))
}

async fn known(db: &Database, brand: &BrandId, id: &str) -> anyhow::Result<Endpoint> {
    let found = find(db, brand, id).await?;
    found.with_context(|| missing(brand, id))
}

fn missing(brand: &BrandId, id: &str) -> String {
    format!("{brand} has no endpoint {id}; `atelier webhook list --brand {brand}` shows them")
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
