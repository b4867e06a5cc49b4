//! `atelier stripe`: steps that wait for a person.

use anyhow::ensure;
use domain::Clock;
use service::SystemClock;
use store::stripe;

use crate::args::StripeCommand;
use crate::{output, stores};

/// Steps that are shown: whoever has more mends the first ones' reason.
const MOST: i64 = 1_000;

pub(super) async fn run(command: StripeCommand) -> anyhow::Result<()> {
    match command {
        StripeCommand::Stuck { json, database } => {
            let db = stores::database(&database).await?;
            let steps = stripe::stuck(&db, MOST).await?;
            if json {
                return output::json(&steps);
            }
            for step in steps {
                let error = step.error.unwrap_or_default();
                output::data(&format!("{}  {}  {error}", step.key, step.brand_id));
            }
            Ok(())
        }
        StripeCommand::Release { key, database } => {
            let db = stores::database(&database).await?;
            let released = stripe::release(&db, SystemClock.now(), &key).await?;
            ensure!(
                released,
                "no step {key} is stuck; `atelier stripe stuck` lists those that are"
            );
            output::data(&format!("{key}  goes on within seconds"));
            Ok(())
        }
    }
}
