//! A temporary folder that is removed even when this process is killed.

use std::path::{Path, PathBuf};

use testkit::{GuardError, GuardSpec, Guarded};
use uuid::Uuid;

/// The folder; dropping it, or the death of this process, removes it.
pub(super) struct GuardedFolder {
    path: PathBuf,
    _guard: Guarded,
}

impl GuardedFolder {
    /// Makes a folder below the system's folder for temporary files. The guard makes it itself, so
    /// there is no moment at which our death would leave it behind.
    pub(super) fn make() -> Result<Self, GuardError> {
        let path = std::env::temp_dir().join(format!("atelier-demo-{}", Uuid::new_v4().simple()));
        let mut spec = GuardSpec::new("true");
        spec.dir = Some(path.clone());
        let guard = Guarded::spawn(&spec)?;
        Ok(Self {
            path,
            _guard: guard,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
