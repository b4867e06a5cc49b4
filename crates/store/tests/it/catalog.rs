//! Writing a brand's products and reading them back.

use domain::{BrandId, Plan, ProductId, ProductSpec};
use serde_json::{Value, json};
use store::StoreError;
use store::catalog::{Applied, apply};
use store::products::{CatalogEntry, ids_of_brand, load, template};

use crate::world::World;

fn spec(model: Option<&str>, zones: &[Value]) -> ProductSpec {
    serde_json::from_value(json!({
        "id": "ring", "slug": "gold-ring", "name": "Gold ring", "description": "A ring",
        "base_image": "ring.jpg", "output_width": 800, "output_height": 600,
        "output_format": "webp", "category": "rings", "tags": ["gold"], "provider": "openai",
        "model": model, "quality": "high", "style": "vivid",
        "prompt": {"template": "engrave {{ text }}", "negative": "blur"},
        "zone": zones,
    }))
    .unwrap()
}

fn zone(id: &str) -> Value {
    json!({
        "id": id, "name": "Text", "type": "TEXT", "x": 10.0, "y": 20.0, "width": 100.0,
        "height": 30.0, "rotation": 5.0, "max_length": 12, "allowed_chars": "a-z",
        "allowed_fonts": ["Inter"], "allowed_colors": ["#fff"], "min_size": 8, "max_size": 40,
        "default_value": "x", "default_font": "Inter", "default_color": "#fff",
        "default_size": 20, "render_style": "engraved", "required": true,
    })
}

async fn write(world: &World, spec: &ProductSpec) -> Applied {
    apply(
        &world.db,
        world.now(),
        &"a".into(),
        spec,
        "base/1.jpg",
        "https://cdn/1.jpg",
    )
    .await
    .unwrap()
}

