//! `atelier font`, and products that name fonts nobody has.

use std::fs;

use testkit::TestDatabase;

use crate::processes::{command, root};

/// A brand in a database and an object store of its own.
struct Shop {
    database: TestDatabase,
    objects: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let shop = Self {
            database: TestDatabase::empty().await.unwrap(),
            objects: tempfile::tempdir().unwrap(),
        };
        shop.run(&["migrate", "up"]).unwrap();
        shop.run(&["brand", "create", "brand_1", "--name", "One"])
            .unwrap();
        shop
    }

    /// What was printed, or said in failing.
    fn run(&self, words: &[&str]) -> Result<String, String> {
        let store = format!("file://{}", self.objects.path().display());
        let run = command()
            .args(words)
            .env("ATELIER_DATABASE_URL", self.database.url())
            .env("ATELIER_OBJECT_STORE", store)
            .output()
            .unwrap();
        let said = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if run.status.success() {
            Ok(said(run.stdout))
        } else {
            Err(said(run.stderr))
        }
    }

    fn add(&self, family: &str, file: &str) -> Result<String, String> {
        let file = root().join(file);
        let file = file.to_str().unwrap();
        self.run(&[
            "font", "add", "--brand", "brand_1", "--family", family, "--file", file,
        ])
    }

    fn list(&self) -> String {
        self.run(&["font", "list", "--brand", "brand_1"]).unwrap()
    }
}

const HAND: &str = "crates/imaging/fonts/DancingScript-Bold.otf";

#[tokio::test]
async fn a_font_is_added_listed_replaced_and_removed() {
    let shop = Shop::open().await;
    assert_eq!(shop.list(), "");
    assert!(shop.add("House Hand", HAND).unwrap().contains("House Hand"));
    // The same family in another spelling takes its place.
    shop.add("house-hand", HAND).unwrap();
    let list = shop.list();
    assert_eq!(list.lines().count(), 1, "{list}");
    assert!(
        list.contains("house-hand") && list.contains("glyphs"),
        "{list}"
    );
    let said = shop.add("Torn", "README.md").unwrap_err();
    assert!(said.contains("font"), "{said}");
    let said = shop.add("Missing", "no-such.ttf").unwrap_err();
    assert!(said.contains("no-such.ttf"), "{said}");
    let remove = [
        "font",
        "remove",
        "--brand",
        "brand_1",
        "--family",
        "House Hand",
    ];
    assert!(shop.run(&remove).unwrap().contains("removed"));
    assert_eq!(shop.list(), "");
    let said = shop.run(&remove).unwrap_err();
    assert!(said.contains("no font called \"House Hand\""), "{said}");
}

#[tokio::test]
async fn a_product_that_names_a_font_nobody_has_is_not_applied() {
    let shop = Shop::open().await;
    let catalog = tempfile::tempdir().unwrap();
    let product = catalog.path().join("cup");
    fs::create_dir(&product).unwrap();
    let demo = root().join("deploy/demo/catalog/coffee-cup");
    fs::copy(demo.join("base.jpg"), product.join("base.jpg")).unwrap();
    let text = fs::read_to_string(demo.join("product.toml")).unwrap();
    fs::write(
        product.join("product.toml"),
        text.replace("Inter", "House Hand"),
    )
    .unwrap();
    let folder = catalog.path().to_str().unwrap();
    let apply = ["catalog", "apply", folder, "--brand", "brand_1"];
    let said = shop.run(&apply).unwrap_err();
    for word in [
        "prod_demo_mug /zone/2",
        "House Hand",
        "atelier font add --brand brand_1",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    shop.add("House Hand", HAND).unwrap();
    assert!(shop.run(&apply).unwrap().contains("created"));
}
