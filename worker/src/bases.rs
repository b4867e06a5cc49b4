//! Decoded base photographs, kept because the same few products are asked for again and again.
//!
//! Pictures are kept by the content of their files. What an address or a key in the object store
//! held is believed for a minute, so that a photograph that was replaced is seen soon, and a shop
//! with many orders neither fetches nor decodes its photograph for each of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use imaging::{ContentHash, DecodeLimits, ImagingError, Picture, PictureCache, decode};
use sha2::{Digest, Sha256};

/// Bytes of pixels kept together: some forty opaque photographs of a megapixel.
const MAX_BYTES: usize = 128 << 20;
/// How long a name is believed to stand for the same content.
const FRESH: TimeDelta = TimeDelta::seconds(60);
/// Names remembered; beyond it all are forgotten, which costs a fetch each.
const MAX_NAMES: usize = 10_000;

/// The most recently used photographs.
#[derive(Debug)]
pub(crate) struct Bases {
    pictures: PictureCache,
    names: Mutex<HashMap<String, (ContentHash, DateTime<Utc>)>>,
}

impl Default for Bases {
    fn default() -> Self {
        Self {
            pictures: PictureCache::new(MAX_BYTES),
            names: Mutex::default(),
        }
    }
}

impl Bases {
    /// The photograph under this name, if it is kept and was seen under it within the last minute.
    pub(crate) fn get(&self, name: &str, now: DateTime<Utc>) -> Option<Arc<Picture>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let &(content, seen_at) = names.get(name)?;
        drop(names);
        (now - seen_at < FRESH)
            .then(|| self.pictures.get(&content))
            .flatten()
    }

    /// The photograph in this file, which was found under this name: the kept one where the content
    /// is known, otherwise decoded and kept. Processor work.
    pub(crate) fn decoded(
        &self,
        name: &str,
        file: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Arc<Picture>, ImagingError> {
        let content: ContentHash = Sha256::digest(file).into();
        let picture = match self.pictures.get(&content) {
            Some(kept) => kept,
            None => {
                let picture = Arc::new(decode(file, &DecodeLimits::default())?);
                self.pictures.keep(content, &picture);
                picture
            }
        };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES {
            names.clear();
        }
        names.insert(name.to_owned(), (content, now));
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use imaging::{Format, encode};

    use super::*;

    fn file(grey: u8) -> Vec<u8> {
        let picture = Picture::from_rgb(8, 8, vec![grey; 8 * 8 * 3]).unwrap();
        encode(&picture, Format::Png).unwrap()
    }

    #[test]
    fn one_content_under_two_names_is_decoded_once() {
        let (bases, now) = (Bases::default(), DateTime::UNIX_EPOCH);
        let first = bases.decoded("a", &file(1), now).unwrap();
        let second = bases.decoded("b", &file(1), now).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&first, &bases.get("b", now).unwrap()));
    }

    #[test]
    fn a_replaced_photograph_is_seen_after_a_minute() {
        let (bases, now) = (Bases::default(), DateTime::UNIX_EPOCH);
        bases.decoded("a", &file(1), now).unwrap();
        assert!(bases.get("a", now + TimeDelta::seconds(59)).is_some());
        let later = now + FRESH;
        assert!(bases.get("a", later).is_none());
        let replaced = bases.decoded("a", &file(2), later).unwrap();
        assert_eq!(replaced.pixel(0, 0), Some([2, 2, 2, 255]));
        assert!(Arc::ptr_eq(&replaced, &bases.get("a", later).unwrap()));
    }

    #[test]
    fn what_cannot_be_decoded_is_not_remembered() {
        let (bases, now) = (Bases::default(), DateTime::UNIX_EPOCH);
        bases.decoded("a", b"no picture", now).unwrap_err();
        assert!(bases.get("a", now).is_none());
    }
}
