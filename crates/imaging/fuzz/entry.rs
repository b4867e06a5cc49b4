//! The entry points that meet strangers' bytes, each as a function that must neither panic nor break
//! what it promises. The targets beside this file run them under libFuzzer; `tests/it/fuzz.rs` runs
//! them a fixed number of times with inputs that are the same each time.

use std::sync::{Arc, LazyLock};

use imaging::{
    Area, Base, Color, Composition, Content, DecodeLimits, Fit, Fonts, Format, Layer, Picture,
    PictureLayer, TextLayer, WebpMethod,
};

static FONTS: LazyLock<Fonts> = LazyLock::new(Fonts::bundled);

/// Small, so that many inputs can be tried.
fn limits() -> DecodeLimits {
    DecodeLimits {
        max_pixels: 250_000,
        max_side_px: 4_096,
        ..DecodeLimits::default()
    }
}

/// Decoding keeps to its limits and to what the header says, whole and at a fraction.
pub fn decode(data: &[u8]) {
    decode_as_it_is(data);
    if data.starts_with(b"\x89PNG") {
        decode_as_it_is(&with_right_checksums(data));
    }
}

fn decode_as_it_is(data: &[u8]) {
    let limits = limits();
    let Ok(whole) = imaging::decode_reporting(data, &limits) else {
        return;
    };
    let header = whole.report.header;
    let size = (whole.picture.width(), whole.picture.height());
    assert_eq!(size, header.upright_size());
    assert!(whole.picture.pixel_count() <= limits.max_pixels);
    assert!(whole.picture.size_bytes() as u64 >= whole.picture.pixel_count() * 3);
    let probed = imaging::probe(data, &limits).expect("what decodes has a header");
    assert_eq!(probed.upright_size(), size);
    let (width, height) = (size.0.div_ceil(5), size.1.div_ceil(5));
    let part = imaging::decode_at_least(data, &limits, width, height);
    let part = part
        .expect("what decodes whole decodes at a fraction")
        .picture;
    assert!(part.width() >= width && part.height() >= height);
}

/// A PNG with the right checksum behind every chunk, as far as its chunks go: nobody guesses them.
fn with_right_checksums(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let mut at = 8;
    loop {
        let Some(length) = file.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return file;
        };
        let body_end = at + 8 + u32::from_be_bytes(*length) as usize;
        if file.len() < body_end + 4 {
            return file;
        }
        let checksum = crc32fast::hash(&file[at + 4..body_end]).to_be_bytes();
        file[body_end..body_end + 4].copy_from_slice(&checksum);
        at = body_end + 4;
    }
}

/// A header is read or refused.
pub fn probe(data: &[u8]) {
    let limits = limits();
    if let Ok(header) = imaging::probe(data, &limits) {
        assert!(header.pixel_count() <= limits.max_pixels && header.pixel_count() > 0);
        assert!((1..=8).contains(&header.orientation));
    }
}

/// A plan of any numbers is drawn at its size or refused as its author's fault.
pub fn compose(data: &[u8]) {
    let mut bytes = Bytes(data);
    let plan = Composition {
        width: u32::from(bytes.u16()) % 300,
        height: u32::from(bytes.u16()) % 300,
        background: bytes.color(),
        base: (bytes.u8() % 2 == 0).then(|| Base {
            picture: bytes.picture(),
            fit: bytes.fit(),
        }),
        layers: (0..bytes.u8() % 4).map(|_| layer(&mut bytes)).collect(),
    };
    draw(&plan);
}

/// A text of any characters in a zone of any size is drawn or refused as its author's fault.
pub fn text(data: &[u8]) {
    let mut bytes = Bytes(data);
    let area = bytes.area();
    let content = text_layer(&mut bytes, usize::MAX);
    let plan = Composition {
        width: 120,
        height: 80,
        background: Color::WHITE,
        base: None,
        layers: vec![Layer::new("zone", area, content)],
    };
    draw(&plan);
}

