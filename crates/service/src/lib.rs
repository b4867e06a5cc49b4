//! What every Atelier process needs and what knows no business rule.
//!
//! | module | owns |
//! |---|---|
//! | [`run`](fn@run) | the bootstrap of a role: from parsed arguments to an exit code |
//! | [`CommonArgs`], [`parse`], [`check_environment`] | settings every role has, and refusing unknown ones by name |
//! | [`SystemClock`] | the only place that reads the machine's wall clock |
//! | [`telemetry`] | log lines; [`TraceContext`] follows a job through all processes |
//! | [`mod@metrics`], [`metrics!`] | one registry per process, naming rules checked on registration |
//! | [`Admin`] | `/metrics`, `/livez`, `/readyz` and what a role adds |
//! | [`ShutdownHandle`] | drain first, stop hard later |
//! | [`Tasks`] | the only place that spawns: a task that dies stops the process with a reason |
//! | [`Batcher`] | natural group commit, shared by everything that batches |
//!
//! It deliberately knows neither PostgreSQL nor Redis nor what a job is: a role brings those in the
//! function it gives to [`run`](fn@run).

mod admin;
mod args;
mod batch;
mod clock;
mod context;
mod environment;
mod listen;
pub mod metrics;
mod ready_file;
mod run;
mod settings;
mod shutdown;
mod tasks;
pub mod telemetry;
mod timer;
mod trace;

pub use admin::Admin;
pub use args::{CommonArgs, LogFormat, parse, try_parse_from};
pub use batch::{BatchConfig, BatchConfigError, BatchError, BatchMetrics, Batcher};
pub use clock::SystemClock;
pub use context::{Context, Role};
pub use environment::{UnknownSetting, check_environment};
pub use listen::AdminListen;
pub use metrics::{MetricError, Metrics};
pub use run::{BoxError, Ready, run};
pub use secrecy::{ExposeSecret, SecretString};
pub use settings::SETTINGS;
pub use shutdown::{ShutdownHandle, ShutdownReason};
pub use tasks::{CutOff, TaskFailure, TaskOutcome, Tasks};
pub use timer::Timer;
pub use tokio_util::sync::CancellationToken;
pub use trace::{InvalidTraceparent, TraceContext};
