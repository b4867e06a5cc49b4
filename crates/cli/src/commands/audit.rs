//! `atelier audit`: does the money add up?

use anyhow::bail;
use store::audits::{self, CHECKS};

use crate::args::AuditCommand;
use crate::{output, stores};

pub(super) async fn run(command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Money { json, database } = command;
    let db = stores::database(&database).await?;
    let differences = audits::money(&db, None).await?;
    if json {
        output::json(&differences)?;
    } else {
        for one in &differences {
            output::data(&format!("{}  {}  {}", one.check, one.subject, one.detail));
        }
    }
    if differences.is_empty() {
        output::note(&format!("{} checks found no difference", CHECKS.len()));
        return Ok(());
    }
    bail!(
        "{} differences; docs/operations.md says what to do about each",
        differences.len()
    )
}
