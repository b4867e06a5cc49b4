//! Pictures: a local folder or any S3, under keys derived from what they hold.
//!
//! A key is written whole or not at all (the local folder writes beside and renames), and writing
//! the same key again overwrites the same thing, so every write may be repeated.

use std::sync::Arc;

use bytes::Bytes;
use domain::{AttemptId, GenerationId};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions, PutPayload};

use crate::config::ObjectArgs;
use crate::error::StoreError;

/// The object store, as every role uses it. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Objects {
    /// Opens the store that `--object-store` names. A local folder is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Setting`] when the URL is of no known kind or the folder cannot be made.
    pub fn open(args: &ObjectArgs) -> Result<Self, StoreError> {
        let url = &args.object_store;
        let bad = |detail: String| StoreError::Setting {
            setting: "--object-store",
            detail,
        };
        if let Some(folder) = url.strip_prefix("file://") {
            std::fs::create_dir_all(folder)
                .map_err(|error| bad(format!("cannot make the folder {folder}: {error}")))?;
            let store = LocalFileSystem::new_with_prefix(folder)
                .map_err(|error| bad(error.to_string()))?
                .with_automatic_cleanup(false);
            return Ok(Self {
                store: Arc::new(store),
                prefix: Path::default(),
            });
        }
        let Some(place) = url.strip_prefix("s3://") else {
            return Err(bad(format!(
                "expected file:///folder or s3://bucket/prefix, found {url:?}"
            )));
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let store = object_store::aws::AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .build()
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::from(prefix),
        })
    }

    /// Stores `bytes` under `key`, replacing what was there.
    ///
    /// # Errors
    /// [`StoreError::Object`]; writing again is harmless.
    pub async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), StoreError> {
        let mut options = PutOptions::default();
        // The local folder has no attributes; S3 serves the type to browsers.
        if !self.is_local() {
            let mut attributes = Attributes::new();
            attributes.insert(Attribute::ContentType, content_type.to_owned().into());
            options.attributes = attributes;
        }
        self.store
            .put_opts(&self.path(key), PutPayload::from_bytes(bytes), options)
            .await
            .map(|_| ())
            .map_err(|source| StoreError::Object {
                key: key.to_owned(),
                source,
            })
    }

    /// Reads `key` whole. `None` when it is not there.
    ///
    /// # Errors
    /// [`StoreError::Object`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let failed = |source| StoreError::Object {
            key: key.to_owned(),
            source,
        };
        match self.store.get(&self.path(key)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Answers when the store does: reads a key that need not exist. For readiness.
    ///
    /// # Errors
    /// [`StoreError::Object`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.get("readiness").await.map(|_| ())
    }

    fn path(&self, key: &str) -> Path {
        let mut path = self.prefix.clone();
        path.extend(Path::from(key).parts());
        path
    }

    fn is_local(&self) -> bool {
        self.store.to_string().starts_with("LocalFileSystem")
    }
}

/// Where the raw answer of an attempt is kept, before any image work.
pub fn raw_key(job: GenerationId, attempt: AttemptId) -> String {
    format!("raw/{}/{}", job.as_text(), attempt.as_text())
}

/// Where a finished picture is kept. Derived from the generation: a repeat overwrites the same.
pub fn output_key(job: GenerationId, variant: &str, extension: &str) -> String {
    format!("out/{}/{variant}.{extension}", job.as_text())
}

/// Where a product's base photograph is kept, by its content.
pub fn base_image_key(sha256_hex: &str, extension: &str) -> String {
    format!("base/{sha256_hex}.{extension}")
}

/// Where a brand's font is kept, by its content.
pub fn font_key(sha256_hex: &str) -> String {
    format!("font/{sha256_hex}")
}

/// Where a file of an invoice is kept, by its content.
pub fn invoice_key(sha256_hex: &str, extension: &str) -> String {
    format!("invoice/{sha256_hex}.{extension}")
}

/// Where a seller's logo is kept, by its content.
pub fn logo_key(sha256_hex: &str, extension: &str) -> String {
    format!("logo/{sha256_hex}.{extension}")
}
