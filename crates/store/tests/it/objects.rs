//! The object store on a local folder.

use bytes::Bytes;
use domain::{AttemptId, GenerationId};
use store::objects::{base_image_key, output_key, raw_key};
use store::{ObjectArgs, Objects, StoreError};
use uuid::Uuid;

fn local(folder: &std::path::Path) -> Objects {
    let object_store = format!("file://{}", folder.display());
    Objects::open(&ObjectArgs { object_store }).unwrap()
}

#[tokio::test]
async fn what_is_put_is_got_and_putting_again_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let objects = local(&folder.path().join("made/when/missing"));
    objects.ping().await.unwrap();
    let key = output_key(GenerationId(Uuid::from_u128(1)), "full", "png");
    assert_eq!(
        objects.get(&key).await.unwrap(),
        None,
        "not there is not an error"
    );
    for content in [vec![1; 100_000], vec![2; 10]] {
        let bytes = Bytes::from(content);
        objects.put(&key, "image/png", bytes.clone()).await.unwrap();
        assert_eq!(objects.get(&key).await.unwrap(), Some(bytes));
    }
    let reopened = local(&folder.path().join("made/when/missing"));
    assert_eq!(reopened.get(&key).await.unwrap().unwrap().len(), 10);
}

#[tokio::test]
async fn a_key_cannot_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "s").unwrap();
    let objects = local(&folder.path().join("inside"));
    let outside = objects.get("../secret").await;
    assert!(
        matches!(outside, Ok(None) | Err(StoreError::Object { .. })),
        "{outside:?}"
    );
}

#[test]
fn an_address_of_an_unknown_kind_is_refused_by_its_setting() {
    for object_store in ["", "/folder", "http://bucket"] {
        let object_store = object_store.to_owned();
        let refused = Objects::open(&ObjectArgs { object_store }).err().unwrap();
        assert!(matches!(
            refused,
            StoreError::Setting {
                setting: "--object-store",
                ..
            }
        ));
    }
}

/// Rows name objects by these keys, so they must never change.
#[test]
fn keys_derive_from_what_they_hold() {
    let job = GenerationId(Uuid::from_u128(1));
    let attempt = AttemptId(Uuid::from_u128(2));
    assert_eq!(
        raw_key(job, attempt),
        "raw/00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000002"
    );
    assert_eq!(
        output_key(job, "thumbnail", "webp"),
        "out/00000000-0000-0000-0000-000000000001/thumbnail.webp"
    );
    assert_eq!(base_image_key("ab12", "jpg"), "base/ab12.jpg");
}
