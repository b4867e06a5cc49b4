//! Reading results from the database, beside the programs that are measured.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

/// A connection of one's own.
pub(crate) struct Reader {
    client: Client,
    /// The task that moves the bytes; dropping the set ends it.
    _driver: JoinSet<()>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// How all jobs of a measurement went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ends {
    /// Jobs by state.
    pub(crate) states: BTreeMap<String, i64>,
    /// Jobs that have ended.
    pub(crate) finished: i64,
    /// From the first acceptance to the last end.
    pub(crate) took: Duration,
}

/// The times of one job that was begun.
#[derive(Debug, Clone)]
pub(crate) struct JobTimes {
    /// From acceptance to the claim that began it.
    pub(crate) waited: Duration,
    /// From the claim to the end, if it has ended.
    pub(crate) worked: Option<Duration>,
    /// When it was claimed.
    pub(crate) claimed_at: DateTime<Utc>,
}

impl Reader {
    /// Connects.
    pub(crate) async fn connect(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its error is met by the query that it cuts off.
            let _ = connection.await;
        });
        Ok(Self {
            client,
            _driver: driver,
        })
    }

    /// Bytes of write-ahead log since the database was made.
    pub(crate) async fn wal_bytes(&self) -> anyhow::Result<f64> {
        let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8";
        Ok(self.client.query_one(sql, &[]).await?.get(0))
    }

    /// How many jobs have not ended.
    pub(crate) async fn open_jobs(&self) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM atelier.job WHERE state IN ('waiting', 'running')";
        Ok(self.client.query_one(sql, &[]).await?.get(0))
    }

    /// The database's clock.
    pub(crate) async fn now(&self) -> anyhow::Result<SystemTime> {
        Ok(self
            .client
            .query_one("SELECT clock_timestamp()", &[])
            .await?
            .get(0))
    }

    /// States and overall time of the jobs accepted since then.
    pub(crate) async fn ends(&self, since: SystemTime) -> anyhow::Result<Ends> {
        let sql = "SELECT state, count(*) FROM atelier.job WHERE created_at >= $1 GROUP BY state";
        let states = self.client.query(sql, &[&since]).await?;
        let sql = "SELECT count(ended_at),
                coalesce(extract(epoch FROM max(ended_at) - min(created_at)), 0)::float8
            FROM atelier.job WHERE created_at >= $1";
        let row = self.client.query_one(sql, &[&since]).await?;
        Ok(Ends {
            states: states.iter().map(|row| (row.get(0), row.get(1))).collect(),
            finished: row.get(0),
            took: seconds(row.get(1)),
        })
    }

    /// The times of every job that was begun, by public id.
    pub(crate) async fn job_times(&self) -> anyhow::Result<HashMap<String, JobTimes>> {
        let sql = r#"SELECT g."publicId",
                extract(epoch FROM j.claimed_at - j.created_at)::float8,
                extract(epoch FROM j.ended_at - j.claimed_at)::float8,
                (extract(epoch FROM j.claimed_at) * 1000000)::bigint
            FROM atelier.job j JOIN "Generation" g ON g.id = j.id::text
            WHERE j.claimed_at IS NOT NULL"#;
        let rows = self.client.query(sql, &[]).await?;
        let times = rows.iter().map(|row| {
            let worked: Option<f64> = row.get(2);
            let times = JobTimes {
                waited: seconds(row.get(1)),
                worked: worked.map(seconds),
                claimed_at: DateTime::from_timestamp_micros(row.get(3)).unwrap_or_default(),
            };
            (row.get(0), times)
        });
        Ok(times.collect())
    }
}

/// Two clocks of one machine may differ by a step backwards; that reads as no time at all.
fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value.max(0.0))
}
