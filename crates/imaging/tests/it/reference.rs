//! What we decode, beside programs that share no code with us: NumPy and zlib for PNG, Pillow with
//! libjpeg-turbo, libwebp and LittleCMS for the rest. Each kind says how far it may be off.

use std::path::Path;

use imaging::{ColorSource, DecodeLimits, Decoded, decode_reporting};
use moxcms::ColorProfile;

use super::forge;

/// Largest and mean difference of any sample.
struct Difference {
    worst: u8,
    mean: f64,
}

fn difference(a: &[u8], b: &[u8]) -> Difference {
    assert_eq!(a.len(), b.len());
    let off = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    Difference {
        worst: off().max().unwrap(),
        mean: off().map(f64::from).sum::<f64>() / a.len() as f64,
    }
}

struct Compared {
    name: String,
    ours: Decoded,
    off: Difference,
}

fn premultiplied(straight: &[u8]) -> Vec<u8> {
    let part = |sample: u8, alpha: u8| ((u16::from(sample) * u16::from(alpha) + 127) / 255) as u8;
    let pixels = straight.as_chunks::<4>().0.iter();
    let pixels = pixels.map(|&[r, g, b, a]| [part(r, a), part(g, a), part(b, a), a]);
    pixels.flatten().collect()
}

/// Decodes all files here and there.
fn compared(files: &[(String, Vec<u8>)]) -> Vec<Compared> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/decoded.py");
    let python = testkit::foreign::python_env("imaging").unwrap();
    let output = python.command(script).arg(folder.path()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let compare = |(name, bytes): &(String, Vec<u8>)| {
        let ours = decode_reporting(bytes, &DecodeLimits::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let read = |extension| std::fs::read(folder.path().join(format!("{name}.{extension}")));
        let size = String::from_utf8(read("json").unwrap()).unwrap();
        let right = format!("[{}, {}]", ours.picture.width(), ours.picture.height());
        assert_eq!(size, right, "{name}");
        // Premultiplied, since a colour under alpha 0 is none.
        let right_rgba = premultiplied(&read("rgba").unwrap());
        let off = difference(&ours.picture.premultiplied_rgba(), &right_rgba);
        println!("{name}: worst {}, mean {:.3}", off.worst, off.mean);
        let ours_rgba = ours.picture.premultiplied_rgba();
        let mut pairs = ours_rgba
            .as_chunks::<4>()
            .0
            .iter()
            .zip(right_rgba.as_chunks::<4>().0);
        if let Some((a, b)) = pairs.find(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > 8))
        {
            println!("{name}: first far off: {a:?} where {b:?} is right");
        }
        Compared {
            name: name.clone(),
            ours,
            off,
        }
    };
    files.iter().map(compare).collect()
}

#[test]
fn every_layout_of_every_container_is_read_as_others_read_it() {
    let mut files = forge::every_layout();
    files.push((
        "lossy.webp".to_owned(),
        include_bytes!("fixtures/lossy.webp").to_vec(),
    ));
    assert!(files.len() > 50);
    for Compared { name, ours, off } in compared(&files) {
        let (worst, mean) = match () {
            // Multiplying by alpha may round either way.
            () if ours.picture.is_opaque() && name.ends_with(".png") => (0, 0.0),
            () if name.ends_with(".png") => (1, 0.3),
            () if name.ends_with(".webp") => (0, 0.0),
            // Decoders may round apart in the transform and where colour is spread over pixels.
            () => (8, 1.0),
        };
        assert!(
            off.worst <= worst && off.mean <= mean,
            "{name}: {} {}",
            off.worst,
            off.mean
        );
        assert_eq!(ours.report.notes, [], "{name}");
    }
}

#[test]
fn all_eight_orientations_turn_as_pillow_turns_them() {
    let files: Vec<(String, Vec<u8>)> = (1..=8)
        .map(|number| {
            let exif = [b"Exif\0\0", &forge::orientation_block(number)[..]].concat();
            let file = forge::with_segments(&forge::small_jpeg(), &forge::segment(0xE1, &exif));
            (format!("{number}.jpg"), file)
        })
        .collect();
    for Compared { name, ours, off } in compared(&files) {
        assert!(
            off.worst <= 8 && off.mean < 1.0,
            "{name}: {} {}",
            off.worst,
            off.mean
        );
        assert_eq!(
            ours.report.header.orientation.to_string(),
            name[..1],
            "{name}"
        );
    }
}

fn with_profile(file: &[u8], icc: &[u8]) -> Vec<u8> {
    let pieces: Vec<&[u8]> = icc.chunks(60_000).collect();
    let count = pieces.len() as u8;
    let segments = pieces.iter().zip(1..).flat_map(|(piece, number)| {
        let body = [b"ICC_PROFILE\0", &[number, count][..], piece].concat();
        forge::segment(0xE2, &body)
    });
    forge::with_segments(file, &segments.collect::<Vec<_>>())
}

#[test]
fn profiles_convert_as_little_cms_converts_them() {
    let rgb = forge::every_layout();
    let file = |name: &str| {
        let found = rgb.iter().find(|(known, _)| known == name);
        found.unwrap().1.clone()
    };
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let adobe = ColorProfile::new_adobe_rgb().encode().unwrap();
    let grey = ColorProfile::new_gray_with_gamma(1.8).encode().unwrap();
    let inks = forge::ink_profile();
    let files = [
        ("p3.jpg", with_profile(&file("444.jpg"), &p3)),
        ("adobe.jpg", with_profile(&file("444.jpg"), &adobe)),
        ("grey.jpg", with_profile(&file("grey.jpg"), &grey)),
        ("inks.jpg", with_profile(&file("cmyk.jpg"), &inks)),
    ]
    .map(|(name, file)| (name.to_owned(), file));
    for Compared { name, ours, off } in compared(&files) {
        assert_eq!(ours.report.color, ColorSource::Icc, "{name}");
        assert_eq!(ours.report.notes, [], "{name}");
        // Beside what the JPEG decoders differ by, a level or two of rounding; colours outside sRGB
        // are cut off at the same place.
        assert!(
            off.worst <= 12 && off.mean <= 1.5,
            "{name}: {} {}",
            off.worst,
            off.mean
        );
    }
}
