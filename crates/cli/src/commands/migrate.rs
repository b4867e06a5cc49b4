//! `atelier migrate`: the schema, and moving into a database of the older platform.

mod backup;
mod progress;

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use store::Database;
use store::migrate::{
    self, Action, MigrationStatus, Options, Outcome, Plan, Resolution, Until, Verified,
};

use crate::args::{MigrateArgs, MigrateCommand};
use crate::{output, stores};

pub(super) async fn run(command: MigrateCommand) -> anyhow::Result<()> {
    match command {
        MigrateCommand::Up {
            common,
            before_contract,
        } => {
            let until = if before_contract {
                Until::Contract
            } else {
                Until::End
            };
            up(&common, until).await
        }
        MigrateCommand::Plan { common } => plan(&common).await,
        MigrateCommand::Status { common } => status(&common).await,
        MigrateCommand::Resolve {
            common,
            rolled_back,
            applied,
        } => resolve(&common, rolled_back, applied).await,
        MigrateCommand::Backup { common, out } => {
            let db = stores::database(&common.database).await?;
            backup::run(&db, &common, &out).await
        }
        MigrateCommand::Verify { common } => verify(&common).await,
        MigrateCommand::Down { common } => down(&common).await,
    }
}

fn options(args: &MigrateArgs, until: Until) -> Options {
    Options {
        lock_timeout: Duration::from_millis(args.lock_timeout_ms),
        patience: Duration::from_secs(args.patience_s),
        batch_rows: args.batch_rows,
        until,
        folder: args.migrations.clone(),
    }
}

async fn open(args: &MigrateArgs) -> anyhow::Result<(Database, Options)> {
    let db = stores::database(&args.database).await?;
    Ok((db, options(args, Until::End)))
}

async fn up(args: &MigrateArgs, until: Until) -> anyhow::Result<()> {
    let db = stores::database(&args.database).await?;
    let mut progress = progress::Progress::default();
    let options = options(args, until);
    let outcome = migrate::up_with(&db, &options, &mut |event| progress.tell(event)).await?;
    if args.json {
        return output::json(&outcome);
    }
    output::data(&done(outcome));
    Ok(())
}

fn done(outcome: Outcome) -> String {
    let Outcome {
        applied,
        adopted,
        held,
    } = outcome;
    let mut text = match (applied, adopted) {
        (0, 0) => "nothing to apply".to_owned(),
        (applied, 0) => format!("{applied} applied"),
        (applied, adopted) => format!("{adopted} adopted, {applied} applied"),
    };
    if held {
        text = format!(
            "{text}; stopped before the contract: the older programs go on, \
             `atelier migrate up` finishes"
        );
    }
    text
}

async fn plan(args: &MigrateArgs) -> anyhow::Result<()> {
    let (db, options) = open(args).await?;
    let plan = migrate::plan(&db, &options).await?;
    if args.json {
        return output::json(&plan);
    }
    lines(&plan).iter().for_each(|line| output::data(line));
    Ok(())
}

fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![plan.start.clone()];
    for migration in &plan.migrations {
        let action = match migration.action {
            Action::Adopt => "is there: would be recorded as applied",
            Action::Run => "would be run",
            Action::Move => "would be done in steps, beside the platform's programs",
        };
        lines.push(format!("{:<45} {action}", migration.name));
        for change in &migration.changes {
            lines.push(format!("{:>15} {}", change.rows, change.what));
        }
    }
    if plan.migrations.is_empty() {
        lines.push("nothing to apply".to_owned());
    }
    for extra in &plan.extras {
        lines.push(format!("left alone: {extra}"));
    }
    lines
}

async fn status(args: &MigrateArgs) -> anyhow::Result<()> {
    let (db, options) = open(args).await?;
    let status = migrate::status_of(&db, &options).await?;
    if args.json {
        output::json(&status)?;
    } else {
        for migration in &status {
            output::data(&line(migration));
            for step in migration.steps.iter().filter(|_| !migration.applied) {
                let state = if step.done { "done" } else { "under way" };
                let of = step
                    .rows_total
                    .map_or(String::new(), |n| format!(" of {n}"));
                output::data(&format!(
                    "       {:<36} {}{of} {state}",
                    step.step, step.rows_done
                ));
            }
        }
    }
    ensure!(
        status.iter().all(|migration| migration.checksum_matches),
        "an applied migration has another text than this program's; \
         run the program that applied it, or restore the file"
    );
    if let Some(migration) = status.iter().find(|migration| migration.failed.is_some()) {
        let detail = migration.failed.as_deref().unwrap_or_default();
        anyhow::bail!(
            "{:04} failed; settle it with `atelier migrate resolve`:\n{detail}",
            migration.version
        );
    }
    Ok(())
}

fn line(migration: &MigrationStatus) -> String {
    let state = match (migration.applied, migration.checksum_matches) {
        _ if migration.failed.is_some() => "FAILED",
        (false, _) => "pending",
        (true, true) => "applied",
        (true, false) => "CHANGED",
    };
    format!("{:04} {:<45} {state}", migration.version, migration.name)
}

async fn resolve(
    args: &MigrateArgs,
    rolled_back: Option<String>,
    applied: Option<String>,
) -> anyhow::Result<()> {
    let (db, options) = open(args).await?;
    let (resolution, word) = match (rolled_back, applied) {
        (Some(name), _) => (Resolution::RolledBack(name), "pending"),
        (None, Some(name)) => (Resolution::Applied(name), "applied"),
        (None, None) => anyhow::bail!("--rolled-back NAME or --applied NAME"),
    };
    let name = migrate::resolve(&db, &options, &resolution).await?;
    if args.json {
        return output::json(&json!({ "migration": name, "state": word }));
    }
    output::data(&format!("{name} {word}"));
    Ok(())
}

async fn verify(args: &MigrateArgs) -> anyhow::Result<()> {
    let (db, options) = open(args).await?;
    let verified = migrate::verify(&db, &args.database, &options).await?;
    if args.json {
        output::json(&verified)?;
    } else {
        told(&verified);
    }
    ensure!(
        verified.is_good(),
        "{} differences",
        verified.faults().count()
    );
    Ok(())
}

fn told(verified: &Verified) {
    verified
        .faults()
        .for_each(|fault| output::data(&format!("DIFFERS {fault}")));
    for extra in verified
        .public
        .extras
        .iter()
        .chain(&verified.atelier.extras)
    {
        output::data(&format!("more    {extra}"));
    }
    if let Some(reason) = &verified.atelier_skipped {
        output::note(&format!(
            "the schema atelier was not compared, because no database could be made for it: {reason}"
        ));
    }
    output::data(&format!(
        "{} facts of public and {} of atelier compared",
        verified.public_facts, verified.atelier_facts
    ));
}

async fn down(args: &MigrateArgs) -> anyhow::Result<()> {
    let (db, options) = open(args).await?;
    let mut progress = progress::Progress::default();
    migrate::down(&db, &options, &mut |event| progress.tell(event)).await?;
    if args.json {
        return output::json(&json!({ "reverted": "0002_add_saas_personalization_models" }));
    }
    output::data(
        "0002_add_saas_personalization_models reverted; everything is kept in atelier.archived_…",
    );
    Ok(())
}
