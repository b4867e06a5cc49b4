//! `public` after all migrations is exactly what a Prisma client of the personalisation models expects.

use std::collections::BTreeMap;

use sqlx::{Connection, Row};

use crate::world::World;

/// Every table with every column: name, type, `?` where it may be NULL, and its default after `=`.
/// `time` is `TIMESTAMP(3)`; lists may be NULL, as Prisma makes them.
const TABLES: &[(&str, &str)] = &[
    (
        "Brand",
        "id text, name text, slug text, description text?, logo text?, website text?,
         status BrandStatus='PENDING_VERIFICATION', companyName text?, vatNumber text?,
         address text?, city text?, country text?, postalCode text?, phone text?,
         stripeCustomerId text?, stripeSubscriptionId text?, plan text='starter',
         planExpiresAt time?, limits jsonb?, aiCostLimitCents integer=500000,
         aiCostUsedCents integer=0, aiCostResetAt time?, settings jsonb?, webhookUrl text?,
         webhookSecret text?, createdAt time=CURRENT_TIMESTAMP, updatedAt time,
         subscriptionPlan SubscriptionPlan='FREE', subscriptionStatus SubscriptionStatus='TRIALING',
         trialEndsAt time?, monthlyGenerations integer=0, maxMonthlyGenerations integer=100,
         maxProducts integer=5, arEnabled boolean=false, whiteLabel boolean=false, deletedAt time?",
    ),
    (
        "Product",
        "id text, brandId text, name text, description text?, sku text?, price numeric(10,2),
         currency text='EUR', images text[]?, baseAssetUrl text?, model3dUrl text?,
         modelConfig jsonb?, customizationOptions jsonb?, rulesJson jsonb?, baseCostCents integer?,
         laborCostCents integer?, overheadCostCents integer?, materialOptions jsonb?,
         finishOptions jsonb?, productionTime integer?, isActive boolean=true, isPublic boolean=true,
         createdAt time=CURRENT_TIMESTAMP, updatedAt time, slug text, baseImage text?,
         baseImageUrl text?, thumbnailUrl text?, promptTemplate text?, negativePrompt text?,
         aiProvider text='openai', generationQuality text='standard', outputFormat text='png',
         outputWidth integer=1024, outputHeight integer=1024, arEnabled boolean=true,
         arTrackingType text='surface', arScale float=1.0, arOffset jsonb?,
         status ProductStatus='DRAFT', category text?, tags text[]?, publishedAt time?",
    ),
    (
        "Webhook",
        "id text, brandId text, name text, url text, secret text, events WebhookEvent[]?,
         isActive boolean=true, lastCalledAt time?, lastStatusCode integer?, failureCount integer=0,
         createdAt time=CURRENT_TIMESTAMP, updatedAt time",
    ),
    (
        "WebhookLog",
        "id text, webhookId text, event text, payload jsonb, statusCode integer?, response text?,
         error text?, duration integer?, createdAt time=CURRENT_TIMESTAMP",
    ),
    (
        "ApiKey",
        "id text, brandId text, name text, key text, secret text?, scopes text[]?,
         permissions text[]?, rateLimit jsonb?, isActive boolean=true, lastUsedAt time?,
         expiresAt time?, createdAt time=CURRENT_TIMESTAMP, updatedAt time",
    ),
    (
        "ClientSettings",
        "id text, brandId text, primaryColor text='#000000', secondaryColor text='#ffffff',
         fontFamily text='Inter', borderRadius integer=8, defaultAiProvider text='openai',
         customApiKey text?, defaultQuality text='standard', defaultStyle text='realistic',
         arTrackingType text='face', arQuality text='medium', emailNotifications boolean=true,
         webhookEnabled boolean=false, createdAt time=CURRENT_TIMESTAMP, updatedAt time",
    ),
    (
        "CustomizationZone",
        "id text, productId text, name text, type CustomizationType, positionX float,
         positionY float, width float, height float, rotation float=0, maxLength integer?,
         allowedChars text?, allowedFonts text[]?, allowedColors text[]?, minSize integer?,
         maxSize integer?, defaultValue text?, defaultFont text?, defaultColor text?,
         defaultSize integer?, renderStyle text='engraved', order integer=0, required boolean=false,
         createdAt time=CURRENT_TIMESTAMP, updatedAt time",
    ),
    (
        "Template",
        "id text, brandId text, productId text?, name text, description text?, promptTemplate text,
         negativePrompt text?, variables jsonb, aiProvider text='openai', model text='dall-e-3',
         quality text='standard', style text='natural', exampleOutputs text[]?,
         isDefault boolean=false, isActive boolean=true, createdAt time=CURRENT_TIMESTAMP,
         updatedAt time",
    ),
    (
        "Generation",
        "id text, brandId text, productId text, publicId text, sessionId text?, customizations jsonb,
         userPrompt text?, finalPrompt text, negativePrompt text?, aiProvider text, model text,
         quality text, status GenerationStatus='PENDING', outputUrl text?, thumbnailUrl text?,
         arModelUrl text?, aiResponse jsonb?, processingTime integer?, tokensUsed integer?,
         cost numeric(10,6)?, errorMessage text?, errorCode text?, retryCount integer=0,
         ipAddress text?, userAgent text?, referrer text?, viewedInAr boolean=false,
         arViewCount integer=0, downloadCount integer=0, sharedCount integer=0,
         createdAt time=CURRENT_TIMESTAMP, completedAt time?, expiresAt time?",
    ),
    (
        "Invoice",
        "id text, brandId text, stripeInvoiceId text, amount numeric(10,2), currency text='eur',
         status text, periodStart time, periodEnd time, pdfUrl text?,
         createdAt time=CURRENT_TIMESTAMP, paidAt time?",
    ),
    (
        "UsageRecord",
        "id text, brandId text, type text, count integer=1, metadata jsonb?,
         recordedAt time=CURRENT_TIMESTAMP",
    ),
];

