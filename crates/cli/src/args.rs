//! The command line.

mod billing;
mod selling;
pub(crate) mod webhook;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use domain::{Moderation, ModerationFailure, UnknownOutcome};
use providers::FetchConfig;
use queue::QueueArgs;
use secrecy::SecretString;
use store::{DatabaseArgs, ObjectArgs, SealingKeys};

pub(crate) use billing::{
    AuditCommand, Format, INVOICE_EXAMPLES, InvoiceCommand, SubscriptionCommand, Which,
};
pub(crate) use selling::{BillingProfileCommand, PlanCommand, SellerCommand, StripeCommand};

/// Atelier, a job-processing cluster for AI image generation: the operator's command.
#[derive(Debug, Parser)]
#[command(name = "atelier", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  atelier demo --once --out pictures     one picture per demo product, then exit
  atelier migrate up --database-url postgres://…
  atelier catalog apply shop/catalog --brand brand_1 --object-store file:///srv/atelier --database-url …
  atelier render --help                  one product's pictures from files, with no server
  atelier key create --brand brand_1 --kind secret --database-url …

The roles are programs of their own: api-lite, worker and scheduler, each with --help.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine, with private servers, and make a picture
    Demo(DemoArgs),
    /// The database schema
    Migrate {
        #[command(subcommand)]
        command: MigrateCommand,
    },
    /// Move the waiting jobs of a Bull 4 or BullMQ 5 queue in
    ///
    /// Takes waiting, paused, prioritised and delayed jobs, in their order and with their delays, and leaves alone
    /// what a worker holds. Run it while the old workers are stopped or paused; a job they take meanwhile stays
    /// theirs. It may be stopped and run again at any moment: no job is lost, and none comes twice. Jobs that cannot be
    /// moved stay where they are and are named with the reason.
    ImportBull(ImportBullArgs),
    /// Products as files
    Catalog {
        #[command(subcommand)]
        command: CatalogCommand,
    },
    /// Draw one product's pictures, with no server: the quickest way to try a zone
    #[command(after_help = RENDER_HELP)]
    Render(RenderArgs),
    /// Fonts of a brand's own
    Font {
        #[command(subcommand)]
        command: FontCommand,
    },
    /// API keys
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Brands
    Brand {
        #[command(subcommand)]
        command: BrandCommand,
    },
    /// What a brand has decided about content and about calls that were lost
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Providers: their health, their keys, and who may serve for whom
    Provider {
        #[command(subcommand)]
        command: ProviderCommand,
    },
    /// What a brand may spend at providers
    Budget {
        #[command(subcommand)]
        command: BudgetCommand,
    },
    /// Who sells: what stands at the top of every invoice
    Seller {
        #[command(subcommand)]
        command: SellerCommand,
    },
    /// Who stands on a brand's invoices as the buyer
    BillingProfile {
        #[command(subcommand)]
        command: BillingProfileCommand,
    },
    /// What plans cost: dated, and only added to
    Plan {
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// What Stripe refused to do
    Stripe {
        #[command(subcommand)]
        command: StripeCommand,
    },
    /// Webhooks that are sent: endpoints, what they were told, repairs, and a receiver to try them with
    #[command(after_help = webhook::WEBHOOK_HELP)]
    Webhook {
        #[command(subcommand)]
        command: webhook::WebhookCommand,
    },
    /// Invoices: close periods, preview, list, export, credit, void, pay
    #[command(after_help = INVOICE_EXAMPLES)]
    Invoice {
        #[command(subcommand)]
        command: InvoiceCommand,
    },
    /// What a brand is subscribed to
    Subscription {
        #[command(subcommand)]
        command: SubscriptionCommand,
    },
    /// Does it add up?
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Jobs
    Job {
        #[command(subcommand)]
        command: JobCommand,
    },
    /// Check PostgreSQL, Redis and the keys in use, and say how to mend what is wrong
    Doctor {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        queue: QueueArgs,
    },
    /// Print the HTTP API's OpenAPI 3.1 document
    Openapi,
    /// Serve OpenAI, Stability and Replicate on this machine, with a ledger of what they would bill
    #[command(after_help = SANDBOX_EXAMPLES)]
    Sandbox(SandboxArgs),
}

