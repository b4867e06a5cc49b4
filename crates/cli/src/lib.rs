//! The operator's command, and the tests of the whole system.
//!
//! `atelier demo` runs everything on one machine; the other commands work on a database and a Redis
//! that exist. Data goes to standard output, progress and errors to standard error. Exit codes: 0 done,
//! 1 failed, 2 wrong usage.

mod args;
mod commands;
mod demo;
mod output;
mod party_file;
mod random;
mod stores;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let args = args::Args::parse();
    // A second installation fails, and leaves the provider that is already there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("atelier: no async runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::note(&format!("atelier: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
