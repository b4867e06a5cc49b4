//! One job from its stream entry to its settlement, and what it leaves behind.

use std::sync::Arc;

use imaging::{DecodeLimits, decode};
use providers::{Synthetic, SyntheticConfig};
use serde_json::Value;
use store::intake::RequestOption;

use crate::world::{SIDE, World};

pub fn synthetic() -> Arc<Synthetic> {
    let config = SyntheticConfig {
        synthetic_latency_ms: 0,
        ..SyntheticConfig::default()
    };
    Arc::new(Synthetic::start(&config).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_job_leaves_two_pictures_one_usage_record_one_event_and_one_paid_attempt() {
    let world = World::new().await;
    let provider = synthetic();
    let worker = world.worker([provider.clone() as _]).await;
    let request = world.request("synthetic");
    let id = world.submit(&request).await;
    world.until_state(id, "done").await;

    assert_eq!(provider.calls_total(), 1);
    assert_eq!(world.attempts(id).await, [("settled".to_owned(), 40_000)]);
    let usage = world
        .text(r#"SELECT string_agg(id, ',') FROM "UsageRecord""#, &[])
        .await;
    assert_eq!(usage.unwrap(), format!("generation:{}", id.as_text()));
    let events = r#"SELECT count(*) FROM atelier.outbox WHERE kind = 'generation.completed'"#;
    assert_eq!(world.number(events, &[]).await, 1);
    let quota = world.text("SELECT quota FROM atelier.job", &[]).await;
    assert_eq!(
        (quota.as_deref(), world.quota_used().await),
        (Some("committed"), 1)
    );
    let row = world
        .sql
        .query_one(
            r#"SELECT status::text, "outputUrl", "thumbnailUrl", "finalPrompt", "negativePrompt",
                cost::text, "aiResponse" FROM "Generation""#,
            &[],
        )
        .await
        .unwrap();
    let url = format!("https://pictures.example/media/{}", request.public_id);
    assert_eq!(row.get::<_, &str>(0), "COMPLETED");
    assert_eq!(row.get::<_, &str>(1), format!("{url}/full"));
    assert_eq!(row.get::<_, &str>(2), format!("{url}/thumbnail"));
    assert_eq!(row.get::<_, &str>(3), "A motif.");
    assert_eq!(row.get::<_, &str>(4), "no text, no letters");
    assert_eq!(row.get::<_, &str>(5), "0.040000");
    let report: Value = row.get(6);
    assert_eq!(report["provider"], "synthetic");
    assert_eq!(report["text"][0]["lines"][0], "Zoë");
    for stage in [
        "queue",
        "prompt",
        "provider",
        "fetch_inputs",
        "compose",
        "encode",
        "store",
    ] {
        assert!(report["stages_ms"][stage].is_u64(), "{stage}: {report}");
    }
    assert_eq!(report["session"], worker.session.to_string());
    for (variant, key) in [("full", "full.png"), ("thumbnail", "thumbnail.jpg")] {
        let key = format!("out/{}/{key}", id.as_text());
        let bytes = world.objects.get(&key).await.unwrap().unwrap();
        let picture = decode(&bytes, &DecodeLimits::default()).unwrap();
        assert_eq!(
            (picture.width(), picture.height()),
            (SIDE, SIDE),
            "{variant}"
        );
    }
    assert_eq!(
        world
            .number("SELECT count(*) FROM atelier.asset", &[])
            .await,
        2
    );
    assert_eq!(
        worker.metric(r#"atelier_worker_jobs_total{outcome="done"}"#),
        1.0
    );
    worker.stop().await;
    let entries: u64 = world.queue.lengths().await.unwrap().values().sum();
    assert_eq!(entries, 0, "every entry is settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn further_widths_are_made_on_request_and_never_enlarged() {
    let world = World::new().await;
    let worker = world.worker([synthetic() as _]).await;
    let mut request = world.request("synthetic");
    request.option = Some(RequestOption {
        widths: vec![32, 4_000],
        ..RequestOption::default()
    });
    let id = world.submit(&request).await;
    world.until_state(id, "done").await;
    let sql = "SELECT string_agg(variant || ' ' || width_px || 'x' || height_px, ', '
        ORDER BY variant) FROM atelier.asset";
    let pictures = world.text(sql, &[]).await.unwrap();
    assert_eq!(
        pictures,
        "full 96x96, thumbnail 96x96, w32 32x32, w4000 96x96"
    );
    worker.stop().await;
}

/// The text of the one zone is asked for in a family; the report of the generation.
async fn reported(world: &World, worker_of: Arc<Synthetic>, family: &str) -> Value {
    let _worker = world.worker([worker_of as _]).await;
    let mut request = world.request("synthetic");
    request.customizations = serde_json::json!({"zone_name":
        {"type": "TEXT", "text": "Zoë", "font": family, "effect": "print"}});
    let id = world.submit(&request).await;
    world.until_state(id, "done").await;
    let row = world
        .sql
        .query_one(r#"SELECT "aiResponse" FROM "Generation""#, &[])
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brands_own_font_is_drawn_for_that_brand() {
    let world = World::new().await;
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/imaging/fonts/DancingScript-Bold.otf"
    );
    let bytes = std::fs::read(file).unwrap();
    let row = store::brand_fonts::BrandFontRow {
        family: "House Hand".to_owned(),
        object_key: store::objects::font_key("0123"),
        size_bytes: i32::try_from(bytes.len()).unwrap(),
        glyphs: 1,
    };
    let put = world
        .objects
        .put(&row.object_key, "font/sfnt", bytes.into());
    put.await.unwrap();
    let now = domain::Clock::now(&world.clock);
    let added = store::brand_fonts::put(&world.db, now, &"brand_1".into(), &row).await;
    assert!(added.unwrap());
    let report = reported(&world, synthetic(), "house hand").await;
    assert_eq!(report["text"][0]["font"], "House Hand");
    let fallbacks = &report["text"][0]["fallback_fonts"];
    assert_eq!(fallbacks.as_array().map(Vec::len), Some(0));
    assert!(!report["prompt_notes"].to_string().contains("font"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_font_that_nobody_has_is_said_with_the_one_that_was_drawn() {
    let world = World::new().await;
    let report = reported(&world, synthetic(), "Comic Sans MS").await;
    assert_eq!(report["text"][0]["font"], "Inter");
    let notes = report["prompt_notes"].to_string();
    assert!(
        notes.contains("Comic Sans MS") && notes.contains("drawn in Inter"),
        "{notes}"
    );
}
