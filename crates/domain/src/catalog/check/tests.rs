use super::*;

const MUG: &str = r##"
id = "prod_demo_mug"
slug = "demo-mug"
name = "Mug"
description = "A mug."
base_image = "base.jpg"
output_width = 1024
output_height = 1024
output_format = "png"
category = "kitchen"
tags = ["mug"]
provider = "synthetic"
model = "synthetic-1"
quality = "standard"
style = "natural"

[prompt]
template = "A mug with {{ pattern }}. {{ customizations }} {{ user_prompt }}"
negative = "blurry"

[[zone]]
id = "zone_name"
name = "Name"
type = "TEXT"
x = 100
y = 200.5
width = 400
height = 120
rotation = -5
max_length = 20
allowed_chars = "A-Za-zÀ-ÿ '-"
allowed_fonts = ["Inter", "Lora"]
allowed_colors = ["#fff", "#000000"]
min_size = 12
max_size = 96
default_value = "Zoé"
default_font = "Inter"
default_color = "#FFFFFF"
default_size = 48
render_style = "engraved"
required = true
order = 2

[[zone]]
id = "zone_pattern"
name = "Pattern"
type = "PATTERN"
x = 0
y = 0
width = 1024
height = 1024
"##;

fn mug() -> ProductSpec {
    toml::from_str(MUG).unwrap()
}

fn faults(change: impl FnOnce(&mut ProductSpec)) -> Vec<(String, &'static str)> {
    let mut spec = mug();
    change(&mut spec);
    let faults = validate(&spec).err().unwrap_or_default();
    faults
        .into_iter()
        .map(|fault| (fault.pointer, fault.code))
        .collect()
}

