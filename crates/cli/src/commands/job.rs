//! `atelier job`: looking at generations, and stopping them.

use anyhow::{Context, bail, ensure};
use chrono::SecondsFormat;
use domain::{BrandId, Clock, PublicId};
use prometheus::Registry;
use queue::Queue;
use serde_json::{Value, json};
use service::SystemClock;
use store::cancel::{self, CancelOutcome};
use store::generations::{self, Filter, Generation};
use store::held;

use crate::args::JobCommand;
use crate::{output, stores};

pub(super) async fn run(command: JobCommand) -> anyhow::Result<()> {
    match command {
        JobCommand::List {
            brand,
            limit,
            database,
        } => {
            let db = stores::database(&database).await?;
            let filter = Filter::default();
            for job in generations::list(&db, &BrandId(brand), &filter, limit).await? {
                output::data(&format!(
                    "{}  {}  {:<8}  {}",
                    job.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
                    job.public_id,
                    job.state,
                    job.error_code.unwrap_or_default()
                ));
            }
            Ok(())
        }
        JobCommand::Get {
            brand,
            id,
            database,
        } => {
            let db = stores::database(&database).await?;
            let id = PublicId::parse(&id)?;
            let found = generations::find(&db, &BrandId(brand), &id).await?;
            output::json(&describe(
                &found.with_context(|| format!("no generation {id}"))?,
            ))
        }
        JobCommand::Release {
            brand,
            id,
            database,
        } => {
            let db = stores::database(&database).await?;
            let id = PublicId::parse(&id)?;
            let was_held = held::release(&db, SystemClock.now(), &BrandId(brand), &id).await?;
            ensure!(was_held, "the brand has no held generation {id}");
            output::data("waiting again");
            Ok(())
        }
        JobCommand::Cancel {
            brand,
            id,
            database,
            queue,
        } => {
            let db = stores::database(&database).await?;
            let queue = Queue::new(&queue, &Registry::new())?;
            let id = PublicId::parse(&id)?;
            match cancel::cancel(&db, SystemClock.now(), &BrandId(brand), &id).await? {
                CancelOutcome::Canceled => output::data("canceled"),
                CancelOutcome::Requested(job) => {
                    // A hint only: the worker also looks in the database every other second.
                    let told = queue.publish_cancel(job).await.is_ok();
                    output::data(if told {
                        "its worker was told"
                    } else {
                        "its worker will see it within seconds"
                    });
                }
                CancelOutcome::AlreadyEnded(state) => bail!("{id} is {state} already"),
                CancelOutcome::NotFound => bail!("the brand has no generation {id}"),
            }
            Ok(())
        }
    }
}

fn describe(job: &Generation) -> Value {
    json!({
        "id": job.public_id,
        "job": job.id.to_string(),
        "product_id": job.product_id,
        "state": job.state,
        "stage": format!("{:?}", job.stage).to_lowercase(),
        "lane": job.lane,
        "claims": job.fence,
        "provider": job.ai_provider,
        "model": job.model,
        "cost_micros": job.cost_micros,
        "error_code": job.error_code,
        "created_at": job.created_at,
        "completed_at": job.completed_at,
        "attempts": job.attempts,
        "report": job.report,
        "outputs": job.outputs.iter().map(|output| json!({
            "variant": output.variant,
            "object_key": output.object_key,
            "width": output.width_px,
            "height": output.height_px,
            "bytes": output.size_bytes,
        })).collect::<Vec<_>>(),
    })
}