const ENUMS: &[(&str, &str)] = &[
    (
        "BrandStatus",
        "ACTIVE SUSPENDED PENDING_VERIFICATION VERIFIED",
    ),
    ("SubscriptionPlan", "FREE STARTER PROFESSIONAL ENTERPRISE"),
    ("SubscriptionStatus", "ACTIVE PAST_DUE CANCELED TRIALING"),
    (
        "GenerationStatus",
        "PENDING PROCESSING COMPLETED FAILED EXPIRED",
    ),
    (
        "CustomizationType",
        "TEXT IMAGE COLOR PATTERN FONT SIZE POSITION",
    ),
    ("ProductStatus", "DRAFT ACTIVE ARCHIVED"),
    (
        "WebhookEvent",
        "GENERATION_STARTED GENERATION_COMPLETED GENERATION_FAILED AR_VIEW",
    ),
];

/// Table, columns, and what a unique index or foreign key says of them.
const KEYS: &[&str] = &[
    "ApiKey brandId -> Brand on delete cascade",
    "ApiKey unique id",
    "ApiKey unique key",
    "Brand unique id",
    "Brand unique slug",
    "ClientSettings brandId -> Brand on delete cascade",
    "ClientSettings unique brandId",
    "ClientSettings unique id",
    "CustomizationZone index productId,order",
    "CustomizationZone productId -> Product on delete cascade",
    "CustomizationZone unique id",
    "Generation brandId -> Brand on delete cascade",
    "Generation productId -> Product on delete cascade",
    "Generation unique id",
    "Generation unique publicId",
    "Invoice brandId -> Brand on delete cascade",
    "Invoice unique id",
    "Invoice unique stripeInvoiceId",
    "Product brandId -> Brand on delete cascade",
    "Product unique brandId,slug",
    "Product unique id",
    "Template brandId -> Brand on delete cascade",
    "Template productId -> Product on delete cascade",
    "Template unique id",
    "UsageRecord index brandId,type,recordedAt",
    "UsageRecord unique id",
    "Webhook brandId -> Brand on delete cascade",
    "Webhook unique id",
    "WebhookLog unique id",
    "WebhookLog webhookId -> Webhook on delete cascade",
];

