//! Decoded photographs, kept because the same few products are asked for again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Picture;

/// The SHA-256 of a file, or any other name for its content that nobody can make up twice.
pub type ContentHash = [u8; 32];

/// The most recently used pictures, by the content of their files, bounded by the bytes of their
/// pixels. Two files with one content share a picture; a file that changes under its name is
/// another content, so what is kept is never stale.
#[derive(Debug)]
pub struct PictureCache {
    max_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pictures: HashMap<ContentHash, Entry>,
    bytes: usize,
    /// Counts uses, so that each entry knows when it was used last.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    picture: Arc<Picture>,
    used_at: u64,
}

impl PictureCache {
    /// An empty cache for so many bytes of pixels.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            kept: Mutex::default(),
        }
    }

    /// The picture, if it is kept.
    #[must_use]
    pub fn get(&self, content: &ContentHash) -> Option<Arc<Picture>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let uses = kept.uses;
        let entry = kept.pictures.get_mut(content)?;
        entry.used_at = uses;
        Some(Arc::clone(&entry.picture))
    }

    /// Keeps a picture, and lets go of those not used for longest. One that is larger than the whole
    /// cache is not kept.
    pub fn keep(&self, content: ContentHash, picture: &Arc<Picture>) {
        if picture.size_bytes() > self.max_bytes {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let entry = Entry {
            picture: Arc::clone(picture),
            used_at: kept.uses,
        };
        kept.bytes += picture.size_bytes();
        if let Some(before) = kept.pictures.insert(content, entry) {
            kept.bytes -= before.picture.size_bytes();
        }
        while kept.bytes > self.max_bytes && kept.let_go() {}
    }

    /// Bytes of the pixels that are kept.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .bytes
    }
}

impl Kept {
    /// Lets go of the picture not used for longest. A walk over all, of which there are dozens.
    fn let_go(&mut self) -> bool {
        let oldest = self.pictures.iter().min_by_key(|(_, entry)| entry.used_at);
        let Some((&content, _)) = oldest else {
            return false;
        };
        if let Some(entry) = self.pictures.remove(&content) {
            self.bytes -= entry.picture.size_bytes();
        }
        true
    }
}
