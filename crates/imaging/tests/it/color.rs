//! Whose word counts for the colours of a file, and what becomes of those that cannot be used.

use imaging::{ColorSource, DecodeLimits, DecodeNote, Decoded, decode_reporting};
use moxcms::ColorProfile;

use super::forge::{self, Png};

fn read(file: &[u8]) -> Decoded {
    decode_reporting(file, &DecodeLimits::default()).unwrap()
}

/// One pixel of half-bright, saturated red.
fn red() -> Png {
    Png::rgb(1, 1).data(&[0, 200, 50, 50])
}

fn iccp(icc: &[u8]) -> Vec<u8> {
    [b"p\0\0", &fdeflate::compress_to_vec(icc)[..]].concat()
}

fn p3() -> Vec<u8> {
    ColorProfile::new_display_p3().encode().unwrap()
}

/// (200, 50, 50) of Display P3 in sRGB, computed by hand with the matrices of the standards: linear
/// 0.700, 0.0090, 0.0211 is 218, 24, 40.
fn assert_is_p3_red(decoded: &Decoded) {
    let [r, g, b, _] = decoded.picture.pixel(0, 0).unwrap();
    assert!(
        r.abs_diff(218) <= 1 && g.abs_diff(24) <= 1 && b.abs_diff(40) <= 1,
        "{r} {g} {b}"
    );
}

#[test]
fn display_p3_becomes_srgb_by_profile_and_by_code_points() {
    let by_profile = read(&red().chunk(b"iCCP", &iccp(&p3())).file());
    assert_eq!(by_profile.report.color, ColorSource::Icc);
    assert_is_p3_red(&by_profile);
    let by_code_points = read(&red().chunk(b"cICP", &[12, 13, 0, 1]).file());
    assert_eq!(by_code_points.report.color, ColorSource::Cicp);
    assert_is_p3_red(&by_code_points);
}

#[test]
fn what_says_srgb_is_left_as_it_is() {
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    for file in [
        red().chunk(b"iCCP", &iccp(&srgb)).file(),
        red().chunk(b"sRGB", &[0]).file(),
        red().chunk(b"cICP", &[1, 13, 0, 1]).file(),
        red().chunk(b"gAMA", &45_455_u32.to_be_bytes()).file(),
    ] {
        let decoded = read(&file);
        assert_eq!(decoded.report.color, ColorSource::Srgb);
        assert_eq!(decoded.picture.pixel(0, 0), Some([200, 50, 50, 255]));
    }
}

#[test]
fn code_points_go_before_a_profile_and_a_profile_before_gamma() {
    let linear = 100_000_u32.to_be_bytes();
    let both = red()
        .chunk(b"cICP", &[1, 13, 0, 1])
        .chunk(b"iCCP", &iccp(&p3()))
        .file();
    assert_eq!(read(&both).picture.pixel(0, 0), Some([200, 50, 50, 255]));
    let both = red()
        .chunk(b"iCCP", &iccp(&p3()))
        .chunk(b"gAMA", &linear)
        .file();
    assert_is_p3_red(&read(&both));
    // 50 / 255 of linear light is 122 in sRGB, 200 / 255 is 228.
    let alone = read(&red().chunk(b"gAMA", &linear).file());
    assert_eq!(alone.report.color, ColorSource::Gamma);
    let [r, g, b, _] = alone.picture.pixel(0, 0).unwrap();
    assert!(
        r.abs_diff(228) <= 1 && g.abs_diff(122) <= 1 && b.abs_diff(122) <= 1,
        "{r} {g} {b}"
    );
}

#[test]
fn what_cannot_be_used_is_noted_and_the_picture_is_read_all_the_same() {
    let grey = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
    let huge = [b"p\0\0", &forge::zlib_of_zeros(5 << 20)[..]].concat();
    for (name, file, note) in [
        (
            "no zlib",
            red().chunk(b"iCCP", b"p\0\0garbage"),
            DecodeNote::ProfileDamaged,
        ),
        (
            "cut",
            red().chunk(b"iCCP", &iccp(&p3()[..200])),
            DecodeNote::ProfileDamaged,
        ),
        (
            "grey",
            red().chunk(b"iCCP", &iccp(&grey)),
            DecodeNote::ProfileMismatched,
        ),
        (
            "huge",
            red().chunk(b"iCCP", &huge),
            DecodeNote::ProfileTooLarge,
        ),
        (
            "PQ",
            red().chunk(b"cICP", &[9, 16, 0, 1]),
            DecodeNote::CodePointsIgnored,
        ),
        (
            "no gamma",
            red().chunk(b"gAMA", &[0; 4]),
            DecodeNote::ProfileDamaged,
        ),
    ] {
        let decoded = read(&file.file());
        assert_eq!(decoded.report.notes, [note], "{name}");
        assert_eq!(
            decoded.picture.pixel(0, 0),
            Some([200, 50, 50, 255]),
            "{name}"
        );
    }
}

#[test]
fn a_profile_with_any_byte_changed_never_breaks_the_picture() {
    let icc = p3();
    for at in 0..icc.len() {
        for value in [0, 0xFF] {
            let mut changed = icc.clone();
            changed[at] = value;
            let decoded = read(&red().chunk(b"iCCP", &iccp(&changed)).file());
            assert_eq!(decoded.picture.width(), 1);
        }
    }
}

#[test]
fn provenance_is_found_in_every_container() {
    let jumbf = [
        b"JP\0\x01\0\0\0\x01\0\0\0\x40jumb\0\0\0\x38jumdc2pa",
        &[0; 40][..],
    ]
    .concat();
    let jpeg = forge::with_segments(&forge::small_jpeg(), &forge::segment(0xEB, &jumbf));
    assert!(read(&jpeg).report.header.c2pa);
    assert!(read(&red().chunk(b"caBX", b"x").file()).report.header.c2pa);
    assert!(read(&forge::webp_with_provenance()).report.header.c2pa);
    for without in [forge::small_jpeg(), red().file(), forge::flat_vp8l(4, 4)] {
        assert!(!read(&without).report.header.c2pa);
    }
}
