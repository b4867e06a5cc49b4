use imaging::{
    DecodeLimits, Format, Origin, Picture, WebpMethod, decode, encode, encode_with_origin,
};

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
pub fn fading() -> Picture {
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

const WEBP_80_QUICK: Format = Format::Webp {
    quality: 80,
    method: WebpMethod::Quick,
};

/// One of each kind.
const FORMATS: [Format; 5] = [
    Format::Png,
    Format::JPEG_85,
    Format::WEBP_80,
    WEBP_80_QUICK,
    Format::WebpLossless,
];

#[test]
fn lossy_webp_keeps_a_photograph_close_in_a_tenth_of_the_bytes() {
    let picture = photograph();
    let rgb = picture.to_rgb_over([255; 3]);
    let lossless = encode(&picture, Format::Png).unwrap().len();
    for format in [Format::WEBP_80, WEBP_80_QUICK] {
        let file = encode(&picture, format).unwrap();
        let oracle = image::load_from_memory(&file).unwrap().to_rgb8().into_raw();
        let psnr = psnr(&oracle, &rgb);
        assert!(psnr > 36.0, "{format:?}: {psnr} dB");
        assert!(file.len() * 10 < lossless, "{} of {lossless}", file.len());
    }
}

#[test]
fn lossy_webp_keeps_alpha_exactly() {
    let picture = fading();
    let file = encode(&picture, Format::WEBP_80).unwrap();
    let oracle = image::load_from_memory(&file).unwrap().to_rgba8();
    let straight = picture.to_straight_rgba().unwrap();
    for (pixel, expected) in oracle.pixels().zip(straight.chunks_exact(4)) {
        assert_eq!(pixel.0[3], expected[3]);
    }
}

#[test]
fn the_same_picture_gives_the_same_bytes_on_any_thread() {
    for picture in [photograph(), fading()] {
        for format in FORMATS {
            let origin = Some(Origin::TrainedAlgorithmicMedia);
            let once = encode_with_origin(&picture, format, origin).unwrap();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let again = scope.spawn(|| encode_with_origin(&picture, format, origin));
                    assert!(again.join().unwrap().unwrap() == once, "{format:?}");
                }
            });
        }
    }
}

#[test]
fn flat_art_takes_less_than_the_quick_compressor_gives() {
    // Four plain quarters and a ring: repeats and nothing else.
    let pixels: Vec<u8> = (0..512 * 512)
        .flat_map(|i: i32| {
            let (x, y) = (i % 512 - 256, i / 512 - 256);
            let ring = (100 * 100..120 * 120).contains(&(x * x + y * y));
            let quarter = [200, 120, 60][usize::from(x > 0) + usize::from(y > 0)];
            if ring {
                [20, 30, 40]
            } else {
                [quarter, 90, quarter]
            }
        })
        .collect();
    let art = Picture::from_rgb(512, 512, pixels.clone()).unwrap();
    let ours = encode(&art, Format::Png).unwrap();
    let mut quick = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut quick,
        image::codecs::png::CompressionType::Fast,
        image::codecs::png::FilterType::Adaptive,
    );
    let color = image::ExtendedColorType::Rgb8;
    image::ImageEncoder::write_image(encoder, &pixels, 512, 512, color).unwrap();
    assert!(
        ours.len() * 2 < quick.len(),
        "{} {}",
        ours.len(),
        quick.len()
    );
}

#[test]
fn a_note_of_origin_changes_no_pixel_and_stands_in_the_file() {
    for picture in [photograph(), fading()] {
        for format in FORMATS {
            let plain = encode(&picture, format).unwrap();
            for origin in [
                Origin::TrainedAlgorithmicMedia,
                Origin::CompositeWithTrainedAlgorithmicMedia,
            ] {
                let noted = encode_with_origin(&picture, format, Some(origin)).unwrap();
                let pixels = |file: &[u8]| image::load_from_memory(file).unwrap().to_rgba8();
                assert_eq!(pixels(&noted), pixels(&plain), "{format:?}");
                let term = origin.term().as_bytes();
                let found = noted.windows(term.len()).any(|window| window == term);
                assert!(found, "{format:?}");
                assert!(!plain.windows(4).any(|window| window == b"rdf:"));
            }
        }
    }
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
