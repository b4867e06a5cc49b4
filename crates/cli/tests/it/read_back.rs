//! Names drawn by `atelier render` in the zones of the demo products, engraved and turned ones included,
//! read back by tesseract, which shares no code with us. What it reads must be what was ordered, but for
//! white space.
//!
//! The zones' two faces for reading are drawn. The third, Dancing Script, imitates handwriting, and tesseract
//! does not read it: of these hundred names, printed black on white, it read 65.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use testkit::foreign::python_env;

use crate::processes::{command, root};

/// A hundred names, in capitals and not, with accents, umlauts, ß, æ and ø; and in which language
/// tesseract is to expect them.
const NAMES: [(&str, [&str; 25]); 4] = [
    (
        "eng",
        [
            "Charlotte",
            "Oliver Bennett",
            "MARGARET",
            "Henry & Rose",
            "William Hart",
            "Eleanor",
            "George Walker",
            "SOPHIE",
            "Amelia Clarke",
            "Thomas",
            "Isabella King",
            "JAMES",
            "Hannah Moore",
            "Benjamin",
            "Victoria Stone",
            "Samuel Reed",
            "Grace Turner",
            "DANIEL",
            "Lucy Foster",
            "Edward Hill",
            "Rebecca",
            "Matthew Price",
            "Abigail",
            "Nathan Brooks",
            "EMILY",
        ],
    ),
    (
        "fra",
        [
            "Zoé Lefèvre",
            "Hélène",
            "André Moreau",
            "Chloé",
            "François Girard",
            "Amélie Dubois",
            "Jérôme",
            "Noël Perrin",
            "Élodie Martin",
            "Gaël",
            "Anaïs Fontaine",
            "Benoît Lambert",
            "Mathéo",
            "Thérèse Rousseau",
            "Loïc",
            "Océane Mercier",
            "Joël",
            "Renée Garnier",
            "Maël Dupont",
            "Inès",
            "Léa et Hugo",
            "Valérie Blanc",
            "Frédéric",
            "Céline Robert",
            "Margaux",
        ],
    ),
    (
        "deu",
        [
            "Jürgen Weiß",
            "Käthe",
            "Günter Groß",
            "Björn",
            "Jan Müller",
            "Sören Strauß",
            "Annegret Böhm",
            "Jörg Schröder",
            "Bärbel",
            "Lukas Voß",
            "Lieselotte",
            "Heinrich Krüger",
            "Gerd Würz",
            "Anneliese",
            "Uwe Preuß",
            "Röschen",
            "Friederike Jäger",
            "Edelgard",
            "Gretel Köhler",
            "Ursula Schäfer",
            "Marlene Fuß",
            "Götz",
            "Hannelore Weiß",
            "Dörte",
            "Tobias Grün",
        ],
    ),
    (
        "dan",
        [
            "Søren Kjær",
            "Jørgen",
            "Bjørn Sørensen",
            "Mette Nygård",
            "Åse",
            "Lærke",
            "Øyvind",
            "Kåre Møller",
            "Signe Ødegård",
            "Birthe Skjøth",
            "Håkon",
            "Anne Bjørk",
            "Troels Nørgaard",
            "Pernille",
            "Asbjørn",
            "Kirsten Bæk",
            "Mogens Høeg",
            "Solveig",
            "Rasmus Ågård",
            "Tøger",
            "Gudrun Hjørring",
            "Bodil",
            "Kjærsti",
            "Esben Dahl",
            "Maja Østergaard",
        ],
    ),
];

/// The colours that the zones allow.
const GLAZE: [&str; 3] = ["#fbe9cf", "#ffffff", "#f2c14e"];
const PLATES: [&str; 4] = ["#22304f", "#3b2a1c", "#14352b", "#4a1626"];
const METALS: [&str; 2] = ["#e9c46a", "#f1f1f1"];

/// How many of the hundred must be read.
const WANTED: usize = 95;

/// A name, where it is to be drawn, and in which face.
struct Order {
    name: &'static str,
    language: &'static str,
    zone: &'static str,
    font: &'static str,
}

/// The n-th name in an order that mixes the languages.
fn name(number: usize) -> (&'static str, &'static str) {
    let place = number * 37 % 100;
    let (language, names) = NAMES[place / 25];
    (language, names[place % 25])
}

