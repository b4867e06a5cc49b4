//! What the rows must be like, and how files are laid over each other.

use super::*;
use crate::models::Priced;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn built_in() -> ModelRegistry {
    ModelRegistry::load(None).unwrap()
}

fn over(text: &str) -> Result<ModelRegistry, ModelsFileError> {
    let built_in = BUILT_IN.iter().copied();
    ModelRegistry::of_texts(built_in.chain([("mine.toml", text)]))
}

fn message(text: &str) -> String {
    over(text).unwrap_err().to_string()
}

#[test]
fn every_row_is_sane() {
    let registry = built_in();
    let mut seen = 0;
    for (provider, row) in registry.models() {
        let name = format!("{provider}/{}", row.name);
        seen += 1;
        assert!(!row.source.trim().is_empty(), "{name}");
        assert!(row.as_of >= day("2026-11-01"), "{name}: read long ago");
        assert!(row.price.valid_from <= row.as_of, "{name}");
        let (w, h) = row.sizes.nearest(1024, 1024);
        let quote = row.price.quote(&Priced {
            quality: "auto",
            width_px: w,
            height_px: h,
            input_images: 1,
            prompt_bytes: 100,
        });
        assert!(
            quote.expected.0 > 0 && quote.upper >= quote.expected,
            "{name}: {quote:?}"
        );
        assert!(
            quote.upper.0 < 2_000_000,
            "{name}: {quote:?} is no price of a picture"
        );
        for word in row.quality_words.values() {
            assert!(row.qualities.contains(word), "{name}: {word}");
        }
        if let PriceBasis::PerToken {
            image_out_tokens_per_megapixel: tokens,
            ..
        } = &row.price.basis
        {
            let priced: Vec<_> = tokens.keys().cloned().collect();
            let mut offered = row.qualities.clone();
            offered.sort();
            assert_eq!(priced, offered, "{name}: every quality has its price");
        }
        if let (Some(ends), Some(next)) = (row.retires_at, &row.replaced_by) {
            let used = registry.resolve(provider, &row.name, ends).unwrap();
            assert_eq!(&used.model.name, next, "{name}");
            assert_eq!(used.model.retires_at, None, "{name}: {next} lives on");
        }
    }
    assert!(seen >= 11);
}

#[test]
fn a_name_leads_to_the_model_of_the_day() {
    let registry = built_in();
    let used = |name: &str, today: &str| registry.resolve("openai", name, day(today)).unwrap();
    for live in [
        "gpt-image-2",
        "gpt-image-2-2026-04-21",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.5-sunburst-2026-09-08",
        "gpt-image-2.5-flare",
        "gpt-image-2.5-flare-2026-09-08",
        "gpt-image-2.6-sunburst",
        "gpt-image-2.6-flare",
    ] {
        let found = used(live, "2026-12-02");
        assert_eq!((&*found.model.name, found.note), (live, None));
    }
    for dying in ["gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest"] {
        let found = used(dying, "2026-11-30");
        assert_eq!((&*found.model.name, found.note), (dying, None));
        let found = used(dying, "2026-12-01");
        assert_eq!(found.model.name, "gpt-image-2");
        let note = found.note.unwrap();
        assert!(
            note.contains(dying) && note.contains("2026-12-01"),
            "{note}"
        );
    }
    for dead in ["dall-e-2", "dall-e-3", "gpt-image-1"] {
        let found = used(dead, "2026-11-22");
        assert_eq!(found.model.name, "gpt-image-2");
        assert_eq!(found.model.quality_words["hd"], "high");
        assert!(found.note.unwrap().contains(dead));
        assert_eq!(registry.get("openai", dead).unwrap().name, "gpt-image-2");
    }
}

#[test]
fn a_name_without_a_model_is_an_error_that_names_the_others() {
    let error = built_in().resolve("openai", "gpt-image-9", day("2026-11-22"));
    let shown = error.unwrap_err().to_string();
    assert!(
        shown.contains("gpt-image-9") && shown.contains("gpt-image-2.6-flare"),
        "{shown}"
    );
    assert!(built_in().get("openai", "gpt-image-9").is_none());
    assert!(built_in().get("stability", "gpt-image-2").is_none());
}