const SANDBOX_EXAMPLES: &str = "\
Any key is accepted. Pictures are real, and the same for the same request.

A picture, and what it would have cost:
  atelier sandbox &
  curl -s http://127.0.0.1:4010/openai/v1/images/generations -H 'Authorization: Bearer x' \\
    -H 'Content-Type: application/json' -d '{\"model\":\"gpt-image-2\",\"prompt\":\"a brass ring\"}' \\
    | jq -r '.data[0].b64_json' | base64 -d > ring.png
  curl -s http://127.0.0.1:4010/_ledger

The next two pictures are paid for and lost on the way:
  curl -s http://127.0.0.1:4010/_faults \\
    -d '{\"provider\":\"openai\",\"mode\":\"reset_after_accept\",\"times\":2}'

GET /_faults lists the faults and how many requests they met, GET /_faults/modes the ways to
misbehave, DELETE /_faults removes them, POST /_reset forgets everything. --faults reads a file with
a list of the same objects. docs/sandbox.md has all of it.";

/// Settings of the sandbox.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SandboxArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4010")]
    pub(crate) listen: std::net::SocketAddr,

    /// Faults that are armed from the start: JSON, one fault or a list
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,

    /// How long a picture takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 80)]
    pub(crate) work_ms: u64,
}

const RENDER_HELP: &str = "\
Example, from the repository's root:
  atelier render --product docs/gallery/walnut/type-pattern.toml \\
    --customizations docs/gallery/walnut/type-pattern.json \\
    --generated docs/gallery/walnut/motif.png --out pictures

The product file is the catalog's (`atelier catalog check` checks it too). The customizations file is the
object that a request sends as `customizations`, keyed by zone id:
  { \"zone_star_name\": \"Zoé & Léo\", \"zone_star_plate\": \"#22304f\" }
An IMAGE zone may name a picture file beside it: { \"photo\": \"cat.jpg\" }.
docs/gallery.md shows what options a zone has.";

/// What to draw, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct RenderArgs {
    /// The product file (product.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) product: PathBuf,

    /// What fills its zones (JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) customizations: PathBuf,

    /// The picture that stands for the provider's; needed where the product shows one
    #[arg(long, value_name = "IMAGE")]
    pub(crate) generated: Option<PathBuf>,

    /// Where the pictures go
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// A further width in pixels; may be repeated
    #[arg(long = "width", value_name = "PX", value_parser = clap::value_parser!(i32).range(1..=8192))]
    pub(crate) widths: Vec<i32>,

    /// A font of the brand's own, to try it; may be repeated
    #[arg(long = "font", value_name = "FAMILY=FILE")]
    pub(crate) fonts: Vec<String>,

    /// A folder with the font pack; setup/fonts.sh fills one
    #[arg(long, env = "ATELIER_FONT_PACK_DIR", value_name = "DIR")]
    pub(crate) font_pack_dir: Option<PathBuf>,

    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FontCommand {
    /// Check a font and add it to a brand; zones may then name its family
    Add {
        /// Whose font it is
        #[arg(long, value_name = "ID")]
        brand: String,
        /// The name by which zones and shoppers ask for it
        #[arg(long, value_name = "NAME")]
        family: String,
        #[command(flatten)]
        source: FontSource,
        #[command(flatten)]
        objects: ObjectArgs,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List a brand's fonts
    List {
        /// Whose fonts
        #[arg(long, value_name = "ID")]
        brand: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Forget a font; texts that name it are then drawn in another
    Remove {
        /// Whose font
        #[arg(long, value_name = "ID")]
        brand: String,
        /// Its family
        #[arg(long, value_name = "NAME")]
        family: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

/// Where a font's file comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct FontSource {
    /// A .ttf or .otf file of at most 4 MiB whose licence bits permit embedding
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "url",
        conflicts_with = "url"
    )]
    pub(crate) file: Option<PathBuf>,
    /// Its address
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    #[command(flatten)]
    pub(crate) fetch: FetchConfig,
}

/// Settings of the demonstration.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// Make one picture per demo product, write pictures and summary.json to --out, and exit
    #[arg(long, requires = "out")]
    pub(crate) once: bool,

    /// Where --once writes
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Write addresses, keys and process ids to FILE (JSON) once everything is up
    #[arg(long, value_name = "FILE", conflicts_with = "once")]
    pub(crate) ready_file: Option<PathBuf>,

    /// Use this PostgreSQL (an empty database, or one of Atelier's) instead of a private one
    #[arg(
        long,
        env = "ATELIER_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) database_url: Option<String>,

    /// Use this Redis instead of a private one
    #[arg(
        long,
        env = "ATELIER_REDIS_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) redis_url: Option<String>,

    /// Where pictures are kept; a temporary folder if not given
    #[arg(long, env = "ATELIER_OBJECT_STORE", value_name = "URL")]
    pub(crate) object_store: Option<String>,

    /// The folder of demo products
    #[arg(
        long,
        value_name = "DIR",
        default_value = "deploy/demo/catalog",
        overrides_with = "catalog"
    )]
    pub(crate) catalog: PathBuf,

    /// The master keys of sealed secrets: ID:KEY, separated by commas; made up for this run if not given
    #[arg(
        long,
        env = "ATELIER_SEALING_KEYS",
        hide_env_values = true,
        value_name = "ID:KEY,…"
    )]
    pub(crate) sealing_keys: Option<SecretString>,

    /// Networks that webhooks may be sent to although they are not public; this machine's own if not given
    #[arg(long, env = "ATELIER_WEBHOOK_ALLOW_CIDRS", value_name = "CIDRS")]
    pub(crate) webhook_allow_cidrs: Option<String>,

    /// Who draws: synthetic needs nothing; the others are called for real where their key is set
    /// (ATELIER_OPENAI_API_KEY, ATELIER_STABILITY_API_KEY, ATELIER_REPLICATE_API_TOKEN) and played by a sandbox where
    /// it is not
    #[arg(long, value_enum, default_value_t = DemoProvider::Synthetic)]
    pub(crate) provider: DemoProvider,

    /// Keys for the real services.
    #[command(flatten)]
    pub(crate) keys: DemoKeys,

    /// How many workers to start
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) workers: u8,
}

