//! Atelier's rows of the spend table, with whole systems: what `docs/providers.md` declares.

use std::process::Command;

use serde_json::Value;

/// What one picture is billed at most, and whether it is delivered: provider, setting, fault, both counts.
const DECLARED: [(&str, &str, &str, u64, u64); 9] = [
    ("openai", "Atelier", "none", 1, 1),
    ("openai", "Atelier", "reset after accept, once", 2, 1),
    ("openai", "Atelier (background)", "a poll answers 500", 1, 1),
    ("openai", "Atelier (background)", "none", 1, 1),
    (
        "openai",
        "Atelier (background)",
        "reset after accept, once",
        2,
        1,
    ),
    ("replicate", "Atelier", "answer to create lost", 1, 1),
    ("replicate", "Atelier", "none", 1, 1),
    ("stability", "Atelier", "none", 1, 1),
    ("stability", "Atelier", "reset after accept, once", 2, 1),
];

#[test]
fn atelier_is_billed_for_a_picture_what_the_documentation_declares() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.json");
    let run = Command::new(env!("CARGO_BIN_EXE_spend-conformance"))
        .args(["--quick", "--only", "Atelier", "--json"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let failed = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}\n{failed}");
    println!("{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let mut measured: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            let count = |name: &str| row[name].as_u64().unwrap();
            assert_eq!(count("requested"), 1);
            assert_eq!(count("accepted"), count("billed"), "{row}");
            let (billed, delivered) = (count("billed"), count("delivered"));
            (
                text("provider"),
                text("client"),
                text("fault"),
                billed,
                delivered,
            )
        })
        .collect();
    measured.sort_unstable();
    assert_eq!(measured, DECLARED);
}
