//! Finding the server programs of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::ServerError;

/// Oldest PostgreSQL that is tested: `CREATE DATABASE … STRATEGY` came with 15.
const POSTGRES_MIN: u32 = 15;
/// Oldest Redis that is tested: the lag that `XINFO GROUPS` reports came with 7.
const REDIS_MIN: u32 = 7;

const POSTGRES_INSTALL: &str = "`apt-get install postgresql` or `brew install postgresql@17`";
const REDIS_INSTALL: &str = "`apt-get install redis-server` or `brew install redis`";

/// The two programs of a PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresPrograms {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
}

/// Finds `initdb` and `postgres` of one installation.
///
/// Debian keeps them off `PATH`, one folder per version; the newest version wins there. Homebrew does
/// the same for its versioned formulas.
pub(crate) fn find_postgres() -> Result<PostgresPrograms, ServerError> {
    let mut too_old = None;
    for folder in path_folders().into_iter().chain(postgres_folders()) {
        let found = PostgresPrograms {
            initdb: folder.join("initdb"),
            postgres: folder.join("postgres"),
        };
        if !found.initdb.is_file() || !found.postgres.is_file() {
            continue;
        }
        match major_version(&found.postgres) {
            Some(major) if major >= POSTGRES_MIN => return Ok(found),
            Some(major) => too_old = too_old.or(Some((found.postgres, major))),
            None => {}
        }
    }
    Err(missing("initdb", POSTGRES_INSTALL, too_old, POSTGRES_MIN))
}

/// Finds `redis-server`, or `valkey-server`, its fork with the same protocol.
pub(crate) fn find_redis() -> Result<PathBuf, ServerError> {
    let mut too_old = None;
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    for folder in path_folders().into_iter().chain(usual) {
        for name in ["redis-server", "valkey-server"] {
            let found = folder.join(name);
            if !found.is_file() {
                continue;
            }
            match major_version(&found) {
                Some(major) if major >= REDIS_MIN => return Ok(found),
                Some(major) => too_old = too_old.or(Some((found, major))),
                None => {}
            }
        }
    }
    Err(missing("redis-server", REDIS_INSTALL, too_old, REDIS_MIN))
}

fn missing(
    program: &'static str,
    install: &'static str,
    too_old: Option<(PathBuf, u32)>,
    needed: u32,
) -> ServerError {
    match too_old {
        Some((path, found)) => ServerError::TooOld {
            path,
            found,
            needed,
        },
        None => ServerError::NotInstalled { program, install },
    }
}

fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect())
}

fn postgres_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix) in [
        ("/usr/lib/postgresql", ""),
        ("/opt/homebrew/opt", "postgresql"),
        ("/usr/local/opt", "postgresql"),
        ("/usr", "pgsql-"),
    ] {
        folders.extend(newest_first(Path::new(parent), prefix).map(|folder| folder.join("bin")));
    }
    folders
}

/// Folders in `parent` named `prefix…VERSION`, the highest version first.
fn newest_first(parent: &Path, prefix: &str) -> impl Iterator<Item = PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?;
            Some((first_number(version).unwrap_or(0), entry.path()))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path)
}

fn major_version(program: &Path) -> Option<u32> {
    let output = Command::new(program)
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    first_number(&String::from_utf8_lossy(&output.stdout))
}

fn first_number(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_versions_are_read_from_what_servers_print() {
        assert_eq!(
            first_number("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(
            first_number("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc"),
            Some(7)
        );
        assert_eq!(first_number("no version"), None);
    }

    #[test]
    fn the_newest_installed_version_comes_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["postgresql@9", "postgresql@17", "postgresql@16", "redis@8"] {
            std::fs::create_dir(parent.path().join(name)).unwrap();
        }
        let names: Vec<_> = newest_first(parent.path(), "postgresql")
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["postgresql@17", "postgresql@16", "postgresql@9"]);
    }
}
