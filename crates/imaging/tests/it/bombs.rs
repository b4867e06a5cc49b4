//! Files that cost more than they show, made by code, and what reading each of them costs: every one
//! is decoded in a process of its own, whose peak of resident memory and time are held against a
//! bound.

use std::process::Command;
use std::time::{Duration, Instant};

use imaging::{DecodeLimits, ImagingError, decode};

use super::forge::{self, Png};

/// Names the file for the process of its own.
const FILE_VARIABLE: &str = "IMAGING_TEST_DECODE_FILE";
/// What the test program itself takes before it decodes anything: code, test harness, two stacks.
const PROGRAM_MIB: u64 = 16;

struct Cost {
    outcome: String,
    peak_mib: u64,
    time: Duration,
}

/// Decodes in a new process and asks the kernel what that took.
fn cost(bytes: &[u8]) -> Cost {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let began = Instant::now();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "bombs::decode_the_named_file",
            "--ignored",
            "--nocapture",
        ])
        .env(FILE_VARIABLE, file.path())
        .output()
        .unwrap();
    let time = began.elapsed();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key));
        found
            .unwrap_or_else(|| panic!("no {key} in {text}"))
            .to_owned()
    };
    Cost {
        outcome: line("OUTCOME "),
        peak_mib: line("PEAK_KIB ").parse::<u64>().unwrap() / 1024,
        time,
    }
}

#[test]
#[ignore = "the other tests run it in a process of its own"]
fn decode_the_named_file() {
    let bytes = std::fs::read(std::env::var_os(FILE_VARIABLE).unwrap()).unwrap();
    let outcome = match decode(&bytes, &DecodeLimits::default()) {
        Ok(picture) => format!("{} x {}", picture.width(), picture.height()),
        Err(error) => name_of(&error).to_owned(),
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    println!("\nOUTCOME {outcome}");
    println!("PEAK_KIB {}", peak.trim().trim_end_matches(" kB"));
}

fn name_of(error: &ImagingError) -> &'static str {
    match error {
        ImagingError::TooManyBytes { .. } => "TooManyBytes",
        ImagingError::UnsupportedFormat { found } => found,
        ImagingError::TooManyPixels { .. } => "TooManyPixels",
        ImagingError::Empty { .. } => "Empty",
        ImagingError::TooManyScans { .. } => "TooManyScans",
        ImagingError::TooManyChunks { .. } => "TooManyChunks",
        ImagingError::MetadataTooLarge { .. } => "MetadataTooLarge",
        ImagingError::Implausible { .. } => "Implausible",
        ImagingError::Animated { .. } => "Animated",
        ImagingError::Malformed { .. } => "Malformed",
        ImagingError::UnsupportedLayout { .. } => "UnsupportedLayout",
        other => panic!("not an error of decoding: {other}"),
    }
}

/// Longest that a file may take. A quiet machine needs less than 50 ms for what is refused and a
/// second for 16 megapixels; one that is busy with something else gets its time.
const DEADLINE: Duration = Duration::from_secs(30);

/// Decodes and holds the cost: the file itself and `extra_mib` beside it, within the deadline.
fn check(name: &str, bytes: &[u8], outcome: &str, extra_mib: u64) {
    let cost = cost(bytes);
    let bound = PROGRAM_MIB + bytes.len() as u64 / (1 << 20) + extra_mib;
    println!("{name}: {} of {bound} MiB, {:?}", cost.peak_mib, cost.time);
    assert_eq!(cost.outcome, outcome, "{name}");
    assert!(
        cost.peak_mib <= bound,
        "{name}: {} MiB, allowed {bound}",
        cost.peak_mib
    );
    assert!(cost.time < DEADLINE, "{name}: {:?}", cost.time);
}

