use imaging::{DecodeLimits, ImagingError, Picture, SourceFormat, decode, sniff};

fn ok(bytes: &[u8]) -> Picture {
    decode(bytes, &DecodeLimits::default()).unwrap()
}

/// Largest difference of any sample to what the independent decoder of `image` reads.
fn worst_difference_to_oracle(bytes: &[u8]) -> u8 {
    let ours = ok(bytes).to_straight_rgba().unwrap();
    let oracle = image::load_from_memory(bytes)
        .unwrap()
        .to_rgba8()
        .into_raw();
    assert_eq!(ours.len(), oracle.len());
    ours.iter()
        .zip(&oracle)
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap()
}

#[test]
fn a_real_photograph_decodes_as_an_independent_decoder_reads_it() {
    let worst = worst_difference_to_oracle(&super::draw::photograph_file());
    assert!(
        worst <= 4,
        "JPEG decoders may round apart by a little, not by {worst}"
    );
}

#[test]
fn every_png_layout_decodes_as_an_independent_decoder_reads_it() {
    use image::{DynamicImage, ExtendedColorType, ImageEncoder};
    let photograph = image::load_from_memory(&super::draw::photograph_file()).unwrap();
    let small = photograph.thumbnail_exact(37, 23);
    for variant in [
        DynamicImage::from(small.to_luma8()),
        DynamicImage::from(small.to_luma_alpha8()),
        DynamicImage::from(small.to_rgb8()),
        DynamicImage::from(small.to_rgba8()),
        DynamicImage::from(small.to_luma16()),
        DynamicImage::from(small.to_rgb16()),
    ] {
        let mut file = Vec::new();
        let color = ExtendedColorType::from(variant.color());
        image::codecs::png::PngEncoder::new(&mut file)
            .write_image(variant.as_bytes(), 37, 23, color)
            .unwrap();
        let worst = worst_difference_to_oracle(&file);
        assert!(worst <= 1, "{color:?} differs by {worst}");
    }
}

#[test]
fn lossy_and_lossless_webp_decode() {
    assert_eq!(
        worst_difference_to_oracle(include_bytes!("fixtures/lossy.webp")),
        0
    );
    let picture = ok(include_bytes!("fixtures/lossy.webp"));
    assert_eq!((picture.width(), picture.height()), (16, 8));
}

#[test]
fn inks_of_a_cmyk_jpeg_become_colours() {
    let picture = ok(include_bytes!("fixtures/cmyk_red.jpg"));
    let [r, g, b, a] = picture.pixel(8, 4).unwrap();
    assert!(r > 245 && g < 10 && b < 10 && a == 255, "{r} {g} {b} {a}");
}

/// The decoder behind `image` 0.25.10 reads such files as garbage without an error.
#[test]
fn a_jpeg_with_one_scan_per_component_and_subsampling_is_read_right() {
    let photograph = super::draw::photograph();
    let rgb = photograph.to_rgb_over([0; 3]);
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 92);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    let (width, height) = (photograph.width() as u16, photograph.height() as u16);
    encoder
        .encode(&rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let scans = file.windows(2).filter(|pair| *pair == [0xFF, 0xDA]).count();
    assert_eq!(
        scans, 3,
        "the encoder no longer writes the layout that this test is about"
    );

    let decoded = ok(&file).to_rgb_over([0; 3]);
    let psnr = super::encode::psnr(&decoded, &rgb);
    assert!(psnr > 30.0, "{psnr} dB");
}

/// Found by fuzzing: `jpeg-decoder` stops at the first scale at which either side suffices.
#[test]
fn a_jpeg_of_one_row_or_column_is_decoded_at_a_fraction() {
    for (width, height) in [(1325, 1), (1, 1325), (3, 1000), (9, 5)] {
        // Progressive, so that it goes through that decoder.
        let file = super::forge::progressive_jpeg(width, height, 4);
        let wanted = (width.div_ceil(4), height.div_ceil(4));
        let limits = DecodeLimits::default();
        let decoded = imaging::decode_at_least(&file, &limits, wanted.0, wanted.1).unwrap();
        let picture = decoded.picture;
        assert_eq!(
            (picture.width(), picture.height()),
            wanted,
            "{width} x {height}"
        );
    }
}

#[test]
fn the_type_is_found_from_the_content() {
    assert_eq!(
        sniff(&super::draw::photograph_file()).unwrap(),
        SourceFormat::Jpeg
    );
    assert_eq!(
        sniff(include_bytes!("fixtures/lossy.webp")).unwrap(),
        SourceFormat::Webp
    );
    assert_eq!(
        sniff(include_bytes!("fixtures/anim.png")).unwrap(),
        SourceFormat::Png
    );
    for (bytes, name) in [
        (&b""[..], "an empty file"),
        (b"GIF89a\x01\x00", "GIF"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\n <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!DOCTYPE html><title>404</title>", "HTML"),
        (b"{\"error\":\"not found\"}", "JSON"),
        (b"%PDF-1.7", "PDF"),
        (b"\x00\x00\x00\x1cftypavif", "AVIF"),
        (b"RIFF\x00\x00\x00\x00WAVE", "a RIFF file other than WebP"),
    ] {
        match sniff(bytes) {
            Err(ImagingError::UnsupportedFormat { found }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}
