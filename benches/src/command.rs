//! The frame of a measuring program.

use std::io::Write;
use std::process::ExitCode;

/// Runs a measurement to its end, or until somebody interrupts it: dropped, it stops what it has started.
/// A failure is said with the measurement's name.
pub fn run(name: &str, measure: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(until_interrupted(measure)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note(&format!("{name}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn until_interrupted(
    measure: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tokio::select! {
        outcome = Box::pin(measure) => outcome,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            anyhow::bail!("interrupted; everything that was started is being stopped")
        }
    }
}

/// A line of a result, on standard output.
pub fn say(line: &str) {
    // Where nobody listens, nothing is lost.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line on the way to it, on standard error.
pub fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
