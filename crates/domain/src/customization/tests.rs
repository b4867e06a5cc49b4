use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::product::{ArSettings, OutputFormat, Product};
use crate::zones::{Area, ZoneOptions};

fn zone(id: &str, kind: ZoneType) -> Zone {
    Zone {
        id: id.to_owned(),
        name: id.to_owned(),
        kind,
        area: Area {
            x: 0.0,
            y: 0.0,
            width: 100.0,
            height: 50.0,
            rotation: 0.0,
        },
        max_length: None,
        allowed_chars: None,
        allowed_fonts: Vec::new(),
        allowed_colors: Vec::new(),
        min_size: None,
        max_size: None,
        default_value: None,
        default_font: None,
        default_color: None,
        default_size: None,
        render_style: "engraved".to_owned(),
        order: 0,
        required: false,
        options: ZoneOptions::default(),
    }
}

fn product(zones: Vec<Zone>) -> Product {
    Product {
        id: "p".into(),
        brand_id: "b".into(),
        slug: "p".to_owned(),
        name: "P".to_owned(),
        base_image: None,
        base_image_url: None,
        prompt_template: None,
        negative_prompt: None,
        ai_provider: "synthetic".to_owned(),
        quality: "standard".to_owned(),
        output_format: OutputFormat::Png,
        output_width_px: 200,
        output_height_px: 100,
        active: true,
        ar: ArSettings::default(),
        zones,
    }
}

/// One zone of every type, its id the type's name in lower case.
fn every_type() -> Product {
    product(
        ZoneType::ALL
            .map(|kind| zone(&kind.as_str().to_lowercase(), kind))
            .to_vec(),
    )
}

fn parse_one(zone: Zone, value: Value) -> Result<Value, Vec<(String, &'static str)>> {
    let id = zone.id.clone();
    match Customizations::parse(&product(vec![zone]), &json!({ id.clone(): value })) {
        Ok(parsed) => Ok(parsed.to_json().get(&id).cloned().unwrap_or(Value::Null)),
        Err(faults) => Err(faults.into_iter().map(|f| (f.pointer, f.code)).collect()),
    }
}

