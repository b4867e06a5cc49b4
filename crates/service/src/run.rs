//! The bootstrap of a role: from parsed arguments to an exit code.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::args::CommonArgs;
use crate::context::{Context, Role};
use crate::ready_file::ReadyFile;
use crate::shutdown::{ShutdownHandle, ShutdownReason, Signals};
use crate::telemetry::{self, error_chain};

/// Any error a role or a task may end with. `?` makes it of every error type, `anyhow::Error` too.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long the admin port may finish its last answers after the role's tasks have ended.
const ADMIN_LAST_WAIT: Duration = Duration::from_secs(1);

/// What a role says once it is ready: the addresses it has besides its admin port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ready {
    addresses: Vec<(&'static str, String)>,
}

impl Ready {
    /// Nothing but the admin port.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an address under a name such as `url`; it stands in the `ready` log line and file.
    #[must_use]
    pub fn with(mut self, name: &'static str, address: impl Into<String>) -> Self {
        self.addresses.push((name, address.into()));
        self
    }
}

/// Runs a role to its end and gives the process's exit code: zero after an orderly shutdown that was
/// asked for, one after a failed start, a failed task, or work that had to be cut off.
///
/// In this order: the TLS provider, telemetry, the runtime, signals, the admin port (which answers
/// from here on), then `start`. `start` sets the role up, spawns its work on [`Context::tasks`] and
/// returns; the role then is ready until a shutdown begins. A shutdown during `start` drops it.
pub fn run<F>(role: Role, args: &CommonArgs, start: F) -> ExitCode
where
    F: AsyncFnOnce(Context) -> Result<Ready, BoxError>,
{
    // A second installation fails, and leaves the provider that is already there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Err(error) = telemetry::init(args.log_format, &args.log_level) {
        // Without telemetry there is only standard error, and nowhere to report that it is closed.
        let _ = writeln!(std::io::stderr(), "{}: {}", role.name, error_chain(&error));
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(
                role = role.name,
                error = error_chain(&error),
                "no async runtime"
            );
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(supervise(role, args, start));
    // Whatever the tasks left behind on threads of the runtime must not hold up the exit.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = error_chain(error.as_ref());
            tracing::error!(role = role.name, error, "the process failed");
            ExitCode::FAILURE
        }
    }
}

/// Why a role that had started ended with a failure.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("{0}")]
    Failed(ShutdownReason),
    #[error("the ready file cannot be written")]
    ReadyFile(#[source] std::io::Error),
}

async fn supervise<F>(role: Role, args: &CommonArgs, start: F) -> Result<(), BoxError>
where
    F: AsyncFnOnce(Context) -> Result<Ready, BoxError>,
{
    let shutdown = ShutdownHandle::new();
    let signals = Signals::install()?;
    let context = Context::start(role, args.admin_listen, shutdown.clone()).await?;
    context
        .plumbing()
        .spawn("signals", signals.drive(shutdown.clone()));
    let grace = shutdown.clone();
    let grace_period = args.shutdown_grace();
    context.plumbing().spawn(
        "grace",
        async move { grace.enforce_grace(grace_period).await },
    );

    let started = start_role(&context, args, start).await;
    if started.is_err() {
        shutdown.drain(ShutdownReason::StartFailed);
    }
    shutdown.soft().cancelled().await;
    let reason = shutdown
        .reason()
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::info!(role = role.name, reason, "draining");
    let joined = context.tasks().join_all().await;
    shutdown.end();
    // The admin port has had its time; connections that hang must not hold up the exit.
    let _ = tokio::time::timeout(ADMIN_LAST_WAIT, context.plumbing().join_all()).await;
    // Removes the ready file, if there is one.
    drop(started?);
    joined?;
    if let Some(failure) = shutdown.failure() {
        return Err(RunError::Failed(failure.clone()).into());
    }
    tracing::info!(role = role.name, "stopped");
    Ok(())
}

/// Starts the role and announces it. A shutdown that begins meanwhile wins.
async fn start_role<F>(
    context: &Context,
    args: &CommonArgs,
    start: F,
) -> Result<Option<ReadyFile>, BoxError>
where
    F: AsyncFnOnce(Context) -> Result<Ready, BoxError>,
{
    let soft = context.shutdown().soft();
    let ready = tokio::select! {
        biased;
        ready = start(context.clone()) => ready?,
        () = soft.cancelled() => return Ok(None),
    };
    context.admin().mark_started();
    let announcement = announcement(context, &ready);
    tracing::info!(addresses = %announcement, "ready");
    let write = |path| ReadyFile::write(path, &announcement).map_err(RunError::ReadyFile);
    Ok(args.ready_file.as_deref().map(write).transpose()?)
}

/// `{"role","pid","admin_url", …}` with the role's own addresses.
fn announcement(context: &Context, ready: &Ready) -> Value {
    let mut fields = Map::new();
    fields.insert("role".to_owned(), context.role().name.into());
    fields.insert("pid".to_owned(), std::process::id().into());
    fields.insert("admin_url".to_owned(), context.admin().url().into());
    for (name, address) in &ready.addresses {
        fields.insert((*name).to_owned(), address.as_str().into());
    }
    Value::Object(fields)
}
