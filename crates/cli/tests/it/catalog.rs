//! `atelier catalog`: clear errors, and applying twice changes nothing.

use std::fs;
use std::path::Path;

use testkit::TestDatabase;

use crate::processes::{command, root};

fn demo_catalog() -> std::path::PathBuf {
    root().join("deploy/demo/catalog")
}

fn copy_product(slug: &str, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(demo_catalog().join(slug)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn check(folder: &Path) -> (bool, String) {
    let run = command()
        .args(["catalog", "check"])
        .arg(folder)
        .output()
        .unwrap();
    (run.status.success(), String::from_utf8(run.stderr).unwrap())
}

#[test]
fn the_demo_catalog_is_valid() {
    let (valid, said) = check(&demo_catalog());
    assert!(valid, "{said}");
}

#[test]
fn every_fault_is_reported_with_its_file_and_field() {
    let folder = tempfile::tempdir().unwrap();
    for slug in ["coffee-cup", "star-print"] {
        copy_product(slug, &folder.path().join(slug));
    }
    let file = folder.path().join("coffee-cup/product.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("width = 232", "width = 99999", 1)).unwrap();
    fs::write(folder.path().join("star-print/base.jpg"), "no picture").unwrap();
    let (valid, said) = check(folder.path());
    assert!(!valid);
    assert!(
        said.contains("coffee-cup/product.toml") && said.contains("/zone/0"),
        "{said}"
    );
    assert!(
        said.contains("star-print/product.toml") && said.contains("/base_image"),
        "{said}"
    );
}

#[test]
fn an_unknown_field_is_named() {
    let folder = tempfile::tempdir().unwrap();
    copy_product("coffee-cup", &folder.path().join("cup"));
    let file = folder.path().join("cup/product.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("colour = \"red\"\n{text}")).unwrap();
    let (valid, said) = check(folder.path());
    assert!(!valid && said.contains("colour"), "{said}");
}

#[tokio::test]
async fn applying_twice_changes_nothing() {
    let database = TestDatabase::empty().await.unwrap();
    let objects = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let run = command()
            .args(arguments)
            .env("ATELIER_DATABASE_URL", database.url())
            .env(
                "ATELIER_OBJECT_STORE",
                format!("file://{}", objects.path().display()),
            )
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stdout).unwrap()
    };
    run(&["migrate", "up"]);
    run(&["brand", "create", "brand_1", "--name", "One"]);
    let folder = demo_catalog();
    let apply = [
        "catalog",
        "apply",
        folder.to_str().unwrap(),
        "--brand",
        "brand_1",
    ];
    assert_eq!(run(&apply).matches("created").count(), 2);
    assert_eq!(run(&apply).matches("up to date").count(), 2);
}