/// The n-th pair of names for a product, and the customisations that order them.
fn ordered(slug: &str, round: usize) -> (Vec<Order>, Value) {
    let both = ["EB Garamond", "Inter"];
    let (zones, mut customizations) = match slug {
        "coffee-cup" => (
            [
                ("zone_mug_name", both[round % 2]),
                ("zone_mug_note", "EB Garamond"),
            ],
            json!({
                "zone_mug_pattern": {"pattern": "a flower"},
                "zone_mug_name": {"color": GLAZE[round % 3]},
                "zone_mug_note": {},
            }),
        ),
        _ => (
            [
                ("zone_star_name", both[round % 2]),
                ("zone_star_dedication", both[round % 2]),
            ],
            json!({
                "zone_star_emblem": {"pattern": "a flower"},
                "zone_star_plate": {"color": PLATES[round % 4]},
                "zone_star_name": {"color": METALS[round % 2]},
                "zone_star_dedication": {},
            }),
        ),
    };
    let first = round * 4 + if slug == "coffee-cup" { 0 } else { 2 };
    let orders = zones.into_iter().enumerate().map(|(number, (zone, font))| {
        let (language, name) = name(first + number);
        customizations[zone]["text"] = name.into();
        customizations[zone]["font"] = font.into();
        Order {
            name,
            language,
            zone,
            font,
        }
    });
    (orders.collect(), customizations)
}

/// What a program prints; it must succeed.
fn said(program: &mut Command) -> Vec<u8> {
    let run = program.output().unwrap();
    let why = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{why}");
    run.stdout
}

fn product_file(slug: &str) -> PathBuf {
    root()
        .join("deploy/demo/catalog")
        .join(slug)
        .join("product.toml")
}

/// Draws with the program and returns the full picture.
fn drawn(slug: &str, customizations: &Value, folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let filled = folder.join("filled.json");
    fs::write(&filled, customizations.to_string()).unwrap();
    let mut render = command();
    render
        .args(["render", "--product"])
        .arg(product_file(slug))
        .arg("--customizations")
        .arg(&filled)
        .arg("--generated")
        .arg(root().join("docs/gallery/walnut/motif.png"))
        .arg("--out")
        .arg(folder);
    said(&mut render);
    folder.join("full.png")
}

/// Where the zone lies, as the product file says.
fn place(slug: &str, zone: &str) -> Value {
    let product: toml::Value =
        toml::from_str(&fs::read_to_string(product_file(slug)).unwrap()).unwrap();
    let zones = product["zone"].as_array().unwrap();
    let found = zones
        .iter()
        .find(|known| known["id"].as_str() == Some(zone));
    let sides = ["x", "y", "width", "height", "rotation"].map(|key| {
        let value = &found.unwrap()[key];
        let number = value
            .as_float()
            .or(value.as_integer().map(|whole| whole as f64));
        (key.to_owned(), json!(number.unwrap()))
    });
    Value::Object(sides.into_iter().collect())
}

/// What tesseract reads in each zone.
fn read(zones: &[Value], folder: &Path) -> Vec<String> {
    let known = Command::new("tesseract").arg("--list-langs").output();
    let known = known.expect("tesseract is missing: setup/packages.sh installs it");
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    for (language, _) in NAMES {
        assert!(
            known.lines().any(|line| line == language),
            "tesseract has no {language}: {known}"
        );
    }
    let list = folder.join("zones.json");
    fs::write(&list, serde_json::to_vec(zones).unwrap()).unwrap();
    let script = root().join("crates/cli/tests/foreign/read_names.py");
    let mut reading = python_env("imaging").unwrap().command(script);
    serde_json::from_slice(&said(reading.arg(list))).unwrap()
}

#[test]
fn tesseract_reads_95_of_100_names_in_the_demo_products_zones() {
    let folder = tempfile::tempdir().unwrap();
    let (mut orders, mut zones) = (Vec::new(), Vec::new());
    for round in 0..25 {
        for slug in ["coffee-cup", "star-print"] {
            let (ordered, customizations) = ordered(slug, round);
            let picture = drawn(
                slug,
                &customizations,
                &folder.path().join(format!("{slug}-{round}")),
            );
            for order in ordered {
                let mut zone = place(slug, order.zone);
                zone["picture"] = picture.to_str().into();
                zone["language"] = order.language.into();
                zones.push(zone);
                orders.push(order);
            }
        }
    }
    let readings = read(&zones, folder.path());
    assert_eq!((orders.len(), readings.len()), (100, 100));
    let spaceless = |text: &str| text.split_whitespace().collect::<String>();
    let misread: Vec<String> = orders
        .iter()
        .zip(&readings)
        .filter(|(order, read)| spaceless(order.name) != spaceless(read))
        .map(
            |(
                Order {
                    name, zone, font, ..
                },
                read,
            )| format!("{name:?} as {read:?} ({zone}, {font})"),
        )
        .collect();
    let right = orders.len() - misread.len();
    println!("{right} of 100 names were read; not {misread:#?}");
    assert!(
        right >= WANTED,
        "only {right} of 100 names were read; not {misread:#?}"
    );
}