fn faults(product: &Product, value: &Value) -> Vec<(String, &'static str)> {
    let faults = Customizations::parse(product, value).unwrap_err();
    assert!(faults.iter().all(|fault| !fault.detail.is_empty()));
    faults
        .into_iter()
        .map(|fault| (fault.pointer, fault.code))
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_spelling_of_every_type_is_read() {
    let dot = "data:image/png;base64,iVBORw0KGgo=";
    for (kind, spellings, canonical) in [
        (
            ZoneType::Text,
            vec![
                json!("Zoé"),
                json!({"value": "Zoé"}),
                json!({"text": "Zoe\u{301}", "type": "text"}),
            ],
            json!({"type": "TEXT", "text": "Zoé", "effect": "engraved"}),
        ),
        (
            ZoneType::Text,
            vec![
                json!({"text": "A", "font": "Inter", "color": "#F00", "size": 12.0, "effect": "THREE_D"}),
            ],
            json!({"type": "TEXT", "text": "A", "font": "Inter", "color": "#ff0000", "size": 12,
                   "effect": "3d_shadow"}),
        ),
        (
            ZoneType::Image,
            vec![
                json!("https://a.example/x.png"),
                json!({"url": "https://a.example/x.png"}),
                json!({"imageUrl": "https://a.example/x.png"}),
                json!({"image": "https://a.example/x.png"}),
            ],
            json!({"type": "IMAGE", "url": "https://a.example/x.png"}),
        ),
        (
            ZoneType::Image,
            vec![json!({ "data": dot })],
            json!({"type": "IMAGE", "data": dot}),
        ),
        (
            ZoneType::Color,
            vec![
                json!("#FFF"),
                json!({"color": "#ffffff"}),
                json!({"value": "#FfFfFf"}),
            ],
            json!({"type": "COLOR", "color": "#ffffff"}),
        ),
        (
            ZoneType::Pattern,
            vec![json!("gold\n leaves"), json!({"pattern": " gold leaves "})],
            json!({"type": "PATTERN", "pattern": "gold leaves"}),
        ),
        (
            ZoneType::Font,
            vec![json!("Inter"), json!({"font": "Inter"})],
            json!({"type": "FONT", "font": "Inter"}),
        ),
        (
            ZoneType::Size,
            vec![json!(54), json!({"size": 54})],
            json!({"type": "SIZE", "size": 54}),
        ),
        (
            ZoneType::Position,
            vec![
                json!({"x": 0, "y": 100}),
                json!({"value": {"x": 0, "y": 100.0}}),
            ],
            json!({"type": "POSITION", "x": 0.0, "y": 100.0}),
        ),
    ] {
        for given in spellings {
            assert_eq!(
                parse_one(zone("z", kind), given.clone()),
                Ok(canonical.clone()),
                "{given}"
            );
        }
    }
}

#[test]
fn a_wrong_json_type_is_a_fault_at_its_field() {
    for (kind, value, pointer) in [
        (ZoneType::Text, json!(5), "/customizations/z"),
        (
            ZoneType::Text,
            json!({"text": ["a"]}),
            "/customizations/z/text",
        ),
        (
            ZoneType::Text,
            json!({"text": "a", "size": "12"}),
            "/customizations/z/size",
        ),
        (ZoneType::Image, json!({"url": 1}), "/customizations/z/url"),
        (ZoneType::Color, json!(true), "/customizations/z"),
        (ZoneType::Size, json!("54"), "/customizations/z"),
        (ZoneType::Position, json!("1,2"), "/customizations/z"),
        (
            ZoneType::Position,
            json!({"x": "1", "y": 2}),
            "/customizations/z/x",
        ),
    ] {
        let expected = Err(vec![(pointer.to_owned(), "wrong_type")]);
        assert_eq!(
            parse_one(zone("z", kind), value.clone()),
            expected,
            "{kind} {value}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn the_bounds_of_a_text_zone_hold() {
    let bounded = || Zone {
        max_length: Some(4),
        allowed_chars: Some("A-Za-zé".to_owned()),
        allowed_fonts: vec!["Inter".to_owned(), "Lora".to_owned()],
        allowed_colors: vec!["#FFF".to_owned()],
        min_size: Some(10),
        max_size: Some(20),
        ..zone("z", ZoneType::Text)
    };
    for (value, pointer, code) in [
        (json!("abcde"), "", "text_too_long"),
        (json!("ab1"), "", "char_not_allowed"),
        (json!({"text": "a\u{202e}"}), "/text", "text_bidi_character"),
        (
            json!({"text": "a", "font": "Arial"}),
            "/font",
            "font_not_allowed",
        ),
        (
            json!({"text": "a", "color": "#000"}),
            "/color",
            "color_not_allowed",
        ),
        (json!({"text": "a", "color": "red"}), "/color", "color_form"),
        (
            json!({"text": "a", "size": 9}),
            "/size",
            "size_out_of_range",
        ),
        (
            json!({"text": "a", "size": 20.5}),
            "/size",
            "size_out_of_range",
        ),
        (
            json!({"text": "a", "size": 1e300}),
            "/size",
            "size_out_of_range",
        ),
        (
            json!({"text": "a", "effect": "hologram"}),
            "/effect",
            "unknown_effect",
        ),
        (
            json!({"text": "a", "value": "b"}),
            "/value",
            "duplicate_field",
        ),
        (
            json!({"text": "a", "weight": 1}),
            "/weight",
            "unknown_field",
        ),
        (
            json!({"text": "a", "type": "IMAGE"}),
            "/type",
            "type_mismatch",
        ),
        (
            json!({"value": {"value": "a"}}),
            "/value/value",
            "unknown_field",
        ),
    ] {
        let expected = Err(vec![(format!("/customizations/z{pointer}"), code)]);
        assert_eq!(parse_one(bounded(), value.clone()), expected, "{value}");
    }
    let fits = json!({"text": "Zoé", "font": "LORA", "color": "#ffffff", "size": 20});
    let parsed = parse_one(bounded(), fits).unwrap();
    assert_eq!(parsed["font"], "Lora", "the zone's own spelling is stored");
}

#[test]
fn a_position_stays_on_the_product_and_is_whole() {
    for (value, expected) in [
        (
            json!({"x": 200.1, "y": 0}),
            vec![("/customizations/z/x", "position_out_of_range")],
        ),
        (
            json!({"x": -1, "y": 101}),
            vec![
                ("/customizations/z/x", "position_out_of_range"),
                ("/customizations/z/y", "position_out_of_range"),
            ],
        ),
        (json!({"x": 1}), vec![("/customizations/z/y", "required")]),
    ] {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(p, c)| (p.to_owned(), c))
            .collect();
        assert_eq!(
            parse_one(zone("z", ZoneType::Position), value),
            Err(expected)
        );
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let mut product = every_type();
    product.zones[6].required = true;
    let sent = json!({
        "text": {"text": 1, "color": "x"}, "image": "ftp://a", "size": 0, "hat": {}, "a/b": 1
    });
    let mut found = faults(&product, &sent);
    found.sort();
    let expected = [
        ("/customizations/a~1b", "unknown_zone"),
        ("/customizations/hat", "unknown_zone"),
        ("/customizations/image", "image_url_scheme"),
        ("/customizations/position", "required"),
        ("/customizations/size", "size_out_of_range"),
        ("/customizations/text/color", "color_form"),
        ("/customizations/text/text", "wrong_type"),
    ];
    assert_eq!(
        found,
        expected.map(|(pointer, code)| (pointer.to_owned(), code))
    );
}

#[test]
fn an_unknown_zone_is_answered_with_the_known_ones() {
    let detail = |product: &Product| {
        Customizations::parse(product, &json!({"hat": 1})).unwrap_err()[0]
            .detail
            .clone()
    };
    assert_eq!(detail(&product(vec![])), "this product has no zones");
    let two = product(vec![
        zone("z1", ZoneType::Text),
        zone("z2", ZoneType::Color),
    ]);
    assert_eq!(detail(&two), "this product has the zones z1, z2");
}

#[test]
fn a_zone_that_is_not_sent_takes_its_default_and_an_emptied_one_stays_empty() {
    let with_default = |required| Zone {
        default_value: Some("Léa".to_owned()),
        default_font: Some("Inter".to_owned()),
        default_color: Some("#ABC".to_owned()),
        default_size: Some(30),
        required,
        ..zone("z", ZoneType::Text)
    };
    let default = json!({"type": "TEXT", "text": "Léa", "font": "Inter", "color": "#aabbcc",
                         "size": 30, "effect": "engraved"});
    for required in [true, false] {
        assert_eq!(
            parse_one(with_default(required), Value::Null),
            Ok(default.clone())
        );
        assert_eq!(
            parse_one(with_default(required), json!({})),
            Ok(default.clone())
        );
    }
    assert_eq!(parse_one(with_default(false), json!("  ")), Ok(Value::Null));
    assert_eq!(parse_one(with_default(true), json!("  ")), Ok(default));
    let without = Zone {
        required: true,
        ..zone("z", ZoneType::Text)
    };
    let required = Err(vec![("/customizations/z".to_owned(), "required")]);
    for empty in [json!(""), json!({}), Value::Null, json!({"font": "Inter"})] {
        assert_eq!(parse_one(without.clone(), empty), required);
    }
}

#[test]
fn defaults_of_every_type_are_read_from_their_stored_text() {
    for (kind, text, canonical) in [
        (
            ZoneType::Color,
            "#FFF",
            json!({"type": "COLOR", "color": "#ffffff"}),
        ),
        (ZoneType::Size, "54", json!({"type": "SIZE", "size": 54})),
        (
            ZoneType::Font,
            "Inter",
            json!({"type": "FONT", "font": "Inter"}),
        ),
        (
            ZoneType::Position,
            "10, 20.5",
            json!({"type": "POSITION", "x": 10.0, "y": 20.5}),
        ),
        (
            ZoneType::Pattern,
            "dots",
            json!({"type": "PATTERN", "pattern": "dots"}),
        ),
    ] {
        let zone = Zone {
            default_value: Some(text.to_owned()),
            ..zone("z", kind)
        };
        assert_eq!(parse_one(zone, Value::Null), Ok(canonical));
    }
}

#[test]
fn the_limits_on_zones_and_bytes_hold() {
    let many: serde_json::Map<_, _> = (0..65).map(|i| (format!("z{i}"), json!(1))).collect();
    let found = faults(&every_type(), &Value::Object(many));
    assert_eq!(found, [("/customizations".to_owned(), "too_many_zones")]);
    let long = json!({"text": "a".repeat(MAX_CUSTOMIZATIONS_BYTES)});
    let found = faults(&every_type(), &long);
    assert_eq!(
        found,
        [("/customizations".to_owned(), "customizations_too_large")]
    );
    let picture = format!(
        "data:image/png;base64,{}",
        "AAAA".repeat(MAX_CUSTOMIZATIONS_BYTES)
    );
    assert!(Customizations::parse(&every_type(), &json!({ "image": picture })).is_ok());
}

#[test]
fn something_other_than_an_object_is_refused_and_null_is_empty() {
    for value in [json!([]), json!("x"), json!(1), json!(true)] {
        assert_eq!(
            faults(&every_type(), &value),
            [("/customizations".to_owned(), "wrong_type")]
        );
    }
    assert_eq!(
        Customizations::parse(&every_type(), &Value::Null),
        Ok(Customizations::default())
    );
}

#[test]
fn entries_come_in_the_zones_order_also_from_storage() {
    let mut product = every_type();
    for (order, zone) in (0..).zip(product.zones.iter_mut().rev()) {
        zone.order = order;
    }
    let sent = json!({"text": "a", "color": "#000", "size": 3, "pattern": "dots"});
    let parsed = Customizations::parse(&product, &sent).unwrap();
    let order: Vec<&str> = parsed
        .entries
        .iter()
        .map(|entry| entry.zone_id.as_str())
        .collect();
    assert_eq!(order, ["size", "pattern", "color", "text"]);
    let stored = Customizations::from_stored(&parsed.to_json(), &product.zones).unwrap();
    assert_eq!(stored, parsed);
    let later = Customizations::from_stored(&parsed.to_json(), &product.zones[..3]).unwrap();
    assert_eq!(
        later.entries.len(),
        4,
        "a zone that exists no more keeps its value"
    );
}

#[test]
fn a_foreign_stored_value_is_an_error_that_names_the_zone() {
    let error = Customizations::from_stored(&json!({"z": {"text": "a"}}), &[]).unwrap_err();
    assert_eq!(error.zone_id, "z");
    assert!(Customizations::from_stored(&json!([]), &[]).is_err());
}

/// Any JSON, with the keys that mean something occurring often.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-10.0..300.0).prop_map(|number: f64| json!(number)),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!("#fff")),
        Just(json!("https://a.example/é")),
        Just(json!("data:image/png;base64,AAAA")),
    ];
    let key = prop_oneof![
        "[a-z]{1,3}",
        proptest::sample::select(vec![
            "text", "font", "color", "size", "effect", "value", "type", "image", "url", "x", "y",
            "pattern", "position",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_accepted_is_canonical_and_reads_back(sent in any_json()) {
        let product = every_type();
        if let Ok(parsed) = Customizations::parse(&product, &sent) {
            let stored = parsed.to_json();
            prop_assert_eq!(&Customizations::parse(&product, &stored).unwrap(), &parsed);
            prop_assert_eq!(&Customizations::from_stored(&stored, &product.zones).unwrap(), &parsed);
        }
    }

    #[test]
    fn every_fault_points_into_the_customizations(sent in any_json()) {
        if let Err(faults) = Customizations::parse(&every_type(), &sent) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(fault.pointer.starts_with("/customizations"));
            }
        }
    }
}