#[test]
fn a_file_changes_the_fields_it_gives_and_adds_rows() {
    let registry = over(
        r#"
        [[model]]
        provider = "openai"
        name = "gpt-image-2"
        retires_at = "2027-06-01"
        replaced_by = "gpt-image-3"

        [[model]]
        provider = "openai"
        name = "gpt-image-3"
        like = "gpt-image-2.6-flare"
        source = "a letter"
        "#,
    )
    .unwrap();
    let changed = registry.get("openai", "gpt-image-2").unwrap();
    assert_eq!(changed.retires_at, Some(day("2027-06-01")));
    assert_eq!(changed.max_input_images, 16, "the rest stays");
    let used = registry
        .resolve("openai", "dall-e-3", day("2027-06-01"))
        .unwrap();
    assert_eq!(used.model.name, "gpt-image-3");
    assert_eq!(used.model.source, "a letter");
    assert!(registry.text_model("openai", "gpt-5.4-mini").is_some());
}

#[test]
fn a_model_can_be_declared_retired() {
    let registry = over(
        r#"
        [[retired]]
        provider = "openai"
        name = "gpt-image-2.5-flare"
        retired_at = "2026-11-01"
        replaced_by = "gpt-image-2.6-flare"
        source = "a letter"
        as_of = "2026-11-22"
        "#,
    )
    .unwrap();
    let used = registry.resolve("openai", "gpt-image-2.5-flare", day("2026-11-22"));
    assert_eq!(used.unwrap().model.name, "gpt-image-2.6-flare");
}

#[test]
fn a_wrong_file_is_refused_with_file_row_and_field() {
    let row = |fields: &str| {
        message(&format!(
            "[[model]]\nprovider = \"openai\"\nname = \"gpt-image-2\"\n{fields}"
        ))
    };
    let at = "mine.toml: model 1 (openai/gpt-image-2): ";
    for (fields, field) in [
        ("max_prompt_chars = -1", "max_prompt_chars"),
        ("max_prompt_chars = 0", "max_prompt_chars"),
        ("transparant = true", "transparant"),
        ("operations = [\"dance\"]", "operations"),
        ("operations = []", "operations"),
        ("retires_at = \"soon\"", "retires_at"),
        ("retires_at = \"2027-01-01\"", "replaced_by"),
        (
            "retires_at = \"2027-01-01\"\nreplaced_by = \"gpt-image-0\"",
            "replaced_by",
        ),
        (
            "retires_at = \"2027-01-01\"\nreplaced_by = \"gpt-image-2\"",
            "replaced_by",
        ),
        ("source = \" \"", "source"),
        ("like = \"gpt-image-77\"", "like"),
        (
            "price = { valid_from = \"2026-01-01\", basis = { kind = \"per-image\", nano = -4 } }",
            "price",
        ),
        (
            "price = { valid_from = \"2026-01-01\", basis = { kind = \"per-image\", nano = \"4\" } }",
            "price",
        ),
    ] {
        let shown = row(fields);
        assert!(shown.starts_with(at), "{fields}: {shown}");
        assert!(shown.contains(field), "{fields}: {shown}");
    }
}

#[test]
fn a_file_that_is_no_list_of_rows_is_refused() {
    assert!(
        message("[[model]\n").starts_with("mine.toml: "),
        "{}",
        message("[[model]\n")
    );
    assert_eq!(
        message("[[models]]\n"),
        "mine.toml: models: is none of [[model]], [[retired]] and [[text_model]]"
    );
    assert_eq!(
        message("model = 3"),
        "mine.toml: model: is no list: write [[…]]"
    );
    assert_eq!(
        message("[[model]]\nname = \"x\""),
        "mine.toml: model 1: `provider` must be a name"
    );
    let twice = "[[model]]\nprovider = \"openai\"\nname = \"gpt-image-2\"\n".repeat(2);
    assert!(message(&twice).contains("model 2 (openai/gpt-image-2)"));
    let incomplete = "[[model]]\nprovider = \"openai\"\nname = \"gpt-image-3\"\n";
    let shown = message(incomplete);
    assert!(
        shown.contains("(openai/gpt-image-3): ") && shown.contains("missing field"),
        "{shown}"
    );
    let absent = ModelRegistry::load(Some(Path::new("/nowhere/models.toml")));
    assert_eq!(
        absent.unwrap_err().to_string(),
        "/nowhere/models.toml: cannot be read"
    );
}
