//! Whole compositions beside the same worked out by NumPy from formulas: no sample, filter or rounding
//! is shared. Turned layers are sampled with a bicubic filter and their edges drawn with few levels of
//! coverage, which is what the larger bounds allow for. The pictures are smooth, so that SSIM, which weighs
//! structure, mostly sees the rounding to 8 bits; 0.9989 is the least measured.

use std::path::Path;
use std::sync::Arc;

use imaging::{Area, Base, Color, Composition, Content, Fit, Layer, Picture, PictureLayer};
use serde_json::{Value, json};

use super::draw::compose;
use super::foreign::told_by;

const OUTPUT: (u32, u32) = (360, 280);

/// What may be off, in levels of 255 and SSIM.
struct Bounds {
    ssim: f64,
    /// Where the layer covers a pixel wholly.
    inside: f64,
    /// On its edges as well.
    anywhere: f64,
}

const UPRIGHT: Bounds = Bounds {
    ssim: 0.998,
    inside: 3.0,
    anywhere: 3.0,
};
const TURNED: Bounds = Bounds {
    ssim: 0.998,
    inside: 5.0,
    anywhere: 9.0,
};

struct Case {
    name: &'static str,
    base: &'static str,
    layer: &'static str,
    area: Area,
    fit: Fit,
    opacity: f32,
    bounds: Bounds,
}

fn case(name: &'static str, area: [f64; 4], rotation_degrees: f64) -> Case {
    let [x, y, width, height] = area;
    let turned = rotation_degrees != 0.0;
    Case {
        name,
        base: "slopes",
        layer: "waves",
        area: Area {
            x,
            y,
            width,
            height,
            rotation_degrees,
        },
        fit: Fit::Fill,
        opacity: 1.0,
        bounds: if turned { TURNED } else { UPRIGHT },
    }
}

fn cases() -> Vec<Case> {
    const WIDE: [f64; 4] = [60.0, 50.0, 240.0, 160.0];
    const SQUARE: [f64; 4] = [90.0, 50.0, 180.0, 180.0];
    let faded = |name, opacity, degrees| Case {
        opacity,
        ..case(name, WIDE, degrees)
    };
    let fitted = |name, fit, degrees| Case {
        fit,
        ..case(name, [120.0, 60.0, 120.0, 150.0], degrees)
    };
    let disc = |name, layer, base, degrees| Case {
        layer,
        base,
        ..case(name, SQUARE, degrees)
    };
    vec![
        faded("opacity-1", 1.0, 0.0),
        faded("opacity-0.5", 0.5, 0.0),
        faded("opacity-0.1", 0.1, 0.0),
        faded("opacity-0.5-turned", 0.5, 30.0),
        case("turned-15", WIDE, 15.0),
        case("turned-90", WIDE, 90.0),
        case("turned-180", WIDE, 180.0),
        case("turned-minus-36", WIDE, -36.0),
        fitted("contain", Fit::Contain, 0.0),
        fitted("cover", Fit::Cover, 0.0),
        fitted("fill", Fit::Fill, 0.0),
        fitted("contain-turned", Fit::Contain, 20.0),
        fitted("cover-turned", Fit::Cover, 20.0),
        disc("edge-hiding-white-on-black", "disc-in-white", "black", 0.0),
        disc("edge-hiding-black-on-white", "disc-in-black", "white", 0.0),
        disc(
            "edge-hiding-white-on-black-turned",
            "disc-in-white",
            "black",
            20.0,
        ),
        disc(
            "edge-hiding-black-on-white-turned",
            "disc-in-black",
            "white",
            20.0,
        ),
    ]
}

fn size(picture: &str) -> (u32, u32) {
    match picture {
        "waves" => (300, 200),
        "disc-in-white" | "disc-in-black" => (400, 400),
        _ => OUTPUT,
    }
}

fn read(folder: &Path, name: &str) -> Arc<Picture> {
    let (width, height) = size(name);
    let samples = std::fs::read(folder.join(format!("{name}.raw"))).unwrap();
    Arc::new(Picture::from_straight_rgba(width, height, samples).unwrap())
}

fn drawn(folder: &Path, case: &Case) -> Picture {
    let content = Content::Picture(PictureLayer {
        picture: read(folder, case.layer),
        fit: case.fit,
    });
    let layer = Layer {
        opacity: case.opacity,
        ..Layer::new(case.name, case.area, content)
    };
    let plan = Composition {
        width: OUTPUT.0,
        height: OUTPUT.1,
        background: Color::WHITE,
        base: Some(Base {
            picture: read(folder, case.base),
            fit: Fit::Fill,
        }),
        layers: vec![layer],
    };
    compose(&plan).0
}

fn told(case: &Case) -> Value {
    let Area {
        x,
        y,
        width,
        height,
        rotation_degrees,
    } = case.area;
    let fit = match case.fit {
        Fit::Contain => "contain",
        Fit::Cover => "cover",
        Fit::Fill => "fill",
    };
    json!({
        "name": case.name, "base": case.base, "layer": case.layer, "size": size(case.layer),
        "area": [x, y, width, height], "rotation": rotation_degrees, "fit": fit,
        "opacity": case.opacity, "output": OUTPUT,
    })
}

#[test]
fn compositions_are_what_their_formulas_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pictures = [
        "waves",
        "slopes",
        "disc-in-white",
        "disc-in-black",
        "white",
        "black",
    ];
    let sizes: Value = pictures
        .map(|name| (name.to_owned(), json!(size(name))))
        .into_iter()
        .collect();
    std::fs::write(path.join("sizes.json"), sizes.to_string()).unwrap();
    told_by(
        "compose.py",
        &["make".to_owned(), path.display().to_string()],
    );
    let cases = cases();
    for case in &cases {
        let samples = drawn(path, case).to_rgb_over([0; 3]);
        std::fs::write(path.join(format!("{}.raw", case.name)), samples).unwrap();
    }
    let list: Vec<Value> = cases.iter().map(told).collect();
    std::fs::write(path.join("cases.json"), Value::from(list).to_string()).unwrap();
    let judged = told_by(
        "compose.py",
        &["judge".to_owned(), path.display().to_string()],
    );
    assert_eq!(judged.len(), cases.len());
    let mut faults = Vec::new();
    for (case, judged) in cases.iter().zip(judged) {
        println!("{judged}");
        assert_eq!(judged["name"], case.name);
        let number = |name: &str| judged[name].as_f64().unwrap();
        let Bounds {
            ssim,
            inside,
            anywhere,
        } = case.bounds;
        let halo = case.layer.starts_with("disc") && number("halo") > 2.0;
        if number("ssim") < ssim
            || number("worst_inside") > inside
            || number("worst") > anywhere
            || halo
        {
            faults.push(judged);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
