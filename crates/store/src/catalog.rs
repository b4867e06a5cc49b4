//! Writing a brand's catalog: applying the same product again changes nothing, applying a changed
//! one changes that product.

use chrono::{DateTime, Utc};
use domain::{
    BrandId, OperationInput, ProductBackground, ProductOperation, ProductSpec, ZONE_OPTIONS_KEY,
    ZoneOptions, ZoneSpec,
};
use serde_json::{Map, Value, json};

use crate::database::{Database, Transaction};
use crate::error::StoreError;
use crate::time::to_public;

/// What applying a product did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Applied {
    /// It is new.
    Created,
    /// It was there and has been brought up to date.
    Updated,
}

/// Writes one validated product with its zones and its default template, in one transaction.
///
/// `base_image` is the photograph's key in the object store, `base_image_url` its public address.
/// Zones that the specification no longer has are removed, and so is the default template when it no
/// longer names a model.
///
/// # Errors
/// [`StoreError::Database`] when the id or slug belongs to another brand's product,
/// [`StoreError::LimitReached`] for a new product above the brand's `maxProducts`.
pub async fn apply(
    db: &Database,
    now: DateTime<Utc>,
    brand: &BrandId,
    spec: &ProductSpec,
    base_image: &str,
    base_image_url: &str,
) -> Result<Applied, StoreError> {
    let mut tx = db.begin("catalog_apply").await?;
    let created = write_product(&mut tx, now, brand, spec, base_image, base_image_url).await?;
    if created {
        hold_limit(&mut tx, brand).await?;
    }
    drop_other_zones(&mut tx, spec).await?;
    for (place, zone) in spec.zones.iter().enumerate() {
        write_zone(&mut tx, now, spec, zone, place).await?;
    }
    write_template(&mut tx, now, brand, spec).await?;
    write_options(&mut tx, spec).await?;
    tx.commit().await?;
    Ok(if created {
        Applied::Created
    } else {
        Applied::Updated
    })
}

async fn write_product(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brand: &BrandId,
    spec: &ProductSpec,
    base_image: &str,
    base_image_url: &str,
) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"-- store::catalog::write_product
        INSERT INTO "Product" AS p (id, "brandId", slug, name, price, description, "baseImage",
            "baseImageUrl", "promptTemplate", "negativePrompt", "aiProvider", "generationQuality",
            "outputFormat", "outputWidth", "outputHeight", status, category, tags, "publishedAt",
            "createdAt", "updatedAt", "customizationOptions")
        VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'ACTIVE', $15, $16,
            $17, $17, $17, $18)
        ON CONFLICT (id) DO UPDATE
        SET slug = EXCLUDED.slug, name = EXCLUDED.name, description = EXCLUDED.description,
            "baseImage" = EXCLUDED."baseImage", "baseImageUrl" = EXCLUDED."baseImageUrl",
            "promptTemplate" = EXCLUDED."promptTemplate",
            "negativePrompt" = EXCLUDED."negativePrompt", "aiProvider" = EXCLUDED."aiProvider",
            "generationQuality" = EXCLUDED."generationQuality",
            "outputFormat" = EXCLUDED."outputFormat", "outputWidth" = EXCLUDED."outputWidth",
            "outputHeight" = EXCLUDED."outputHeight", status = 'ACTIVE',
            category = EXCLUDED.category, tags = EXCLUDED.tags, "updatedAt" = EXCLUDED."updatedAt",
            -- The older platform's other options stay as they are.
            "customizationOptions" = NULLIF(CASE
                WHEN jsonb_typeof(p."customizationOptions") = 'object'
                THEN p."customizationOptions" - 'zoneOptions' ELSE '{}' END
                || COALESCE(EXCLUDED."customizationOptions", '{}'), '{}')
        WHERE p."brandId" = EXCLUDED."brandId"
        RETURNING (xmax = 0) AS "created!""#,
        spec.id,
        brand.as_str(),
        spec.slug,
        spec.name,
        spec.description,
        base_image,
        base_image_url,
        spec.prompt.as_ref().map(|prompt| prompt.template.clone()),
        spec.prompt
            .as_ref()
            .and_then(|prompt| prompt.negative.clone()),
        spec.provider,
        spec.quality,
        spec.output_format.as_str(),
        i32::try_from(spec.output_width).unwrap_or(i32::MAX),
        i32::try_from(spec.output_height).unwrap_or(i32::MAX),
        spec.category,
        &spec.tags,
        to_public(now),
        zone_options(spec)
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| row.created)
        .ok_or_else(|| StoreError::Inconsistent {
            table: "Product",
            column: "brandId",
            id: spec.id.clone(),
            detail: "the product belongs to another brand".to_owned(),
        })
}

