//! `atelier import-bull`: the waiting jobs of a Bull or BullMQ queue become jobs of ours.
//!
//! Job by job: judge (nothing is changed), take it out of the old queue in one step, commit it here, forget
//! it there. A run that dies in between leaves the job in a list of ours beside the old queue, and the next
//! run begins with that list. What cannot be imported stays where it is, with the reason.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use domain::{Clock, GenerationId};
use queue::Queue;
use queue::bull::{BullJob, BullQueue, Place, Standing, Survey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::SystemClock;
use store::Database;
use store::import::{self, Judged, NewImport, Ready, Waiting};

use crate::args::ImportBullArgs;
use crate::{output, stores};

/// Jobs judged with one look at the database.
const PAGE: usize = 200;
/// Reasons told one by one; the rest are counted.
const TOLD: usize = 20;
/// How often a long import says how far it is.
const PROGRESS: Duration = Duration::from_secs(1);

pub(super) async fn run(args: ImportBullArgs) -> anyhow::Result<()> {
    let redis = Queue::new(&args.queue_args, &prometheus::Registry::new())?;
    let bull = BullQueue::new(redis, &args.prefix, &args.queue);
    let name = format!("{}:{}", args.prefix, args.queue);
    let Some(survey) = bull.survey().await? else {
        bail!(
            "there is no queue {name} in this Redis; --queue is the name given to BullModule.registerQueue, \
             --prefix what stands before it (bull by default)"
        );
    };
    let db = stores::database(&args.database).await?;
    let mut import = Import {
        name,
        bull,
        db,
        dry_run: args.dry_run,
        report: Report::new(survey, args.dry_run),
        last_ms: 0,
        told: Instant::now(),
    };
    import.everything().await?;
    import.report.print(args.json)?;
    match import.report.refused.is_empty() {
        true => Ok(()),
        false => bail!(
            "{} jobs were left where they are",
            import.report.refused.len()
        ),
    }
}

struct Import {
    name: String,
    bull: BullQueue,
    db: Database,
    dry_run: bool,
    report: Report,
    /// The time in the newest id, so that ids rise with the order of the jobs.
    last_ms: u64,
    told: Instant,
}

/// What the old platform puts into a job. Everything else of it is looked up.
#[derive(Deserialize)]
struct JobData {
    #[serde(rename = "generationId")]
    generation_id: String,
}

/// A job with what was read of it.
struct Seen {
    standing: Standing,
    job: BullJob,
    waiting: Waiting,
}

impl Import {
    async fn everything(&mut self) -> anyhow::Result<()> {
        let held = self.bull.held().await?;
        self.pages(&held, true).await?;
        for place in Place::ALL {
            let standing = self.bull.standing(place).await?;
            self.pages(&standing, false).await?;
        }
        Ok(())
    }

    async fn pages(&mut self, jobs: &[Standing], held: bool) -> anyhow::Result<()> {
        for (i, page) in jobs.chunks(PAGE).enumerate() {
            let mut seen = Vec::with_capacity(page.len());
            for standing in page {
                seen.extend(self.read(standing).await?);
            }
            let waiting: Vec<Waiting> = seen.iter().map(|seen| seen.waiting.clone()).collect();
            let judged = import::judge(&self.db, &waiting).await?;
            for (seen, judged) in seen.iter().zip(judged) {
                self.one(seen, judged, held).await?;
            }
            if self.told.elapsed() > PROGRESS {
                let done = (i * PAGE + page.len()).min(jobs.len());
                output::note(&format!(
                    "{}: {done} of {} looked at",
                    self.name,
                    jobs.len()
                ));
                self.told = Instant::now();
            }
        }
        Ok(())
    }

    /// The job, if it is one of the platform's.
    async fn read(&mut self, standing: &Standing) -> anyhow::Result<Option<Seen>> {
        let Some(job) = self.bull.load(&standing.id).await? else {
            self.report.refuse(standing, "its data is gone");
            return Ok(None);
        };
        if standing.id.starts_with("repeat:") {
            self.report
                .refuse(standing, "it repeats; make a schedule of your own for it");
            return Ok(None);
        }
        let Ok(data) = serde_json::from_str::<JobData>(&job.data) else {
            let reason = format!(
                "a job {:?} without a generationId is not a generation",
                job.name
            );
            self.report.refuse(standing, &reason);
            return Ok(None);
        };
        Ok(Some(Seen {
            waiting: Waiting {
                source: format!("{}:{}", self.name, standing.id),
                generation_id: data.generation_id,
            },
            standing: standing.clone(),
            job,
        }))
    }

    async fn one(&mut self, seen: &Seen, judged: Judged, held: bool) -> anyhow::Result<()> {
        let standing = &seen.standing;
        match judged {
            Judged::Refused(reason) if held && !self.dry_run => {
                self.bull.put_back(standing).await?;
                self.report.refuse(standing, &reason);
            }
            Judged::Refused(reason) => self.report.refuse(standing, &reason),
            _ if self.dry_run => self.report.count(standing, &judged),
            Judged::Known | Judged::Ended(_) => {
                if held || self.bull.take(standing).await? {
                    self.bull.forget(standing).await?;
                    self.report.count(standing, &judged);
                }
            }
            Judged::Ready(ref ready) => {
                // A worker of the old system may have it by now; then it is theirs.
                if held || self.bull.take(standing).await? {
                    self.take_over(seen, ready).await?;
                    self.report.count(standing, &judged);
                } else {
                    self.report.gone += 1;
                }
            }
        }
        Ok(())
    }

    /// Commits a job that is held, and lets the old queue forget it.
    async fn take_over(&mut self, seen: &Seen, ready: &Ready) -> anyhow::Result<()> {
        let now = SystemClock.now();
        let due = seen
            .standing
            .due_ms()
            .and_then(DateTime::from_timestamp_millis);
        let new = NewImport {
            ready: ready.clone(),
            id: self.next_id(now),
            run_at: due.filter(|due| *due > now),
            trace_parent: trace_parent(),
            payload: json!({"standing": seen.standing, "job": seen.job}),
        };
        let made = import::import(&self.db, now, &new).await;
        if let Err(error) = made {
            let known = import::judge(&self.db, std::slice::from_ref(&seen.waiting)).await;
            if !matches!(known.as_deref(), Ok([Judged::Known])) {
                self.bull.put_back(&seen.standing).await.context(
                    "the job is held beside the queue; run the import again to go on with it",
                )?;
                return Err(error).context("PostgreSQL refused a job; it is back in its queue");
            }
        }
        Ok(self.bull.forget(&seen.standing).await?)
    }

    /// A `UUIDv7` that comes after every one before it.
    fn next_id(&mut self, now: DateTime<Utc>) -> GenerationId {
        let now_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        self.last_ms = now_ms.max(self.last_ms + 1);
        let id = uuid::Builder::from_unix_timestamp_millis(self.last_ms, &rand::random());
        GenerationId(id.into_uuid())
    }
}

fn trace_parent() -> String {
    format!(
        "00-{:032x}-{:016x}-00",
        rand::random::<u128>(),
        rand::random::<u64>()
    )
}

/// What was found and what became of it.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    found: Survey,
    /// Moved, or to be moved, by place.
    moved: BTreeMap<&'static str, u64>,
    /// Imported by an earlier run that could not forget them.
    known: u64,
    /// Their generation had ended.
    ended: u64,
    /// A worker of the old system was faster.
    gone: u64,
    refused: Vec<Value>,
}