/// A picture of any pixels comes back from PNG exactly, and from the other formats at its size.
pub fn resize_encode(data: &[u8]) {
    let mut bytes = Bytes(data);
    let picture = bytes.picture();
    let (width, height) = (u32::from(bytes.u8()), u32::from(bytes.u8()));
    let Ok(picture) = imaging::resize(&picture, width, height) else {
        assert!(width == 0 || height == 0);
        return;
    };
    let quality = bytes.u8() % 101;
    let method = WebpMethod::Quick;
    for format in [
        Format::Png,
        Format::Jpeg {
            quality: quality.max(1),
        },
        Format::Webp { quality, method },
        Format::WebpLossless,
    ] {
        let file = imaging::encode(&picture, format).expect("our own pixels can be encoded");
        let back = imaging::decode(&file, &DecodeLimits::default()).expect("and read again");
        assert_eq!((back.width(), back.height()), (width, height));
        if format == Format::Png {
            assert_eq!(back.is_opaque(), picture.is_opaque());
        }
    }
}

fn draw(plan: &Composition) {
    match imaging::compose(plan, &FONTS) {
        Ok((picture, report)) => {
            assert_eq!(
                (picture.width(), picture.height()),
                (plan.width, plan.height)
            );
            assert_eq!(report.layers.len(), plan.layers.len());
        }
        Err(error) => assert!(error.is_input(), "{error}"),
    }
}

fn layer(bytes: &mut Bytes<'_>) -> Layer {
    let area = bytes.area();
    let content = match bytes.u8() % 3 {
        0 => Content::Fill(bytes.color()),
        1 => Content::Picture(PictureLayer {
            picture: bytes.picture(),
            fit: bytes.fit(),
        }),
        _ => text_layer(bytes, 12),
    };
    let mut layer = Layer::new("zone", area, content);
    layer.opacity = bytes.number() as f32;
    layer.style = match bytes.u8() % 4 {
        0 => imaging::RenderStyle::Print,
        1 => imaging::RenderStyle::Engraved,
        2 => imaging::RenderStyle::Embossed,
        _ => imaging::RenderStyle::Shadow3d,
    };
    layer
}

fn text_layer(bytes: &mut Bytes<'_>, longest: usize) -> Content {
    let (min_size_px, max_size_px) = (bytes.number() as f32, bytes.number() as f32);
    let taken = bytes.0.len().min(longest);
    let (text, rest) = bytes.0.split_at(taken);
    bytes.0 = rest;
    Content::Text(TextLayer {
        text: String::from_utf8_lossy(text).into_owned(),
        font: "Inter".to_owned(),
        color: Some(Color::BLACK),
        min_size_px,
        max_size_px,
        align: imaging::Align::Center,
        ..TextLayer::default()
    })
}

/// Values read from the front of the input; zeros when it has ended.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn u8(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// Mostly numbers of the size that zones have; now and then any bits at all.
    fn number(&mut self) -> f64 {
        match self.u8() % 8 {
            // Except sides far below a pixel, for which no plan asks and text has no size.
            0 => match f64::from_le_bytes(std::array::from_fn(|_| self.u8())) {
                tiny if tiny.abs() < 0.001 => 0.0,
                any => any,
            },
            1 => f64::from(self.u8()) / 255.0,
            2 => -f64::from(self.u8()),
            3 => f64::from(self.u16()) * 16.0,
            _ => f64::from(self.u8()),
        }
    }

    fn area(&mut self) -> Area {
        Area {
            x: self.number(),
            y: self.number(),
            width: self.number(),
            height: self.number(),
            rotation_degrees: self.number(),
        }
    }

    fn color(&mut self) -> Color {
        Color {
            r: self.u8(),
            g: self.u8(),
            b: self.u8(),
            a: self.u8(),
        }
    }

    fn fit(&mut self) -> Fit {
        match self.u8() % 3 {
            0 => Fit::Contain,
            1 => Fit::Cover,
            _ => Fit::Fill,
        }
    }

    fn picture(&mut self) -> Arc<Picture> {
        let (width, height) = (u32::from(self.u8() % 64) + 1, u32::from(self.u8() % 64) + 1);
        let pixels = (0..width * height * 4).map(|_| self.u8()).collect();
        let picture = Picture::from_straight_rgba(width, height, pixels);
        Arc::new(picture.expect("as many samples as sides say"))
    }
}
