use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use imaging::{DecodeLimits, decode};

/// Side of one block of the test picture; large enough that JPEG leaves its middle alone.
const BLOCK: u32 = 16;

/// Six blocks of different colours, three beside each other in two rows.
fn blocks() -> RgbImage {
    const COLORS: [[u8; 3]; 6] = [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 0],
        [0, 255, 255],
        [255, 0, 255],
    ];
    RgbImage::from_fn(3 * BLOCK, 2 * BLOCK, |x, y| {
        Rgb(COLORS[(y / BLOCK * 3 + x / BLOCK) as usize])
    })
}

/// A minimal EXIF block: little-endian TIFF with one entry, tag 0x0112.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
    block
}

fn file(container: &str, orientation: u8) -> Vec<u8> {
    fn write(mut encoder: impl ImageEncoder, orientation: u8) {
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        let picture = blocks();
        let (width, height) = picture.dimensions();
        encoder
            .write_image(&picture, width, height, ExtendedColorType::Rgb8)
            .unwrap();
    }
    let mut out = Vec::new();
    match container {
        "png" => write(PngEncoder::new(&mut out), orientation),
        "webp" => write(WebPEncoder::new_lossless(&mut out), orientation),
        _ => write(JpegEncoder::new_with_quality(&mut out, 95), orientation),
    }
    out
}

#[test]
fn all_eight_orientations_are_turned_upright_in_every_container() {
    for container in ["png", "jpeg", "webp"] {
        for number in 1..=8 {
            let mut expected = DynamicImage::from(blocks());
            expected.apply_orientation(Orientation::from_exif(number).unwrap());
            let expected = expected.to_rgb8();
            let picture = decode(&file(container, number), &DecodeLimits::default()).unwrap();
            assert_eq!((picture.width(), picture.height()), expected.dimensions());
            for (x, y) in (0..expected.width() / BLOCK)
                .flat_map(|x| (0..expected.height() / BLOCK).map(move |y| (x, y)))
            {
                let (x, y) = (x * BLOCK + BLOCK / 2, y * BLOCK + BLOCK / 2);
                let ours = picture.pixel(x, y).unwrap();
                let right = expected.get_pixel(x, y).0;
                let worst = right
                    .iter()
                    .zip(ours)
                    .map(|(a, b)| a.abs_diff(b))
                    .max()
                    .unwrap();
                assert!(
                    worst < 12,
                    "{container} {number} at {x},{y}: {ours:?} for {right:?}"
                );
            }
        }
    }
}

#[test]
fn a_damaged_exif_block_leaves_the_picture_as_it_is() {
    let whole = file("png", 6);
    let tag = whole
        .windows(4)
        .position(|window| window == b"eXIf")
        .unwrap();
    let mut damaged = whole[..tag - 4].to_vec();
    // A chunk that is one byte long, with its right checksum, in place of the block.
    let body = b"eXIfX";
    damaged.extend_from_slice(&1_u32.to_be_bytes());
    damaged.extend_from_slice(body);
    damaged.extend_from_slice(&crc32(body).to_be_bytes());
    let length = u32::from_be_bytes(whole[tag - 4..tag].try_into().unwrap()) as usize;
    damaged.extend_from_slice(&whole[tag + 4 + length + 4..]);
    let picture = decode(&damaged, &DecodeLimits::default()).unwrap();
    assert_eq!((picture.width(), picture.height()), (3 * BLOCK, 2 * BLOCK));
}

/// The checksum of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}
