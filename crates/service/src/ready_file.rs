//! The file that tells a supervisor (a demo script, a test) that a process is ready and where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A ready file on disk, removed when dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile {
    path: PathBuf,
}

impl ReadyFile {
    /// Writes `content` beside `path` and renames it there, so that a reader sees all or nothing.
    pub(crate) fn write(path: &Path, content: &Value) -> io::Result<Self> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}.draft", std::process::id()));
        let draft = PathBuf::from(draft);
        fs::write(&draft, format!("{content}\n"))?;
        fs::rename(&draft, path).inspect_err(|_| {
            // The rename's error is the one to report.
            let _ = fs::remove_file(&draft);
        })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the ready file was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_file_is_whole_alone_in_its_folder_and_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        let file = ReadyFile::write(&path, &json!({ "role": "worker" })).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"role\":\"worker\"}\n"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_failed_rename_leaves_no_draft_behind() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("ready.json");
        fs::create_dir(&occupied).unwrap();
        assert!(ReadyFile::write(&occupied, &json!({})).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
