//! `atelier provider`: the providers' health, keys and fallbacks.

use std::io::Read;

use anyhow::{Context, ensure};
use domain::{BrandId, Clock};
use prometheus::Registry;
use queue::{BreakerState, Queue};
use secrecy::SecretString;
use service::SystemClock;
use store::Database;
use store::provider_keys::{self, NewProviderKey};
use store::routes;
use uuid::Uuid;

use crate::args::{Masters, Owner, ProviderCommand, ProviderKeyCommand};
use crate::{output, stores};

/// Longest key that is read: far above any provider's.
const MAX_KEY_BYTES: u64 = 4_096;

pub(super) async fn run(command: ProviderCommand) -> anyhow::Result<()> {
    match command {
        ProviderCommand::Status { queue } => status(&Queue::new(&queue, &Registry::new())?).await,
        ProviderCommand::Enable { name, queue } => {
            let queue = Queue::new(&queue, &Registry::new())?;
            let enabled = queue.enable_key(&name).await? | queue.close_breaker(&name).await?;
            ensure!(
                enabled,
                "neither a key nor a model called {name} is in trouble"
            );
            output::data(&format!("{name} is used again within a second"));
            Ok(())
        }
        ProviderCommand::Key { command } => key(command).await,
        ProviderCommand::Fallback {
            brand,
            candidates,
            database,
        } => {
            let db = stores::database(&database).await?;
            let list = (!candidates.is_empty()).then_some(candidates.as_slice());
            routes::set_fallback(&db, &BrandId(brand.clone()), list)
                .await
                .with_context(|| format!("is there a brand {brand}?"))?;
            output::data(&format!("{brand}: {}", candidates.join(", ")));
            Ok(())
        }
    }
}

async fn status(queue: &Queue) -> anyhow::Result<()> {
    let report = queue.read_health().await.context("Redis does not answer")?;
    for (name, breaker) in &report.breakers {
        let state = match breaker.state(report.now_ms) {
            BreakerState::Closed => continue,
            BreakerState::HalfOpen => "to be probed".to_owned(),
            BreakerState::Open(wait) => format!("left alone for {} s", wait.as_secs()),
        };
        output::data(&format!("model  {name}  {state}"));
    }
    for (id, key) in &report.keys {
        let left_ms = key.until_ms.saturating_sub(report.now_ms);
        if left_ms > 0 {
            let (reason, seconds) = (&key.reason, left_ms / 1_000);
            output::data(&format!("key  {id}  {reason}, left alone for {seconds} s"));
        }
    }
    Ok(())
}

async fn key(command: ProviderKeyCommand) -> anyhow::Result<()> {
    match command {
        ProviderKeyCommand::Add {
            owner,
            provider,
            name,
            masters,
            database,
        } => {
            let db = stores::database(&database).await?;
            add(&db, &masters, brand(&owner), provider, name).await
        }
        ProviderKeyCommand::List { owner, database } => {
            let db = stores::database(&database).await?;
            for key in provider_keys::list(&db, brand(&owner).as_ref()).await? {
                output::data(&format!(
                    "{}  {}  {}  …{}  sealed with {}",
                    key.id, key.provider, key.name, key.last_four, key.sealed.with
                ));
            }
            Ok(())
        }
        ProviderKeyCommand::Remove {
            owner,
            id,
            database,
        } => {
            let db = stores::database(&database).await?;
            let (now, owner) = (SystemClock.now(), brand(&owner));
            let removed = provider_keys::remove(&db, now, owner.as_ref(), uuid(&id)?);
            ensure!(removed.await?, "no such key {id}");
            output::data(&format!(
                "{id} removed; every worker forgets it within 5 seconds"
            ));
            Ok(())
        }
        ProviderKeyCommand::Rotate {
            owner,
            id,
            masters,
            database,
        } => {
            let db = stores::database(&database).await?;
            rotate(&db, &masters, brand(&owner), uuid(&id)?).await
        }
        ProviderKeyCommand::Import { masters, database } => {
            let db = stores::database(&database).await?;
            import(&db, &masters).await
        }
        ProviderKeyCommand::Reseal { masters, database } => {
            let db = stores::database(&database).await?;
            let count = provider_keys::reseal(&db, &masters.sealing_keys).await?;
            output::data(&format!("{count} sealed anew"));
            Ok(())
        }
    }
}

async fn add(
    db: &Database,
    masters: &Masters,
    brand: Option<BrandId>,
    provider: String,
    name: String,
) -> anyhow::Result<()> {
    let new = NewProviderKey {
        id: Uuid::now_v7(),
        brand,
        provider,
        name,
        secret: read_secret()?,
    };
    provider_keys::add(db, SystemClock.now(), &masters.sealing_keys, &new)
        .await
        .context("is there such a brand, and no key of that name yet?")?;
    output::data(&new.id.to_string());
    Ok(())
}

async fn rotate(
    db: &Database,
    masters: &Masters,
    brand: Option<BrandId>,
    old: Uuid,
) -> anyhow::Result<()> {
    let kept = provider_keys::list(db, brand.as_ref()).await?;
    let known = kept.into_iter().find(|key| key.id == old);
    let known = known.with_context(|| format!("no such key {old}"))?;
    let new = NewProviderKey {
        id: Uuid::now_v7(),
        brand,
        provider: known.provider,
        name: known.name,
        secret: read_secret()?,
    };
    let now = SystemClock.now();
    let replaced = provider_keys::replace(db, now, &masters.sealing_keys, old, &new).await?;
    ensure!(replaced, "{old} was removed meanwhile");
    output::data(&new.id.to_string());
    Ok(())
}

async fn import(db: &Database, masters: &Masters) -> anyhow::Result<()> {
    for plain in provider_keys::plain_keys(db).await? {
        let new = NewProviderKey {
            id: Uuid::now_v7(),
            brand: Some(plain.brand.clone()),
            provider: plain.provider,
            name: "imported".to_owned(),
            secret: plain.secret,
        };
        provider_keys::import(db, SystemClock.now(), &masters.sealing_keys, &new).await?;
        output::data(&format!("{}  {}  {}", plain.brand, new.provider, new.id));
    }
    Ok(())
}

fn brand(owner: &Owner) -> Option<BrandId> {
    owner.brand.clone().map(BrandId)
}

fn uuid(text: &str) -> anyhow::Result<Uuid> {
    text.parse()
        .context("the id is the UUID that `provider key list` shows")
}

/// The key from standard input: a command line stands in process lists and histories.
fn read_secret() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_KEY_BYTES)
        .read_to_string(&mut text)
        .context("the key is read from standard input")?;
    let text = text.trim();
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    ensure!(plain, "standard input holds no key");
    Ok(SecretString::from(text))
}
