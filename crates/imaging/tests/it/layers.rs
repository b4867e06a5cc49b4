use std::sync::Arc;

use imaging::{
    Base, Blend, Color, Content, Fit, Fonts, ImagingError, Layer, Picture, PictureLayer,
    RenderStyle,
};

use super::draw::{area, compose, photograph, plain, sheet, text_layer, turned};
use super::ink;

const RED: Color = Color::rgb(255, 0, 0);

fn fill(area: imaging::Area, color: Color) -> Layer {
    Layer::new("zone", area, Content::Fill(color))
}

fn placed(area: imaging::Area, picture: Arc<Picture>, fit: Fit) -> Layer {
    Layer::new(
        "zone",
        area,
        Content::Picture(PictureLayer { picture, fit }),
    )
}

#[test]
fn each_zone_gets_its_own_layer_in_order() {
    let layers = vec![
        fill(area(0.0, 0.0, 20.0, 20.0), RED),
        fill(area(10.0, 0.0, 20.0, 20.0), Color::rgb(0, 0, 255)),
    ];
    let (picture, report) = compose(&sheet(40, 20, layers));
    assert_eq!(picture.pixel(9, 10), Some([255, 0, 0, 255]));
    assert_eq!(picture.pixel(10, 10), Some([0, 0, 255, 255]));
    assert_eq!(picture.pixel(29, 10), Some([0, 0, 255, 255]));
    assert_eq!(picture.pixel(30, 10), Some([255; 4]));
    assert_eq!(report.layers.len(), 2);
}

#[test]
fn the_base_photograph_shows_wherever_no_layer_lies() {
    let base = Arc::new(photograph());
    let mut plan = sheet(1024, 683, vec![fill(area(0.0, 0.0, 100.0, 100.0), RED)]);
    plan.base = Some(Base {
        picture: Arc::clone(&base),
        fit: Fit::Cover,
    });
    let (picture, _) = compose(&plan);
    assert_eq!(picture.pixel(50, 50), Some([255, 0, 0, 255]));
    for (x, y) in [(100, 0), (0, 100), (500, 300), (1023, 682)] {
        assert_eq!(picture.pixel(x, y), base.pixel(x, y));
    }
}

#[test]
fn a_turned_zone_turns_clockwise_about_its_own_centre() {
    // Upper half red, lower half blue.
    let halves: Vec<u8> = (0..40 * 40)
        .flat_map(|i| {
            if i < 800 {
                [255, 0, 0, 255]
            } else {
                [0, 0, 255, 255]
            }
        })
        .collect();
    let halves = Arc::new(Picture::from_straight_rgba(40, 40, halves).unwrap());
    let zone = turned(area(30.0, 30.0, 40.0, 40.0), 90.0);
    let (picture, _) = compose(&sheet(100, 100, vec![placed(zone, halves, Fit::Fill)]));
    assert_eq!(
        picture.pixel(60, 50),
        Some([255, 0, 0, 255]),
        "up has become right"
    );
    assert_eq!(
        picture.pixel(40, 50),
        Some([0, 0, 255, 255]),
        "down has become left"
    );

    let tilted = turned(area(30.0, 30.0, 40.0, 40.0), 45.0);
    let (picture, _) = compose(&sheet(100, 100, vec![fill(tilted, RED)]));
    assert_eq!(picture.pixel(50, 50), Some([255, 0, 0, 255]));
    assert_eq!(
        picture.pixel(50, 24),
        Some([255, 0, 0, 255]),
        "the corner points up now"
    );
    assert_eq!(
        picture.pixel(31, 31),
        Some([255; 4]),
        "where the corner was is empty"
    );
    assert!(ink::outside(&picture, tilted, ink::TOUCH_PX).is_none());
}

#[test]
fn contain_shows_all_cover_leaves_nothing_bare_fill_stretches() {
    let wide = plain(80, 20, [255, 0, 0, 255]);
    let zone = area(10.0, 10.0, 40.0, 40.0);
    for (fit, expected) in [
        (Fit::Contain, [10, 25, 50, 35]),
        (Fit::Cover, [10, 10, 50, 50]),
        (Fit::Fill, [10, 10, 50, 50]),
    ] {
        let plan = sheet(60, 60, vec![placed(zone, Arc::clone(&wide), fit)]);
        assert_eq!(ink::bounds(&compose(&plan).0), Some(expected), "{fit:?}");
    }
}

#[test]
fn opacity_and_blend_modes_follow_the_formulas() {
    let mixed = |opacity, blend| {
        let layers = vec![
            fill(area(0.0, 0.0, 8.0, 8.0), Color::rgb(100, 150, 200)),
            Layer {
                opacity,
                blend,
                ..fill(area(0.0, 0.0, 8.0, 8.0), Color::rgb(200, 100, 50))
            },
        ];
        compose(&sheet(8, 8, layers)).0.pixel(4, 4).unwrap()
    };
    let near = |ours: [u8; 4], right: [u8; 3]| {
        let worst = right
            .iter()
            .zip(ours)
            .map(|(a, b)| a.abs_diff(b))
            .max()
            .unwrap();
        assert!(worst <= 1, "{ours:?} for {right:?}");
    };
    near(mixed(0.0, Blend::Normal), [100, 150, 200]);
    near(mixed(0.5, Blend::Normal), [150, 125, 125]);
    near(mixed(1.0, Blend::Normal), [200, 100, 50]);
    near(mixed(1.0, Blend::Multiply), [78, 59, 39]);
    near(mixed(1.0, Blend::Screen), [222, 191, 211]);
}

