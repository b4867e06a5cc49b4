//! Settings of the scheduler.

use std::time::Duration;

use clap::Parser;
use domain::{LinkSecretError, LinkSecrets};
use queue::QueueArgs;
use secrecy::{ExposeSecret, SecretString};
use service::CommonArgs;
use store::{DatabaseArgs, SealingArgs, WebhookArgs};

use crate::duties::PageLinks;
use crate::stripe::StripeArgs;

/// Sends waiting jobs to the workers, recovers what dead workers left, expires what is late, and sends
/// webhooks.
///
/// Any number of replicas may run; each duty is done by one of them at a time, and each endpoint's webhooks
/// are sent by one of them at a time.
#[derive(Debug, Clone, Parser)]
#[command(name = "scheduler", version)]
pub struct SchedulerArgs {
    /// What every process has.
    #[command(flatten)]
    pub common: CommonArgs,

    /// How often each duty runs.
    #[command(flatten)]
    pub periods: PeriodArgs,

    /// Jobs one worker works on at once, for the number of workers that /v1/autoscale asks for
    #[arg(long, env = "ATELIER_SCHEDULER_SLOTS_PER_WORKER", value_name = "N", default_value_t = 16,
          help_heading = "Scheduler", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub slots_per_worker: u32,

    /// How webhooks are sent.
    #[command(flatten)]
    pub sending: SendingArgs,

    /// Where webhooks may go.
    #[command(flatten)]
    pub webhooks: WebhookArgs,

    /// What the secrets of webhooks are sealed with.
    #[command(flatten)]
    pub sealing: SealingArgs,

    /// Where invoices' files are kept; the same place as the other roles'. Without it invoices are issued, and
    /// their files are made once it is set
    #[arg(
        long,
        env = "ATELIER_OBJECT_STORE",
        value_name = "URL",
        help_heading = "Object store"
    )]
    pub object_store: Option<String>,

    /// How the addresses of invoices' pages are made.
    #[command(flatten)]
    pub links: LinkArgs,

    /// Stripe.
    #[command(flatten)]
    pub stripe: StripeArgs,
    /// Seconds that a billing period rests after its end before it is invoiced, so that what is still under way
    /// is not late
    #[arg(long, env = "ATELIER_SCHEDULER_BILLING_GRACE_S", value_name = "S", default_value_t = 3_600,
          help_heading = "Scheduler", value_parser = clap::value_parser!(u32).range(0..=604_800))]
    pub billing_grace_s: u32,

    /// PostgreSQL.
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Redis.
    #[command(flatten)]
    pub queue: QueueArgs,
}

/// How webhooks are sent.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Webhooks")]
pub struct SendingArgs {
    /// Tries at endpoints under way at once in this process. One brand gets at most a quarter of them
    #[arg(long, env = "ATELIER_WEBHOOK_CONCURRENCY", value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u16).range(4..=4096))]
    pub webhook_concurrency: u16,

    /// Milliseconds between two looks for webhooks that became due
    // An event waits half of this on average until its endpoint is asked.
    #[arg(long, env = "ATELIER_WEBHOOK_POLL_MS", value_name = "MS", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(10..=5_000))]
    pub webhook_poll_ms: u64,
}

/// What the addresses of invoices' pages are made of, which the older platform's pages show.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Links")]
pub struct LinkArgs {
    /// Secret that signs them, of at least 32 bytes; the same as api-lite's. Several, separated by commas, while it
    /// is changed: the first signs. Without it "Invoice"."pdfUrl" stays empty
    #[arg(
        long,
        env = "ATELIER_LINK_SECRET",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "SECRETS",
        requires = "public_url"
    )]
    pub link_secret: Vec<SecretString>,

    /// Where api-lite is reached from outside
    #[arg(long, env = "ATELIER_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
}

impl LinkArgs {
    /// What links are made of; none without a secret.
    pub(crate) fn links(&self) -> Result<Option<PageLinks>, LinkSecretError> {
        let Some(url) = self
            .public_url
            .as_ref()
            .filter(|_| !self.link_secret.is_empty())
        else {
            return Ok(None);
        };
        let texts = self.link_secret.iter().map(ExposeSecret::expose_secret);
        Ok(Some(PageLinks {
            secrets: LinkSecrets::new(texts)?,
            public_url: url.trim_end_matches('/').to_owned(),
        }))
    }
}

/// The period of each duty, in milliseconds. A nudge makes a duty run earlier.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Scheduler")]
pub struct PeriodArgs {
    /// Milliseconds between two refills of the streams
    // A job that could not be added inline waits half of this on average.
    #[arg(long, env = "ATELIER_SCHEDULER_DISPATCH_PERIOD_MS", value_name = "MS",
          default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub dispatch_period_ms: u64,

    /// Milliseconds between two looks for workers that died
    // Adds to the 15 s after which a session counts as dead; both stay well below 25 s.
    #[arg(long, env = "ATELIER_SCHEDULER_RECOVERY_PERIOD_MS", value_name = "MS",
          default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub recovery_period_ms: u64,

    /// Milliseconds between two looks for jobs whose time is over
    #[arg(long, env = "ATELIER_SCHEDULER_EXPIRY_PERIOD_MS", value_name = "MS",
          default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub expiry_period_ms: u64,

    /// Milliseconds between two rounds of stream upkeep
    #[arg(long, env = "ATELIER_SCHEDULER_STREAMS_PERIOD_MS", value_name = "MS",
          default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub streams_period_ms: u64,

