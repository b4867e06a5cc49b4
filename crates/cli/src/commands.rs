//! One file per command.

use crate::args::{Args, Command};

mod audit;
mod billing_profile;
mod brand;
mod budget;
pub(crate) mod catalog;
mod doctor;
mod font;
mod import_bull;
mod invoice;
mod job;
pub(crate) mod key;
mod migrate;
mod plan;
mod policy;
mod provider;
mod render;
mod sandbox;
mod seller;
mod stripe;
mod subscription;
mod webhook;

/// Runs one command to its end.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Demo(args) => crate::demo::run(args).await,
        Command::Migrate { command } => migrate::run(command).await,
        Command::ImportBull(args) => import_bull::run(args).await,
        Command::Catalog { command } => catalog::run(command).await,
        Command::Key { command } => key::run(command).await,
        Command::Render(args) => render::run(&args),
        Command::Font { command } => font::run(command).await,
        Command::Brand { command } => brand::run(command).await,
        Command::Policy { command } => policy::run(command).await,
        Command::Provider { command } => provider::run(command).await,
        Command::Budget { command } => budget::run(command).await,
        Command::Seller { command } => seller::run(command).await,
        Command::BillingProfile { command } => billing_profile::run(command).await,
        Command::Plan { command } => plan::run(command).await,
        Command::Stripe { command } => stripe::run(command).await,
        Command::Webhook { command } => webhook::run(command).await,
        Command::Invoice { command } => invoice::run(command).await,
        Command::Subscription { command } => subscription::run(command).await,
        Command::Audit { command } => audit::run(command).await,
        Command::Job { command } => job::run(command).await,
        Command::Doctor { database, queue } => doctor::run(&database, &queue).await,
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Openapi => crate::output::json(&api_lite::openapi()),
    }
}
