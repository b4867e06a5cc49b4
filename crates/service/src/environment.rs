//! Refusing settings nobody knows.
//!
//! A misspelt environment variable is silently ignored by every system that only looks up the names
//! it knows. Here the prefix `ATELIER_` belongs to us, so an unknown name under it is an error that
//! names the nearest known one. Variables of other prefixes are none of our business.

use std::collections::BTreeSet;

use clap::Command;

use crate::settings::SETTINGS;

/// What all our variables begin with.
const PREFIX: &str = "ATELIER_";
/// How many edits a name may be away to be suggested; more is a guess rather than a typing error.
const SUGGESTION_EDITS: usize = 4;

/// An environment variable with our prefix that no role knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown setting in the environment: {name}{}", self.hint())]
pub struct UnknownSetting {
    /// The variable's name. Its value is never repeated: it may be a secret.
    pub name: String,
    /// The known name that looks most like it, when one does.
    pub nearest: Option<String>,
}

impl UnknownSetting {
    fn hint(&self) -> String {
        self.nearest
            .as_ref()
            .map(|name| format!(" (did you mean {name}?)"))
            .unwrap_or_default()
    }
}

/// Refuses environment variables that begin with `ATELIER_` and that neither `command` (with all its
/// subcommands) nor [`SETTINGS`] names.
///
/// # Errors
/// The first unknown name in alphabetical order.
pub fn check_environment(command: &Command) -> Result<(), UnknownSetting> {
    let present = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    check_names(command, SETTINGS, present)
}

fn check_names(
    command: &Command,
    also_known: &[&str],
    present: impl Iterator<Item = String>,
) -> Result<(), UnknownSetting> {
    let mut known: BTreeSet<String> = also_known.iter().map(|name| (*name).to_owned()).collect();
    collect_names(command, &mut known);
    let unknown = present
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .min();
    match unknown {
        None => Ok(()),
        Some(name) => Err(UnknownSetting {
            nearest: nearest(&name, &known),
            name,
        }),
    }
}

fn collect_names(command: &Command, known: &mut BTreeSet<String>) {
    let names = command
        .get_arguments()
        .filter_map(|arg| arg.get_env()?.to_str());
    known.extend(names.map(str::to_owned));
    for subcommand in command.get_subcommands() {
        collect_names(subcommand, known);
    }
}

fn nearest(name: &str, known: &BTreeSet<String>) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= SUGGESTION_EDITS)
        .min()
        .map(|(_, candidate)| candidate.clone())
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn command() -> Command {
        Command::new("role")
            .arg(Arg::new("log").env("ATELIER_LOG"))
            .subcommand(Command::new("up").arg(Arg::new("url").env("ATELIER_DATABASE_URL")))
    }

    fn check(names: &[&str]) -> Result<(), UnknownSetting> {
        check_names(
            &command(),
            &["ATELIER_LISTEN"],
            names.iter().map(|name| (*name).to_owned()),
        )
    }

    #[test]
    fn names_of_the_command_its_subcommands_and_other_roles_are_accepted() {
        assert_eq!(
            check(&[
                "ATELIER_LOG",
                "ATELIER_DATABASE_URL",
                "ATELIER_LISTEN",
                "PATH"
            ]),
            Ok(())
        );
    }

    #[test]
    fn a_misspelt_name_is_refused_with_the_nearest_known_one() {
        let error = check(&["ATELIER_DATABSE_URL"]).unwrap_err();
        assert_eq!(error.nearest.as_deref(), Some("ATELIER_DATABASE_URL"));
        assert_eq!(
            error.to_string(),
            "unknown setting in the environment: ATELIER_DATABSE_URL \
             (did you mean ATELIER_DATABASE_URL?)"
        );
    }

    #[test]
    fn a_name_like_nothing_known_is_refused_without_a_guess() {
        let error = check(&["ATELIER_SOMETHING_ELSE_ENTIRELY"]).unwrap_err();
        assert_eq!(error.nearest, None);
        assert!(
            error
                .to_string()
                .ends_with("ATELIER_SOMETHING_ELSE_ENTIRELY")
        );
    }
}