/// Refuses the product that was just written if the brand has more than it may have. Archived ones do not
/// count. Two transactions that make products of one brand pass here one after the other: the lock is
/// taken before the count's own statement begins, so the second sees what the first has committed. A
/// product that was there before may be changed above the limit, because a plan may shrink.
async fn hold_limit(tx: &mut Transaction, brand: &BrandId) -> Result<(), StoreError> {
    let limit = sqlx::query_scalar!(
        r#"-- store::catalog::lock_limit
        SELECT "maxProducts"::bigint AS "limit!" FROM "Brand" WHERE id = $1 FOR NO KEY UPDATE"#,
        brand.as_str()
    )
    .fetch_one(&mut **tx)
    .await?;
    let found = sqlx::query_scalar!(
        r#"-- store::catalog::count_products
        SELECT count(*) AS "count!" FROM "Product" WHERE "brandId" = $1 AND status <> 'ARCHIVED'"#,
        brand.as_str()
    )
    .fetch_one(&mut **tx)
    .await?;
    if found <= limit {
        return Ok(());
    }
    Err(StoreError::LimitReached {
        brand: brand.to_string(),
        what: "products",
        limit,
        advice: "archive one, or raise its plan",
    })
}

/// What zones say beyond their columns, for `"customizationOptions"`; `None` if none says anything.
fn zone_options(spec: &ProductSpec) -> Option<Value> {
    let said = spec
        .zones
        .iter()
        .filter(|zone| zone.options != ZoneOptions::default());
    let options: Map<String, Value> = said
        .map(|zone| (zone.id.clone(), json!(zone.options)))
        .collect();
    (!options.is_empty()).then(|| json!({ ZONE_OPTIONS_KEY: options }))
}

