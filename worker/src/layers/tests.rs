use std::collections::HashMap;

use domain::{ArSettings, OutputFormat, ZoneOptions};
use serde_json::{Value, json};

use super::*;

fn zone(id: &str, kind: ZoneType, at: (f64, f64, f64, f64)) -> Zone {
    let (x, y, width, height) = at;
    Zone {
        id: id.to_owned(),
        name: id.to_owned(),
        kind,
        area: domain::Area {
            x,
            y,
            width,
            height,
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
        render_style: "print".to_owned(),
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

fn filled(product: &Product, value: &Value) -> Customizations {
    Customizations::parse(product, value).unwrap()
}

fn picture(shade: u8) -> Arc<Picture> {
    Arc::new(Picture::from_rgb(1, 1, [shade; 3]).unwrap())
}

fn planned(product: &Product, value: &Value, base: Option<&Arc<Picture>>) -> Composition {
    let inputs = Inputs {
        base: base.cloned(),
        pictures: HashMap::new(),
        fonts: Arc::new(imaging::Fonts::bundled()),
    };
    plan(product, &filled(product, value), &inputs, &picture(7))
}

fn ids(plan: &Composition) -> Vec<&str> {
    plan.layers.iter().map(|layer| layer.id.as_str()).collect()
}

fn text_of(plan: &Composition, id: &str) -> imaging::TextLayer {
    let layer = plan.layers.iter().find(|layer| layer.id == id).unwrap();
    match &layer.content {
        Content::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

const ANYWHERE: (f64, f64, f64, f64) = (10.0, 10.0, 50.0, 20.0);
const AWAY: (f64, f64, f64, f64) = (150.0, 70.0, 40.0, 20.0);

#[test]
fn the_generated_picture_goes_to_pattern_zones_before_all_others() {
    let zones = vec![
        zone("photo", ZoneType::Image, AWAY),
        zone("motif", ZoneType::Pattern, ANYWHERE),
    ];
    let base = picture(1);
    let plan = planned(&product(zones.clone()), &Value::Null, Some(&base));
    assert_eq!(ids(&plan), ["motif"]);
    assert!(Arc::ptr_eq(&plan.base.unwrap().picture, &base));
    assert_eq!(
        generated_size(&product(zones), &Customizations::default()),
        (50, 20)
    );
}

#[test]
fn without_a_pattern_zone_it_fills_the_picture_zones_the_shopper_left_empty() {
    let zones = vec![
        zone("a", ZoneType::Image, ANYWHERE),
        zone("b", ZoneType::Image, AWAY),
    ];
    let product = product(zones);
    let value = json!({"a": {"url": "https://shop.example/a.png"}});
    let inputs = Inputs {
        base: Some(picture(1)),
        pictures: HashMap::from([("a".to_owned(), picture(9))]),
        fonts: Arc::new(imaging::Fonts::bundled()),
    };
    let plan = plan(&product, &filled(&product, &value), &inputs, &picture(7));
    let shades: Vec<u8> = plan
        .layers
        .iter()
        .map(|layer| match &layer.content {
            Content::Picture(layer) => layer.picture.pixel(0, 0).unwrap()[0],
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(shades, [9, 7]);
}

#[test]
fn without_any_place_and_without_a_photograph_it_is_the_background() {
    let product = product(vec![zone("name", ZoneType::Text, ANYWHERE)]);
    let plan = planned(&product, &json!({"name": "Zoë"}), None);
    assert_eq!(plan.base.unwrap().picture.pixel(0, 0).unwrap()[0], 7);
    assert_eq!(
        generated_size(&product, &Customizations::default()),
        (200, 100)
    );
    assert!(shows_generated(&product, &Customizations::default()));
    let photographed = Product {
        base_image: Some("base/x".to_owned()),
        ..product
    };
    assert!(!shows_generated(&photographed, &Customizations::default()));
}

#[test]
fn layers_come_in_the_order_of_the_zones_and_an_empty_text_has_none() {
    let mut zones = vec![
        zone("late", ZoneType::Text, ANYWHERE),
        zone("early", ZoneType::Color, ANYWHERE),
        zone("empty", ZoneType::Text, ANYWHERE),
    ];
    zones[0].order = 2;
    let value = json!({"late": "x", "early": "#102030", "empty": ""});
    let plan = planned(&product(zones), &value, None);
    assert_eq!(ids(&plan), ["early", "late"]);
}

#[test]
fn a_printed_colour_dyes_and_one_in_relief_covers() {
    let mut zones = vec![
        zone("dye", ZoneType::Color, ANYWHERE),
        zone("card", ZoneType::Color, AWAY),
    ];
    zones[1].render_style = "3d_shadow".to_owned();
    let value = json!({"dye": "#ff0000", "card": "#00ff00"});
    let plan = planned(&product(zones), &value, None);
    let blends: Vec<Blend> = plan.layers.iter().map(|layer| layer.blend).collect();
    assert_eq!(blends, [Blend::Multiply, Blend::Normal]);
    assert_eq!(plan.layers[1].style, imaging::RenderStyle::Shadow3d);
}

#[test]
fn a_text_is_set_by_its_own_choice_then_by_the_zones_over_it_then_by_its_zones_defaults() {
    let mut name = zone("name", ZoneType::Text, ANYWHERE);
    name.default_font = Some("Inter".to_owned());
    name.default_size = Some(12);
    name.default_color = Some("#112233".to_owned());
    name.max_size = Some(40);
    let mut other = zone("other", ZoneType::Text, AWAY);
    other.default_font = Some("Inter".to_owned());
    let zones = vec![
        name,
        other,
        zone("font", ZoneType::Font, ANYWHERE),
        zone("size", ZoneType::Size, ANYWHERE),
    ];
    let product = product(zones);
    let set = |value| text_of(&planned(&product, &value, None), "name");

    let text = set(json!({"name": "x"}));
    assert_eq!((text.font.as_str(), text.max_size_px), ("Inter", 12.0));
    assert_eq!(text.color, Some(Color::rgb(0x11, 0x22, 0x33)));

    let value = json!({"name": "x", "other": "y", "font": "EB Garamond", "size": 99});
    let plan = planned(&product, &value, None);
    let text = text_of(&plan, "name");
    assert_eq!(
        (text.font.as_str(), text.max_size_px),
        ("EB Garamond", 40.0)
    );
    assert_eq!(
        text_of(&plan, "other").font,
        "Inter",
        "the font zone does not lie over it"
    );

    let own = json!({"text": "x", "font": "Dancing Script", "size": 20});
    let text = set(json!({"name": own, "font": "EB Garamond", "size": 30}));
    assert_eq!(
        (text.font.as_str(), text.max_size_px),
        ("Dancing Script", 20.0)
    );
}

#[test]
fn a_font_that_the_texts_zone_does_not_allow_is_not_forced_on_it() {
    let mut name = zone("name", ZoneType::Text, ANYWHERE);
    name.allowed_fonts = vec!["Inter".to_owned()];
    let product = product(vec![name, zone("font", ZoneType::Font, AWAY)]);
    let plan = planned(&product, &json!({"name": "x", "font": "EB Garamond"}), None);
    assert_eq!(text_of(&plan, "name").font, "");
}

#[test]
fn a_position_moves_all_texts_together_and_keeps_them_inside() {
    let zones = vec![
        zone("one", ZoneType::Text, (0.0, 0.0, 40.0, 10.0)),
        zone("two", ZoneType::Text, (0.0, 20.0, 40.0, 10.0)),
        zone("place", ZoneType::Position, (150.0, 50.0, 10.0, 10.0)),
    ];
    let product = product(zones);
    let at = |x: f64, y: f64| {
        let value = json!({"one": "x", "two": "y", "place": {"x": x, "y": y}});
        let plan = planned(&product, &value, None);
        let corner = |layer: &Layer| (layer.area.x, layer.area.y);
        (corner(&plan.layers[0]), corner(&plan.layers[1]))
    };
    assert_eq!(at(100.0, 55.0), ((80.0, 40.0), (80.0, 60.0)));
    assert_eq!(at(200.0, 100.0), ((160.0, 85.0), (160.0, 90.0)));
    assert_eq!(at(0.0, 0.0), ((0.0, 0.0), (0.0, 5.0)));
}