/// The bombs that are refused by what stands before or beside the pixels: none costs more memory
/// than its own bytes and 4 MiB.
#[test]
fn what_is_refused_costs_no_more_than_its_own_bytes() {
    let flat = forge::flat_png(20_000, 20_000);
    let scans = forge::jpeg_of_scans(400);
    let chunks = Png::rgb(1, 1).chunks(b"teSt", b"", 70_000).file();
    let exif = Png::rgb(1, 1).chunk(b"eXIf", &vec![0; 2 << 20]).file();
    let lying_png = Png::rgb(6_000, 6_000).data(&[0; 100]).file();
    let lying_jpeg = forge::jpeg_with_sides(&forge::small_jpeg(), 6_000, 6_000);
    let cases: &[(&str, &[u8], &str)] = &[
        ("flat PNG of 400 megapixels", &flat, "TooManyPixels"),
        ("JPEG of 400 scans", &scans, "TooManyScans"),
        ("PNG of 70,000 chunks", &chunks, "TooManyChunks"),
        (
            "JPEG of 70,000 segments",
            &forge::jpeg_of_segments(70_000),
            "TooManyChunks",
        ),
        ("PNG with 2 MB of EXIF", &exif, "MetadataTooLarge"),
        (
            "36 megapixels in a PNG of 100 bytes",
            &lying_png,
            "Implausible",
        ),
        (
            "36 megapixels in a JPEG of few bytes",
            &lying_jpeg,
            "Implausible",
        ),
        (
            "WebP of 268 megapixels in 38 bytes",
            &forge::flat_vp8l(16_383, 16_383),
            "TooManyPixels",
        ),
        (
            "WebP whose canvas is larger than its frame",
            &forge::vp8x_around_vp8l(4_000, 4_000),
            "Malformed",
        ),
        ("PNG without width", &Png::rgb(0, 7).file(), "Empty"),
        ("PNG without height", &Png::rgb(7, 0).file(), "Empty"),
        (
            "JPEG without height",
            &forge::jpeg_with_sides(&forge::small_jpeg(), 16, 0),
            "Empty",
        ),
        (
            "animated PNG",
            include_bytes!("fixtures/anim.png"),
            "Animated",
        ),
        (
            "animated WebP",
            include_bytes!("fixtures/anim.webp"),
            "Animated",
        ),
        ("animated GIF", forge::ANIMATED_GIF, "GIF"),
        ("SVG named .png", forge::LONG_SVG_HEAD, "SVG"),
        ("33 MiB of zeros", &vec![0; 33 << 20], "TooManyBytes"),
    ];
    for (name, bytes, outcome) in cases {
        check(name, bytes, outcome, 4);
    }
}

/// What is passed over instead of refused: the picture of one pixel comes out, and nothing else is
/// kept. The bound leaves room for a profile that is inflated up to its limit of 4 MiB.
#[test]
fn profiles_texts_and_data_behind_the_last_row_are_not_inflated() {
    let megabytes_200 = forge::zlib_of_zeros(200 << 20);
    let icc = [b"p\0\0", &megabytes_200[..]].concat();
    let text = [b"Comment\0\0", &megabytes_200[..]].concat();
    let behind = forge::zlib_of_zeros(2 << 30);
    for (name, file) in [
        (
            "PNG with a profile of 200 MB",
            Png::rgb(1, 1).chunk(b"iCCP", &icc).file(),
        ),
        (
            "PNG with a text of 200 MB",
            Png::rgb(1, 1).chunk(b"zTXt", &text).file(),
        ),
        (
            "PNG with 2 GiB behind its last row",
            Png::rgb(1, 1).stream(&behind).file(),
        ),
    ] {
        check(name, &file, "1 x 1", 14);
    }
}

/// What the pool counts for a picture, 24 MiB and 20 bytes a pixel, holds for the costliest layouts
/// that are let in.
#[test]
fn what_is_decoded_stays_within_what_the_pool_counts_for_it() {
    let (side, pixels) = (4_000_u32, 16_000_000_u64);
    let counted_mib = 24 + pixels * 20 / (1 << 20);
    for (name, file) in [
        (
            "PNG of 16 bits, RGBA, interlaced",
            Png::rgba16_interlaced(side, side).file(),
        ),
        (
            "progressive JPEG without subsampling",
            forge::progressive_jpeg(side, side, 10),
        ),
        (
            "lossless WebP with alpha in 30 bytes",
            forge::flat_vp8l(side, side),
        ),
        ("PNG of one bit a pixel", forge::flat_png(side, side)),
    ] {
        check(
            name,
            &file,
            &format!("{side} x {side}"),
            counted_mib - PROGRAM_MIB,
        );
    }
}