/// What every `migrate` command takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// Use the migrations NNNN_name.sql of DIR instead of those in this program
    #[arg(long, value_name = "DIR")]
    pub(crate) migrations: Option<PathBuf>,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// How long one attempt waits for a lock on a table in use, in milliseconds: about the longest that
    /// others are held up
    #[arg(long, value_name = "MS", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub(crate) lock_timeout_ms: u64,

    /// How long such attempts are repeated before giving up, in seconds
    #[arg(long, value_name = "S", default_value_t = 600)]
    pub(crate) patience_s: u64,

    /// Rows of one backfill batch
    #[arg(long, value_name = "N", default_value_t = 2000,
          value_parser = clap::value_parser!(i64).range(1..=100_000))]
    pub(crate) batch_rows: i64,
}

/// Accounts at the real services. From the environment only, as keys do not belong on a command line.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoKeys {
    #[arg(long, env = "ATELIER_OPENAI_API_KEY", hide = true)]
    pub(crate) openai_api_key: Option<SecretString>,
    #[arg(long, env = "ATELIER_OPENAI_BASE_URL", hide = true)]
    pub(crate) openai_base_url: Option<String>,
    #[arg(long, env = "ATELIER_STABILITY_API_KEY", hide = true)]
    pub(crate) stability_api_key: Option<SecretString>,
    #[arg(long, env = "ATELIER_STABILITY_BASE_URL", hide = true)]
    pub(crate) stability_base_url: Option<String>,
    #[arg(long, env = "ATELIER_REPLICATE_API_TOKEN", hide = true)]
    pub(crate) replicate_api_token: Option<SecretString>,
    #[arg(long, env = "ATELIER_REPLICATE_BASE_URL", hide = true)]
    pub(crate) replicate_base_url: Option<String>,
}

