//! Files made to cost memory or time, or to slip past a check.

use imaging::{DecodeLimits, ImagingError, SourceFormat, decode};

fn refusal(bytes: &[u8]) -> ImagingError {
    let error = decode(bytes, &DecodeLimits::default()).unwrap_err();
    assert!(error.is_input(), "{error}");
    error
}

/// A whole, valid PNG of one bit a pixel, all black.
fn flat_png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_image_data(&vec![0; (width.div_ceil(8) * height) as usize])
        .unwrap();
    writer.finish().unwrap();
    file
}

/// A PNG file of one pixel with a chunk put in after its header.
fn png_with_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_chunk(png::chunk::ChunkType(*kind), body)
        .unwrap();
    writer.write_image_data(&[1, 2, 3]).unwrap();
    writer.finish().unwrap();
    file
}

#[test]
fn a_huge_flat_png_is_refused_by_its_header_alone() {
    let file = flat_png(20_000, 20_000);
    assert!(file.len() < 2_000_000, "a small file for 400 megapixels");
    // Cut off right after the header: a decoder that went further would call it damaged.
    for bytes in [&file[..], &file[..33]] {
        match refusal(bytes) {
            ImagingError::TooManyPixels {
                width: 20_000,
                height: 20_000,
                ..
            } => {}
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_long_thin_picture_is_refused_although_it_has_few_pixels() {
    let file = flat_png(16_385, 1);
    assert!(matches!(
        refusal(&file),
        ImagingError::TooManyPixels { width: 16_385, .. }
    ));
    assert!(decode(&flat_png(16_384, 1), &DecodeLimits::default()).is_ok());
}

#[test]
fn a_webp_that_claims_268_megapixels_in_38_bytes_is_refused() {
    // VP8L: signature byte, then width - 1 and height - 1 in 14 bits each.
    let mut file = b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0\x2f".to_vec();
    file.extend_from_slice(&0x0FFF_BFFE_u32.to_le_bytes());
    file.resize(38, 0);
    match refusal(&file) {
        ImagingError::TooManyPixels {
            width: 16_383,
            height: 16_383,
            ..
        } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_jpeg_that_claims_more_than_it_may_is_refused() {
    let mut file = super::draw::photograph_file();
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(matches!(
        refusal(&file),
        ImagingError::TooManyPixels {
            width: 65_535,
            height: 65_535,
            ..
        }
    ));
}

#[test]
fn a_header_that_lies_within_the_limits_is_found_out() {
    let mut file = super::draw::photograph_file();
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .unwrap();
    // Says 5,000 rows where 683 follow.
    file[frame + 5..frame + 7].copy_from_slice(&5_000_u16.to_be_bytes());
    match decode(&file, &DecodeLimits::default()) {
        Err(ImagingError::Malformed {
            format: SourceFormat::Jpeg,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_jpeg_of_hundreds_of_scans_is_refused_before_decoding() {
    let photograph = super::draw::photograph_file();
    let scan = photograph
        .windows(2)
        .position(|pair| pair == [0xFF, 0xDA])
        .unwrap();
    let body = &photograph[scan..scan + 64];
    let mut file = photograph[..scan].to_vec();
    for _ in 0..400 {
        file.extend_from_slice(body);
    }
    assert!(matches!(
        refusal(&file),
        ImagingError::TooManyScans { max_scans: 32 }
    ));
}

#[test]
fn every_truncation_is_an_error_and_none_panics() {
    let photograph = super::draw::photograph_file();
    let png = imaging::encode(
        &super::draw::plain(40, 30, [9, 8, 7, 100]),
        imaging::Format::Png,
    );
    let webp: &[u8] = include_bytes!("fixtures/lossy.webp");
    for whole in [&png.unwrap()[..], webp] {
        for len in 0..whole.len() {
            let result = decode(&whole[..len], &DecodeLimits::default());
            assert!(
                result.is_err(),
                "{len} of {} bytes were taken for a picture",
                whole.len()
            );
        }
    }
    for part in [3, 20, 600, photograph.len() / 3, photograph.len() - 2_000] {
        let result = decode(&photograph[..part], &DecodeLimits::default());
        assert!(
            result.is_err(),
            "{part} of {} bytes were taken for a picture",
            photograph.len()
        );
    }
}

#[test]
fn animated_files_are_refused_by_name() {
    let webp = include_bytes!("fixtures/anim.webp");
    assert!(matches!(
        refusal(webp),
        ImagingError::Animated {
            format: SourceFormat::Webp
        }
    ));
    let png = include_bytes!("fixtures/anim.png");
    assert!(matches!(
        refusal(png),
        ImagingError::Animated {
            format: SourceFormat::Png
        }
    ));
}

#[test]
fn too_many_bytes_are_refused_unread() {
    let limits = DecodeLimits {
        max_bytes: 100,
        ..DecodeLimits::default()
    };
    let error = decode(&super::draw::photograph_file(), &limits).unwrap_err();
    assert!(
        matches!(error, ImagingError::TooManyBytes { max_bytes: 100, .. }),
        "{error}"
    );
}

#[test]
fn profile_and_text_chunks_are_never_inflated() {
    // Not a zlib stream at all: whoever inflated it would fail.
    for (kind, body) in [
        (b"iCCP", &b"p\0\0garbage"[..]),
        (b"zTXt", b"Comment\0\0garbage"),
    ] {
        let file = png_with_chunk(kind, body);
        let picture = decode(&file, &DecodeLimits::default()).unwrap();
        assert_eq!(picture.pixel(0, 0), Some([1, 2, 3, 255]));
    }
}
