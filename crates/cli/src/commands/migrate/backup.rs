//! `atelier migrate backup`: a `pg_dump` that is known to restore.
//!
//! The dump and the count are taken from one snapshot, so writers may go on. The dump is then restored
//! into a database of its own on the same server, counted there, and only named FILE when both counts
//! are the same: tables, rows, the rows' content, columns, indexes, constraints.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use secrecy::ExposeSecret;
use serde_json::json;
use store::Database;
use store::migrate::{self, Census, Moment, Scratch};
use url::Url;

use crate::args::MigrateArgs;
use crate::output;

pub(super) async fn run(db: &Database, args: &MigrateArgs, out: &Path) -> anyhow::Result<()> {
    ensure!(
        !out.exists(),
        "{} is there already: backups are never overwritten",
        out.display()
    );
    let url = Url::parse(args.database.database_url.expose_secret())
        .context("--database-url cannot be read")?;
    let partial = partial_name(out);
    let moment = Moment::hold(db).await?;
    output::note("dumping …");
    dump(&url, moment.snapshot(), &partial)?;
    output::note("counting …");
    let counted = moment.count().await?;
    output::note("restoring into a database of its own …");
    let scratch = migrate::scratch(&args.database).await?;
    let compared = compare(&url, &partial, &scratch, &counted).await;
    scratch.drop().await;
    compared?;
    std::fs::rename(&partial, out)
        .with_context(|| format!("cannot name the backup {}", out.display()))?;
    report(args, out, &counted)
}

fn report(args: &MigrateArgs, out: &Path, counted: &Census) -> anyhow::Result<()> {
    let size_bytes = std::fs::metadata(out)?.len();
    if args.json {
        return output::json(&json!({
            "file": out,
            "size_bytes": size_bytes,
            "rows": counted.rows(),
            "tables": counted.tables,
            "restored": true,
        }));
    }
    output::data(&format!(
        "{}: {size_bytes} bytes, {} rows of {} tables, restored and compared",
        out.display(),
        counted.rows(),
        counted.tables.len()
    ));
    Ok(())
}

/// The name until the backup is known to be good.
fn partial_name(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".unverified");
    PathBuf::from(name)
}

fn dump(url: &Url, snapshot: &str, file: &Path) -> anyhow::Result<()> {
    let mut command = postgres_program("pg_dump", url, None)?;
    command
        .args(["--format=custom", "--no-password"])
        .arg(format!("--snapshot={snapshot}"))
        .arg("--file")
        .arg(file);
    succeed(command)
}

async fn compare(
    url: &Url,
    file: &Path,
    scratch: &Scratch,
    counted: &Census,
) -> anyhow::Result<()> {
    let mut command = postgres_program("pg_restore", url, Some(scratch.name()))?;
    command
        .args([
            "--exit-on-error",
            "--no-password",
            "--dbname",
            scratch.name(),
        ])
        .arg(file);
    succeed(command)?;
    let restored = migrate::restored(scratch).await?;
    let differences = counted.differences(&restored);
    ensure!(
        differences.is_empty(),
        "the backup {} restores to something else:\n{}",
        file.display(),
        differences.join("\n")
    );
    Ok(())
}

/// One of PostgreSQL's programs. What it must know of the address goes through its environment: the
/// arguments of a process can be read by every account of the machine, the password among them.
fn postgres_program(name: &str, url: &Url, database: Option<&str>) -> anyhow::Result<Command> {
    let mut command = Command::new(name);
    let decoded = |text: &str| -> anyhow::Result<String> {
        let bytes: Vec<u8> = percent_decoded(text);
        String::from_utf8(bytes).context("--database-url is not UTF-8")
    };
    let path = decoded(url.path().trim_start_matches('/'))?;
    let settings = [
        ("PGHOST", url.host_str().map(decoded).transpose()?),
        ("PGPORT", url.port().map(|port| port.to_string())),
        (
            "PGUSER",
            Some(decoded(url.username())?).filter(|user| !user.is_empty()),
        ),
        ("PGPASSWORD", url.password().map(decoded).transpose()?),
        ("PGDATABASE", Some(database.map_or(path, str::to_owned))),
        (
            "PGSSLMODE",
            url.query_pairs()
                .find(|(key, _)| key == "sslmode")
                .map(|(_, mode)| mode.into_owned()),
        ),
    ];
    for (variable, value) in settings {
        if let Some(value) = value {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::null());
    Ok(command)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        let code = behind
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if *byte == b'%' => {
                decoded.push(value);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => {
                decoded.push(*byte);
                rest = behind;
            }
        }
    }
    decoded
}

fn succeed(mut command: Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| {
        format!(
            "{name} cannot be run: install PostgreSQL's client programs of the server's version"
        )
    })?;
    if !output.status.success() {
        bail!(
            "{name} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
