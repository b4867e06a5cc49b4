use std::sync::Arc;

use imaging::{Format, Variant, VariantKind, VariantPlan, WebpMethod, resize, variants};

use super::draw::photograph;
use super::encode::psnr;

fn plan(widths: &[u32]) -> VariantPlan {
    VariantPlan {
        full: Format::WEBP_80,
        widths: widths.to_vec(),
        thumbnail_px: Some(300),
        origin: None,
    }
}

fn made(widths: &[u32]) -> Vec<Variant> {
    variants(Arc::new(photograph()), &plan(widths)).unwrap()
}

#[test]
fn every_kind_is_made_once_at_its_size_and_never_enlarged() {
    let made = made(&[512, 2048, 512, 128]);
    let sizes: Vec<_> = made
        .iter()
        .map(|v| (v.kind, v.picture.width(), v.picture.height()))
        .collect();
    assert_eq!(
        sizes,
        [
            (VariantKind::Full, 1024, 683),
            (VariantKind::Width(2048), 1024, 683),
            (VariantKind::Width(512), 512, 342),
            (VariantKind::Thumbnail, 300, 200),
            (VariantKind::Width(128), 128, 85),
        ]
    );
}

#[test]
fn only_the_full_picture_is_searched_thoroughly() {
    for variant in made(&[512]) {
        let expected = match variant.kind {
            VariantKind::Full => Format::WEBP_80,
            VariantKind::Width(_) => Format::Webp {
                quality: 80,
                method: WebpMethod::Quick,
            },
            VariantKind::Thumbnail => Format::JPEG_85,
        };
        assert_eq!(variant.format, expected);
    }
}

#[test]
fn a_width_made_from_a_smaller_picture_looks_like_one_made_from_the_full_one() {
    let full = photograph();
    for variant in made(&[800, 400, 200, 100]) {
        let direct = resize(&full, variant.picture.width(), variant.picture.height()).unwrap();
        let psnr = psnr(
            &variant.picture.to_rgb_over([0; 3]),
            &direct.to_rgb_over([0; 3]),
        );
        assert!(psnr > 42.0, "{:?}: {psnr} dB", variant.kind);
    }
}

#[test]
fn a_width_or_thumbnail_of_nothing_is_refused() {
    let picture = Arc::new(photograph());
    assert!(variants(Arc::clone(&picture), &plan(&[0])).is_err());
    let without = VariantPlan {
        thumbnail_px: Some(0),
        ..plan(&[])
    };
    assert!(variants(picture, &without).is_err());
}