impl Report {
    fn new(found: Survey, dry_run: bool) -> Self {
        Self {
            dry_run,
            found,
            moved: Place::ALL.map(|place| (place.as_str(), 0)).into(),
            known: 0,
            ended: 0,
            gone: 0,
            refused: Vec::new(),
        }
    }

    fn count(&mut self, standing: &Standing, judged: &Judged) {
        match judged {
            Judged::Ready(_) => *self.moved.entry(standing.place.as_str()).or_default() += 1,
            Judged::Known => self.known += 1,
            Judged::Ended(_) => self.ended += 1,
            Judged::Refused(reason) => self.refuse(standing, reason),
        }
    }

    fn refuse(&mut self, standing: &Standing, reason: &str) {
        self.refused.push(json!({
            "id": standing.id, "place": standing.place.as_str(), "reason": reason,
        }));
    }

    fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            return output::json(self);
        }
        let verb = if self.dry_run {
            "would be moved"
        } else {
            "moved"
        };
        for (place, count) in &self.moved {
            output::data(&format!("{place:<12} {count:>8} {verb}"));
        }
        for (what, count) in [
            ("were imported before", self.known),
            ("had ended", self.ended),
            ("were begun by the old workers meanwhile", self.gone),
            ("are being worked on and were left alone", self.found.active),
            ("were left where they are", self.refused.len() as u64),
        ] {
            if count > 0 {
                output::data(&format!("{:<12} {count:>8} {what}", ""));
            }
        }
        for refused in self.refused.iter().take(TOLD) {
            let text = |name: &str| refused[name].as_str().unwrap_or_default().to_owned();
            output::note(&format!(
                "job {} in {}: {}",
                text("id"),
                text("place"),
                text("reason")
            ));
        }
        if self.refused.len() > TOLD {
            output::note(&format!(
                "… and {} more; --json lists all",
                self.refused.len() - TOLD
            ));
        }
        Ok(())
    }
}