/// Who draws the demonstration's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoProvider {
    /// The provider inside the worker: no key, no network, no money
    Synthetic,
    /// OpenAI's image API
    Openai,
    /// Stability's v2beta API
    Stability,
    /// Replicate
    Replicate,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply what is pending; a database of the older platform is adopted and carried over
    Up {
        #[command(flatten)]
        common: MigrateArgs,
        /// Stop before the change that the older platform's programs notice; run again without it to
        /// finish
        #[arg(long)]
        before_contract: bool,
    },
    /// Say what `up` would do, to how many rows; changes nothing
    Plan {
        #[command(flatten)]
        common: MigrateArgs,
    },
    /// Say what is applied and what is pending
    Status {
        #[command(flatten)]
        common: MigrateArgs,
    },
    /// Settle the record of a migration that failed
    #[command(group = clap::ArgGroup::new("as").required(true))]
    Resolve {
        #[command(flatten)]
        common: MigrateArgs,
        /// Nothing of it is there: it is pending again
        #[arg(long, value_name = "NAME", group = "as")]
        rolled_back: Option<String>,
        /// Everything of it is there, done by hand: it counts as applied
        #[arg(long, value_name = "NAME", group = "as")]
        applied: Option<String>,
    },
    /// Write a pg_dump to FILE, restore it into a database of its own and compare
    Backup {
        #[command(flatten)]
        common: MigrateArgs,
        /// The file to write; one that is there is never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Compare the live schema with the expected one, column by column
    Verify {
        #[command(flatten)]
        common: MigrateArgs,
    },
    /// Bring "public" back to what it was before personalisation; everything is kept in the schema
    /// atelier, and `up` takes it back
    Down {
        #[command(flatten)]
        common: MigrateArgs,
    },
}

