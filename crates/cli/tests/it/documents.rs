//! Documents that name files must name files that exist.

use std::path::Path;

/// Words in backticks that look like a path of this repository.
fn paths_named_in(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains('/') && !word.contains([' ', '{', '*', '<', '$', ':', '…']))
        .map(|word| {
            word.trim_start_matches("./")
                .trim_end_matches('/')
                .to_owned()
        })
        .filter(|word| {
            [
                "crates/",
                "api-lite/",
                "worker/",
                "scheduler/",
                "migrations/",
                "benches/",
                "deploy/",
                "docs/",
                "setup/",
            ]
            .iter()
            .any(|folder| word.starts_with(folder))
        })
        .collect()
}

#[test]
fn every_path_named_in_the_documents_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/operations.md",
    ] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for path in paths_named_in(&text) {
            assert!(
                root.join(&path).exists(),
                "{document} names {path}, which does not exist"
            );
        }
    }
}

#[test]
fn paths_are_found_in_text() {
    let found =
        paths_named_in("see `crates/store/src/settle.rs` and `docs/adr/`, not `a/b` or `x`");
    assert_eq!(found, ["crates/store/src/settle.rs", "docs/adr"]);
}