    /// Milliseconds between two rounds of forgetting old rows, those of webhooks too
    #[arg(long, env = "ATELIER_SCHEDULER_RETENTION_PERIOD_MS", value_name = "MS",
          default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(10..=86_400_000))]
    pub retention_period_ms: u64,

    /// Milliseconds between two rounds of adopting endpoints and sealing their secrets
    // An endpoint that the older platform makes is told nothing for half of this on average.
    #[arg(long, env = "ATELIER_SCHEDULER_WEBHOOKS_PERIOD_MS", value_name = "MS",
          default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub webhooks_period_ms: u64,

    /// Milliseconds between two looks for repairs of webhook deliveries
    #[arg(long, env = "ATELIER_SCHEDULER_WEBHOOK_REPAIRS_PERIOD_MS", value_name = "MS",
          default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub webhook_repairs_period_ms: u64,

    /// Milliseconds between two looks for invoices without files
    #[arg(long, env = "ATELIER_SCHEDULER_DOCUMENTS_PERIOD_MS", value_name = "MS",
          default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub documents_period_ms: u64,

    /// Milliseconds between two looks for what is to be done at Stripe
    #[arg(long, env = "ATELIER_SCHEDULER_STRIPE_PERIOD_MS", value_name = "MS",
          default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub stripe_period_ms: u64,

    /// Milliseconds between two measurements of the whole service
    #[arg(long, env = "ATELIER_SCHEDULER_OBSERVE_PERIOD_MS", value_name = "MS",
          default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pub observe_period_ms: u64,

    /// Milliseconds between two rounds of billing
    #[arg(long, env = "ATELIER_SCHEDULER_BILLING_PERIOD_MS", value_name = "MS",
          default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(10..=86_400_000))]
    pub billing_period_ms: u64,

    /// Milliseconds between two audits of the money
    #[arg(long, env = "ATELIER_SCHEDULER_AUDIT_PERIOD_MS", value_name = "MS",
          default_value_t = 3_600_000, value_parser = clap::value_parser!(u64).range(10..=86_400_000))]
    pub audit_period_ms: u64,
}

impl PeriodArgs {
    /// The period of the duty of this name; a name that is none of ours has the longest.
    pub(crate) fn of(&self, duty: &str) -> Duration {
        Duration::from_millis(match duty {
            "dispatch" => self.dispatch_period_ms,
            "recovery" => self.recovery_period_ms,
            "expiry" => self.expiry_period_ms,
            "streams" => self.streams_period_ms,
            "observe" => self.observe_period_ms,
            "webhooks" => self.webhooks_period_ms,
            "webhook_repairs" => self.webhook_repairs_period_ms,
            "documents" => self.documents_period_ms,
            "stripe" => self.stripe_period_ms,
            "billing" => self.billing_period_ms,
            "audit" => self.audit_period_ms,
            _ => self.retention_period_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &[&str]) -> Result<SchedulerArgs, clap::Error> {
        let needed = ["scheduler", "--database-url", "postgres://x"];
        SchedulerArgs::try_parse_from(needed.iter().chain(more))
    }

    #[test]
    fn every_duty_has_the_documented_period() {
        let periods = parse(&[]).unwrap().periods;
        let ms = |duty| periods.of(duty).as_millis();
        assert_eq!(ms("dispatch"), 200);
        assert_eq!(ms("recovery"), 1_000);
        assert_eq!(ms("expiry"), 1_000);
        assert_eq!(ms("streams"), 10_000);
        assert_eq!(ms("observe"), 5_000);
        assert_eq!(ms("retention"), 600_000);
        assert_eq!(ms("billing"), 60_000);
        assert_eq!(ms("audit"), 3_600_000);
        assert_eq!(ms("documents"), 5_000);
        assert_eq!(ms("stripe"), 5_000);
        assert_eq!(ms("webhooks"), 5_000);
        assert_eq!(ms("webhook_repairs"), 1_000);
        assert_eq!(ms("webhook_retention"), 600_000);
    }

    #[test]
    fn no_inner_network_is_reached_unless_it_is_listed() {
        assert!(parse(&[]).unwrap().webhooks.allowed().is_empty());
        let listed = parse(&["--webhook-allow-cidrs", "127.0.0.0/8,fd00::/8"]).unwrap();
        assert_eq!(listed.webhooks.webhook_allow_cidrs.len(), 2);
        assert!(parse(&["--webhook-allow-cidrs", "127.0.0.1:80"]).is_err());
    }

    #[test]
    fn a_link_secret_without_an_address_or_too_short_is_refused() {
        let secret = "x".repeat(32);
        let alone = parse(&["--link-secret", &secret]).unwrap_err();
        assert!(alone.to_string().contains("--public-url"), "{alone}");
        let with = |secret: &str| {
            let url = ["--public-url", "https://api.example/"];
            let given = ["--link-secret", secret];
            parse(&[url, given].concat()).unwrap().links.links()
        };
        assert!(with("short").is_err());
        let links = with(&secret).unwrap().unwrap();
        assert_eq!(links.public_url, "https://api.example");
        assert!(parse(&[]).unwrap().links.links().unwrap().is_none());
    }

    #[test]
    fn a_period_of_zero_is_refused_by_name() {
        let error = parse(&["--dispatch-period-ms", "0"]).unwrap_err();
        assert!(
            error.to_string().contains("--dispatch-period-ms"),
            "{error}"
        );
    }
}
