//! The demo's photographs are part of what must look right.

use imaging::{DecodeLimits, THUMBNAIL_SIDE_PX, decode, thumbnail};

#[test]
fn the_demo_photographs_have_their_products_size_and_are_small_files() {
    for (slug, width, height) in [("coffee-cup", 1024, 683), ("star-print", 1000, 872)] {
        let path = format!(
            "{}/../../deploy/demo/catalog/{slug}/base.jpg",
            env!("CARGO_MANIFEST_DIR")
        );
        let file = std::fs::read(path).unwrap();
        assert!(file.len() < 1_000_000);
        let picture = decode(&file, &DecodeLimits::default()).unwrap();
        assert_eq!(
            (picture.width(), picture.height()),
            (width, height),
            "{slug}"
        );
        let small = thumbnail(&picture, THUMBNAIL_SIDE_PX).unwrap();
        assert_eq!(small.width().max(small.height()), 300);
    }
}