/// One column as the database has it, in the notation of [`TABLES`].
fn column(name: &str, kind: &str, nullable: bool, default: Option<&str>) -> String {
    let kind = kind
        .replace("timestamp(3) without time zone", "time")
        .replace("double precision", "float")
        .replace('"', "");
    let optional = if nullable { "?" } else { "" };
    let default = default.map_or(String::new(), |value| {
        let plain = value.split("::").next().unwrap_or(value);
        format!("={plain}")
    });
    format!("{name} {kind}{optional}{default}")
}

#[tokio::test]
async fn public_holds_exactly_the_named_tables_and_columns() {
    let world = World::new().await;
    let rows = sqlx::query(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS kind,
             NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS value
         FROM pg_class c
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')",
    )
    .fetch_all(&world.sql)
    .await
    .unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let text = column(
            row.get("attname"),
            row.get("kind"),
            row.get("nullable"),
            row.get::<Option<&str>, _>("value"),
        );
        found.entry(row.get("relname")).or_default().push(text);
    }
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (table, columns) in TABLES {
        let mut expected: Vec<String> = columns
            .split(", ")
            .flat_map(|part| part.split(",\n"))
            .map(|part| part.trim().to_owned())
            .collect();
        expected.sort();
        let columns = found.get_mut(*table).unwrap();
        columns.sort();
        assert_eq!(*columns, expected, "{table}");
    }
}

#[tokio::test]
async fn public_holds_exactly_the_named_enums_and_nothing_else_of_ours() {
    let world = World::new().await;
    let found: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.typname, string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder)
         FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid
         WHERE t.typnamespace = 'public'::regnamespace GROUP BY t.typname ORDER BY t.typname",
    )
    .fetch_all(&world.sql)
    .await
    .unwrap();
    let mut expected: Vec<(String, String)> = ENUMS
        .iter()
        .map(|(name, labels)| ((*name).to_owned(), (*labels).to_owned()))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
    let others = "SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
        + (SELECT count(*) FROM pg_class
           WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i'))
        + (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
           WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal)";
    assert_eq!(
        world.number(others).await,
        0,
        "no function, sequence, view or trigger"
    );
}

#[tokio::test]
async fn keys_and_indexes_of_public_are_exactly_these() {
    let world = World::new().await;
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT text FROM (
             SELECT c.relname || CASE WHEN i.indisunique THEN ' unique ' ELSE ' index ' END
                 || (SELECT string_agg(a.attname, ',' ORDER BY k.place)
                     FROM unnest(i.indkey) WITH ORDINALITY k (attribute, place)
                     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attribute) AS text
             FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
             WHERE c.relnamespace = 'public'::regnamespace
             UNION ALL
             SELECT c.relname || ' ' || a.attname || ' -> ' || f.relname
                 || CASE k.confdeltype WHEN 'c' THEN ' on delete cascade' ELSE '' END
             FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
             JOIN pg_class f ON f.oid = k.confrelid
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
             WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace) keys
         ORDER BY text COLLATE \"C\"",
    )
    .fetch_all(&world.sql)
    .await
    .unwrap();
    assert_eq!(found, KEYS);
}

/// `public` as the first migrations make it, in the words of the comparison.
async fn shape_after(files: usize) -> String {
    let database = testkit::TestDatabase::empty().await.unwrap();
    let mut connection = sqlx::PgConnection::connect(database.url()).await.unwrap();
    for migration in store::migrate::MIGRATOR.iter().take(files) {
        sqlx::raw_sql(migration.sql.clone())
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let shape = store::migrate::Shape::read(&mut connection, "public").await;
    shape.unwrap().text()
}

/// When a migration changes `public`: `UPDATE_SHAPES=1 cargo test -p store known_by_heart`.
#[tokio::test]
async fn the_shapes_known_by_heart_are_those_that_the_migrations_make() {
    for (files, known, name) in [
        (1, store::migrate::Shape::baseline(), "baseline"),
        (2, store::migrate::Shape::personalised(), "personalised"),
    ] {
        let made = shape_after(files).await;
        if std::env::var_os("UPDATE_SHAPES").is_some() {
            let file = format!("src/migrate/shape/{name}.txt");
            std::fs::write(file, &made).unwrap();
        } else {
            assert_eq!(known.text(), made, "{name}");
        }
    }
}