/// What is imported, from where to where.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ImportBullArgs {
    /// The name of the queue
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: String,

    /// What stands before the queue's name in its keys
    #[arg(long, value_name = "TEXT", default_value = "bull")]
    pub(crate) prefix: String,

    /// Say what would be moved, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) queue_args: QueueArgs,

    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Load every product.toml in the folders below DIR; applying again changes nothing
    Apply {
        /// The folder that holds one folder per product
        dir: PathBuf,
        /// Whose products they are
        #[arg(long, value_name = "ID")]
        brand: String,
        /// Where api-lite is reached, for the photographs' addresses
        #[arg(
            long,
            env = "ATELIER_PUBLIC_URL",
            value_name = "URL",
            default_value = "http://127.0.0.1:8080"
        )]
        public_url: String,
        #[command(flatten)]
        objects: ObjectArgs,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Check the files without touching anything
    Check {
        /// The folder that holds one folder per product
        dir: PathBuf,
    },
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Everything of its brand; keep it on servers
    Secret,
    /// Create, and read its own session's generations, from allowed origins; may stand in a page
    Publishable,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key. It is shown once; only a hash is kept
    Create {
        /// Whose key it is
        #[arg(long, value_name = "ID")]
        brand: String,
        /// What it may do
        #[arg(long, value_enum)]
        kind: Kind,
        /// A name for people
        #[arg(long, default_value = "default")]
        name: String,
        /// An origin a publishable key may be used from, e.g. https://shop.example or
        /// https://*.shop.example; may be repeated
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List a brand's keys, without the keys themselves
    List {
        /// Whose keys
        #[arg(long, value_name = "ID")]
        brand: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Stop a key; every node forgets it within 5 seconds
    Revoke {
        /// The key's id, as `key list` shows it
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BrandCommand {
    /// Make a brand; one that is there is left as it is
    Create {
        /// Its id
        id: String,
        /// Its name for people
        #[arg(long)]
        name: String,
        /// FREE, STARTER, PROFESSIONAL or ENTERPRISE
        #[arg(long, default_value = "FREE")]
        plan: String,
        /// Generations a month
        #[arg(long, value_name = "N", default_value_t = 100)]
        max_monthly_generations: i32,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show a brand's decisions
    Show {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Change a brand's decisions; what is not given stays. Servers see it within seconds
    Set {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        /// A file with the words the brand does not want: one rule a line, # comments, * for further letters
        #[arg(long, value_name = "FILE")]
        deny_list_file: Option<PathBuf>,
        /// Who looks at shoppers' words and pictures before a provider is paid: off or openai, which needs a
        /// key of OpenAI's in the workers' settings or of the brand's own, and costs nothing
        #[arg(long, value_name = "WHO")]
        moderation: Option<Moderation>,
        /// When moderation cannot be had: closed (what a shopper gave waits, then fails) or open (goes on unseen)
        #[arg(long, value_name = "WHAT")]
        moderation_failure: Option<ModerationFailure>,
        /// When nobody can tell whether a provider was paid: retry_once, hold or fail
        #[arg(long, value_name = "WHAT")]
        unknown_outcome: Option<UnknownOutcome>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Show a brand's generations, the newest first
    List {
        /// Whose generations
        #[arg(long, value_name = "ID")]
        brand: String,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
        limit: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Show one generation with its ledger
    Get {
        /// Whose generation
        #[arg(long, value_name = "ID")]
        brand: String,
        /// Its public id, gen_…
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Let a held generation go on; its open call is reconciled before anything is sent
    Release {
        /// Whose generation
        #[arg(long, value_name = "ID")]
        brand: String,
        /// Its public id, gen_…
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Cancel a generation
    Cancel {
        /// Whose generation
        #[arg(long, value_name = "ID")]
        brand: String,
        /// Its public id, gen_…
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        queue: QueueArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// Show the models whose calls fail and the keys that are left alone, as the fleet sees them
    Status {
        #[command(flatten)]
        queue: QueueArgs,
    },
    /// Let a key be used again, or a model be called again, before its pause is over
    Enable {
        /// The key's id, or provider/model, as `provider status` shows it
        name: String,
        #[command(flatten)]
        queue: QueueArgs,
    },
    /// Keys of accounts at providers, sealed
    Key {
        #[command(subcommand)]
        command: ProviderKeyCommand,
    },
    /// Set who else may serve a brand's generations, in order; nobody given: the platform's list again
    Fallback {
        /// Whose generations
        #[arg(long, value_name = "ID")]
        brand: String,
        /// provider or provider/model
        candidates: Vec<String>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

/// Whose key it is.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Owner {
    /// This brand's own: it then spends on its own keys and on nothing else
    #[arg(long, value_name = "ID")]
    pub(crate) brand: Option<String>,
    /// The platform's
    #[arg(long)]
    pub(crate) platform: bool,
}

/// The master keys, which these commands cannot do without.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Masters {
    /// The master keys: ID:KEY, separated by commas, KEY being 32 bytes in base64
    #[arg(
        long,
        env = "ATELIER_SEALING_KEYS",
        hide_env_values = true,
        value_name = "ID:KEY,…"
    )]
    pub(crate) sealing_keys: SealingKeys,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProviderKeyCommand {
    /// Seal and keep a key. It is read from standard input, never from the command line
    Add {
        #[command(flatten)]
        owner: Owner,
        /// Which provider takes it
        #[arg(long)]
        provider: String,
        /// A name for people
        #[arg(long, default_value = "default")]
        name: String,
        #[command(flatten)]
        masters: Masters,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List keys, without the keys themselves
    List {
        #[command(flatten)]
        owner: Owner,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Take a key out of use; every worker forgets it within 5 seconds
    Remove {
        #[command(flatten)]
        owner: Owner,
        /// The key's id, as `provider key list` shows it
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Put a new key, read from standard input, in the place of one
    Rotate {
        #[command(flatten)]
        owner: Owner,
        /// The old key's id
        id: String,
        #[command(flatten)]
        masters: Masters,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Seal the keys that an older platform keeps in ClientSettings.customApiKey, and empty that column
    Import {
        #[command(flatten)]
        masters: Masters,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Seal every key anew with the first of the master keys
    Reseal {
        #[command(flatten)]
        masters: Masters,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BudgetCommand {
    /// Show a brand's budget: limit, spent, reserved, end of the period
    Show {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Set a brand's limit for every period
    Set {
        /// Whose
        #[arg(long, value_name = "ID")]
        brand: String,
        /// In whole US cents
        #[arg(long, value_name = "CENTS", value_parser = clap::value_parser!(i32).range(0..))]
        limit_cents: i32,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}
