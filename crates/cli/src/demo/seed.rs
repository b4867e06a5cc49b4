//! The demo brand, its keys and its products.

use anyhow::Context;
use domain::{BrandId, Clock, Plan, ProductSpec};
use prometheus::Registry;
use queue::{Queue, QueueArgs};
use service::SystemClock;
use store::brands::NewBrand;
use store::{api_keys, brands, migrate};
use uuid::Uuid;

use super::servers::Servers;
use crate::args::Kind;
use crate::commands::catalog::{self, Checked};
use crate::commands::key;
use crate::random;

/// The demo brand's generations a month: enough for any experiment, and still a limit one can lower.
const GENERATIONS: i32 = 1_000_000;

/// The demo products, as they were read.
pub(super) type Products = Vec<Checked>;

/// What was put into the database.
pub(super) struct Seeded {
    pub(super) brand: BrandId,
    pub(super) secret_key: String,
    pub(super) publishable_key: String,
    pub(super) legacy_key: String,
    pub(super) products: Vec<ProductSpec>,
}

/// Migrates, makes the stream groups, the brand and fresh keys.
pub(super) async fn seed(servers: &Servers, products: &[Checked]) -> anyhow::Result<Seeded> {
    let db = &servers.db;
    migrate::up(db)
        .await
        .context("the database cannot be migrated")?;
    let queue = Queue::new(&QueueArgs::for_url(&servers.redis_url), &Registry::new())?;
    queue.check().await.context("this Redis cannot be used")?;
    queue.ensure_groups().await?;
    let brand = NewBrand {
        id: BrandId::from("brand_demo"),
        name: "Demo".to_owned(),
        slug: "demo".to_owned(),
        plan: Plan::Free,
        max_monthly_generations: GENERATIONS,
    };
    brands::ensure(db, SystemClock.now(), &brand).await?;
    let (_, secret_key) = key::create(db, &brand.id, Kind::Secret, "demo", Vec::new()).await?;
    let origins = vec![
        "http://localhost:3000".to_owned(),
        "http://127.0.0.1:3000".to_owned(),
    ];
    let (_, publishable_key) =
        key::create(db, &brand.id, Kind::Publishable, "demo widget", origins).await?;
    let legacy_key = random::key("luneo_")?;
    let legacy_id = Uuid::now_v7().to_string();
    api_keys::create_legacy(db, SystemClock.now(), &legacy_id, &brand.id, &legacy_key).await?;
    Ok(Seeded {
        brand: brand.id,
        secret_key,
        publishable_key,
        legacy_key,
        products: products
            .iter()
            .map(|product| product.spec.clone())
            .collect(),
    })
}

/// Loads the demo products, whose photographs are then served by api-lite.
pub(super) async fn products(
    servers: &Servers,
    seeded: &Seeded,
    api_url: &str,
    products: &[Checked],
) -> anyhow::Result<()> {
    for product in products {
        catalog::apply(
            &servers.db,
            &servers.objects,
            &seeded.brand,
            api_url,
            product,
        )
        .await?;
    }
    Ok(())
}
