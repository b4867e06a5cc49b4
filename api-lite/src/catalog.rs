//! Products, remembered for a moment.

use domain::{BrandId, ProductId, Template};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use store::products::{self, CatalogEntry};
use store::{Database, StoreError};

use crate::cache::Cache;

/// A change of a product is seen after this long.
const TTL: TimeDelta = TimeDelta::seconds(2);

/// Names remembered at once: a product with its zones takes some kilobytes.
const CAPACITY: usize = 4_096;

/// Longest product id or slug that is looked up.
const MAX_NAME_BYTES: usize = 200;

/// The products, by what clients call them.
pub(crate) struct Catalog {
    database: Database,
    by_name: Cache<(BrandId, String), Option<Arc<CatalogEntry>>>,
}

impl Catalog {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            by_name: Cache::new(CAPACITY),
        }
    }

    /// A brand's product by id or slug. That there is none is remembered as well.
    pub(crate) async fn find(
        &self,
        brand: &BrandId,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<CatalogEntry>>, StoreError> {
        if !is_name(name) {
            return Ok(None);
        }
        let key = (brand.clone(), name.to_owned());
        if let Some(known) = self.by_name.get(&key, now) {
            return Ok(known);
        }
        let found = self.look_up(brand, name).await?.map(Arc::new);
        self.by_name.put(key, found.clone(), now, TTL);
        Ok(found)
    }

    async fn look_up(
        &self,
        brand: &BrandId,
        name: &str,
    ) -> Result<Option<CatalogEntry>, StoreError> {
        let by_id = products::load(&self.database, &[ProductId::from(name)]).await?;
        if let Some(entry) = by_id
            .into_iter()
            .find(|entry| entry.product.brand_id == *brand)
        {
            return Ok(Some(entry));
        }
        let all = self.all(brand).await?;
        Ok(all.into_iter().find(|entry| entry.product.slug == name))
    }

    /// All products of a brand, by slug.
    pub(crate) async fn all(&self, brand: &BrandId) -> Result<Vec<CatalogEntry>, StoreError> {
        let ids = products::ids_of_brand(&self.database, brand).await?;
        let mut entries = products::load(&self.database, &ids).await?;
        entries.sort_by(|a, b| a.product.slug.cmp(&b.product.slug));
        Ok(entries)
    }

    /// A brand's template by id.
    pub(crate) async fn template(
        &self,
        brand: &BrandId,
        id: &str,
    ) -> Result<Option<Template>, StoreError> {
        if !is_name(id) {
            return Ok(None);
        }
        products::template(&self.database, brand, id).await
    }
}

/// Whether a text can be the name of anything: PostgreSQL refuses a NUL in a text.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control)
}
