//! `atelier migrate`: the schema.

use anyhow::ensure;
use store::migrate::{self, MigrationStatus};

use crate::args::MigrateCommand;
use crate::{output, stores};

pub(super) async fn run(command: MigrateCommand) -> anyhow::Result<()> {
    match command {
        MigrateCommand::Up { database, json } => {
            let db = stores::database(&database).await?;
            let applied = migrate::up(&db).await?;
            if json {
                return output::json(&serde_json::json!({ "applied": applied }));
            }
            output::data(&match applied {
                0 => "nothing to apply".to_owned(),
                n => format!("{n} applied"),
            });
            Ok(())
        }
        MigrateCommand::Status { database, json } => {
            let db = stores::database(&database).await?;
            let status = migrate::status(&db).await?;
            if json {
                output::json(&status)?;
            } else {
                status
                    .iter()
                    .for_each(|migration| output::data(&line(migration)));
            }
            ensure!(
                status.iter().all(|migration| migration.checksum_matches),
                "an applied migration has another text than this program's; \
                 run the program that applied it, or restore the file"
            );
            Ok(())
        }
    }
}

fn line(migration: &MigrationStatus) -> String {
    let state = match (migration.applied, migration.checksum_matches) {
        (false, _) => "pending",
        (true, true) => "applied",
        (true, false) => "CHANGED",
    };
    format!("{:04} {:<45} {state}", migration.version, migration.name)
}