#[test]
fn colour_hidden_in_transparent_pixels_never_shows_at_an_edge() {
    // A disc on transparent pixels that hide pure green, as cut-out pictures often do.
    for tone in [255, 0] {
        let pixels: Vec<u8> = (0..200_i32 * 200)
            .flat_map(|i| {
                let (dx, dy) = (i % 200 - 100, i / 200 - 100);
                if dx * dx + dy * dy < 80 * 80 {
                    [tone, tone, tone, 255]
                } else {
                    [0, 255, 0, 0]
                }
            })
            .collect();
        let disc = Arc::new(Picture::from_straight_rgba(200, 200, pixels).unwrap());
        let zone = turned(area(10.0, 10.0, 70.0, 70.0), 15.0);
        let mut plan = sheet(100, 100, vec![placed(zone, disc, Fit::Contain)]);
        plan.background = Color::rgb(tone, tone, tone);
        let (picture, _) = compose(&plan);
        for pixel in picture.premultiplied_rgba().chunks_exact(4) {
            for &sample in &pixel[..3] {
                assert!(sample.abs_diff(tone) <= 1, "{pixel:?} on {tone}");
            }
        }
    }
}

#[test]
fn relief_is_lit_from_the_upper_left_whichever_way_the_zone_is_turned() {
    let brightness = |style, degrees: f64| {
        let zone = turned(area(60.0, 60.0, 80.0, 80.0), degrees);
        let layer = Layer {
            style,
            ..fill(zone, Color::rgb(128, 128, 128))
        };
        let mut plan = sheet(200, 200, vec![layer]);
        plan.background = Color::rgb(128, 128, 128);
        let (picture, _) = compose(&plan);
        // A band along the upper edge, and one along the lower one.
        let mean = |rows: std::ops::Range<u32>| {
            let samples = rows.flat_map(|y| (80..120).map(move |x| (x, y)));
            let samples: Vec<f64> = samples
                .map(|(x, y)| f64::from(picture.pixel(x, y).unwrap()[0]))
                .collect();
            samples.iter().sum::<f64>() / samples.len() as f64
        };
        (mean(60..64), mean(136..140))
    };
    for degrees in [0.0, 90.0, 180.0, 270.0] {
        let (top, bottom) = brightness(RenderStyle::Embossed, degrees);
        assert!(
            top > 133.0 && bottom < 123.0,
            "embossed at {degrees}: {top} {bottom}"
        );
        let (top, bottom) = brightness(RenderStyle::Engraved, degrees);
        assert!(
            top < 123.0 && bottom > 133.0,
            "engraved at {degrees}: {top} {bottom}"
        );
    }
    assert_eq!(brightness(RenderStyle::Print, 0.0), (128.0, 128.0));
}

#[test]
fn a_3d_shadow_falls_away_from_the_light_and_only_there() {
    let layer = Layer {
        style: RenderStyle::Shadow3d,
        ..fill(area(60.0, 60.0, 80.0, 80.0), Color::rgb(128, 128, 128))
    };
    let (picture, _) = compose(&sheet(200, 200, vec![layer]));
    let at = |x, y| picture.pixel(x, y).unwrap()[0];
    assert!(at(100, 142) < 200, "below the plate lies shadow");
    assert!(at(141, 100) < 220, "right of it as well");
    assert!(
        at(100, 56) > 245 && at(56, 100) > 245,
        "towards the light there is none"
    );
}

#[test]
fn plans_that_cannot_be_drawn_are_named_faults() {
    let fonts = Fonts::bundled();
    let fault = |plan| imaging::compose(&plan, &fonts).unwrap_err();
    assert!(matches!(
        fault(sheet(0, 5, vec![])),
        ImagingError::Empty { .. }
    ));
    assert!(matches!(
        fault(sheet(20_000, 5, vec![])),
        ImagingError::TooManyPixels { .. }
    ));
    for bad in [
        fill(area(f64::NAN, 0.0, 1.0, 1.0), RED),
        fill(area(0.0, 0.0, 0.0, 1.0), RED),
        fill(area(0.0, 0.0, f64::INFINITY, 1.0), RED),
        fill(turned(area(0.0, 0.0, 1.0, 1.0), f64::NAN), RED),
        Layer {
            opacity: 1.5,
            ..fill(area(0.0, 0.0, 1.0, 1.0), RED)
        },
    ] {
        let error = fault(sheet(10, 10, vec![bad]));
        assert!(
            matches!(&error, ImagingError::InvalidPlan { layer, .. } if layer == "zone"),
            "{error}"
        );
    }
}

#[test]
fn a_zone_outside_the_output_is_reported_and_harmless() {
    let layers = vec![
        fill(area(-50.0, 0.0, 20.0, 20.0), RED),
        fill(area(5.0, 5.0, 9.0, 9.0), RED),
    ];
    let (picture, report) = compose(&sheet(10, 10, layers));
    assert!(report.layers.iter().all(|layer| layer.outside_output));
    assert_eq!(ink::bounds(&picture), Some([5, 5, 10, 10]));
}

#[test]
fn the_same_plan_gives_the_same_bytes_on_every_thread() {
    let make = || {
        let zone = turned(area(300.0, 200.0, 400.0, 120.0), 12.0);
        let name = Layer {
            style: RenderStyle::Engraved,
            ..text_layer("Zoé & Léo", "EB Garamond", zone)
        };
        let mut plan = sheet(1024, 683, vec![name]);
        plan.base = Some(Base {
            picture: Arc::new(photograph()),
            fit: Fit::Cover,
        });
        imaging::encode(&compose(&plan).0, imaging::Format::Png).unwrap()
    };
    let first = make();
    let others: Vec<_> = (0..3).map(|_| std::thread::spawn(make)).collect();
    for other in others {
        assert!(other.join().unwrap() == first);
    }
}
