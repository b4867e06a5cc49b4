//! Processes that are started, killed at random, and started again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::Context;
use testkit::{GuardSpec, Guarded, Log};

/// How long between two looks.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scheduler,
    Closer,
}

#[derive(Debug)]
struct Member {
    kind: Kind,
    process: Guarded,
    dies_at: Instant,
}

/// The processes of one measurement.
#[derive(Debug)]
pub(crate) struct Fleet {
    folder: PathBuf,
    database_url: String,
    redis_url: String,
    dice: u64,
    life_ms: u64,
    kills: u64,
    members: Vec<Member>,
}

impl Fleet {
    pub(crate) fn new(
        folder: &Path,
        database_url: &str,
        redis_url: &str,
        seed: u64,
        life_ms: u64,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            database_url: database_url.to_owned(),
            redis_url: redis_url.to_owned(),
            dice: seed,
            life_ms,
            kills: 0,
            members: Vec::new(),
        }
    }

    pub(crate) fn scheduler(&mut self) -> anyhow::Result<()> {
        self.start(Kind::Scheduler)
    }

    pub(crate) fn closer(&mut self) -> anyhow::Result<()> {
        self.start(Kind::Closer)
    }

    fn start(&mut self, kind: Kind) -> anyhow::Result<()> {
        let mut spec = match kind {
            Kind::Scheduler => GuardSpec::new(program("scheduler")?)
                .args(["--billing-period-ms", "20", "--billing-grace-s", "0"])
                .env("ATELIER_ADMIN_LISTEN", "127.0.0.1:0"),
            Kind::Closer => GuardSpec::new(program("atelier")?).args(["invoice", "close"]),
        };
        spec = spec
            .env("ATELIER_DATABASE_URL", &self.database_url)
            .env("ATELIER_REDIS_URL", &self.redis_url);
        spec.log = Log::File(self.folder.join(format!("{kind:?}.log")));
        let process = Guarded::spawn(&spec)?;
        let life_ms = self.life_ms / 10 + self.roll() % (self.life_ms - self.life_ms / 10);
        self.members.push(Member {
            kind,
            process,
            dies_at: Instant::now() + Duration::from_millis(life_ms),
        });
        Ok(())
    }

    /// Kills whose time has come, and starts others in the place of those that ended.
    pub(crate) async fn tend(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(LOOK).await;
        let mut gone = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            if member.process.exit().is_some() {
                gone.push(index);
            } else if member.dies_at <= Instant::now() {
                member.process.kill9().await?;
                self.kills += 1;
                gone.push(index);
            }
        }
        for index in gone.into_iter().rev() {
            let member = self.members.swap_remove(index);
            self.start(member.kind)?;
        }
        Ok(())
    }

    /// Ends all of them. Returns how many were killed before.
    pub(crate) async fn end(mut self) -> anyhow::Result<u64> {
        for member in &mut self.members {
            if member.process.exit().is_none() {
                member.process.kill9().await?;
            }
        }
        Ok(self.kills)
    }

    /// The splitmix64 generator.
    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.dice;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Runs the operator's command to its end.
pub(crate) fn atelier(database_url: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let output = Command::new(program("atelier")?)
        .args(arguments)
        .env("ATELIER_DATABASE_URL", database_url)
        .output()?;
    Ok(output)
}

/// A program of ours, which lies beside this one.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().context("this program lies in a folder")?;
    Ok(folder.join(name))
}
