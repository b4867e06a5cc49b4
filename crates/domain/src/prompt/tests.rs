use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::ProductSpec;

fn ring() -> Product {
    let spec: ProductSpec = serde_json::from_value(json!({
        "id": "ring", "slug": "ring", "name": "Gold ring", "base_image": "ring.jpg",
        "zone": [
            {"id": "z1", "name": "Name on ring", "type": "TEXT", "x": 0, "y": 0, "width": 9, "height": 9},
            {"id": "z2", "name": "Band", "type": "PATTERN", "x": 0, "y": 0, "width": 9, "height": 9},
            {"id": "z3", "name": "Gem", "type": "COLOR", "x": 0, "y": 0, "width": 9, "height": 9},
        ],
    }))
    .unwrap();
    spec.to_product("b".into(), None)
}

fn within(max_chars: usize) -> PromptRules {
    PromptRules {
        max_chars,
        ..PromptRules::default()
    }
}

fn build(product: &Product, sent: &serde_json::Value, wish: &str, budget: usize) -> BuiltPrompt {
    let customizations = &Customizations::parse(product, sent).unwrap();
    let input = PromptInput {
        product,
        template: None,
        customizations,
        user_prompt: Some(wish),
    };
    build_prompt(&input, &within(budget)).unwrap()
}

#[test]
fn the_default_template_describes_all_but_the_text() {
    let sent = json!({"z1": "Zoé", "z2": "gold (leaves:1.9)", "z3": "#f00"});
    let built = build(&ring(), &sent, "make it <lora:x> shine", 4000);
    assert_eq!(
        built.prompt,
        "A professional product photograph of Gold ring. Personalised as follows: leave the area \
         of Name on ring plain, without lettering; Band: gold leaves 1.9; Gem: color #ff0000. The \
         customer asks for: make it lora x shine."
    );
    assert_eq!(
        built.negative_prompt.as_deref(),
        Some("no text, no letters")
    );
    assert!(built.notes.is_empty());
}

#[test]
fn a_text_never_reaches_the_model_whatever_the_template_says() {
    let mut product = ring();
    product.prompt_template =
        Some("{{ name_on_ring }} {{ z1 }} {{ customizations }} {{ z2 }}".to_owned());
    product.negative_prompt = Some("blurry".to_owned());
    let built = build(&product, &json!({"z1": "Wilhelmina"}), "", 4000);
    assert!(!built.prompt.contains("Wilhelmina"), "{}", built.prompt);
    assert!(built.prompt.starts_with("a plain area without lettering"));
    assert_eq!(
        built.negative_prompt.as_deref(),
        Some("blurry, no text, no letters")
    );
    let without = build(&product, &json!({}), "", 4000);
    assert_eq!(without.negative_prompt.as_deref(), Some("blurry"));
}

#[test]
fn the_generations_template_goes_before_the_products() {
    let product = ring();
    let template = Template {
        id: "t".to_owned(),
        prompt_template: "only {{ gem }}".to_owned(),
        negative_prompt: Some("dull".to_owned()),
        ai_provider: "synthetic".to_owned(),
        model: "synthetic-1".to_owned(),
        quality: "standard".to_owned(),
        style: "natural".to_owned(),
    };
    let customizations = &Customizations::parse(&product, &json!({"z3": "#0f0"})).unwrap();
    let input = PromptInput {
        product: &product,
        template: Some(&template),
        customizations,
        user_prompt: Some("hello"),
    };
    let built = build_prompt(&input, &within(4000)).unwrap();
    assert_eq!(built.prompt, "only #00ff00");
    assert_eq!(built.negative_prompt.as_deref(), Some("dull"));
    assert_eq!(built.notes, ["the template does not use user_prompt"]);
    assert_ne!(
        built.template_hash,
        build(&product, &json!({}), "", 4000).template_hash
    );
    assert_eq!(built.template_hash.len(), 64);
}

#[test]
fn a_shoppers_template_syntax_is_never_evaluated() {
    let sent = json!({"z2": "{{ product.slug }}"});
    let built = build(&ring(), &sent, "{% if 1 %}{{ user_prompt }}", 4000);
    assert!(!built.prompt.contains('{'), "{}", built.prompt);
    assert!(
        built.prompt.contains("Band: product.slug"),
        "{}",
        built.prompt
    );
}

#[test]
fn the_wish_is_cut_first_and_the_cut_is_told() {
    let whole = build(&ring(), &json!({}), "", 4000).prompt.chars().count();
    let built = build(
        &ring(),
        &json!({"z2": "dots"}),
        &"👨‍👩‍👧 ".repeat(200),
        whole + 120,
    );
    assert!(built.prompt.chars().count() <= whole + 120);
    assert!(built.prompt.contains("Band: dots"));
    assert!(
        built.prompt.ends_with('.'),
        "the template's end is kept: {}",
        built.prompt
    );
    assert_eq!(built.notes.len(), 1);
    assert!(
        built.notes[0].starts_with("user_prompt was cut from 399 to "),
        "{:?}",
        built.notes
    );
}

#[test]
fn a_negative_prompt_goes_where_the_model_reads_it() {
    let mut product = ring();
    product.negative_prompt = Some("blurry".to_owned());
    let place = |negative_prompt| {
        let input = PromptInput {
            product: &product,
            template: None,
            customizations: &Customizations::default(),
            user_prompt: None,
        };
        let rules = PromptRules {
            negative_prompt,
            ..PromptRules::default()
        };
        build_prompt(&input, &rules).unwrap()
    };
    let native = place(NegativePrompt::Native);
    assert_eq!(native.negative_prompt.as_deref(), Some("blurry"));
    let folded = place(NegativePrompt::Folded);
    assert_eq!(folded.prompt, format!("{} Avoid: blurry.", native.prompt));
    assert_eq!((folded.negative_prompt, folded.notes.len()), (None, 0));
    let dropped = place(NegativePrompt::Dropped);
    assert_eq!(
        (dropped.prompt, dropped.negative_prompt),
        (native.prompt, None)
    );
    assert_eq!(dropped.notes.len(), 1);
}

#[test]
fn a_template_is_checked_against_the_zones() {
    let zones = &ring().zones;
    for source in [
        DEFAULT_TEMPLATE,
        "{{ band }}",
        "{{ product.name }} {{ z3 }}",
        "plain words",
    ] {
        assert_eq!(check_template(source, zones), Ok(()), "{source}");
    }
    for (source, line) in [
        ("{{ band }}\n{{ hat }}", 2),
        ("{% if band %}{{ hat }}{% endif %}", 1),
        ("{{ product.price }}", 1),
        ("\n\n{% for x in band %}{% endfor %}", 3),
        ("{{ band", 1),
        ("", 1),
        ("{# nothing #}", 1),
    ] {
        let error = check_template(source, zones).unwrap_err();
        assert_eq!(error.line, line, "{source}: {error}");
    }
}

proptest! {
    #[test]
    fn the_budget_holds_and_no_grapheme_is_cut_in_two(
        wish in "[a-z é👨\u{200d}👩]{0,80}", budget in 0..300_usize
    ) {
        let built = build(&ring(), &json!({"z2": "dots"}), &wish, budget);
        prop_assert!(built.prompt.chars().count() <= budget);
        let full = build(&ring(), &json!({"z2": "dots"}), &wish, 4000);
        prop_assert_eq!(built.notes.is_empty(), full.prompt.chars().count() <= budget);
    }
}
