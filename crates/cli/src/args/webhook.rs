//! The command line of `atelier webhook`.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use domain::EventKind;
use domain::webhook_endpoint::{
    DEFAULT_OVERLAP_SECONDS, IN_FLIGHT, OVERLAP_SECONDS, PayloadFormat, RATE_PER_S, TIMEOUT_MS,
};
use store::{DatabaseArgs, WebhookArgs};

use super::Masters;

pub(crate) const WEBHOOK_HELP: &str = "\
An endpoint from nothing to its first message:
  atelier webhook listen &                       a receiver on this machine, which explains what comes
  export ATELIER_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8 so that addresses of this machine are allowed
  atelier webhook create --brand brand_1 --name Orders --url http://127.0.0.1:4020/ \\
    --event generation.completed --event generation.failed
  atelier webhook test --brand brand_1 wh_…
  atelier webhook deliveries --brand brand_1 wh_…

After an outage of the receiver:
  atelier webhook recover --brand brand_1 wh_… --since 2026-05-01T12:00:00Z
  atelier webhook jobs --brand brand_1 wh_…

The API can do all of it too (/v1/webhooks). docs/webhooks.md is for whoever receives.";

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Make an endpoint and print its secret, which is shown once
    Create(CreateWebhook),
    /// List a brand's endpoints
    List {
        #[command(flatten)]
        whose: Whose,
        /// Those that stand for hosts which requests name by webhook_url
        #[arg(long)]
        requests: bool,
    },
    /// Show an endpoint with its settings, its state and the ages of its secrets
    Show(Endpoint),
    /// Change an endpoint; what is not given stays
    Update(UpdateWebhook),
    /// Switch an endpoint on and go on with what waits
    Enable(Endpoint),
    /// Switch an endpoint off; what waits goes on waiting
    Disable(Endpoint),
    /// Remove an endpoint with its secrets and its past
    Remove(Endpoint),
    /// Replace a secret; the one before it signs too for a while
    Rotate {
        #[command(flatten)]
        endpoint: SecretOwner,
        /// hmac, or ed25519 for the signing key, of which the public half is printed
        #[arg(long, value_enum, default_value_t = Signing::Hmac)]
        kind: Signing,
        /// Seconds that the one before it goes on signing
        #[arg(long, value_name = "S", default_value_t = DEFAULT_OVERLAP_SECONDS,
              value_parser = clap::value_parser!(i64).range(OVERLAP_SECONDS))]
        overlap_seconds: i64,
        #[command(flatten)]
        masters: Masters,
    },
    /// Send a test event to one endpoint
    Test(Endpoint),
    /// List what an endpoint was told, the newest first
    Deliveries {
        #[command(flatten)]
        endpoint: Endpoint,
        /// pending, delivered, exhausted or skipped; may be repeated
        #[arg(long = "status", value_name = "STATE", value_parser = ["pending", "delivered", "exhausted", "skipped"])]
        statuses: Vec<String>,
        /// Of this type alone
        #[arg(long, value_name = "TYPE")]
        event: Option<EventKind>,
        /// Written at or after this moment
        #[arg(long, value_name = "TIME")]
        since: Option<DateTime<Utc>>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
        limit: i64,
    },
    /// Show one delivery with its body and every try
    Delivery(Message),
    /// Send one event again, or for the first time, at once
    Resend(Message),
    /// Send again what did not arrive: given up, passed over, or waiting for a later try
    Recover(Repair),
    /// Send again whatever matches, also what had arrived
    Replay {
        #[command(flatten)]
        repair: Repair,
        /// delivered, exhausted or skipped; may be repeated; otherwise all three
        #[arg(long = "status", value_name = "STATE", value_parser = ["delivered", "exhausted", "skipped"])]
        statuses: Vec<String>,
    },
    /// Send what an endpoint wants and was never told: from before it was there, or while it was off
    ReplayMissing(Repair),
    /// List a brand's jobs (recover, replay, replay-missing), the newest first, and how far they are
    Jobs {
        #[command(flatten)]
        whose: Whose,
        /// Of this endpoint alone
        id: Option<String>,
    },
    /// Ask a job to stop; what it has made due stays due
    CancelJob {
        #[command(flatten)]
        whose: Whose,
        /// The job's id, as `webhook jobs` shows it
        job: uuid::Uuid,
    },
    /// Receive webhooks on this machine, say whether their signatures are right, and why not
    #[command(after_help = LISTEN_HELP)]
    Listen(ListenArgs),
}

