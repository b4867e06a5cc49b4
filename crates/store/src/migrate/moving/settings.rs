//! `"Brand".settings` becomes `"ClientSettings"`: the keys that have a column are carried over, all of
//! them stay where they are.
//!
//! A brand has settings when they are a JSON object that is not empty. A key is known by the column's
//! name, in camelCase or snake_case, at the top level; deeper ones belong to the platform's own meaning
//! of them. A value of the wrong kind is left where it is and the column keeps its default.

use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::super::error::MigrationError;
use super::Batch;

/// The columns that a key of the settings may name, and what its value must be.
const COLUMNS: &[(&str, Kind)] = &[
    ("primaryColor", Kind::Text),
    ("secondaryColor", Kind::Text),
    ("fontFamily", Kind::Text),
    ("borderRadius", Kind::Pixels),
    ("defaultAiProvider", Kind::Text),
    ("customApiKey", Kind::Text),
    ("defaultQuality", Kind::Text),
    ("defaultStyle", Kind::Text),
    ("arTrackingType", Kind::Text),
    ("arQuality", Kind::Text),
    ("emailNotifications", Kind::Flag),
    ("webhookEnabled", Kind::Flag),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A string that is not empty.
    Text,
    /// A whole number, or a string of one with or without `px`.
    Pixels,
    /// `true` or `false`.
    Flag,
}

impl Kind {
    fn read(self, value: &Value) -> Option<Value> {
        match self {
            Self::Text => value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(Value::from),
            Self::Flag => value.as_bool().map(Value::from),
            Self::Pixels => {
                let number = value.as_i64().or_else(|| {
                    let text = value.as_str()?.trim();
                    text.strip_suffix("px")
                        .unwrap_or(text)
                        .trim_end()
                        .parse()
                        .ok()
                })?;
                i32::try_from(number).ok().map(Value::from)
            }
        }
    }
}

/// What of one brand's settings is carried over.
#[derive(Debug, Default, PartialEq)]
struct Mapped {
    /// Column → value.
    columns: Map<String, Value>,
    /// The keys that were carried over.
    mapped: Vec<String>,
    /// The keys that stay only where they are.
    kept: Vec<String>,
}

