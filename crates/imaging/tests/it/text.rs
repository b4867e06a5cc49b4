use imaging::{Align, Content, Fonts, ImagingError, Layer, RenderStyle, TextReport};
use proptest::prelude::*;

use super::draw::{area, compose, sheet, text, text_layer, turned};
use super::ink;

const FONTS: [&str; 3] = ["Inter", "EB Garamond", "Dancing Script"];

/// Draws on a sheet of 600 x 300 and returns the picture with the layer's report.
fn drawn(layer: Layer) -> (imaging::Picture, TextReport) {
    let (picture, mut report) = compose(&sheet(600, 300, vec![layer]));
    (picture, report.layers.remove(0).text.unwrap())
}

#[test]
fn ink_stays_inside_the_zone_for_every_text_font_style_and_turn() {
    let texts = [
        "Zoé",
        "ÅÉÎÕÜ ÿçgjpqy",
        "Joyeux Noël, Zoé & Léo!",
        "i",
        "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
        "a b c d e f g h i j k l m n o p q r s t u v w x y z",
        "Łódź · Đà Nẵng · Čapek · Ğül",
        "first line\nsecond, longer line\nthird",
        "f",
        "Qy_j|",
    ];
    for content in texts {
        for font in FONTS {
            for (style, degrees) in [
                (RenderStyle::Print, 0.0),
                (RenderStyle::Print, 30.0),
                (RenderStyle::Engraved, 0.0),
                (RenderStyle::Embossed, -50.0),
            ] {
                let zone = turned(area(180.0, 100.0, 240.0, 90.0), degrees);
                let (picture, _) = drawn(Layer {
                    style,
                    ..text_layer(content, font, zone)
                });
                assert!(ink::bounds(&picture).is_some(), "{content:?} left no ink");
                // The edges of a relief are soft: at small sizes they end a pixel or two beyond.
                let margin_px = if style == RenderStyle::Print {
                    ink::TOUCH_PX
                } else {
                    2.5
                };
                let escaped = ink::outside(&picture, zone, margin_px);
                assert!(
                    escaped.is_none(),
                    "{content:?} {font} {style:?} {degrees}: {escaped:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_text_is_ever_cut(
        content in "[A-Za-zÀ-ÖØ-öø-ÿ0-9 .,&'-]{1,40}",
        font in 0..3_usize,
        width in 20.0..400.0_f64,
        height in 10.0..200.0_f64,
        degrees in -180.0..180.0_f64,
    ) {
        prop_assume!(!content.trim().is_empty());
        let zone = turned(area(300.0 - width / 2.0, 150.0 - height / 2.0, width, height), degrees);
        // On a sheet large enough for the zone at any turn, whatever lies outside is a fault of the
        // layout.
        let shifted = imaging::Area { y: zone.y + 150.0, ..zone };
        let layer = text_layer(&content, FONTS[font], shifted);
        let (picture, report) = compose(&sheet(600, 600, vec![layer]));
        prop_assert_eq!(ink::outside(&picture, shifted, ink::TOUCH_PX), None);
        let text = report.layers[0].text.clone().unwrap();
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(squeezed(&text.lines.concat()), squeezed(&content));
    }
}

#[test]
fn every_stroke_of_a_letter_and_its_accents_is_drawn() {
    let zone = area(50.0, 50.0, 500.0, 200.0);
    for (content, strokes) in [
        ("iii", 6),
        ("éo", 3),
        ("ï ï", 6),
        ("ÅO", 3),
        ("i\u{0307}", 2),
        ("%", 3),
        ("Zoé & Léo", 9),
    ] {
        let (picture, _) = drawn(text_layer(content, "Inter", zone));
        assert_eq!(ink::strokes(&picture), strokes, "{content:?}");
    }
}

#[test]
fn composed_and_decomposed_accents_look_the_same() {
    let zone = area(50.0, 50.0, 500.0, 200.0);
    for font in FONTS {
        let (composed, _) = drawn(text_layer("Zo\u{e9} No\u{eb}l", font, zone));
        let (decomposed, report) = drawn(text_layer("Zoe\u{301} Noe\u{308}l", font, zone));
        assert!(composed == decomposed, "{font}");
        assert_eq!(
            report.text, "Zoe\u{301} Noe\u{308}l",
            "the report keeps what was given"
        );
        let (bare, _) = drawn(text_layer("Zoe Noel", font, zone));
        assert!(composed != bare, "{font} drops the accents");
    }
}

#[test]
fn a_short_text_stands_at_its_largest_size_in_the_middle() {
    let zone = area(100.0, 50.0, 400.0, 200.0);
    let content = imaging::TextLayer {
        max_size_px: 60.0,
        ..text("HOH", "Inter")
    };
    let (picture, report) = drawn(Layer::new("zone", zone, Content::Text(content)));
    assert_eq!(report.size_px, 60.0);
    assert_eq!(report.lines, ["HOH"]);
    let [left, top, right, bottom] = ink::bounds(&picture).unwrap();
    assert!((left + right).abs_diff(600) <= 2, "{left} {right}");
    assert!((top + bottom).abs_diff(300) <= 2, "{top} {bottom}");
}

#[test]
fn lines_stand_where_they_are_aligned() {
    let zone = area(100.0, 50.0, 400.0, 200.0);
    let edges = |align| {
        let content = imaging::TextLayer {
            max_size_px: 40.0,
            align,
            ..text("HH", "Inter")
        };
        let (picture, _) = drawn(Layer::new("zone", zone, Content::Text(content)));
        let [left, _, right, _] = ink::bounds(&picture).unwrap();
        (left, right)
    };
    assert!(edges(Align::Left).0.abs_diff(100) <= 1);
    assert!(edges(Align::Right).1.abs_diff(500) <= 1);
}

#[test]
fn text_wraps_where_that_lets_it_stand_larger() {
    let tall = area(200.0, 20.0, 200.0, 260.0);
    let (_, wrapped) = drawn(text_layer("Joyeux anniversaire chère Zoé", "Inter", tall));
    assert!(wrapped.lines.len() >= 3, "{:?}", wrapped.lines);
    assert_eq!(wrapped.lines.join(" "), "Joyeux anniversaire chère Zoé");

    let flat = area(20.0, 120.0, 560.0, 40.0);
    let (_, single) = drawn(text_layer("Joyeux anniversaire chère Zoé", "Inter", flat));
    assert_eq!(single.lines, ["Joyeux anniversaire chère Zoé"]);
}

#[test]
fn line_feeds_are_kept() {
    let (_, report) = drawn(text_layer(
        "Zoé\n& Léo",
        "Inter",
        area(20.0, 20.0, 560.0, 260.0),
    ));
    assert_eq!(report.lines, ["Zoé", "& Léo"]);
}

#[test]
fn text_too_long_for_its_smallest_size_is_drawn_smaller_and_reported() {
    let zone = area(250.0, 130.0, 100.0, 20.0);
    let content = imaging::TextLayer {
        min_size_px: 18.0,
        ..text("Maximiliana-Alexandrine von Hohenstaufen", "EB Garamond")
    };
    let (picture, report) = drawn(Layer::new("zone", zone, Content::Text(content)));
    assert!(report.below_min_size && report.size_px < 18.0, "{report:?}");
    assert_eq!(report.lines.concat().replace(' ', "").chars().count(), 38);
    assert!(ink::outside(&picture, zone, ink::TOUCH_PX).is_none());
}

#[test]
fn letters_a_font_lacks_come_from_another_and_are_reported() {
    let zone = area(20.0, 20.0, 560.0, 260.0);
    let (picture, report) = drawn(text_layer("Жанна", "Dancing Script", zone));
    assert_eq!(report.font, "Dancing Script");
    assert_eq!(report.fallback_fonts, ["Inter"]);
    let (inter, _) = drawn(text_layer("Жанна", "Inter", zone));
    assert!(picture == inter);
}

#[test]
fn a_character_no_font_has_is_an_error_that_names_it() {
    for (content, expected) in [("Zoé 🎁", '🎁'), ("山田", '山'), ("a\u{7}b", '\u{7}')] {
        let layer = text_layer(content, "Inter", area(0.0, 0.0, 100.0, 50.0));
        let result = imaging::compose(&sheet(100, 50, vec![layer]), &Fonts::bundled());
        match result {
            Err(ImagingError::MissingGlyph { layer, character }) => {
                assert_eq!((layer.as_str(), character), ("zone", expected));
            }
            other => panic!("{content:?}: {other:?}"),
        }
    }
}

#[test]
fn an_area_too_small_for_a_letter_is_refused_by_name() {
    for (width, height) in [(1e-300, 50.0), (100.0, 1e-300), (0.99, 0.99)] {
        let layer = text_layer("Zoé", "Inter", area(10.0, 10.0, width, height));
        let result = imaging::compose(&sheet(100, 50, vec![layer]), &Fonts::bundled());
        match result {
            Err(ImagingError::InvalidPlan { layer, reason }) => {
                assert_eq!(layer, "zone");
                assert!(reason.contains("at least one pixel"), "{reason}");
            }
            other => panic!("{width} x {height}: {other:?}"),
        }
    }
    let (_, report) = drawn(text_layer("Zoé", "Inter", area(10.0, 10.0, 1.0, 1.0)));
    assert!(report.size_px > 0.0, "{report:?}");
}

#[test]
fn text_without_letters_draws_nothing() {
    for content in ["", "   ", "\n\n"] {
        let (picture, report) = drawn(text_layer(content, "Inter", area(0.0, 0.0, 100.0, 50.0)));
        assert_eq!(ink::bounds(&picture), None);
        assert_eq!(report.text, content);
    }
}

#[test]
fn a_quarter_turn_stands_the_text_upright_in_its_turned_zone() {
    let zone = turned(area(200.0, 130.0, 200.0, 40.0), 90.0);
    let (picture, _) = drawn(text_layer("Hohenstaufen", "Inter", zone));
    let [left, top, right, bottom] = ink::bounds(&picture).unwrap();
    assert!(left >= 280 && right <= 320 && top >= 50 && bottom <= 250);
    assert!(bottom - top > 150, "the text runs downwards");
}