/// A row only where the product asks for anything unusual: most do not.
async fn write_options(tx: &mut Transaction, spec: &ProductSpec) -> Result<(), StoreError> {
    let operation = spec.generation.operation().unwrap_or_default();
    let input = operation.input().map(OperationInput::as_str);
    let background = spec.generation.background;
    let usual = operation == ProductOperation::Generate
        && background == ProductBackground::Any
        && spec.fallback.is_none();
    if usual {
        sqlx::query!(
            r#"-- store::catalog::drop_options
            DELETE FROM atelier.product_option WHERE product_id = $1"#,
            spec.id
        )
        .execute(&mut **tx)
        .await?;
        return Ok(());
    }
    sqlx::query!(
        r#"-- store::catalog::write_options
        INSERT INTO atelier.product_option
            (product_id, fallback, operation, input, background, mask)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (product_id) DO UPDATE SET fallback = EXCLUDED.fallback,
            operation = EXCLUDED.operation, input = EXCLUDED.input,
            background = EXCLUDED.background, mask = EXCLUDED.mask"#,
        spec.id,
        spec.fallback.as_deref(),
        operation.name(),
        input,
        background.as_str(),
        operation.mask()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn drop_other_zones(tx: &mut Transaction, spec: &ProductSpec) -> Result<(), StoreError> {
    let kept: Vec<String> = spec.zones.iter().map(|zone| zone.id.clone()).collect();
    sqlx::query!(
        r#"-- store::catalog::drop_other_zones
        DELETE FROM "CustomizationZone" WHERE "productId" = $1 AND id <> ALL($2)"#,
        spec.id,
        &kept
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn write_zone(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    spec: &ProductSpec,
    zone: &ZoneSpec,
    place: usize,
) -> Result<(), StoreError> {
    let order = zone
        .order
        .unwrap_or_else(|| i32::try_from(place).unwrap_or(i32::MAX));
    let written = sqlx::query!(
        r#"-- store::catalog::write_zone
        INSERT INTO "CustomizationZone" AS z (id, "productId", name, type, "positionX", "positionY",
            width, height, rotation, "maxLength", "allowedChars", "allowedFonts", "allowedColors",
            "minSize", "maxSize", "defaultValue", "defaultFont", "defaultColor", "defaultSize",
            "renderStyle", "order", required, "createdAt", "updatedAt")
        VALUES ($1, $2, $3, ($4::text)::"CustomizationType", $5, $6, $7, $8, $9, $10, $11, $12, $13,
            $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $23)
        ON CONFLICT (id) DO UPDATE
        SET name = EXCLUDED.name, type = EXCLUDED.type, "positionX" = EXCLUDED."positionX",
            "positionY" = EXCLUDED."positionY", width = EXCLUDED.width, height = EXCLUDED.height,
            rotation = EXCLUDED.rotation, "maxLength" = EXCLUDED."maxLength",
            "allowedChars" = EXCLUDED."allowedChars", "allowedFonts" = EXCLUDED."allowedFonts",
            "allowedColors" = EXCLUDED."allowedColors", "minSize" = EXCLUDED."minSize",
            "maxSize" = EXCLUDED."maxSize", "defaultValue" = EXCLUDED."defaultValue",
            "defaultFont" = EXCLUDED."defaultFont", "defaultColor" = EXCLUDED."defaultColor",
            "defaultSize" = EXCLUDED."defaultSize", "renderStyle" = EXCLUDED."renderStyle",
            "order" = EXCLUDED."order", required = EXCLUDED.required,
            "updatedAt" = EXCLUDED."updatedAt"
        WHERE z."productId" = EXCLUDED."productId""#,
        zone.id,
        spec.id,
        zone.name,
        zone.kind.as_str(),
        zone.x,
        zone.y,
        zone.width,
        zone.height,
        zone.rotation,
        zone.max_length
            .and_then(|length| i32::try_from(length).ok()),
        zone.allowed_chars,
        &zone.allowed_fonts,
        &zone.allowed_colors,
        zone.min_size,
        zone.max_size,
        zone.default_value,
        zone.default_font,
        zone.default_color,
        zone.default_size,
        zone.render_style,
        order,
        zone.required,
        to_public(now)
    )
    .execute(&mut **tx)
    .await?;
    if written.rows_affected() == 1 {
        return Ok(());
    }
    Err(StoreError::Inconsistent {
        table: "CustomizationZone",
        column: "productId",
        id: zone.id.clone(),
        detail: "the zone id belongs to another product".to_owned(),
    })
}

async fn drop_template(
    tx: &mut Transaction,
    brand: &BrandId,
    spec: &ProductSpec,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"-- store::catalog::drop_template
        DELETE FROM "Template" WHERE id = $1 AND "brandId" = $2"#,
        default_template_id(spec),
        brand.as_str()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn default_template_id(spec: &ProductSpec) -> String {
    format!("{}_default", spec.id)
}

/// The default template carries what the product's columns have no place for: the model and the style.
async fn write_template(
    tx: &mut Transaction,
    now: DateTime<Utc>,
    brand: &BrandId,
    spec: &ProductSpec,
) -> Result<(), StoreError> {
    let Some(model) = &spec.model else {
        return drop_template(tx, brand, spec).await;
    };
    let prompt = spec.prompt.as_ref();
    sqlx::query!(
        r#"-- store::catalog::write_template
        INSERT INTO "Template" AS t (id, "brandId", "productId", name, "promptTemplate",
            "negativePrompt", variables, "aiProvider", model, quality, style, "isDefault",
            "createdAt", "updatedAt")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, true, $12, $12)
        ON CONFLICT (id) DO UPDATE
        SET name = EXCLUDED.name, "promptTemplate" = EXCLUDED."promptTemplate",
            "negativePrompt" = EXCLUDED."negativePrompt", variables = EXCLUDED.variables,
            "aiProvider" = EXCLUDED."aiProvider", model = EXCLUDED.model,
            quality = EXCLUDED.quality, style = EXCLUDED.style, "updatedAt" = EXCLUDED."updatedAt"
        WHERE t."brandId" = EXCLUDED."brandId""#,
        default_template_id(spec),
        brand.as_str(),
        spec.id,
        format!("{} (default)", spec.name),
        prompt.map_or(domain::DEFAULT_TEMPLATE, |prompt| prompt.template.as_str()),
        prompt.and_then(|prompt| prompt.negative.clone()),
        json!(
            spec.zones
                .iter()
                .map(|zone| zone.name.clone())
                .collect::<Vec<_>>()
        ),
        spec.provider,
        model,
        spec.quality,
        spec.style,
        to_public(now)
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
