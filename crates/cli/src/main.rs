//! `atelier`, the operator's command.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
