//! Everything that runs during one measurement.

use std::net::SocketAddr;
use std::sync::Arc;

use benches::Subject;

use crate::args::Args;
use crate::cpu::Watched;
use crate::database::Reader;
use crate::seed::{self, Shop};
use benches::fleet::Role;
use benches::servers::Servers;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Cast<'a> {
    /// The product of every brand.
    pub(crate) subject: &'a Subject,
    /// How many brands.
    pub(crate) brands: u16,
    /// Further flags of api-lite.
    pub(crate) api_flags: Vec<String>,
    /// Whether workers and a scheduler run, or requests are only accepted.
    pub(crate) works: bool,
}

/// Servers, programs and seeds. Fields are dropped in order: the programs before their servers.
#[derive(Debug)]
pub(crate) struct Stage {
    roles: Vec<Role>,
    /// What is sent.
    pub(crate) shops: Arc<[Shop]>,
    /// Where it is sent.
    pub(crate) api: SocketAddr,
    /// The database, for reading results.
    pub(crate) reader: Reader,
    servers: Servers,
}

impl Stage {
    /// Starts everything; returns when all of it is ready.
    pub(crate) async fn set(args: &Args, cast: Cast<'_>) -> anyhow::Result<Self> {
        let servers = Servers::start().await?;
        let db = servers.migrated().await?;
        let shops = seed::shops(&servers, &db, cast.subject, cast.brands).await?;
        db.close().await;
        let programs = args.programs()?;
        let start = async |name, number, flags: &[String]| {
            Role::start(name, number, &programs, &servers, flags).await
        };
        let objects = servers.object_store();
        let objects = ("--object-store", objects.as_str());
        let mut api_flags = flags(&[objects, ("--listen", "127.0.0.1:0")]);
        api_flags.extend(cast.api_flags);
        let mut roles = vec![start("api-lite", 0, &api_flags).await?];
        if cast.works {
            let slots = args.worker_slots.to_string();
            let worker_flags = flags(&[
                objects,
                ("--slots", &slots),
                ("--synthetic-latency-ms", "0"),
            ]);
            for number in 0..usize::from(args.workers) {
                roles.push(start("worker", number, &worker_flags).await?);
            }
            roles.push(start("scheduler", 0, &[]).await?);
        }
        Ok(Self {
            api: roles[0].address()?,
            reader: Reader::connect(&servers.postgres.url()).await?,
            roles,
            shops,
            servers,
        })
    }

    /// The processes whose processor time is measured, this one included.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        let one = |name, pid, with_children| Watched {
            name,
            pid,
            with_children,
        };
        let mut watched: Vec<Watched> = self
            .roles
            .iter()
            .map(|role| one(role.name, role.pid(), false))
            .collect();
        watched.push(one("postgres", self.servers.postgres.pid(), true));
        watched.push(one("redis", self.servers.redis.pid(), false));
        watched.push(one("driver", std::process::id(), false));
        watched
    }

    /// The running roles.
    pub(crate) fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Fails if a role has died.
    pub(crate) fn check_alive(&self) -> anyhow::Result<()> {
        self.roles.iter().try_for_each(Role::check_alive)
    }
}

/// Pairs of a flag and its value as arguments.
pub(crate) fn flags(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs
        .iter()
        .flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()])
        .collect()
}
