//! Words that are refused, and words that only look dangerous.

use domain::{BrandId, Clock};
use serde_json::{Value, json};
use store::policies::{self, PolicyChange};
use testkit::hostile;

use crate::world::{BRAND, Options, World, problem};

fn pointers(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| {
            let text = |name: &str| error[name].as_str().unwrap();
            (text("pointer"), text("code"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_words_are_refused_where_they_stand_and_nothing_is_taken() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "# everybody's\nrotten egg\n").unwrap();
    let flag = format!("--deny-list-file={}", file.path().display());
    let world = World::start_with(Options {
        flags: vec![flag.leak()],
        ..Options::default()
    })
    .await;
    let own = PolicyChange {
        deny_list: Some("fool*".to_owned()),
        ..PolicyChange::default()
    };
    policies::change(&world.store, world.clock.now(), &BrandId::from(BRAND), &own)
        .await
        .unwrap();
    let before = world.footprint().await;
    let order = json!({
        "product_id": "mug",
        "customizations": {
            "zone_name": {"text": "Foolish"},
            "zone_pattern": {"pattern": "many r0tten éggs"},
        },
        "user_prompt": "a ROTTEN.EGG please",
    });
    let response = world.post("/v1/generations", &order).send().await.unwrap();
    let refused = problem(response, 422, "validation_failed").await;
    assert_eq!(
        pointers(&refused),
        [
            ("/user_prompt", "content_policy"),
            ("/customizations/zone_name/text", "content_policy"),
        ]
    );
    assert!(
        !refused.to_string().contains("fool*"),
        "the rule is not told"
    );
    assert_eq!(world.footprint().await, before);
    world.create().await;
    world.stop().await;
}

/// What is stored for a hostile text is the text, cleaned, or nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_are_kept_as_they_are_or_refused_with_a_reason() {
    let world = World::start().await;
    world
        .sql
        .batch_execute(r#"UPDATE "CustomizationZone" SET "allowedChars" = NULL, "maxLength" = 200"#)
        .await
        .unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for (name, text) in hostile::texts() {
        for (field, order) in [
            ("text", json!({"zone_name": {"text": text}})),
            (
                "pattern",
                json!({"zone_name": {"text": "Ada"}, "zone_pattern": {"pattern": text}}),
            ),
            ("user_prompt", json!({"zone_name": {"text": "Ada"}})),
        ] {
            let mut order = json!({"product_id": "mug", "customizations": order});
            if field == "user_prompt" {
                order["user_prompt"] = text.as_str().into();
            }
            let response = world.post("/v1/generations", &order).send().await.unwrap();
            let status = response.status().as_u16();
            let answer: Value = response.json().await.unwrap();
            match status {
                202 => {
                    accepted += 1;
                    kept(&world, field, &text, answer["id"].as_str().unwrap()).await;
                }
                422 => {
                    refused += 1;
                    assert!(!pointers(&answer).is_empty(), "{name} as {field}: {answer}");
                }
                other => panic!("{name} as {field}: {other} {answer}"),
            }
        }
    }
    // Most of them are only unusual; a gate that refuses everything would not do.
    assert!(
        accepted > 300 && refused > 50,
        "{accepted} accepted, {refused} refused"
    );
    world.stop().await;
}

async fn kept(world: &World, field: &str, text: &str, id: &str) {
    let row = world
        .sql
        .query_one(
            r#"SELECT customizations::text, "userPrompt" FROM "Generation" WHERE "publicId" = $1"#,
            &[&id],
        )
        .await
        .unwrap();
    let zones: Value = serde_json::from_str(row.get(0)).unwrap();
    let (stored, expected) = match field {
        "text" => (
            zones["zone_name"]["text"].as_str().map(str::to_owned),
            domain::clean_text(text, usize::MAX).unwrap(),
        ),
        "pattern" => (
            zones["zone_pattern"]["pattern"].as_str().map(str::to_owned),
            domain::clean_prompt(text, usize::MAX).unwrap(),
        ),
        _ => (
            row.get::<_, Option<String>>(1),
            domain::clean_prompt(text, usize::MAX).unwrap(),
        ),
    };
    assert_eq!(stored.unwrap_or_default(), expected, "{field}: {text:?}");
}
