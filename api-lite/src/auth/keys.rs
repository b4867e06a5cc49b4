//! Keys that were looked up a moment ago.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use store::api_keys::{self, KeyHolder};
use store::{Database, StoreError};

use crate::cache::Cache;

/// A revoked key must die on every node within 5 s; one second is left for the look-up itself.
const KNOWN_TTL: TimeDelta = TimeDelta::seconds(4);

/// A new key works at once, and a key tried too early after a second.
const UNKNOWN_TTL: TimeDelta = TimeDelta::seconds(1);

/// Keys remembered at once, about 300 bytes each. Unknown keys count too.
const CAPACITY: usize = 16_384;

/// Ours have 40 characters, the older platform's up to 64; a longer text is no key.
const MAX_KEY_BYTES: usize = 200;

/// The keys in use, by their hash: the memory of a process must not hold keys longer than a request.
pub(crate) struct KeyRing {
    database: Database,
    known: Cache<[u8; 32], Option<Arc<KeyHolder>>>,
}

impl KeyRing {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            known: Cache::new(CAPACITY),
        }
    }

    /// The living holder of a key.
    pub(crate) async fn find(
        &self,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<KeyHolder>>, StoreError> {
        let is_key = !key.is_empty() && key.len() <= MAX_KEY_BYTES;
        if !is_key || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(None);
        }
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        if let Some(known) = self.known.get(&hash, now) {
            return Ok(known);
        }
        let found = api_keys::find(&self.database, now, key)
            .await?
            .map(Arc::new);
        let ttl = if found.is_some() {
            KNOWN_TTL
        } else {
            UNKNOWN_TTL
        };
        self.known.put(hash, found.clone(), now, ttl);
        Ok(found)
    }
}
