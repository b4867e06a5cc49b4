//! The font pack's folder: the files that `imaging` names, read once when the process starts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use imaging::{Fonts, PACK};

/// How deep below the folder files are looked for: a system's font folder has a folder per kind and
/// one per family.
const MAX_DEPTH: usize = 4;
/// Larger files are not read; the largest of the pack has 20 MB.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A folder that cannot be used as a font pack.
#[derive(Debug, thiserror::Error)]
pub enum FontPackError {
    /// It cannot be read.
    #[error("the font pack's folder {} cannot be read", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has none of the files.
    #[error(
        "the folder {} has none of the font pack's files (NotoSansCJK-Regular.ttc, \
         NotoColorEmoji.ttf, …); setup/fonts.sh fills one", .folder.display()
    )]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// Files that are no fonts.
    #[error("in {}, {} cannot be read as fonts", .folder.display(), .files.join(", "))]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// Their names.
        files: Vec<&'static str>,
    },
}

/// The fonts of this process: the bundled ones, and those of the pack where a folder is given. A pack
/// may be incomplete; the families that are there are named by [`Fonts::names`].
///
/// # Errors
/// [`FontPackError`]: a folder that was named must be of use.
pub fn load_fonts(pack: Option<&Path>) -> Result<Fonts, FontPackError> {
    let bundled = Fonts::bundled();
    let Some(folder) = pack else {
        return Ok(bundled);
    };
    let mut found = HashMap::new();
    search(folder, MAX_DEPTH, &mut found).map_err(|source| FontPackError::Folder {
        folder: folder.to_owned(),
        source,
    })?;
    if found.is_empty() {
        return Err(FontPackError::Empty {
            folder: folder.to_owned(),
        });
    }
    let (fonts, damaged) = bundled.with_pack(|name| {
        let path = found.get(name)?;
        // A file that is there and cannot be read counts as damaged, not as missing.
        Some(std::fs::read(path).unwrap_or_default())
    });
    if damaged.is_empty() {
        Ok(fonts)
    } else {
        Err(FontPackError::Damaged {
            folder: folder.to_owned(),
            files: damaged,
        })
    }
}

/// Finds the pack's files by name, the first of a name in the order of the folders' names.
fn search(
    folder: &Path,
    depth: usize,
    found: &mut HashMap<String, PathBuf>,
) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let about = std::fs::metadata(&path);
        let name = path.file_name().and_then(|name| name.to_str());
        let (Ok(about), Some(name)) = (about, name) else {
            continue;
        };
        if about.is_dir() && depth > 1 {
            search(&path, depth - 1, found)?;
        } else if about.len() <= MAX_FILE_BYTES && PACK.iter().any(|font| font.file == name) {
            found.entry(name.to_owned()).or_insert(path);
        }
    }
    Ok(())
}