fn map(settings: &Map<String, Value>) -> Mapped {
    let mut found = Mapped::default();
    for (key, value) in settings {
        let column = COLUMNS
            .iter()
            .find(|(column, _)| key == column || *key == snake_case(column));
        match column.and_then(|(column, kind)| Some((column, kind.read(value)?))) {
            // In camelCase it is the platform's own spelling, which wins over another one.
            Some((column, value)) if key == column || !settings.contains_key(*column) => {
                found.columns.insert((*column).to_owned(), value);
                found.mapped.push(key.clone());
            }
            _ => found.kept.push(key.clone()),
        }
    }
    found
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// The next brands by id.
pub(super) async fn batch(
    connection: &mut PgConnection,
    cursor: &str,
    limit: i64,
) -> Result<Batch, MigrationError> {
    let ids = super::page(connection, "Brand", cursor, limit).await?;
    carry(connection, &ids).await?;
    Ok(Batch::page(ids, limit))
}

/// Carries the settings of brands over, or again where they changed. A `"ClientSettings"` row that
/// somebody else made is theirs.
pub(super) async fn carry(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<(), sqlx::Error> {
    let found: Vec<(String, Value)> = sqlx::query_as(
        r#"-- store::migrate::moving::settings::read
        SELECT id, settings FROM public."Brand"
        WHERE id = ANY($1) AND settings IS NOT NULL AND settings NOT IN ('null', '{}')"#,
    )
    .bind(ids)
    .fetch_all(&mut *connection)
    .await?;
    for (brand, settings) in found {
        let mapped = settings.as_object().map(map);
        archive(connection, &brand, &settings, mapped.as_ref()).await?;
        if let Some(mapped) = mapped {
            write(connection, &brand, &mapped).await?;
        }
    }
    Ok(())
}

async fn archive(
    connection: &mut PgConnection,
    brand: &str,
    settings: &Value,
    mapped: Option<&Mapped>,
) -> Result<(), sqlx::Error> {
    let none = Mapped::default();
    let mapped = mapped.unwrap_or(&none);
    sqlx::query(
        "-- store::migrate::moving::settings::archive
         INSERT INTO atelier.archived_brand_settings (brand_id, settings, mapped, kept)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (brand_id) DO UPDATE SET settings = $2, mapped = $3, kept = $4",
    )
    .bind(brand)
    .bind(settings)
    .bind(&mapped.mapped)
    .bind(&mapped.kept)
    .execute(connection)
    .await?;
    Ok(())
}

/// The row is made from a record that holds the columns' defaults and over it what was mapped. Its id
/// tells that the move made it, so that a changed setting finds it again.
async fn write(
    connection: &mut PgConnection,
    brand: &str,
    mapped: &Mapped,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        r##"-- store::migrate::moving::settings::write
        INSERT INTO public."ClientSettings"
        SELECT filled.* FROM public."Brand" b,
            jsonb_populate_record(NULL::public."ClientSettings", '{"primaryColor": "#000000",
                "secondaryColor": "#ffffff", "fontFamily": "Inter", "borderRadius": 8,
                "defaultAiProvider": "openai", "defaultQuality": "standard",
                "defaultStyle": "realistic", "arTrackingType": "face", "arQuality": "medium",
                "emailNotifications": true, "webhookEnabled": false}'::jsonb || $2
                || jsonb_build_object('id', 'settings:' || b.id, 'brandId', b.id,
                    'createdAt', b."createdAt", 'updatedAt', b."updatedAt")) AS filled
        WHERE b.id = $1
        ON CONFLICT ("brandId") DO UPDATE SET "primaryColor" = EXCLUDED."primaryColor",
            "secondaryColor" = EXCLUDED."secondaryColor", "fontFamily" = EXCLUDED."fontFamily",
            "borderRadius" = EXCLUDED."borderRadius",
            "defaultAiProvider" = EXCLUDED."defaultAiProvider",
            "customApiKey" = EXCLUDED."customApiKey", "defaultQuality" = EXCLUDED."defaultQuality",
            "defaultStyle" = EXCLUDED."defaultStyle", "arTrackingType" = EXCLUDED."arTrackingType",
            "arQuality" = EXCLUDED."arQuality",
            "emailNotifications" = EXCLUDED."emailNotifications",
            "webhookEnabled" = EXCLUDED."webhookEnabled", "updatedAt" = EXCLUDED."updatedAt"
        WHERE "ClientSettings".id = EXCLUDED.id
            AND "ClientSettings"."updatedAt" <= EXCLUDED."updatedAt""##,
    )
    .bind(brand)
    .bind(Value::Object(mapped.columns.clone()))
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::map;

    fn mapped(settings: Value) -> (Value, Vec<String>) {
        let found = map(settings.as_object().unwrap());
        (Value::Object(found.columns), found.kept)
    }

    #[test]
    fn known_keys_of_the_right_kind_are_carried_over_and_the_rest_is_named() {
        let (columns, kept) = mapped(json!({
            "primaryColor": "#b8860b", "border_radius": "12px", "emailNotifications": false,
            "webhookEnabled": "yes", "fontFamily": "", "loyalty": {"points": 3}, "primary_color": "#fff",
        }));
        assert_eq!(
            columns,
            json!({"primaryColor": "#b8860b", "borderRadius": 12, "emailNotifications": false})
        );
        assert_eq!(
            kept,
            ["fontFamily", "loyalty", "primary_color", "webhookEnabled"]
        );
    }

    #[test]
    fn a_number_too_large_for_its_column_stays_where_it_is() {
        let (columns, kept) = mapped(json!({"borderRadius": 3_000_000_000i64}));
        assert_eq!(
            (columns, kept),
            (json!({}), vec!["borderRadius".to_owned()])
        );
    }
}
