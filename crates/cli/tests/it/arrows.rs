//! Which crate may know which. The picture stands in ARCHITECTURE.md; this is what holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What each package may depend on among ours, outside of tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("queue", &["domain"]),
    ("providers", &["domain"]),
    ("imaging", &["domain", "libwebp"]),
    // Invoices as files; it draws with the font that imaging keeps, and does not know imaging.
    ("documents", &["domain"]),
    // The workspace's only unsafe code: libwebp's encoder behind a checked face.
    ("libwebp", &[]),
    // Only for domain::Clock: the bootstrap knows no business rules.
    ("service", &["domain"]),
    ("testkit", &["domain"]),
    // A server of its own: it needs the clock and the supervised tasks, and draws with imaging.
    ("sandbox", &["domain", "imaging", "service"]),
    ("api-lite", &["domain", "store", "queue", "service"]),
    (
        "worker",
        &[
            "domain",
            "store",
            "queue",
            "providers",
            "imaging",
            "service",
        ],
    ),
    (
        "scheduler",
        &[
            "domain",
            "store",
            "queue",
            "providers",
            "documents",
            "service",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "store",
            "queue",
            "providers",
            "imaging",
            "documents",
            "service",
            "testkit",
            "sandbox",
            "api-lite",
            "worker",
            "scheduler",
        ],
    ),
    (
        "benches",
        &[
            "domain",
            "store",
            "queue",
            "providers",
            "imaging",
            "documents",
            "service",
            "testkit",
            "sandbox",
            "api-lite",
            "worker",
            "scheduler",
            "cli",
        ],
    ),
    ("imaging-peers", &["imaging"]),
];

/// Outside libraries that have one home each.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("object_store", &["store"]),
    ("redis", &["queue"]),
    ("deadpool-redis", &["queue"]),
    ("image", &["imaging"]),
    ("png", &["imaging"]),
    ("image-webp", &["imaging"]),
    ("jpeg-decoder", &["imaging"]),
    ("moxcms", &["imaging"]),
    ("libwebp-sys", &["libwebp"]),
    ("fast_image_resize", &["imaging"]),
    ("krilla", &["documents"]),
    ("reqwest", &["providers", "scheduler"]),
    (
        "axum",
        &[
            "service",
            "api-lite",
            "scheduler",
            "testkit",
            "sandbox",
            "cli",
        ],
    ),
];

/// Package → its dependencies outside of tests and build scripts.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let normal = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect();
            (package["name"].as_str().unwrap().to_owned(), normal)
        })
        .collect()
}

#[test]
fn every_arrow_between_our_crates_is_in_the_picture() {
    let packages = dependencies();
    let ours: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    let drawn: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        ours, drawn,
        "a package was added or removed: draw it here and in ARCHITECTURE.md"
    );
    for (name, allowed) in ALLOWED {
        for dependency in packages[*name].iter().filter(|d| ours.contains(d.as_str())) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn each_outside_system_is_spoken_to_from_its_one_crate() {
    for (name, dependencies) in dependencies() {
        for (library, homes) in HOMES {
            assert!(
                !dependencies.contains(*library) || homes.contains(&name.as_str()),
                "{name} uses {library}, whose home is {homes:?}"
            );
        }
    }
}

#[test]
fn the_domain_is_pure() {
    let domain = &dependencies()["domain"];
    for impure in [
        "tokio", "rand", "sqlx", "redis", "reqwest", "axum", "tracing",
    ] {
        assert!(
            !domain.contains(impure),
            "domain must not depend on {impure}"
        );
    }
}
