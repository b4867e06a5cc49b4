//! The roles, as processes of their own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use testkit::{GuardSpec, Guarded, Log, Signal, wait};

use super::servers::Servers;
use crate::output;

/// How long a role may take from its start until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long a role may take to drain at the end.
const GRACE: Duration = Duration::from_secs(5);

/// The running roles. Dropping it ends them.
pub(super) struct Fleet {
    /// Workers and scheduler first: what is dropped first ends first.
    pub(super) members: Vec<Member>,
    /// Where api-lite answers.
    pub(super) api_url: String,
    /// The scheduler's admin port.
    pub(super) scheduler_url: String,
}

impl Drop for Fleet {
    /// Asks all to drain at once; dropping the members then waits for each.
    fn drop(&mut self) {
        for member in &mut self.members {
            // A guard that is gone took its role with it.
            let _ = member.process.signal(Signal::Term);
        }
    }
}

/// One running role.
pub(super) struct Member {
    pub(super) role: &'static str,
    pub(super) admin_url: String,
    pub(super) log: PathBuf,
    pub(super) process: Guarded,
}

impl Fleet {
    /// Starts api-lite, whose address the others need for the pictures' addresses, then the rest at
    /// once.
    pub(super) async fn start(
        servers: &Servers,
        workers: u8,
        settings: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let mut listen = vec![("ATELIER_API_LISTEN", "127.0.0.1:0")];
        listen.extend(&settings);
        let api = Starting::spawn(servers, "api-lite", 1, &listen)?;
        let (api, ready) = api.ready().await?;
        let api_url = address(&ready, "url")?;
        let mut told = vec![("ATELIER_PUBLIC_URL", api_url.as_str())];
        told.extend(&settings);
        let mut starting = vec![Starting::spawn(servers, "scheduler", 1, &settings)?];
        for number in 1..=workers {
            starting.push(Starting::spawn(servers, "worker", number, &told)?);
        }
        let mut members = Vec::new();
        let mut scheduler_url = String::new();
        for role in starting {
            let (member, ready) = role.ready().await?;
            if member.role == "scheduler" {
                scheduler_url = address(&ready, "admin_url")?;
            }
            members.push(member);
        }
        members.push(api);
        Ok(Self {
            members,
            api_url,
            scheduler_url,
        })
    }

    /// The process ids of a role.
    pub(super) fn pids(&self, role: &str) -> Vec<u32> {
        self.members
            .iter()
            .filter(|m| m.role == role)
            .map(|m| m.process.pid())
            .collect()
    }

    /// Reports roles that end, until all have.
    pub(super) async fn report_deaths(&self) {
        let mut alive: Vec<&Member> = self.members.iter().collect();
        while !alive.is_empty() {
            let ends: Vec<_> = alive
                .iter()
                .map(|member| Box::pin(member.process.exited()))
                .collect();
            let (exit, index, _) = futures::future::select_all(ends).await;
            let member = alive.remove(index);
            output::note(&format!(
                "{} (process {}) ended: {exit:?}; the others carry on, its log is {}",
                member.role,
                member.process.pid(),
                member.log.display()
            ));
        }
    }
}

/// A role that was started and is not ready yet.
struct Starting {
    role: &'static str,
    ready_file: PathBuf,
    log: PathBuf,
    process: Guarded,
}

impl Starting {
    fn spawn(
        servers: &Servers,
        role: &'static str,
        number: u8,
        extra: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let ready_file = servers.folder().join(format!("{role}-{number}.ready"));
        let log = servers.folder().join(format!("{role}-{number}.log"));
        let mut spec = GuardSpec::new(beside_us(role)?)
            .env("ATELIER_DATABASE_URL", &servers.database_url)
            .env("ATELIER_REDIS_URL", &servers.redis_url)
            .env("ATELIER_ADMIN_LISTEN", "127.0.0.1:0")
            .env("ATELIER_READY_FILE", &ready_file);
        if role != "scheduler" {
            spec = spec.env("ATELIER_OBJECT_STORE", &servers.object_store);
        }
        for (name, value) in extra {
            spec = spec.env(*name, *value);
        }
        spec.log = Log::File(log.clone());
        spec.grace = GRACE;
        let process = Guarded::spawn(&spec)?;
        Ok(Self {
            role,
            ready_file,
            log,
            process,
        })
    }

    /// Waits for the ready file, or for the role's early end.
    async fn ready(self) -> anyhow::Result<(Member, Value)> {
        let Self {
            role,
            ready_file,
            log,
            process,
        } = self;
        let written = wait::until_some("the ready file", READY_WITHIN, async || {
            let text = std::fs::read_to_string(&ready_file).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let ready = tokio::select! {
            ready = written => ready.ok(),
            _ = process.exited() => None,
        };
        let Some(ready) = ready else {
            bail!(
                "{role} did not become ready. The end of its log:\n{}",
                tail(&log)
            );
        };
        let admin_url = address(&ready, "admin_url")?;
        Ok((
            Member {
                role,
                admin_url,
                log,
                process,
            },
            ready,
        ))
    }
}

fn address(ready: &Value, name: &str) -> anyhow::Result<String> {
    let found = ready.get(name).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("a ready file without {name:?}: {ready}"))?
        .to_owned())
}

/// The role's program lies where this one does.
fn beside_us(role: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::current_exe()?;
    let program = folder.parent().unwrap_or(Path::new(".")).join(role);
    if !program.is_file() {
        bail!(
            "{} is not there; build it with `cargo build --bins`",
            program.display()
        );
    }
    Ok(program)
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