const LISTEN_HELP: &str = "\
Examples:
  atelier webhook listen --secret whsec_…              prints every message and checks its signature
  atelier webhook listen --status 503                  refuses everything, to watch the tries
  atelier webhook listen --secret whsec_… --json | jq  one line of JSON per message

The sender must be allowed to reach this machine: set ATELIER_WEBHOOK_ALLOW_CIDRS=127.0.0.0/8 for api-lite
and scheduler. In a public place put TLS in front and use an address that is public.";

/// Whose webhooks.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The brand
    #[arg(long, value_name = "ID")]
    pub(crate) brand: String,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// One endpoint.
#[derive(Debug, Args)]
pub(crate) struct Endpoint {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// The endpoint's id, as `webhook list` shows it
    pub(crate) id: String,
}

/// Whose secret.
#[derive(Debug, Args)]
pub(crate) struct SecretOwner {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// The endpoint's id, or `requests` for all addresses that requests name by webhook_url
    pub(crate) id: String,
}

/// One message of one endpoint.
#[derive(Debug, Args)]
pub(crate) struct Message {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// The webhook-id, msg_…
    pub(crate) message: String,
}

/// Many deliveries of one endpoint.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// Written at or after this moment
    #[arg(long, value_name = "TIME")]
    pub(crate) since: DateTime<Utc>,
    /// Written before this moment; otherwise now
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<DateTime<Utc>>,
    /// Of this type alone; may be repeated
    #[arg(long = "event", value_name = "TYPE")]
    pub(crate) events: Vec<EventKind>,
}

/// What signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signing {
    /// A shared secret, v1
    Hmac,
    /// A signing key, v1a
    Ed25519,
}

/// What can be decided about an endpoint.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// standard, thin (ids only) or origin (the older platform's body and signature)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) payload_format: Option<PayloadFormat>,
    /// A further header, NAME: VALUE; may be repeated, and then stands for all of them
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// Deliveries that may be under way at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(IN_FLIGHT))]
    pub(crate) max_in_flight: Option<i16>,
    /// Tries a second; 0 takes the limit away
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate_per_s: Option<f32>,
    /// One delivery after the other, in the order of the events
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) ordered: Option<bool>,
    /// Milliseconds that one try may take
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(i32).range(TIMEOUT_MS))]
    pub(crate) timeout_ms: Option<i32>,
    #[command(flatten)]
    pub(crate) targets: WebhookArgs,
}

/// A rate within bounds; 0 stands for none.
fn rate(text: &str) -> Result<f32, String> {
    let rate: f32 = text
        .parse()
        .map_err(|_| "a number is expected".to_owned())?;
    if rate != 0.0 && !RATE_PER_S.contains(&f64::from(rate)) {
        return Err(format!(
            "{} to {}, or 0 for no limit",
            RATE_PER_S.start(),
            RATE_PER_S.end()
        ));
    }
    Ok(rate)
}

/// An endpoint that is to be made.
#[derive(Debug, Args)]
pub(crate) struct CreateWebhook {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// A name for people
    #[arg(long)]
    pub(crate) name: String,
    /// Where to send to: https on port 443 with a public address, or a network of --webhook-allow-cidrs
    #[arg(long)]
    pub(crate) url: String,
    /// A type of event, such as generation.completed; may be repeated
    #[arg(long = "event", value_name = "TYPE", required = true)]
    pub(crate) events: Vec<EventKind>,
    /// Sign with an ed25519 key too, of which the public half is printed
    #[arg(long)]
    pub(crate) ed25519: bool,
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) masters: Masters,
}

/// What is to change.
#[derive(Debug, Args)]
pub(crate) struct UpdateWebhook {
    #[command(flatten)]
    pub(crate) endpoint: Endpoint,
    /// Another name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Another address; what waits goes there too
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// A type of event; may be repeated, and then stands for all of them
    #[arg(long = "event", value_name = "TYPE")]
    pub(crate) events: Vec<EventKind>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Settings of the receiver.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Where to listen; port 0 takes a free one, which is printed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4020")]
    pub(crate) listen: SocketAddr,
    /// A secret of the endpoint, whsec_…; may be repeated, as during a rotation
    #[arg(long = "secret", value_name = "SECRET")]
    pub(crate) secrets: Vec<String>,
    /// The public half of a signing key, whpk_…; may be repeated
    #[arg(long = "public-key", value_name = "KEY")]
    pub(crate) public_keys: Vec<String>,
    /// What to answer
    #[arg(long, value_name = "N", default_value_t = 204, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) status: u16,
    /// Print one line of JSON per message
    #[arg(long)]
    pub(crate) json: bool,
}
