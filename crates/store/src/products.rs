//! Products with their zones and default template, as intake and workers read them.

use std::collections::HashMap;

use domain::{
    ArSettings, Area, BrandId, BrandPolicy, GenerationOptions, OutputFormat, Product,
    ProductBackground, ProductId, ProductOperation, Template, Zone, ZoneOptions, ZoneType,
};
use serde::Deserialize;
use serde_json::Value;

use crate::database::Database;
use crate::error::StoreError;
use crate::policies;

/// A product with everything a generation needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogEntry {
    /// The product and its zones.
    pub product: Product,
    /// Its default template, which names the model and the style.
    pub template: Option<Template>,
    /// What its brand has decided.
    pub policy: BrandPolicy,
    /// What it asks of its provider.
    pub generation: GenerationOptions,
}

/// Loads products by id. Ids that are not there are left out.
///
/// # Errors
/// [`StoreError::Inconsistent`] when a stored row cannot be a product of ours, naming it.
pub async fn load(db: &Database, ids: &[ProductId]) -> Result<Vec<CatalogEntry>, StoreError> {
    let ids: Vec<String> = ids.iter().map(ProductId::to_string).collect();
    let mut connection = db.connection().await?;
    let rows = sqlx::query_as!(
        ProductRow,
        r#"-- store::products::load
        SELECT id, "brandId" AS brand_id, slug, name, "baseImage" AS base_image,
            "baseImageUrl" AS base_image_url, "promptTemplate" AS prompt_template,
            "negativePrompt" AS negative_prompt, "aiProvider" AS ai_provider,
            "generationQuality" AS quality, "outputFormat" AS output_format,
            "outputWidth" AS output_width, "outputHeight" AS output_height,
            (status = 'ACTIVE' AND "isActive") AS "active!", "arEnabled" AS ar_enabled,
            "arTrackingType" AS ar_tracking_type, "arScale" AS ar_scale, "arOffset" AS ar_offset,
            "customizationOptions" -> 'zoneOptions' AS zone_options,
            (SELECT to_jsonb(o) FROM atelier.product_option o WHERE o.product_id = "Product".id)
                AS options
        FROM "Product" WHERE id = ANY($1)"#,
        &ids
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut zones = zones_of(&mut connection, &ids).await?;
    let mut templates = default_templates(&mut connection, &ids).await?;
    let brands: Vec<String> = rows.iter().map(|row| row.brand_id.clone()).collect();
    let policies = policies::of_brands(&mut connection, &brands).await?;
    rows.into_iter()
        .map(|row| {
            let template = templates.remove(&row.id);
            let zones = zones.remove(&row.id).unwrap_or_default();
            let generation = row.options()?;
            let product = row.into_product(zones)?;
            let policy = policies.get(&product.brand_id).cloned().unwrap_or_default();
            Ok(CatalogEntry {
                generation,
                product,
                template,
                policy,
            })
        })
        .collect()
}

/// The ids of a brand's products, by slug.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn ids_of_brand(db: &Database, brand: &BrandId) -> Result<Vec<ProductId>, StoreError> {
    let mut connection = db.connection().await?;
    let ids = sqlx::query_scalar!(
        r#"-- store::products::ids_of_brand
        SELECT id FROM "Product" WHERE "brandId" = $1 ORDER BY slug"#,
        brand.as_str()
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(ids.into_iter().map(ProductId).collect())
}

/// A brand's active template by id.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn template(
    db: &Database,
    brand: &BrandId,
    id: &str,
) -> Result<Option<Template>, StoreError> {
    let mut connection = db.connection().await?;
    Ok(sqlx::query_as!(
        Template,
        r#"-- store::products::template
        SELECT id, "promptTemplate" AS prompt_template, "negativePrompt" AS negative_prompt,
            "aiProvider" AS ai_provider, model, quality, style
        FROM "Template" WHERE id = $1 AND "brandId" = $2 AND "isActive""#,
        id,
        brand.as_str()
    )
    .fetch_optional(&mut *connection)
    .await?)
}

struct ProductRow {
    id: String,
    brand_id: String,
    slug: String,
    name: String,
    base_image: Option<String>,
    base_image_url: Option<String>,
    prompt_template: Option<String>,
    negative_prompt: Option<String>,
    ai_provider: String,
    quality: String,
    output_format: String,
    output_width: i32,
    output_height: i32,
    active: bool,
    ar_enabled: bool,
    ar_tracking_type: String,
    ar_scale: f64,
    ar_offset: Option<Value>,
    zone_options: Option<Value>,
    options: Option<Value>,
}

/// A row of `atelier.product_option`.
#[derive(serde::Deserialize)]
struct OptionRow {
    fallback: Option<Vec<String>>,
    operation: String,
    input: Option<String>,
    mask: Option<String>,
    background: ProductBackground,
}

