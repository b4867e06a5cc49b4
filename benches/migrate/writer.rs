//! The platform's programs, as far as the move may hold them up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use tokio_postgres::{Client, NoTls};

/// A thread of its own, so that the migration's work in this process does not delay its clock.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Written>>,
    watcher: JoinHandle<anyhow::Result<f64>>,
}

/// What was written and how long it took.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Statement by statement, in milliseconds.
    took_ms: Vec<f64>,
    /// The slowest one's text.
    slowest: String,
    /// The longest that it was seen standing at a lock, in milliseconds. The rest of a slow write is the
    /// disk and the processor.
    at_a_lock_ms: f64,
    /// What ended it, when that was not we.
    refused: Option<String>,
}

impl Writer {
    pub(crate) fn start(url: &str, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (writer_url, flag) = (format!("{url}?application_name={NAME}"), stop.clone());
        let thread = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(write(&writer_url, pause, &flag))
        });
        let (url, flag) = (url.to_owned(), stop.clone());
        let watcher = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(watch(&url, &flag))
        });
        Self {
            stop,
            thread,
            watcher,
        }
    }

    pub(crate) fn stop(self) -> anyhow::Result<Written> {
        self.stop.store(true, Ordering::Relaxed);
        let mut written = self
            .thread
            .join()
            .map_err(|_| anyhow!("the writer died"))??;
        let watched = self
            .watcher
            .join()
            .map_err(|_| anyhow!("the watcher died"))?;
        written.at_a_lock_ms = watched?;
        Ok(written)
    }
}

/// What `pg_stat_activity` calls the writer.
const NAME: &str = "writer";

/// Looks every 10 ms whether the writer stands at a lock, and for how long.
async fn watch(url: &str, stop: &AtomicBool) -> anyhow::Result<f64> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let look = async {
        let mut longest = 0.0f64;
        while !stop.load(Ordering::Relaxed) {
            let row = client
                .query_one(
                    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start) * 1000), 0)::float8
                     FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'",
                    &[&NAME],
                )
                .await?;
            longest = longest.max(row.get(0));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(longest)
    };
    tokio::select! {
        longest = look => longest,
        ended = connection => { ended?; Err(anyhow!("the server hung up")) }
    }
}

async fn write(url: &str, pause: Duration, stop: &AtomicBool) -> anyhow::Result<Written> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::select! {
        written = rounds(&client, pause, stop) => written,
        ended = connection => { ended?; Err(anyhow!("the server hung up")) }
    }
}

async fn rounds(client: &Client, pause: Duration, stop: &AtomicBool) -> anyhow::Result<Written> {
    let mut written = Written::default();
    let mut longest = Duration::ZERO;
    let run = uuid::Uuid::new_v4().simple().to_string();
    let mut round = 0u64;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        for statement in statements(&run, round) {
            let began = Instant::now();
            if let Err(error) = client.batch_execute(&statement).await {
                // Expected behind the contract: the old form is gone.
                let reason = error.as_db_error().map(ToString::to_string);
                written.refused = Some(reason.unwrap_or_else(|| error.to_string()));
                return Ok(written);
            }
            let took = began.elapsed();
            written.took_ms.push(took.as_secs_f64() * 1000.0);
            if took > longest {
                longest = took;
                written.slowest = statement
                    .split_whitespace()
                    .take(3)
                    .collect::<Vec<_>>()
                    .join(" ");
            }
            tokio::time::sleep(pause).await;
        }
    }
    Ok(written)
}

/// A delivery and its answer, a product, a change of an old product, a row of log.
fn statements(run: &str, round: u64) -> [String; 5] {
    let old = round * 7919 % 1000 + 1;
    [
        format!(
            r#"INSERT INTO "Webhook" (id, "brandId", event, url, payload) VALUES
               ('{run}{round}', 'brand_{}', 'order.created', 'https://shop-{}.example/hooks', '{{}}')"#,
            round % 200,
            round % 400
        ),
        format!(
            r#"UPDATE "Webhook" SET "statusCode" = 200, success = true WHERE id = '{run}{round}'"#
        ),
        format!(
            r#"INSERT INTO "Product" (id, "brandId", name, price, "updatedAt")
               VALUES ('{run}{round}', 'brand_{}', 'Tasse', 1, now())"#,
            round % 200
        ),
        format!(r#"UPDATE "Product" SET price = price + 1 WHERE id = md5('p{old}')"#),
        format!(
            r#"INSERT INTO "WebhookLog" (id, "webhookId", topic, "shopDomain", payload)
               VALUES ('{run}{round}', '{run}{round}', 't', 's', '{{}}')"#
        ),
    ]
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.took_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (sorted.len() as f64 * share) as usize;
            sorted
                .get(place.min(sorted.len().saturating_sub(1)))
                .copied()
                .unwrap_or_default()
        };
        write!(
            f,
            "{} writes, median {:.1} ms, 99 % {:.1} ms, longest {:.1} ms ({}); longest at a lock {:.0} ms",
            sorted.len(),
            at(0.5),
            at(0.99),
            at(1.0),
            self.slowest,
            self.at_a_lock_ms
        )?;
        match &self.refused {
            Some(reason) => write!(f, "; then the old form was refused: {reason}"),
            None => Ok(()),
        }
    }
}