#[test]
fn the_example_file_is_valid_and_becomes_a_product() {
    assert_eq!(validate(&mug()), Ok(()));
    let product = mug().to_product("b".into(), Some("base/1".to_owned()));
    let order: Vec<&str> = product.zones.iter().map(|zone| zone.id.as_str()).collect();
    assert_eq!(
        order,
        ["zone_pattern", "zone_name"],
        "order 1 by position, then order 2"
    );
    assert_eq!(product.base_image.as_deref(), Some("base/1"));
    assert!(product.active);
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    for (from, to) in [
        ("slug =", "slugg ="),
        ("max_length =", "maxlength ="),
        ("negative", "neg"),
    ] {
        let error = toml::from_str::<ProductSpec>(&MUG.replacen(from, to, 1)).unwrap_err();
        let name = to.trim_end_matches(" =");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_fault_points_at_its_field() {
    type Change = fn(&mut ProductSpec);
    let table: &[(&str, &str, Change)] = &[
        ("/id", "id_form", |s| s.id = "a b".to_owned()),
        ("/slug", "slug_form", |s| s.slug = "Demo".to_owned()),
        ("/slug", "slug_form", |s| s.slug = "a--b".to_owned()),
        ("/name", "empty", |s| s.name = " ".to_owned()),
        ("/name", "text_bidi_character", |s| {
            s.name = "a\u{202e}".to_owned()
        }),
        ("/base_image", "file_form", |s| {
            s.base_image = "../x.jpg".to_owned()
        }),
        ("/base_image", "file_form", |s| {
            s.base_image = "/etc/passwd".to_owned()
        }),
        ("/output_width", "side_out_of_range", |s| {
            s.output_width = 8193
        }),
        ("/quality", "empty", |s| s.quality = String::new()),
        ("/zone/1/id", "duplicate_id", |s| {
            s.zones[1].id = "zone_name".to_owned();
            s.zones[0].id = "zone_name".to_owned();
        }),
        ("/zone/1/name", "duplicate_name", |s| {
            s.zones[1].name = "NAME".to_owned();
            s.prompt = None;
        }),
        ("/zone/0/name", "duplicate_name", |s| {
            s.zones[0].name = "User prompt".to_owned()
        }),
        ("/zone/0/x", "outside_product", |s| s.zones[0].x = -1.0),
        ("/zone/0/x", "outside_product", |s| s.zones[0].x = f64::NAN),
        ("/zone/0/width", "outside_product", |s| {
            s.zones[0].width = 1000.0
        }),
        ("/zone/1/height", "outside_product", |s| {
            s.zones[1].height = 0.0
        }),
        ("/zone/0/rotation", "rotation_out_of_range", |s| {
            s.zones[0].rotation = 361.0
        }),
        ("/zone/0/max_length", "length_out_of_range", |s| {
            s.zones[0].max_length = Some(0)
        }),
        ("/zone/0/allowed_chars", "allowed_chars_form", |s| {
            s.zones[0].allowed_chars = Some("z-a".to_owned());
        }),
        ("/zone/0/max_size", "size_order", |s| {
            s.zones[0].min_size = Some(97);
            s.zones[0].default_size = None;
        }),
        ("/zone/0/min_size", "size_out_of_range", |s| {
            s.zones[0].min_size = Some(0)
        }),
        ("/zone/0/default_size", "size_out_of_range", |s| {
            s.zones[0].default_size = Some(97)
        }),
        ("/zone/0/allowed_colors/1", "color_form", |s| {
            s.zones[0].allowed_colors[1] = "black".to_owned();
        }),
        ("/zone/0/default_color", "color_form", |s| {
            s.zones[0].default_color = Some("white".to_owned());
        }),
        ("/zone/0/default_color", "color_not_allowed", |s| {
            s.zones[0].default_color = Some("#123".to_owned());
        }),
        ("/zone/0/default_font", "font_not_allowed", |s| {
            s.zones[0].default_font = Some("Arial".to_owned());
        }),
        ("/zone/0/allowed_fonts/1", "empty", |s| {
            s.zones[0].allowed_fonts[1] = String::new()
        }),
        ("/zone/0/default_value", "text_too_long", |s| {
            s.zones[0].default_value = Some("a".repeat(21));
        }),
        ("/zone/0/default_value", "char_not_allowed", |s| {
            s.zones[0].default_value = Some("R2D2".to_owned());
        }),
        ("/zone/1/default_value", "wrong_type", |s| {
            s.zones[1].kind = ZoneType::Position;
            s.zones[1].default_value = Some("middle".to_owned());
        }),
        ("/zone/0/render_style", "unknown_render_style", |s| {
            s.zones[0].render_style = "hologram".to_owned();
        }),
        ("/prompt/template", "template", |s| {
            s.prompt.as_mut().unwrap().template = "{{ hat }}".to_owned();
        }),
        ("/zone", "too_many_zones", |s| {
            s.zones = vec![s.zones[0].clone(); 65]
        }),
    ];
    for (pointer, code, change) in table {
        let found = faults(change);
        let expected = ((*pointer).to_owned(), *code);
        assert_eq!(
            found.first(),
            Some(&expected),
            "{pointer} {code}: {found:?}"
        );
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let found = faults(|spec| {
        spec.slug = String::new();
        spec.zones[0].render_style = "x".to_owned();
        spec.zones[1].width = 2000.0;
    });
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/slug", "/zone/0/render_style", "/zone/1/width"]);
}

#[test]
fn options_out_of_range_are_named_and_those_in_range_kept() {
    let options = |text: &str| {
        let file = format!("{MUG}\n[zone.options]\n{text}\n");
        toml::from_str::<ProductSpec>(&file)
    };
    let codes = |text: &str| -> Vec<(String, &'static str)> {
        let faults = validate(&options(text).unwrap()).err().unwrap_or_default();
        faults.into_iter().map(|f| (f.pointer, f.code)).collect()
    };
    for (text, field, code) in [
        (
            "letter_spacing = 2.1",
            "letter_spacing",
            "option_out_of_range",
        ),
        (
            "letter_spacing = nan",
            "letter_spacing",
            "option_out_of_range",
        ),
        ("opacity = -0.1", "opacity", "option_out_of_range"),
        ("opacity = 1.1", "opacity", "option_out_of_range"),
        ("light = 361", "light", "option_out_of_range"),
        ("depth = 0.0", "depth", "option_out_of_range"),
        ("depth = inf", "depth", "option_out_of_range"),
        (
            "arc = { radius = 0.5 }",
            "arc/radius",
            "option_out_of_range",
        ),
        ("arc = { angle = 200 }", "arc/angle", "option_out_of_range"),
        ("arc = { angle = 90, radius = 700 }", "arc", "arc_form"),
        ("arc = { side = \"inside\" }", "arc", "arc_form"),
    ] {
        let pointer = format!("/zone/1/options/{field}");
        assert_eq!(codes(text), [(pointer, code)], "{text}");
    }
    // The second zone is as high as it is wide; the first is a strip, where an arc so strong leaves no room.
    let strip = MUG.replacen(
        "order = 2",
        "order = 2\n[zone.options]\narc = { angle = 150 }",
        1,
    );
    let faults = validate(&toml::from_str(&strip).unwrap()).unwrap_err();
    assert_eq!(faults[0].pointer, "/zone/0/options/arc");
    assert_eq!(faults[0].code, "arc_too_strong");
    assert!(faults[0].detail.contains("above"), "{}", faults[0].detail);
    for unknown in ["fit = \"stretch\"", "align = \"justify\"", "kerning = 1"] {
        let error = options(unknown).unwrap_err().to_string();
        let word = unknown.split_once(" = ").unwrap();
        let named = error.contains(word.0) || error.contains(word.1.trim_matches('"'));
        assert!(named, "{unknown}: {error}");
    }
    let all = "align = \"right\"\nvertical_align = \"top\"\nletter_spacing = -0.2\nfit = \"contain\"\n\
        opacity = 0.0\nlight = -360\ndepth = 5\narc = { angle = 180, side = \"inside\" }";
    assert_eq!(codes(all), []);
    let product = options(all).unwrap().to_product("b".into(), None);
    let zone = product.zones.iter().find(|zone| zone.id == "zone_pattern");
    let kept = zone.unwrap().options;
    assert_eq!(
        (kept.opacity, kept.light, kept.depth),
        (Some(0.0), Some(-360.0), Some(5.0))
    );
    assert_eq!(kept.arc.unwrap().angle, Some(180.0));
}

#[test]
fn an_edit_of_a_part_names_the_one_pattern_zone_that_is_not_turned() {
    let asked = |spec: &mut ProductSpec, input: &str, mask: &str| {
        spec.generation.operation = Some("edit".to_owned());
        spec.generation.input = Some(input.to_owned());
        spec.generation.mask = Some(mask.to_owned());
    };
    assert!(faults(|spec| asked(spec, "base", "zone_pattern")).is_empty());
    let wrong = [("/generation/mask".to_owned(), "no_such_mask")];
    assert_eq!(faults(|spec| asked(spec, "base", "zone_name")), wrong);
    let turned = faults(|spec| {
        asked(spec, "base", "zone_pattern");
        spec.zones[1].rotation = 9.0;
        (spec.zones[1].x, spec.zones[1].width) = (300.0, 300.0);
        (spec.zones[1].y, spec.zones[1].height) = (300.0, 300.0);
    });
    assert_eq!(turned, wrong);
    let elsewhere = faults(|spec| asked(spec, "zone_photo", "zone_pattern"));
    assert_eq!(
        elsewhere,
        [("/generation/operation".to_owned(), "unknown_operation")]
    );
}
