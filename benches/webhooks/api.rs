//! With api-lite in front: orders that are cancelled, each of which is told.
//!
//! There are no workers, so an order waits until it is cancelled, and its end is one event. One event costs
//! api-lite two requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use benches::command::note;
use benches::http::Connection;
use benches::tiny;
use bytes::Bytes;
use domain::webhook_endpoint::DEFAULT_IN_FLIGHT;
use domain::{BrandId, Clock, KeyId};
use serde_json::{Value, json};
use service::SystemClock;
use store::api_keys::{self, KeyKind, NewKey};
use store::{catalog, objects};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::args::Args;
use crate::arrivals::Arrivals;
use crate::report::Api;
use crate::stage::Stage;

const CONNECTIONS: usize = 32;
const BRAND: &str = "shop";

/// Orders and cancels, and waits until all of it has been told.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Api> {
    let mut stage = Stage::set(args).await?;
    let arrivals = Arrivals::start().await?;
    stage.brand(BRAND).await?;
    stage
        .endpoint(BRAND, arrivals.url("/hook"), DEFAULT_IN_FLIGHT)
        .await?;
    let (key, body) = seed(&stage).await?;
    let store = stage.servers.object_store();
    let flags = ["--listen", "127.0.0.1:0", "--object-store", &store];
    let api = stage.role("api-lite", &flags).await?;
    let scheduler = stage.scheduler().await?;
    let address = api.address()?;
    let started = Instant::now();
    let ordered = Arc::new(AtomicU32::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (key, body, ordered) = (key.clone(), body.clone(), Arc::clone(&ordered));
        let events = args.api_events;
        clients.spawn(async move { client(address, &key, &body, &ordered, events).await });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let asked = started.elapsed();
    let count = usize::try_from(args.api_events)?;
    let ended = arrivals.all(count, args.limit()).await?;
    let took = ended.duration_since(started);
    api.check_alive()?;
    scheduler.check_alive()?;
    note(&format!(
        "{count} orders cancelled in {asked:?}, told after {took:?}"
    ));
    Ok(Api {
        events: args.api_events,
        asked_per_s: f64::from(args.api_events) / asked.as_secs_f64(),
        told_per_s: f64::from(args.api_events) / took.as_secs_f64(),
        behind_ms: took.saturating_sub(asked).as_secs_f64() * 1_000.0,
    })
}

async fn client(
    address: SocketAddr,
    key: &str,
    body: &Bytes,
    ordered: &AtomicU32,
    events: u32,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    while ordered.fetch_add(1, Ordering::Relaxed) < events {
        let (status, answer) = connection.order(key, body.clone()).await?;
        ensure!(status == 202, "an order was answered with {status}");
        let answer: Value = serde_json::from_slice(&answer)?;
        let id = answer["id"].as_str().context("an answer without id")?;
        let path = format!("/v1/generations/{id}/cancel");
        let (status, _) = connection.post_as(key, &path).await?;
        ensure!(status.is_success(), "cancelling was answered with {status}");
    }
    Ok(())
}

/// A product and a key; the key and the body of an order.
async fn seed(stage: &Stage) -> anyhow::Result<(String, Bytes)> {
    let now = SystemClock.now();
    let subject = tiny()?;
    let brand = BrandId(BRAND.to_owned());
    let photograph = objects::base_image_key(&Uuid::new_v4().simple().to_string(), "jpg");
    let bytes = Bytes::from(subject.photograph.clone());
    let kept = stage.servers.objects()?;
    kept.put(&photograph, "image/jpeg", bytes).await?;
    let url = format!("http://127.0.0.1/media/{photograph}");
    catalog::apply(&stage.db, now, &brand, &subject.spec, &photograph, &url).await?;
    let key = format!("sk_{}", Uuid::new_v4().simple());
    let new = NewKey {
        id: KeyId(Uuid::now_v7()),
        brand_id: brand,
        kind: KeyKind::Secret,
        name: "bench".to_owned(),
        key: key.clone(),
        origins: Vec::new(),
    };
    api_keys::create(&stage.db, now, &new).await?;
    let body = json!({
        "product_id": subject.spec.id,
        "customizations": subject.customizations,
    });
    Ok((key, Bytes::from(body.to_string())))
}
