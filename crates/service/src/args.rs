//! Settings every role has.
//!
//! Each setting is a flag and an environment variable; `--help` is the reference. Secrets are taken
//! as [`SecretString`](crate::SecretString) with `hide_env_values = true`, so that neither a debug
//! line nor `--help` shows them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, ValueEnum};

use crate::environment::check_environment;
use crate::listen::AdminListen;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line, for machines.
    #[default]
    Json,
    /// One line of text, for people.
    Text,
}

/// The settings every role flattens into its own (`#[command(flatten)]`).
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Process")]
pub struct CommonArgs {
    /// Address of the admin port: /metrics, /livez, /readyz. Port 0 takes any free port; a trailing +
    /// takes one if this port is taken
    #[arg(
        long,
        env = "ATELIER_ADMIN_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0"
    )]
    pub admin_listen: AdminListen,

    /// What is logged, for example `info` or `info,worker=debug`
    #[arg(
        long,
        env = "ATELIER_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log_level: String,

    /// How log lines look
    #[arg(long, env = "ATELIER_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// How long work in hand may still run after SIGTERM before it is cut off
    // 25 s leaves room inside the 30 s Kubernetes waits before SIGKILL. The bound is one day.
    #[arg(
        long,
        env = "ATELIER_SHUTDOWN_GRACE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 25,
        value_parser = clap::value_parser!(u32).range(0..=86_400)
    )]
    pub shutdown_grace_seconds: u32,

    /// For supervisors: a file written (as JSON: role, pid, addresses) once the process is ready,
    /// and removed when it ends
    #[arg(long, env = "ATELIER_READY_FILE", value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}

impl CommonArgs {
    /// The grace period between the soft and the hard shutdown.
    pub fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(u64::from(self.shutdown_grace_seconds))
    }
}

/// Parses the command line and the environment of a role, or ends the process like clap does: help
/// and version with 0, a wrong setting with 2 and its name. See [`try_parse_from`].
pub fn parse<C: Parser>(admin_listen: &'static str) -> C {
    try_parse_from(std::env::args_os(), admin_listen).unwrap_or_else(|error| error.exit())
}

/// Parses `arguments` (the program's name first) and the environment.
///
/// `admin_listen` is the role's own default for the admin port and is shown by `--help`.
/// Variables of other roles ([`SETTINGS`](crate::SETTINGS)) are accepted, because one environment file
/// may serve all; any other that begins with `ATELIER_` is refused.
///
/// # Errors
/// A setting that is unknown, missing or malformed, by name; also the request for help or version.
pub fn try_parse_from<C: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    admin_listen: &'static str,
) -> Result<C, clap::Error> {
    let mut command = C::command();
    if command
        .get_arguments()
        .any(|arg| arg.get_id() == "admin_listen")
    {
        command = command.mut_arg("admin_listen", |arg| arg.default_value(admin_listen));
    }
    let matches = command.try_get_matches_from_mut(arguments);
    // A misspelt variable comes first: that a setting is missing is only its consequence.
    if !matches.as_ref().is_err_and(asks_for_help) {
        check_environment(&command).map_err(|unknown| {
            clap::Error::raw(ErrorKind::UnknownArgument, format!("{unknown}\n")).with_cmd(&command)
        })?;
    }
    let mut matches = matches?;
    C::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Help and the version are shown whatever the environment holds.
fn asks_for_help(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[command(flatten)]
        common: CommonArgs,
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let common = Settings::try_parse_from(["role"]).unwrap().common;
        assert_eq!(common.admin_listen.to_string(), "127.0.0.1:0");
        assert_eq!(common.log_level, "info");
        assert_eq!(common.log_format, LogFormat::Json);
        assert_eq!(common.shutdown_grace(), Duration::from_secs(25));
        assert_eq!(common.ready_file, None);
    }

    #[test]
    fn the_grace_period_is_bounded_by_a_day() {
        let parse =
            |seconds| Settings::try_parse_from(["role", "--shutdown-grace-seconds", seconds]);
        assert!(parse("0").is_ok());
        assert!(parse("86400").is_ok());
        assert!(parse("86401").is_err());
        assert!(parse("-1").is_err());
    }

    #[test]
    fn a_role_has_its_own_default_for_the_admin_port_which_a_flag_overrides() {
        let parse = |arguments: &[&str]| {
            let arguments = arguments.iter().map(OsString::from);
            try_parse_from::<Settings>(arguments, "127.0.0.1:9102")
                .unwrap()
                .common
        };
        assert_eq!(parse(&["role"]).admin_listen.to_string(), "127.0.0.1:9102");
        let overridden = parse(&["role", "--admin-listen", "[::1]:7"]);
        assert_eq!(overridden.admin_listen.to_string(), "[::1]:7");
    }

    #[test]
    fn help_shows_the_roles_own_default() {
        let arguments = ["role", "--help"].map(OsString::from);
        let help = try_parse_from::<Settings>(arguments, "127.0.0.1:9102").unwrap_err();
        assert!(
            help.to_string().contains("[default: 127.0.0.1:9102]"),
            "{help}"
        );
    }

    #[test]
    fn an_unknown_flag_is_refused_by_name() {
        let error = Settings::try_parse_from(["role", "--log-levle", "info"]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("--log-levle") && text.contains("--log-level"),
            "{text}"
        );
    }
}
