//! Telling people and programs where everything is.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Stage;
use super::order::{self, Finished};
use super::summary::file_name;
use crate::output;

/// A ready file, removed when the demonstration ends.
pub(super) struct Written(pub(super) PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        // Gone already is as good; anything else leaves a stale file that names dead processes, which
        // its reader finds out at the first request.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes the ready file: beside its name first, then renamed, so that a reader sees all or nothing.
pub(super) fn write(file: &Path, stage: &Stage) -> anyhow::Result<()> {
    let draft = file.with_extension("draft");
    std::fs::write(&draft, format!("{:#}\n", content(stage)))?;
    std::fs::rename(&draft, file)?;
    Ok(())
}

fn content(stage: &Stage) -> Value {
    let Stage {
        fleet,
        seeded,
        servers,
        studio,
    } = stage;
    let products: Vec<Value> = seeded
        .products
        .iter()
        .map(|product| {
            let zones: Vec<Value> = product
                .zones
                .iter()
                .map(|zone| {
                    json!({
                        "id": zone.id,
                        "name": zone.name,
                        "type": zone.kind,
                        "required": zone.required,
                    })
                })
                .collect();
            json!({ "id": product.id, "slug": product.slug, "zones": zones })
        })
        .collect();
    json!({
        "api_url": fleet.api_url,
        "scheduler_url": fleet.scheduler_url,
        "database_url": servers.database_url,
        "redis_url": servers.redis_url,
        "provider": studio.name(),
        "sandbox_url": studio.sandbox_url(),
        "secret_key": seeded.secret_key,
        "publishable_key": seeded.publishable_key,
        "legacy_key": seeded.legacy_key,
        "brand_id": seeded.brand,
        "products": products,
        "pids": {
            "demo": [std::process::id()],
            "api-lite": fleet.pids("api-lite"),
            "worker": fleet.pids("worker"),
            "scheduler": fleet.pids("scheduler"),
            "postgres": servers.postgres_pid.into_iter().collect::<Vec<_>>(),
            "redis": servers.redis_pid.into_iter().collect::<Vec<_>>(),
        },
    })
}

/// Prints the pictures, a request to paste, and every address.
pub(super) fn explain(stage: &Stage, finished: &[Finished], folder: &Path) {
    let Stage {
        fleet,
        seeded,
        servers,
        studio,
    } = stage;
    for one in finished {
        for picture in &one.pictures {
            output::data(&format!(
                "picture    {}",
                folder.join(file_name(one, picture)).display()
            ));
            output::data(&format!("           {}", picture.url));
        }
    }
    output::data(&format!("api-lite   {}", fleet.api_url));
    for member in &fleet.members {
        output::data(&format!(
            "{:<10} {}/metrics   process {}   log {}",
            member.role,
            member.admin_url,
            member.process.pid(),
            member.log.display()
        ));
    }
    output::data(&format!("postgres   {}", servers.database_url));
    output::data(&format!("redis      {}", servers.redis_url));
    output::data(&format!("provider   {}", studio.address()));
    if let Some(product) = seeded.products.first() {
        output::data("\nTry it yourself:\n");
        output::data(&format!(
            "curl -s {}/v1/generations -H 'Prefer: wait=20' \\\n  -H 'Authorization: Bearer {}' \
             \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'\n",
            fleet.api_url,
            seeded.secret_key,
            order::request(product)
        ));
    }
}
