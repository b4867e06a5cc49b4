//! How text is set: spacing, arcs, vertical alignment; and what relief touches.

use std::sync::Arc;

use imaging::{
    ArcSide, Base, BrandFont, BrandFontFault, BrandFontLimits, Content, Fit, Fonts, Layer, Relief,
    RenderStyle, TextLayer, VerticalAlign,
};

use super::draw::{area, compose, photograph, sheet, text, text_layer, turned};
use super::ink;

fn drawn(content: TextLayer, zone: imaging::Area) -> imaging::Picture {
    let layer = Layer::new("zone", zone, Content::Text(content));
    compose(&sheet(600, 300, vec![layer])).0
}

#[test]
fn letter_spacing_widens_a_line_of_the_same_size() {
    let zone = area(20.0, 20.0, 560.0, 100.0);
    let width = |letter_spacing_em| {
        let content = TextLayer {
            letter_spacing_em,
            max_size_px: 30.0,
            ..text("HHHHH", "Inter")
        };
        let [left, _, right, _] = ink::bounds(&drawn(content, zone)).unwrap();
        right - left
    };
    // Four gaps of a half em at 30 pixels.
    assert!((width(0.5) - width(0.0)).abs_diff(60) <= 1);
}

#[test]
fn a_block_stands_at_the_top_or_the_bottom() {
    let zone = area(100.0, 50.0, 400.0, 200.0);
    let edges = |vertical_align| {
        let content = TextLayer {
            vertical_align,
            max_size_px: 40.0,
            ..text("HOH", "Inter")
        };
        let [_, top, _, bottom] = ink::bounds(&drawn(content, zone)).unwrap();
        (top, bottom)
    };
    assert!(edges(VerticalAlign::Top).0.abs_diff(50) <= 1);
    assert!(edges(VerticalAlign::Bottom).1.abs_diff(250) <= 1);
}

#[test]
fn text_on_an_arc_stays_inside_and_bends_the_right_way() {
    for (side, degrees) in [
        (ArcSide::Outside, 0.0),
        (ArcSide::Inside, 0.0),
        (ArcSide::Outside, 25.0),
    ] {
        let zone = turned(area(100.0, 60.0, 400.0, 160.0), degrees);
        let content = TextLayer {
            arc: Some(imaging::Arc {
                radius_px: 260.0,
                side,
            }),
            ..text("Hohenstaufen & Zoé", "Inter")
        };
        let picture = drawn(content, zone);
        assert!(
            ink::outside(&picture, zone, ink::TOUCH_PX).is_none(),
            "{side:?}"
        );
        if degrees != 0.0 {
            continue;
        }
        // The mean height of the ink in the middle fifth against that at both ends.
        let mean = |from: u32, to: u32| {
            let ys: Vec<f64> = ink::positions(&picture)
                .into_iter()
                .filter(|&(x, _)| (from..to).contains(&x))
                .map(|(_, y)| f64::from(y))
                .collect();
            ys.iter().sum::<f64>() / ys.len() as f64
        };
        let ends = f64::midpoint(mean(100, 180), mean(420, 500));
        let middle = mean(260, 340);
        match side {
            ArcSide::Outside => assert!(middle < ends - 25.0, "{middle} {ends}"),
            ArcSide::Inside => assert!(middle > ends + 25.0, "{middle} {ends}"),
        }
    }
}

#[test]
fn an_arc_is_the_same_for_every_text_of_a_zone() {
    let zone = area(100.0, 60.0, 400.0, 160.0);
    let top = |content: &str| {
        let content = TextLayer {
            arc: Some(imaging::Arc {
                radius_px: 260.0,
                side: ArcSide::Outside,
            }),
            max_size_px: 24.0,
            ..text(content, "Inter")
        };
        ink::bounds(&drawn(content, zone)).unwrap()[1]
    };
    assert!(top("H").abs_diff(top("HHHHHHHHHHHHH")) <= 1);
}

#[test]
fn an_arc_too_strong_for_its_zone_is_a_named_fault() {
    let content = TextLayer {
        arc: Some(imaging::Arc {
            radius_px: 200.0,
            side: ArcSide::Outside,
        }),
        ..text("Zoé", "Inter")
    };
    let layer = Layer::new("rim", area(0.0, 0.0, 400.0, 100.0), Content::Text(content));
    let error = imaging::compose(&sheet(400, 100, vec![layer]), &Fonts::bundled()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layer \"rim\": the arc is too strong for the zone's height"
    );
}