async fn read(world: &World) -> CatalogEntry {
    load(&world.db, &["ring".into()]).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_product_reads_back_as_its_file_describes_it() {
    let world = World::new().await;
    let spec = spec(Some("gpt-image-1"), &[zone("z1"), zone("z2")]);
    assert_eq!(write(&world, &spec).await, Applied::Created);
    let entry = read(&world).await;
    let mut expected = spec.to_product("a".into(), Some("base/1.jpg".to_owned()));
    expected.base_image_url = Some("https://cdn/1.jpg".to_owned());
    assert_eq!(entry.product, expected);
    let found = entry.template.unwrap();
    assert_eq!(
        (found.model.as_str(), found.style.as_str()),
        ("gpt-image-1", "vivid")
    );
    assert_eq!(found.prompt_template, "engrave {{ text }}");
    let brand = BrandId::from("a");
    assert_eq!(
        template(&world.db, &brand, &found.id).await.unwrap(),
        Some(found.clone())
    );
    let other = BrandId::from("b");
    assert_eq!(template(&world.db, &other, &found.id).await.unwrap(), None);
    let ids = ids_of_brand(&world.db, &brand).await.unwrap();
    assert_eq!(
        ids,
        [ProductId::from("ring"), ProductId::from("a_product")],
        "by slug"
    );
}

#[tokio::test]
async fn every_option_of_a_zone_reads_back_and_goes_when_the_file_drops_it() {
    let world = World::new().await;
    let with = |id: &str, options: Value| {
        let mut zone = zone(id);
        zone["options"] = options;
        zone
    };
    let zones = [
        with(
            "z1",
            json!({
                "align": "right", "vertical_align": "top", "letter_spacing": 0.25,
                "arc": {"radius": 300.5, "side": "inside"}, "fit": "contain", "opacity": 0.5,
                "light": 135.0, "depth": 1.5,
            }),
        ),
        with("z2", json!({"arc": {"angle": 90.0}})),
        zone("z3"),
    ];
    let full = spec(None, &zones);
    write(&world, &full).await;
    // Another program's own key beside ours.
    let beside = r#"UPDATE "Product" SET "customizationOptions" =
        "customizationOptions" || '{"theirs": 1}' WHERE id = 'ring'"#;
    sqlx::query(beside).execute(&world.sql).await.unwrap();
    let read_back = read(&world).await.product.zones;
    for (read, said) in read_back.iter().zip(&full.zones) {
        assert_eq!(read.options, said.options, "{}", said.id);
    }
    let all = serde_json::to_value(read_back[0].options).unwrap();
    let said = all.as_object().unwrap();
    assert_eq!(
        said.len(),
        8,
        "an option has come that is not asked for above: {all}"
    );

    let mut plain = spec(
        None,
        &[zone("z1"), with("z2", json!({"arc": {"angle": 45.0}}))],
    );
    write(&world, &plain).await;
    let read_back = read(&world).await.product.zones;
    assert_eq!(read_back[0].options, domain::ZoneOptions::default());
    assert_eq!(read_back[1].options, plain.zones[1].options);

    plain.zones.pop();
    write(&world, &plain).await;
    let left: Value =
        sqlx::query_scalar(r#"SELECT "customizationOptions" FROM "Product" WHERE id = 'ring'"#)
            .fetch_one(&world.sql)
            .await
            .unwrap();
    assert_eq!(
        left,
        json!({"theirs": 1}),
        "what another program keeps there stays"
    );
}

#[tokio::test]
async fn applying_the_same_twice_changes_nothing_but_the_time() {
    let world = World::new().await;
    let spec = spec(Some("gpt-image-1"), &[zone("z1")]);
    write(&world, &spec).await;
    let first = read(&world).await;
    world.advance(60);
    assert_eq!(write(&world, &spec).await, Applied::Updated);
    assert_eq!(read(&world).await, first);
    let rows = r#"SELECT (SELECT count(*) FROM "Product" WHERE id = 'ring') +
        (SELECT count(*) FROM "CustomizationZone") + (SELECT count(*) FROM "Template")"#;
    assert_eq!(world.number(rows).await, 3);
    let created: chrono::NaiveDateTime =
        sqlx::query_scalar(r#"SELECT "createdAt" FROM "Product" WHERE id = 'ring'"#)
            .fetch_one(&world.sql)
            .await
            .unwrap();
    assert_eq!(created.to_string(), "2026-03-01 12:00:00");
}

#[tokio::test]
async fn what_a_changed_file_no_longer_has_is_gone() {
    let world = World::new().await;
    write(
        &world,
        &spec(Some("gpt-image-1"), &[zone("z1"), zone("z2")]),
    )
    .await;
    let mut changed = spec(None, &[zone("z2")]);
    changed.name = "Silver ring".to_owned();
    assert_eq!(write(&world, &changed).await, Applied::Updated);
    let entry = read(&world).await;
    assert_eq!(entry.product.name, "Silver ring");
    let zones: Vec<&str> = entry
        .product
        .zones
        .iter()
        .map(|zone| zone.id.as_str())
        .collect();
    assert_eq!(zones, ["z2"]);
    assert_eq!(entry.template, None, "the file names no model any more");
    write(&world, &spec(Some("gpt-image-2"), &[zone("z2")])).await;
    assert_eq!(read(&world).await.template.unwrap().model, "gpt-image-2");
}

#[tokio::test]
async fn the_ids_of_another_brand_and_another_product_are_refused_and_nothing_is_written() {
    let world = World::new().await;
    world.brand("b", Plan::Free, 10).await;
    write(&world, &spec(None, &[zone("z1")])).await;
    let stolen = apply(
        &world.db,
        world.now(),
        &"b".into(),
        &spec(None, &[]),
        "k",
        "u",
    )
    .await;
    assert!(matches!(
        stolen,
        Err(StoreError::Inconsistent {
            table: "Product",
            ..
        })
    ));
    let mut other = spec(None, &[zone("z1")]);
    other.id = "bracelet".to_owned();
    other.slug = "bracelet".to_owned();
    let stolen = apply(&world.db, world.now(), &"a".into(), &other, "k", "u").await;
    assert!(matches!(
        stolen,
        Err(StoreError::Inconsistent {
            table: "CustomizationZone",
            ..
        })
    ));
    assert!(
        load(&world.db, &["bracelet".into()])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(read(&world).await.product.zones.len(), 1);
}

#[tokio::test]
async fn a_row_that_cannot_be_a_product_is_named() {
    let world = World::new().await;
    world.run(r#"UPDATE "Product" SET "outputWidth" = 0"#).await;
    let error = load(&world.db, &["a_product".into()]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "inconsistent row in Product.outputWidth, id a_product: 0 pixels"
    );
    world
        .run(r#"UPDATE "Product" SET "outputWidth" = 1, "outputFormat" = 'gif'"#)
        .await;
    let error = load(&world.db, &["a_product".into()]).await.unwrap_err();
    assert!(
        error.to_string().contains("Product.outputFormat"),
        "{error}"
    );
}

#[tokio::test]
async fn a_product_is_active_only_if_both_of_its_columns_say_so() {
    let world = World::new().await;
    for (columns, expected) in [
        (
            r#"UPDATE "Product" SET status = 'ACTIVE', "isActive" = true"#,
            true,
        ),
        (
            r#"UPDATE "Product" SET status = 'ACTIVE', "isActive" = false"#,
            false,
        ),
        (
            r#"UPDATE "Product" SET status = 'DRAFT', "isActive" = true"#,
            false,
        ),
    ] {
        world.run(columns).await;
        let entry = load(&world.db, &["a_product".into()])
            .await
            .unwrap()
            .remove(0);
        assert_eq!(entry.product.active, expected);
    }
}

/// A product of its own without zones.
fn numbered(n: usize) -> ProductSpec {
    ProductSpec {
        id: format!("ring_{n}"),
        slug: format!("ring-{n}"),
        ..spec(None, &[])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn products_made_at_once_stop_at_the_brands_limit_and_leave_nothing_beyond_it() {
    let world = World::new().await;
    let limit = r#"UPDATE "Brand" SET "maxProducts" = 5 WHERE id = 'a'"#;
    sqlx::query(limit).execute(&world.sql).await.unwrap();
    let specs: Vec<ProductSpec> = (0..12).map(numbered).collect();
    let (now, brand) = (world.now(), BrandId::from("a"));
    let made = specs
        .iter()
        .map(|spec| apply(&world.db, now, &brand, spec, "base/1.jpg", ""));
    let made = futures::future::join_all(made).await;
    // The world's own product is the fifth.
    assert_eq!(made.iter().filter(|one| one.is_ok()).count(), 4);
    for refused in made.iter().filter_map(|one| one.as_ref().err()) {
        assert!(
            matches!(
                refused,
                StoreError::LimitReached {
                    limit: 5,
                    what: "products",
                    ..
                }
            ),
            "{refused}"
        );
        assert!(!refused.is_transient());
    }
    assert_eq!(ids_of_brand(&world.db, &brand).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_brand_above_its_limit_may_change_a_product_and_an_archived_one_makes_room() {
    let world = World::new().await;
    assert_eq!(write(&world, &numbered(0)).await, Applied::Created);
    let limit = r#"UPDATE "Brand" SET "maxProducts" = 1 WHERE id = 'a'"#;
    sqlx::query(limit).execute(&world.sql).await.unwrap();
    assert_eq!(write(&world, &numbered(0)).await, Applied::Updated);
    let (now, brand) = (world.now(), BrandId::from("a"));
    let refused = apply(&world.db, now, &brand, &numbered(1), "base/1.jpg", "").await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("may have 1 products"), "{refused}");
    let archive = r#"UPDATE "Product" SET status = 'ARCHIVED'"#;
    sqlx::query(archive).execute(&world.sql).await.unwrap();
    assert_eq!(write(&world, &numbered(1)).await, Applied::Created);
}
