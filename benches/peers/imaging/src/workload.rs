//! The workloads, as a worker would carry them out.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use imaging::{
    Area, Base, Color, Composition, Content, DecodeLimits, Fit, Fonts, Format, Layer, Picture,
    PictureLayer, THUMBNAIL_SIDE_PX, Variant, VariantKind, VariantPlan, WebpMethod, compose,
    decode, decode_at_least, resize, resize_straight_rgba, thumbnail, variants,
};

/// Sides of the raw inputs and outputs of the two resizing workloads.
const RAW_SIDE_PX: u32 = 4096;
const RESIZED_SIDE_PX: u32 = 1024;
/// The widths of the two workloads that make several.
const WIDTHS: [u32; 3] = [1600, 800, 400];

/// A file, or raw samples.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// A workload with its inputs in memory.
pub(crate) enum Workload {
    ResizeRgb(Picture),
    ResizeRgba(Vec<u8>),
    Thumbnail(Vec<u8>),
    Compose {
        base: Vec<u8>,
        overlay: Vec<u8>,
        fonts: Fonts,
        with_webp: bool,
    },
    Widths {
        photograph: Vec<u8>,
        format: Format,
    },
}

impl Workload {
    /// Reads the inputs of the workload of that name.
    pub(crate) fn load(name: &str, inputs: &Path) -> anyhow::Result<Self> {
        let read = |file: &str| {
            let path = inputs.join(file);
            std::fs::read(&path).with_context(|| path.display().to_string())
        };
        let composition = |with_webp| {
            anyhow::Ok(Self::Compose {
                base: read("base.png")?,
                overlay: read("overlay.png")?,
                fonts: Fonts::bundled(),
                with_webp,
            })
        };
        Ok(match name {
            "resize_rgb" => {
                let samples = read("large.rgb")?;
                Self::ResizeRgb(Picture::from_rgb(RAW_SIDE_PX, RAW_SIDE_PX, samples)?)
            }
            "resize_rgba" => Self::ResizeRgba(read("large.rgba")?),
            "thumbnail" => Self::Thumbnail(read("base.png")?),
            "compose_two_zones" => composition(true)?,
            "compose_done" => composition(false)?,
            "widths_jpeg" => Self::Widths {
                photograph: read("photograph.jpg")?,
                format: Format::Jpeg { quality: 80 },
            },
            "widths_webp" => Self::Widths {
                photograph: read("photograph.jpg")?,
                format: Format::Webp {
                    quality: 80,
                    method: WebpMethod::Quick,
                },
            },
            other => bail!("no workload is called {other}"),
        })
    }

    /// Does the work once.
    pub(crate) fn run(&self) -> anyhow::Result<Vec<Output>> {
        match self {
            Self::ResizeRgb(picture) => {
                let small = resize(picture, RESIZED_SIDE_PX, RESIZED_SIDE_PX)?;
                Ok(vec![output("resized.rgb", small.to_rgb_over([0; 3]))])
            }
            Self::ResizeRgba(samples) => {
                let (from, to) = (RAW_SIDE_PX, RESIZED_SIDE_PX);
                let small = resize_straight_rgba(samples, (from, from), (to, to))?;
                Ok(vec![output("resized.rgba", small.to_straight_rgba()?)])
            }
            Self::Thumbnail(file) => {
                let picture = decode(file, &DecodeLimits::default())?;
                let small = thumbnail(&picture, THUMBNAIL_SIDE_PX)?;
                let bytes = imaging::encode(&small, Format::JPEG_85)?;
                Ok(vec![output("thumbnail.jpg", bytes)])
            }
            Self::Compose {
                base,
                overlay,
                fonts,
                with_webp,
            } => two_zones(base, overlay, fonts, *with_webp),
            Self::Widths { photograph, format } => widths(photograph, *format),
        }
    }
}

fn output(name: &str, bytes: Vec<u8>) -> Output {
    Output {
        name: name.to_owned(),
        bytes,
    }
}

/// One zone upright, one turned by 15 degrees; PNG, thumbnail and, if asked for, WebP.
fn two_zones(
    base: &[u8],
    overlay: &[u8],
    fonts: &Fonts,
    with_webp: bool,
) -> anyhow::Result<Vec<Output>> {
    let limits = DecodeLimits::default();
    let base = Arc::new(decode(base, &limits)?);
    let overlay = Arc::new(decode(overlay, &limits)?);
    let plan = Composition {
        width: base.width(),
        height: base.height(),
        background: Color::WHITE,
        base: Some(Base {
            picture: base,
            fit: Fit::Cover,
        }),
        layers: vec![
            zone("upright", &overlay, [120.0, 150.0, 400.0, 0.0]),
            zone("turned", &overlay, [600.0, 560.0, 300.0, 15.0]),
        ],
    };
    let (picture, _) = compose(&plan, fonts)?;
    let wanted = VariantPlan {
        full: Format::Png,
        widths: Vec::new(),
        thumbnail_px: Some(THUMBNAIL_SIDE_PX),
        origin: None,
    };
    let picture = Arc::new(picture);
    let mut outputs = encoded(&variants(Arc::clone(&picture), &wanted)?)?;
    if with_webp {
        let bytes = imaging::encode(&picture, Format::WEBP_80)?;
        outputs.push(output("full.webp", bytes));
    }
    Ok(outputs)
}

fn zone(id: &str, picture: &Arc<Picture>, [x, y, side, rotation_degrees]: [f64; 4]) -> Layer {
    let area = Area {
        x,
        y,
        width: side,
        height: side,
        rotation_degrees,
    };
    let content = PictureLayer {
        picture: Arc::clone(picture),
        fit: Fit::Cover,
    };
    Layer::new(id, area, Content::Picture(content))
}

fn widths(photograph: &[u8], format: Format) -> anyhow::Result<Vec<Output>> {
    let limits = DecodeLimits::default();
    // At least as large as the largest width; the photograph is 4 : 3.
    let largest = WIDTHS[0];
    let picture = decode_at_least(photograph, &limits, largest, largest * 3 / 4)?.picture;
    let picture = Arc::new(picture);
    let wanted = VariantPlan {
        full: format,
        widths: WIDTHS.to_vec(),
        thumbnail_px: None,
        origin: None,
    };
    let mut variants = variants(picture, &wanted)?;
    // The photograph itself exists already.
    variants.retain(|variant| variant.kind != VariantKind::Full);
    encoded(&variants)
}

fn encoded(variants: &[Variant]) -> anyhow::Result<Vec<Output>> {
    let encoded = variants.iter().map(|variant| {
        let name = match variant.kind {
            VariantKind::Full => "full".to_owned(),
            VariantKind::Width(width) => format!("w{width}"),
            VariantKind::Thumbnail => "thumbnail".to_owned(),
        };
        let name = format!("{name}.{}", variant.format.extension());
        anyhow::Ok(output(&name, variant.encode()?))
    });
    encoded.collect()
}
