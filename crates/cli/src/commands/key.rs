//! `atelier key`: API keys.

use anyhow::{Context, ensure};
use chrono::SecondsFormat;
use domain::{BrandId, Clock, KeyId};
use service::SystemClock;
use store::Database;
use store::api_keys::{self, KeyKind, NewKey};
use uuid::Uuid;

use crate::args::{KeyCommand, Kind};
use crate::{output, random, stores};

pub(super) async fn run(command: KeyCommand) -> anyhow::Result<()> {
    match command {
        KeyCommand::Create {
            brand,
            kind,
            name,
            origins,
            database,
        } => {
            let db = stores::database(&database).await?;
            let (id, key) = create(&db, &BrandId(brand), kind, &name, origins).await?;
            output::note("This key is shown once; only its hash is kept.");
            output::json(&serde_json::json!({ "id": id.0, "key": key }))
        }
        KeyCommand::List { brand, database } => {
            let db = stores::database(&database).await?;
            for key in api_keys::list(&db, &BrandId(brand)).await? {
                let revoked = key.revoked_at.map_or(String::new(), |at| {
                    format!(
                        "  revoked {}",
                        at.to_rfc3339_opts(SecondsFormat::Secs, true)
                    )
                });
                output::data(&format!(
                    "{}  {:<11}  {}…{}  {}{revoked}",
                    key.id, key.kind, key.prefix, key.last_four, key.name
                ));
            }
            Ok(())
        }
        KeyCommand::Revoke { id, database } => {
            let id: Uuid = id
                .parse()
                .context("the id is the UUID that `key list` shows")?;
            let db = stores::database(&database).await?;
            let was_alive = api_keys::revoke(&db, SystemClock.now(), KeyId(id)).await?;
            ensure!(was_alive, "no living key has the id {id}");
            output::data(&format!(
                "{id} revoked; every node forgets it within 5 seconds"
            ));
            Ok(())
        }
    }
}

/// Makes a key and stores its hash. Returns the key, which exists nowhere else.
pub(crate) async fn create(
    db: &Database,
    brand: &BrandId,
    kind: Kind,
    name: &str,
    origins: Vec<String>,
) -> anyhow::Result<(KeyId, String)> {
    let (prefix, kind) = match kind {
        Kind::Secret => ("sk_", KeyKind::Secret),
        Kind::Publishable => ("pk_", KeyKind::Publishable),
    };
    ensure!(
        kind == KeyKind::Publishable || origins.is_empty(),
        "--origin is for publishable keys; a secret key is never used in a page"
    );
    let key = random::key(prefix)?;
    let new = NewKey {
        id: KeyId(Uuid::now_v7()),
        brand_id: brand.clone(),
        kind,
        name: name.to_owned(),
        key: key.clone(),
        origins,
    };
    api_keys::create(db, SystemClock.now(), &new)
        .await
        .with_context(|| format!("is there a brand {brand}? `atelier brand create` makes one"))?;
    Ok((new.id, key))
}
