//! Our files and samples, judged by programs that share no code with ours: Pillow, libvips, NumPy.

use std::path::{Path, PathBuf};

use imaging::{Format, Origin, Picture, WebpMethod, encode, encode_with_origin, resize};
use serde_json::Value;
use testkit::foreign::python_env;

use super::draw::photograph;
use super::encode::fading;

/// Runs a script of `tests/foreign` and reads the JSON objects it prints.
pub fn told_by(script: &str, arguments: &[String]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/foreign")
        .join(script);
    let env = python_env("imaging").unwrap();
    let output = env.command(script).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let parsed = lines.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().unwrap()
}

#[test]
fn pillow_and_libvips_read_the_note_of_origin_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let webp = Format::Webp {
        quality: 80,
        method: WebpMethod::Quick,
    };
    let origins = [
        Some(Origin::TrainedAlgorithmicMedia),
        Some(Origin::CompositeWithTrainedAlgorithmicMedia),
        None,
    ];
    let (mut paths, mut expected) = (Vec::new(), Vec::new());
    for picture in [photograph(), fading()] {
        for format in [Format::Png, Format::JPEG_85, webp, Format::WebpLossless] {
            for origin in origins {
                let name = format!("{}.{}", paths.len(), format.extension());
                let path = folder.path().join(name);
                std::fs::write(&path, encode_with_origin(&picture, format, origin).unwrap())
                    .unwrap();
                paths.push(path.to_str().unwrap().to_owned());
                expected.push(origin);
            }
        }
    }
    let found = told_by("origin.py", &paths);
    assert_eq!(found.len(), expected.len());
    for ((found, origin), path) in found.iter().zip(expected).zip(paths) {
        for reader in ["pillow", "vips"] {
            let packet = found[reader].as_str().unwrap();
            match origin {
                Some(origin) => {
                    let property = format!("Iptc4xmpExt:DigitalSourceType=\"{}\"", origin.term());
                    assert!(packet.contains(&property), "{reader}, {path}: {packet}");
                }
                None => assert_eq!(packet, "", "{reader}, {path}"),
            }
        }
        assert_eq!(found["others"], Value::Array(Vec::new()), "{path}");
    }
}

/// PSNR in decibels, the largest error in levels, and SSIM, against 64-bit floats.
fn against_floats(picture: &Picture, small: &Picture, extra: Option<&str>) -> (f64, f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let (channels, source, result) = if picture.is_opaque() {
        (3, picture.to_rgb_over([0; 3]), small.to_rgb_over([0; 3]))
    } else {
        let (source, result) = (picture.to_straight_rgba(), small.to_straight_rgba());
        (4, source.unwrap(), result.unwrap())
    };
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (source, result) = (file("source", &source), file("result", &result));
    let mut arguments = vec![
        source.display().to_string(),
        picture.width().to_string(),
        picture.height().to_string(),
        channels.to_string(),
        result.display().to_string(),
        small.width().to_string(),
        small.height().to_string(),
    ];
    arguments.extend(extra.map(str::to_owned));
    let told = told_by("resize.py", &arguments);
    let number = |name: &str| told[0][name].as_f64().unwrap();
    (number("psnr"), number("worst"), number("ssim"))
}

/// A largest error beyond one level comes from the samples between the two passes, which have eight
/// bits: where Lanczos overshoots there, what is above 255 or below 0 is lost.
#[test]
fn resizing_is_lanczos_but_for_overshoots_between_its_passes() {
    // 2048 wide: rows a multiple of half a page apart are shrunk in bands.
    let wide = resize(&photograph(), 2048, 1366).unwrap();
    let wide_fading = resize(&fading(), 2048, 1366).unwrap();
    for (name, picture) in [
        ("opaque", photograph()),
        ("fading", fading()),
        ("opaque in bands", wide),
        ("fading in bands", wide_fading),
    ] {
        for (width, height) in [(256, 171), (700, 900)] {
            let small = resize(&picture, width, height).unwrap();
            let (psnr, worst, ssim) = against_floats(&picture, &small, None);
            println!("{name} {width} x {height}: {psnr:.1} dB, {worst:.2} levels, SSIM {ssim:.5}");
            assert!(psnr > 54.0, "{name} {width}: {psnr} dB");
            assert!(worst < 10.0, "{name} {width}: {worst} levels");
            assert!(ssim > 0.999, "{name} {width}: {ssim}");
        }
    }
}

#[test]
fn every_file_is_read_by_pillow_and_libvips() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (width, height) in [(1, 1), (7, 1), (1, 9), (33, 17)] {
        let small = resize(&fading(), width, height).unwrap();
        for format in [
            Format::Png,
            Format::JPEG_85,
            Format::WEBP_80,
            Format::WebpLossless,
        ] {
            let name = format!("{width}x{height}-{}.{}", paths.len(), format.extension());
            let path = folder.path().join(name);
            std::fs::write(&path, encode(&small, format).unwrap()).unwrap();
            paths.push(path.to_str().unwrap().to_owned());
        }
    }
    assert_eq!(told_by("origin.py", &paths).len(), paths.len());
}
