//! `atelier sandbox`: the image providers on this machine.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use sandbox::{Fault, Provider, Sandbox, SandboxConfig, Timings};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::SandboxArgs;
use crate::output;

/// Serves until somebody ends it.
pub(crate) async fn run(args: SandboxArgs) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let faults = match &args.faults {
        Some(file) => read_faults(file)?,
        None => Vec::new(),
    };
    let config = SandboxConfig {
        listen: args.listen,
        faults,
        timings: Timings::default().with_work(Duration::from_millis(args.work_ms)),
    };
    let sandbox = Sandbox::start(config).await?;
    announce(&sandbox);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    sandbox.stop().await;
    Ok(())
}

fn read_faults(file: &PathBuf) -> anyhow::Result<Vec<Fault>> {
    let shown = file.display();
    let text = std::fs::read(file).with_context(|| format!("{shown} cannot be read"))?;
    let value = serde_json::from_slice(&text).with_context(|| format!("{shown} is no JSON"))?;
    Fault::list_from_json(value).with_context(|| format!("{shown}"))
}

/// The settings that point a client or a worker here, as lines that a shell can read.
fn announce(sandbox: &Sandbox) {
    let providers = [
        ("OPENAI", "OPENAI_API_KEY", Provider::OpenAi),
        ("STABILITY", "STABILITY_API_KEY", Provider::Stability),
        ("REPLICATE", "REPLICATE_API_TOKEN", Provider::Replicate),
    ];
    for (name, key, provider) in providers {
        output::data(&format!(
            "ATELIER_{name}_BASE_URL={}",
            sandbox.base_url(provider)
        ));
        output::data(&format!("ATELIER_{key}=sandbox"));
    }
    // Its pictures lie here and not where Replicate keeps them.
    output::data(&format!(
        "ATELIER_REPLICATE_FILE_HOSTS={}",
        sandbox.addr().ip()
    ));
    output::note(&format!(
        "the sandbox listens on {}; Ctrl-C ends it",
        sandbox.url()
    ));
}
