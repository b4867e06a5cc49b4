//! `atelier render`: what its help says works, every fault names its file, its zone and what mends it, and
//! the gallery comes out the same each time.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::processes::{command, root};

/// Runs `atelier render` with these words and an output folder; what it printed, or said in failing.
fn render(words: &[&str], out: &Path) -> Result<String, String> {
    let run = command()
        .arg("render")
        .args(words)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if run.status.success() {
        Ok(said(run.stdout))
    } else {
        Err(said(run.stderr))
    }
}

/// A product with a text, a photograph and a picture that is generated, in a folder of its own.
struct Workshop {
    folder: tempfile::TempDir,
}

const PRODUCT: &str = r##"
id = "tray"
slug = "tray"
name = "Tray"
base_image = "base.jpg"
output_width = 640
output_height = 400
provider = "synthetic"
[prompt]
template = "A motif."
[[zone]]
id = "name"
name = "Name"
type = "TEXT"
x = 40
y = 40
width = 300
height = 80
default_font = "Inter"
default_color = "#222222"
required = true
[[zone]]
id = "photo"
name = "Photo"
type = "IMAGE"
x = 400
y = 40
width = 200
height = 200
"##;

impl Workshop {
    fn new(product: &str, customizations: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = root().join("docs/gallery/walnut/base.jpg");
        fs::copy(base, folder.path().join("base.jpg")).unwrap();
        let motif = root().join("docs/gallery/walnut/motif.png");
        fs::copy(motif, folder.path().join("cat.png")).unwrap();
        fs::write(folder.path().join("product.toml"), product).unwrap();
        fs::write(folder.path().join("filled.json"), customizations).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn render(&self, more: &[&str]) -> Result<String, String> {
        let (product, filled) = (self.path("product.toml"), self.path("filled.json"));
        let mut words = vec!["--product", product.to_str().unwrap()];
        words.extend(["--customizations", filled.to_str().unwrap()]);
        words.extend(more);
        render(&words, &self.path("out"))
    }
}

#[test]
fn the_example_of_the_help_works_from_the_repositorys_root() {
    let help = command().args(["render", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap().replace("\\\n", " ");
    let example = help
        .lines()
        .find(|line| line.contains("atelier render --product"));
    let words: Vec<&str> = example.unwrap().split_whitespace().skip(2).collect();
    let (words, out) = words.split_at(words.iter().position(|word| *word == "--out").unwrap());
    assert_eq!(out, ["--out", "pictures"]);
    let folder = tempfile::tempdir().unwrap();
    let said = render(words, folder.path()).unwrap();
    assert!(
        said.contains("full.jpg") && said.contains("zone "),
        "{said}"
    );
    assert!(
        folder.path().join("full.jpg").is_file() && folder.path().join("thumbnail.jpg").is_file()
    );
}

#[test]
fn the_report_is_json_where_it_is_asked_for() {
    let workshop = Workshop::new(PRODUCT, r#"{"name": "Zoé & Léo", "photo": "cat.png"}"#);
    let said = workshop.render(&["--json", "--width", "320"]).unwrap();
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["product"], "tray");
    assert_eq!(report["text"][0]["zone"], "name");
    assert_eq!(report["text"][0]["font"], "Inter");
    assert_eq!(report["text"][0]["lines"][0], "Zoé & Léo");
    let pictures = report["pictures"].as_array().unwrap();
    let found: Vec<(&str, u64)> = pictures
        .iter()
        .map(|p| (p["variant"].as_str().unwrap(), p["width"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, [("full", 640), ("thumbnail", 300), ("w320", 320)]);
    for picture in pictures {
        let size = fs::metadata(picture["file"].as_str().unwrap())
            .unwrap()
            .len();
        assert_eq!(picture["bytes"].as_u64(), Some(size));
    }
}

#[test]
fn every_fault_names_its_file_its_zone_and_what_mends_it() {
    let fine = r#"{"name": "Zoé", "photo": "cat.png"}"#;
    let wide = PRODUCT.replacen("width = 300", "width = 99999", 1);
    let steep = PRODUCT.replacen("required = true", "[zone.options]\ndepth = 9", 1);
    for (product, filled, more, words) in [
        (&*wide, fine, &[][..], &["product.toml", "/zone/0"][..]),
        (
            &steep,
            fine,
            &[],
            &["product.toml", "/zone/0/options/depth", "0.1 to 5"],
        ),
        (PRODUCT, "{", &[], &["filled.json", "line 1"]),
        (
            PRODUCT,
            r#"{"photo": "cat.png"}"#,
            &[],
            &["filled.json", "name", "required"],
        ),
        (
            PRODUCT,
            r#"{"name": "Zoé", "nam": "x"}"#,
            &[],
            &["filled.json", "/nam"],
        ),
        (
            PRODUCT,
            r#"{"name": "Zoé", "photo": "dog.png"}"#,
            &[],
            &["filled.json", "zone photo", "dog.png"],
        ),
        (
            PRODUCT,
            r#"{"name": "Zoé", "photo": "product.toml"}"#,
            &[],
            &["zone photo", "product.toml", "not PNG"],
        ),
        (
            PRODUCT,
            r#"{"name": "Zoé", "photo": "https://shop.example/a.png"}"#,
            &[],
            &["zone photo", "download"],
        ),
        (
            PRODUCT,
            r#"{"name": "Zoé"}"#,
            &[],
            &["photo", "--generated", "200 x 200"],
        ),
        (
            PRODUCT,
            fine,
            &["--generated", "missing.png"],
            &["missing.png"],
        ),
        (
            PRODUCT,
            fine,
            &["--font", "House Sans"],
            &["--font", "FAMILY=FILE"],
        ),
        (
            PRODUCT,
            r#"{"name": {"text": "Zoé", "font": "House Sans"}, "photo": "cat.png"}"#,
            &[],
            &["zone name", "House Sans", "--font"],
        ),
        (
            PRODUCT,
            r#"{"name": "山田", "photo": "cat.png"}"#,
            &[],
            &["filled.json", "\"name\"", "山", "--font-pack-dir"],
        ),
    ] {
        let workshop = Workshop::new(product, filled);
        let said = workshop.render(more).unwrap_err();
        for word in words {
            assert!(
                said.contains(word),
                "{filled} {more:?}: {word:?} is not in {said}"
            );
        }
        assert!(
            !workshop.path("out").exists(),
            "{filled}: something was written"
        );
    }
}

#[test]
fn every_picture_of_the_gallery_has_the_same_bytes_each_time() {
    let mut products = Vec::new();
    for kind in fs::read_dir(root().join("docs/gallery")).unwrap() {
        let kind = kind.unwrap().path();
        if kind.is_dir() {
            let files = fs::read_dir(kind).unwrap().map(|file| file.unwrap().path());
            products.extend(files.filter(|file| file.extension().is_some_and(|e| e == "toml")));
        }
    }
    // The scripts need the font pack; their order and shaping is tested where the pack is.
    products.retain(|file| file.file_stem().unwrap() != "scripts");
    assert!(products.len() >= 15, "{products:?}");
    let drawn = |product: &Path| {
        let folder = tempfile::tempdir().unwrap();
        let filled = product.with_extension("json");
        let words = [
            "--product",
            product.to_str().unwrap(),
            "--customizations",
            filled.to_str().unwrap(),
            "--generated",
            "docs/gallery/walnut/motif.png",
        ];
        render(&words, folder.path())
            .unwrap_or_else(|said| panic!("{}: {said}", product.display()));
        ["full.jpg", "thumbnail.jpg"].map(|name| fs::read(folder.path().join(name)).unwrap())
    };
    let drawn = &drawn;
    std::thread::scope(|scope| {
        for share in products.chunks(products.len().div_ceil(4)) {
            scope.spawn(move || {
                for product in share {
                    let same = drawn(product) == drawn(product);
                    assert!(same, "{} differs from run to run", product.display());
                }
            });
        }
    });
}
