//! `summary.json`: what `--once` made, read back from the database and the files.

use std::path::Path;

use anyhow::Context;
use domain::JobState;
use serde::Serialize;
use serde_json::Value;

use super::Stage;
use super::order::Finished;
use super::provider::Bill;

/// The file's content.
#[derive(Serialize)]
pub(super) struct Summary {
    generations: Vec<Entry>,
    /// Who drew the pictures.
    provider: &'static str,
    /// What the sandbox would have billed, where it stood in for the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<Bill>,
    /// From this program's start until every role was ready.
    startup_ms: u64,
    /// From this program's start until the first picture was here.
    pub(super) first_picture_ms: u64,
}

#[derive(Serialize)]
struct Entry {
    id: String,
    product: String,
    /// The older platform's word: COMPLETED, FAILED …
    state: &'static str,
    /// The texts that were drawn, in drawing order.
    text: Vec<String>,
    outputs: Vec<Output>,
    usage_records: i64,
    cost_micros: i64,
    stages_ms: Value,
}

#[derive(Serialize)]
struct Output {
    variant: String,
    file: String,
    width: u64,
    height: u64,
    bytes: usize,
}

/// Collects the summary of finished generations.
pub(super) async fn of(
    stage: &Stage,
    finished: &[Finished],
    startup_ms: u64,
) -> anyhow::Result<Summary> {
    let mut generations = Vec::new();
    for one in finished {
        generations.push(entry(stage, one).await?);
    }
    let first_picture_ms = finished.iter().map(|one| one.after_ms).min().unwrap_or(0);
    Ok(Summary {
        generations,
        provider: stage.studio.name(),
        sandbox: stage.studio.bill(),
        startup_ms,
        first_picture_ms,
    })
}

async fn entry(stage: &Stage, one: &Finished) -> anyhow::Result<Entry> {
    let db = &stage.servers.db;
    let row = store::generations::find(db, &stage.seeded.brand, &one.id)
        .await?
        .with_context(|| format!("{} is not in the database", one.id))?;
    let report = row.report.unwrap_or_default();
    Ok(Entry {
        id: one.id.to_string(),
        product: one.product.clone(),
        state: JobState::generation_status(row.state),
        text: drawn_texts(&report),
        outputs: one
            .pictures
            .iter()
            .map(|picture| output(one, picture))
            .collect(),
        usage_records: store::usage::records_of(db, &row.brand_id, row.id).await?,
        cost_micros: row.cost_micros.unwrap_or(0),
        stages_ms: report.get("stages_ms").cloned().unwrap_or_default(),
    })
}

fn drawn_texts(report: &Value) -> Vec<String> {
    let texts = report
        .get("text")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    texts
        .iter()
        .filter_map(|text| text.get("text")?.as_str().map(str::to_owned))
        .collect()
}

fn output(one: &Finished, picture: &super::order::Picture) -> Output {
    Output {
        variant: picture.variant.clone(),
        file: file_name(one, picture),
        width: picture.width,
        height: picture.height,
        bytes: picture.bytes.len(),
    }
}

/// `coffee-cup-full.png`
pub(super) fn file_name(one: &Finished, picture: &super::order::Picture) -> String {
    format!("{}-{}.{}", one.product, picture.variant, picture.extension)
}

impl Summary {
    /// Writes the pictures and `summary.json` into `folder`, which is made if it is not there.
    pub(super) fn write(&self, folder: &Path, finished: &[Finished]) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for one in finished {
            for picture in &one.pictures {
                std::fs::write(folder.join(file_name(one, picture)), &picture.bytes)?;
            }
        }
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(folder.join("summary.json"), format!("{text}\n"))?;
        Ok(())
    }
}
