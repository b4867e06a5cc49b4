//! Plans and pictures that several tests need.

use std::sync::Arc;

use imaging::{Area, Color, Composition, Content, Fonts, Layer, Picture, Report, TextLayer};

/// A white sheet with these layers.
pub fn sheet(width: u32, height: u32, layers: Vec<Layer>) -> Composition {
    Composition {
        width,
        height,
        background: Color::WHITE,
        base: None,
        layers,
    }
}

pub fn compose(plan: &Composition) -> (Picture, Report) {
    imaging::compose(plan, &Fonts::bundled()).unwrap()
}

pub fn area(x: f64, y: f64, width: f64, height: f64) -> Area {
    Area {
        x,
        y,
        width,
        height,
        rotation_degrees: 0.0,
    }
}

pub fn turned(area: Area, rotation_degrees: f64) -> Area {
    Area {
        rotation_degrees,
        ..area
    }
}

/// Black text between 8 and 200 pixels.
pub fn text(text: &str, font: &str) -> TextLayer {
    TextLayer {
        text: text.to_owned(),
        font: font.to_owned(),
        color: Some(Color::BLACK),
        min_size_px: 8.0,
        max_size_px: 200.0,
        ..TextLayer::default()
    }
}

pub fn text_layer(content: &str, font: &str, area: Area) -> Layer {
    Layer::new("zone", area, Content::Text(text(content, font)))
}

/// A picture of one straight RGBA colour.
pub fn plain(width: u32, height: u32, rgba: [u8; 4]) -> Arc<Picture> {
    let pixels = rgba.repeat((width * height) as usize);
    Arc::new(Picture::from_straight_rgba(width, height, pixels).unwrap())
}

/// The demo's photograph, as a file.
pub fn photograph_file() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/demo/catalog/coffee-cup/base.jpg"
    );
    std::fs::read(path).unwrap()
}

pub fn photograph() -> Picture {
    imaging::decode(&photograph_file(), &imaging::DecodeLimits::default()).unwrap()
}