#[test]
fn a_layer_changes_no_pixel_beyond_its_zone_and_its_shadow() {
    let base = Arc::new(photograph());
    let with = |layers| {
        let mut plan = sheet(1024, 683, layers);
        plan.base = Some(Base {
            picture: Arc::clone(&base),
            fit: Fit::Cover,
        });
        compose(&plan).0
    };
    let before = with(vec![]);
    for style in RenderStyle::ALL {
        let zone = turned(area(300.0, 200.0, 300.0, 100.0), 12.0);
        let layer = Layer {
            style,
            ..text_layer("Zoé & Léo", "EB Garamond", zone)
        };
        let after = with(vec![layer]);
        let (mut changed, mut farthest) = (0, 0.0_f64);
        let (sin, cos) = (-12.0_f64).to_radians().sin_cos();
        for y in 0..683 {
            for x in 0..1024 {
                if before.pixel(x, y) != after.pixel(x, y) {
                    changed += 1;
                    let (dx, dy) = (f64::from(x) + 0.5 - 450.0, f64::from(y) + 0.5 - 250.0);
                    let across = (dx * cos - dy * sin).abs() - 150.0;
                    let down = (dx * sin + dy * cos).abs() - 50.0;
                    farthest = farthest.max(across).max(down);
                }
            }
        }
        println!("{style}: {changed} pixels changed, at most {farthest:.1} px outside the zone");
        assert!(changed > 2_000, "{style}");
        assert!(
            farthest
                < if style == RenderStyle::Print {
                    0.8
                } else {
                    7.0
                },
            "{style}"
        );
    }
}

#[test]
fn relief_follows_its_light_and_deepens_with_its_depth() {
    let lit = |relief| {
        let layer = Layer {
            style: RenderStyle::Embossed,
            relief,
            ..Layer::new(
                "zone",
                area(60.0, 60.0, 80.0, 80.0),
                Content::Fill(imaging::Color::rgb(128, 128, 128)),
            )
        };
        let mut plan = sheet(200, 200, vec![layer]);
        plan.background = imaging::Color::rgb(128, 128, 128);
        let picture = compose(&plan).0;
        let at = |x, y| i32::from(picture.pixel(x, y).unwrap()[0]);
        (at(100, 61) - at(100, 138), at(61, 100) - at(138, 100))
    };
    let from = |light_degrees| {
        lit(Relief {
            light_degrees,
            depth: 1.0,
        })
    };
    assert!(
        from(0.0).0 > 20 && from(180.0).0 < -20,
        "{:?} {:?}",
        from(0.0),
        from(180.0)
    );
    assert!(from(270.0).1 > 20 && from(90.0).1 < -20);
}

fn inter() -> Vec<u8> {
    std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fonts/Inter-Medium.otf"
    ))
    .unwrap()
}

#[test]
fn a_brands_font_is_drawn_where_it_is_asked_for() {
    let garamond = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fonts/EBGaramond12-Regular.otf"
    );
    let bytes = std::fs::read(garamond).unwrap();
    let font = BrandFont::check("House Serif", bytes, &BrandFontLimits::default()).unwrap();
    let fonts = Fonts::bundled().with_brand([&font]);
    let zone = area(20.0, 20.0, 560.0, 260.0);
    let draw = |family| {
        let plan = sheet(600, 300, vec![text_layer("Zoé", family, zone)]);
        imaging::compose(&plan, &fonts).unwrap()
    };
    let (house, report) = draw("house-serif");
    assert_eq!(report.layers[0].text.as_ref().unwrap().font, "House Serif");
    assert!(house == draw("EB Garamond").0);
    assert!(house != draw("Inter").0);
}

#[test]
fn fonts_that_break_a_limit_are_refused_by_name() {
    let check = |bytes: Vec<u8>, limits| BrandFont::check("House", bytes, &limits).unwrap_err();
    let usual = BrandFontLimits::default();
    let mut restricted = inter();
    // The OS/2 table's fsType is its fifth 16-bit number.
    let tables = usize::from(u16::from_be_bytes([restricted[4], restricted[5]]));
    let entry = (0..tables)
        .map(|i| 12 + 16 * i)
        .find(|&at| &restricted[at..at + 4] == b"OS/2");
    let entry = entry.unwrap();
    let offset: [u8; 4] = restricted[entry + 8..entry + 12].try_into().unwrap();
    restricted[u32::from_be_bytes(offset) as usize + 9] = 0x02;
    assert_eq!(
        check(restricted, usual),
        BrandFontFault::EmbeddingForbidden { fs_type: 2 }
    );
    let small = BrandFontLimits {
        max_bytes: 1000,
        ..usual
    };
    assert!(matches!(
        check(inter(), small),
        BrandFontFault::TooManyBytes { .. }
    ));
    let few = BrandFontLimits {
        max_glyphs: 10,
        ..usual
    };
    assert!(matches!(
        check(inter(), few),
        BrandFontFault::TooMuch { what: "glyphs", .. }
    ));
    let flat = BrandFontLimits {
        max_points: 100,
        ..usual
    };
    assert!(matches!(
        check(inter(), flat),
        BrandFontFault::TooMuch { what: "points", .. }
    ));
    assert!(matches!(
        check(b"wOF2....".to_vec(), usual),
        BrandFontFault::Container { .. }
    ));
    assert!(matches!(
        check(vec![], usual),
        BrandFontFault::Container { .. }
    ));
    assert!(BrandFont::check(" - ", inter(), &usual).is_err());
    // Cut anywhere, a font is refused or drawn, and nothing panics.
    for part in 1..40 {
        let mut cut = inter();
        cut.truncate(cut.len() * part / 40);
        let _ = BrandFont::check("House", cut, &usual);
    }
}
