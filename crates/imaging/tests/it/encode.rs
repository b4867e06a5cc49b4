use imaging::{DecodeLimits, Format, Picture, decode, encode};

use super::draw::photograph;

/// Peak signal to noise ratio of two rows of 8-bit samples, in decibels.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0_f64.powi(2) / (squares / a.len() as f64)).log10()
}

/// The largest difference of two rows of samples.
pub fn worst(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    differences.max().unwrap()
}

/// A photograph that fades out to the right.
fn fading() -> Picture {
    let photograph = photograph();
    let width = photograph.width() as usize;
    let mut pixels = photograph.to_straight_rgba().unwrap();
    for (index, pixel) in pixels.chunks_exact_mut(4).enumerate() {
        pixel[3] = (255 - index % width * 256 / width) as u8;
    }
    Picture::from_straight_rgba(photograph.width(), photograph.height(), pixels).unwrap()
}

#[test]
fn lossless_formats_give_back_every_sample() {
    for picture in [photograph(), fading()] {
        // An opaque picture comes back exactly; where it fades, going through straight alpha may
        // round by one.
        let allowed = if picture.is_opaque() { 0 } else { 1 };
        for format in [Format::Png, Format::WebpLossless] {
            let file = encode(&picture, format).unwrap();
            let back = decode(&file, &DecodeLimits::default()).unwrap();
            let worst = worst(&picture.premultiplied_rgba(), &back.premultiplied_rgba());
            assert!(worst <= allowed, "{format:?} differs by {worst}");
            let oracle = image::load_from_memory(&file).unwrap();
            assert_eq!(oracle.color().has_alpha(), !picture.is_opaque());
            let straight = picture.to_straight_rgba().unwrap();
            assert_eq!(oracle.to_rgba8().into_raw(), straight);
        }
    }
}

#[test]
fn jpeg_keeps_a_photograph_close_and_honours_its_quality() {
    let picture = photograph();
    let rgb = picture.to_rgb_over([255; 3]);
    let sizes = [50, 85, 95].map(|quality| {
        let file = encode(&picture, Format::Jpeg { quality }).unwrap();
        let oracle = image::load_from_memory(&file).unwrap().to_rgb8().into_raw();
        let psnr = psnr(&oracle, &rgb);
        assert!(psnr > 30.0, "quality {quality}: {psnr} dB");
        file.len()
    });
    assert!(sizes.is_sorted(), "{sizes:?}");
}

#[test]
fn transparent_pixels_become_white_in_a_jpeg() {
    let file = encode(&super::draw::plain(16, 16, [0, 0, 0, 0]), Format::JPEG_85).unwrap();
    let picture = decode(&file, &DecodeLimits::default()).unwrap();
    assert_eq!(picture.pixel(8, 8), Some([255; 4]));
}

#[test]
fn every_output_format_of_a_product_is_written_under_its_own_extension_and_type() {
    for format in domain::OutputFormat::ALL {
        assert_eq!(Format::from(format).extension(), format.as_str());
        assert_eq!(Format::from(format).content_type(), format.media_type());
    }
}
