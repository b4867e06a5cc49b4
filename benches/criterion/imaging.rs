//! What one picture costs, stage by stage, on one core: the demo's espresso set of 1024 × 683 pixels.

use std::hint::black_box;
use std::sync::Arc;

use benches::Subject;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use domain::{ZoneSpec, ZoneType};
use imaging::{
    Area, Base, Color, Composition, Content, DecodeLimits, Fit, Fonts, Format, Layer, Picture,
    PictureLayer, THUMBNAIL_SIDE_PX, TextLayer,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The same picture at every stage: file, pixels, plan, composed pixels.
struct Stages {
    subject: Subject,
    base_png: Vec<u8>,
    plan: Composition,
    fonts: Fonts,
    composed: Picture,
}

impl Stages {
    fn prepare() -> Outcome<Self> {
        let subject = benches::demo()?;
        let base = imaging::decode(&subject.photograph, &DecodeLimits::default())?;
        let base_png = imaging::encode(&base, Format::Png)?;
        // Stands for the provider's picture, which is square and larger than its zone.
        let generated = Arc::new(imaging::resize(&base, 1024, 1024)?);
        let plan = plan(&subject, Arc::new(base), &generated)?;
        let fonts = Fonts::bundled();
        let (composed, _) = imaging::compose(&plan, &fonts)?;
        Ok(Self {
            subject,
            base_png,
            plan,
            fonts,
            composed,
        })
    }
}

/// The composition that a worker would draw: every zone of the product that shows something.
fn plan(subject: &Subject, base: Arc<Picture>, generated: &Arc<Picture>) -> Outcome<Composition> {
    let zones = subject.spec.zones.iter();
    let layers = zones
        .filter_map(|zone| layer(subject, zone, generated).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Composition {
        width: subject.spec.output_width,
        height: subject.spec.output_height,
        background: Color::WHITE,
        base: Some(Base {
            picture: base,
            fit: Fit::Cover,
        }),
        layers,
    })
}

fn layer(subject: &Subject, zone: &ZoneSpec, generated: &Arc<Picture>) -> Outcome<Option<Layer>> {
    let value = &subject.customizations[&zone.id];
    let chosen = |field: &str| value[field].as_str().map(str::to_owned);
    let content = match zone.kind {
        ZoneType::Color => Content::Fill(color(chosen("color").as_deref())?),
        ZoneType::Pattern => Content::Picture(PictureLayer {
            picture: Arc::clone(generated),
            fit: Fit::Cover,
        }),
        ZoneType::Text => Content::Text(TextLayer {
            text: chosen("text").unwrap_or_default(),
            font: chosen("font")
                .or(zone.default_font.clone())
                .unwrap_or_default(),
            color: Some(color(zone.default_color.as_deref())?),
            min_size_px: zone.min_size.unwrap_or(8) as f32,
            max_size_px: zone.max_size.unwrap_or(96) as f32,
            ..TextLayer::default()
        }),
        _ => return Ok(None),
    };
    let area = Area {
        x: zone.x,
        y: zone.y,
        width: zone.width,
        height: zone.height,
        rotation_degrees: zone.rotation,
    };
    let style = zone.render_style.parse()?;
    Ok(Some(Layer {
        style,
        ..Layer::new(&zone.id, area, content)
    }))
}

/// A colour as a product or a request writes it; black where there is none.
fn color(written: Option<&str>) -> Outcome<Color> {
    Ok(written
        .unwrap_or("#000000")
        .parse::<domain::Color>()?
        .into())
}

fn stages(c: &mut Criterion) {
    #[expect(
        clippy::expect_used,
        reason = "INVARIANT: the demo's product can be drawn"
    )]
    let stages = Stages::prepare().expect("the demo's product");
    let Stages {
        subject,
        base_png,
        plan,
        fonts,
        composed,
    } = &stages;
    let limits = DecodeLimits::default();
    let pixels = u64::from(composed.width()) * u64::from(composed.height());
    let mut group = c.benchmark_group("imaging");
    group
        .sample_size(20)
        .throughput(Throughput::Elements(pixels));
    group.bench_function("decode/jpeg_photograph", |b| {
        b.iter(|| imaging::decode(black_box(&subject.photograph), &limits).is_ok());
    });
    group.bench_function("decode/png_photograph", |b| {
        b.iter(|| imaging::decode(black_box(base_png), &limits).is_ok());
    });
    group.bench_function("compose/demo_4_layers", |b| {
        b.iter(|| imaging::compose(black_box(plan), fonts).is_ok());
    });
    for kept in &plan.layers {
        let alone = Composition {
            layers: vec![kept.clone()],
            ..plan.clone()
        };
        group.bench_function(format!("compose/only_{}", kept.id), |b| {
            b.iter(|| imaging::compose(black_box(&alone), fonts).is_ok());
        });
    }
    let bare = Composition {
        layers: Vec::new(),
        ..plan.clone()
    };
    group.bench_function("compose/base_alone", |b| {
        b.iter(|| imaging::compose(black_box(&bare), fonts).is_ok());
    });
    group.bench_function("thumbnail/300", |b| {
        b.iter(|| imaging::thumbnail(black_box(composed), THUMBNAIL_SIDE_PX).is_ok());
    });
    for (name, format) in [("png", Format::Png), ("jpeg_85", Format::JPEG_85)] {
        group.bench_function(format!("encode/{name}"), |b| {
            b.iter(|| imaging::encode(black_box(composed), format).is_ok());
        });
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