impl ProductRow {
    fn options(&self) -> Result<GenerationOptions, StoreError> {
        let Some(options) = &self.options else {
            return Ok(GenerationOptions::default());
        };
        let bad = |detail: String| StoreError::Inconsistent {
            table: "atelier.product_option",
            column: "operation",
            id: self.id.clone(),
            detail,
        };
        let row = OptionRow::deserialize(options).map_err(|error| bad(error.to_string()))?;
        let (input, mask) = (row.input.as_deref(), row.mask.as_deref());
        let operation = ProductOperation::from_words(&row.operation, input, mask);
        Ok(GenerationOptions {
            fallback: row.fallback,
            operation: operation.ok_or_else(|| bad(row.operation))?,
            background: row.background,
        })
    }

    fn into_product(self, zones: Vec<Zone>) -> Result<Product, StoreError> {
        let bad = |column: &'static str, detail: String| StoreError::Inconsistent {
            table: "Product",
            column,
            id: self.id.clone(),
            detail,
        };
        let side = |column: &'static str, px: i32| {
            u32::try_from(px)
                .ok()
                .filter(|px| *px > 0)
                .ok_or_else(|| bad(column, format!("{px} pixels")))
        };
        let output_format: OutputFormat = self
            .output_format
            .parse()
            .map_err(|_| bad("outputFormat", self.output_format.clone()))?;
        let mut options: HashMap<String, ZoneOptions> = match &self.zone_options {
            None => HashMap::new(),
            Some(stored) => HashMap::deserialize(stored)
                .map_err(|error| bad("customizationOptions", error.to_string()))?,
        };
        let mut zones = zones;
        for zone in &mut zones {
            zone.options = options.remove(&zone.id).unwrap_or_default();
        }
        let output_width_px = side("outputWidth", self.output_width)?;
        let output_height_px = side("outputHeight", self.output_height)?;
        Ok(Product {
            output_format,
            output_width_px,
            output_height_px,
            id: ProductId(self.id),
            brand_id: BrandId(self.brand_id),
            slug: self.slug,
            name: self.name,
            base_image: self.base_image,
            base_image_url: self.base_image_url,
            prompt_template: self.prompt_template,
            negative_prompt: self.negative_prompt,
            ai_provider: self.ai_provider,
            quality: self.quality,
            active: self.active,
            ar: ArSettings {
                enabled: self.ar_enabled,
                tracking_type: self.ar_tracking_type,
                scale: self.ar_scale,
                offset: self.ar_offset,
            },
            zones,
        })
    }
}

async fn zones_of(
    connection: &mut sqlx::PgConnection,
    products: &[String],
) -> Result<HashMap<String, Vec<Zone>>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::products::zones_of
        SELECT "productId" AS product_id, id, name, type::text AS "kind!", "positionX" AS x,
            "positionY" AS y, width, height, rotation, "maxLength" AS max_length,
            "allowedChars" AS allowed_chars, "allowedFonts" AS allowed_fonts,
            "allowedColors" AS allowed_colors, "minSize" AS min_size, "maxSize" AS max_size,
            "defaultValue" AS default_value, "defaultFont" AS default_font,
            "defaultColor" AS default_color, "defaultSize" AS default_size,
            "renderStyle" AS render_style, "order", required
        FROM "CustomizationZone" WHERE "productId" = ANY($1) ORDER BY "productId", "order", id"#,
        products
    )
    .fetch_all(connection)
    .await?;
    let mut zones: HashMap<String, Vec<Zone>> = HashMap::new();
    for row in rows {
        let kind: ZoneType = row.kind.parse().map_err(|_| StoreError::Inconsistent {
            table: "CustomizationZone",
            column: "type",
            id: row.id.clone(),
            detail: row.kind.clone(),
        })?;
        zones.entry(row.product_id).or_default().push(Zone {
            id: row.id,
            name: row.name,
            kind,
            area: Area {
                x: row.x,
                y: row.y,
                width: row.width,
                height: row.height,
                rotation: row.rotation,
            },
            max_length: row.max_length.and_then(|length| u32::try_from(length).ok()),
            allowed_chars: row.allowed_chars,
            allowed_fonts: row.allowed_fonts.unwrap_or_default(),
            allowed_colors: row.allowed_colors.unwrap_or_default(),
            min_size: row.min_size,
            max_size: row.max_size,
            default_value: row.default_value,
            default_font: row.default_font,
            default_color: row.default_color,
            default_size: row.default_size,
            render_style: row.render_style,
            order: row.order,
            required: row.required,
            options: ZoneOptions::default(),
        });
    }
    Ok(zones)
}

async fn default_templates(
    connection: &mut sqlx::PgConnection,
    products: &[String],
) -> Result<HashMap<String, Template>, StoreError> {
    let rows = sqlx::query!(
        r#"-- store::products::default_templates
        SELECT DISTINCT ON ("productId") "productId" AS "product_id!", id,
            "promptTemplate" AS prompt_template, "negativePrompt" AS negative_prompt,
            "aiProvider" AS ai_provider, model, quality, style
        FROM "Template"
        WHERE "productId" = ANY($1) AND "isDefault" AND "isActive"
        ORDER BY "productId", "updatedAt" DESC"#,
        products
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let template = Template {
                id: row.id,
                prompt_template: row.prompt_template,
                negative_prompt: row.negative_prompt,
                ai_provider: row.ai_provider,
                model: row.model,
                quality: row.quality,
                style: row.style,
            };
            (row.product_id, template)
        })
        .collect())
}
