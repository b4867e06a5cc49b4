//! Sending requests: as fast as they are answered, or at fixed times.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::Clock;
use http::StatusCode;
use serde_json::Value;
use service::SystemClock;
use tokio::task::JoinSet;

use crate::seed::Shop;
use benches::http::Connection;

/// Connections of the open loop: at 50 requests a second and a few milliseconds each, one is busy.
const OPEN_LOOP_CONNECTIONS: usize = 16;

/// What became of the requests of one run.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// From the request's first byte, or from its time in the open loop, to the last of the answer.
    pub(crate) latencies: Vec<Duration>,
    /// How many were answered 202.
    pub(crate) accepted: usize,
    /// All other answers, counted by status and problem code.
    pub(crate) refused: BTreeMap<String, usize>,
    /// When each accepted generation was sent, by its public id. Only kept by the open loop.
    pub(crate) sent_at: Vec<(String, DateTime<Utc>)>,
    /// How long all of it took.
    pub(crate) took: Duration,
}

impl Answers {
    /// Answered requests a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn note(&mut self, status: StatusCode, body: &[u8], latency: Duration) {
        self.latencies.push(latency);
        if status == StatusCode::ACCEPTED {
            self.accepted += 1;
            return;
        }
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or("no code");
        *self
            .refused
            .entry(format!("{} {code}", status.as_u16()))
            .or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.accepted += other.accepted;
        self.sent_at.extend(other.sent_at);
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
    }
}

/// How many requests, over how many connections, for how long at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Requests in all.
    pub(crate) requests: usize,
    /// Connections; each carries one request at a time.
    pub(crate) connections: usize,
    /// After this no further request is sent.
    pub(crate) limit: Duration,
}

/// Closed loop: every connection sends its next request when the last one is answered.
pub(crate) async fn closed_loop(
    address: SocketAddr,
    shops: &Arc<[Shop]>,
    load: Load,
) -> anyhow::Result<Answers> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let mut senders = JoinSet::new();
    for mut connection in connections {
        let (next, shops) = (Arc::clone(&next), Arc::clone(shops));
        senders.spawn(async move {
            let mut answers = Answers::default();
            while started.elapsed() < load.limit {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= load.requests {
                    break;
                }
                let shop = &shops[number % shops.len()];
                let sent = Instant::now();
                let (status, body) = connection.order(&shop.key, shop.body.clone()).await?;
                answers.note(status, &body, sent.elapsed());
            }
            anyhow::Ok(answers)
        });
    }
    gather(senders, started).await
}

/// Open loop: request `n` is sent at `n / rate` seconds whatever became of those before, and its
/// latency counts from that moment, so that a stall is not hidden by requests that were never sent.
pub(crate) async fn open_loop(
    address: SocketAddr,
    shops: &Arc<[Shop]>,
    rate: u32,
    requests: usize,
) -> anyhow::Result<Answers> {
    let started = Instant::now() + Duration::from_millis(100);
    let mut senders = JoinSet::new();
    for first in 0..OPEN_LOOP_CONNECTIONS {
        let shops = Arc::clone(shops);
        let mut connection = Connection::open(address).await?;
        senders.spawn(async move {
            let mut answers = Answers::default();
            for number in (first..requests).step_by(OPEN_LOOP_CONNECTIONS) {
                let due = started + Duration::from_secs_f64(number as f64 / f64::from(rate));
                tokio::time::sleep_until(due.into()).await;
                let shop = &shops[number % shops.len()];
                let sent_at = SystemClock.now();
                let (status, body) = connection.order(&shop.key, shop.body.clone()).await?;
                answers.note(status, &body, due.elapsed());
                if status == StatusCode::ACCEPTED {
                    answers.sent_at.push((public_id(&body)?, sent_at));
                }
            }
            anyhow::Ok(answers)
        });
    }
    gather(senders, started).await
}

async fn gather(
    mut senders: JoinSet<anyhow::Result<Answers>>,
    started: Instant,
) -> anyhow::Result<Answers> {
    let mut all = Answers::default();
    while let Some(ended) = senders.join_next().await {
        all.add(ended??);
    }
    all.took = started.elapsed();
    Ok(all)
}

fn public_id(body: &[u8]) -> anyhow::Result<String> {
    let answer: Value = serde_json::from_slice(body)?;
    let id = answer["id"]
        .as_str()
        .context("the answer of a 202 has no id")?;
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_their_problem_code_and_not_as_accepted() {
        let mut answers = Answers::default();
        let latency = Duration::from_millis(1);
        answers.note(StatusCode::ACCEPTED, b"{}", latency);
        answers.note(
            StatusCode::TOO_MANY_REQUESTS,
            br#"{"code":"quota_exceeded"}"#,
            latency,
        );
        answers.note(StatusCode::BAD_GATEWAY, b"<html>", latency);
        let mut all = Answers::default();
        all.add(answers);
        assert_eq!((all.accepted, all.latencies.len()), (1, 3));
        let expected = [("429 quota_exceeded", 1), ("502 no code", 1)];
        assert_eq!(
            all.refused,
            expected.map(|(reason, n)| (reason.to_owned(), n)).into()
        );
    }
}
