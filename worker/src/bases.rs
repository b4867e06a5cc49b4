//! Decoded base photographs, kept because the same few products are asked for again and again.

use std::sync::{Arc, Mutex, PoisonError};

use imaging::Picture;

/// Pixels kept together: 32 million at four bytes are 128 MB, some thirty photographs of a megapixel.
const MAX_PIXELS: u64 = 32_000_000;

/// The most recently used photographs, by their key in the object store or their address.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    /// The most recently used last. A list, because it is short.
    kept: Mutex<Vec<(String, Arc<Picture>)>>,
}

impl Bases {
    /// The photograph, if it is kept.
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Picture>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == key)?;
        let entry = kept.remove(at);
        let picture = Arc::clone(&entry.1);
        kept.push(entry);
        Some(picture)
    }

    /// Keeps a photograph, and lets go of those not used for longest.
    pub(crate) fn keep(&self, key: &str, picture: &Arc<Picture>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| known != key);
        kept.push((key.to_owned(), Arc::clone(picture)));
        let mut pixels: u64 = kept.iter().map(|(_, picture)| picture.pixel_count()).sum();
        while pixels > MAX_PIXELS && !kept.is_empty() {
            pixels -= kept.remove(0).1.pixel_count();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(side: u32) -> Arc<Picture> {
        let pixels = vec![0; side as usize * side as usize * 3];
        Arc::new(Picture::from_rgb(side, side, pixels).unwrap())
    }

    #[test]
    fn the_photograph_not_used_for_longest_goes_first() {
        let bases = Bases::default();
        let half = picture(3_900);
        bases.keep("a", &half);
        bases.keep("b", &half);
        assert!(bases.get("a").is_some());
        bases.keep("c", &half);
        assert!(bases.get("a").is_some() && bases.get("c").is_some());
        assert!(bases.get("b").is_none());
    }

    #[test]
    fn a_photograph_larger_than_the_whole_cache_is_not_kept() {
        let bases = Bases::default();
        bases.keep("small", &picture(10));
        bases.keep("huge", &picture(5_700));
        assert!(bases.get("huge").is_none());
    }
}
