//! What the synthetic provider reads from the wire: its own small JSON format.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::request::ImageRequest;

/// The body of a synthetic call. Field order is wire order, and part of the fingerprint.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub(super) model: String,
    pub(super) prompt: String,
    pub(super) negative_prompt: Option<String>,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) quality: String,
    pub(super) style: String,
    pub(super) seed: u64,
}

impl Order {
    pub(super) fn of(request: &ImageRequest) -> Self {
        Self {
            model: request.model.clone(),
            prompt: request.prompt.clone(),
            negative_prompt: request.negative_prompt.clone(),
            width_px: request.width_px,
            height_px: request.height_px,
            quality: request.quality.clone(),
            style: request.style.clone(),
            seed: request.seed,
        }
    }

    pub(super) fn to_body(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }

    pub(super) fn from_body(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// What the picture's forms derive from: everything but the size, so that one order in two
    /// sizes is one motif.
    pub(super) fn motif(&self) -> u64 {
        let mut hash = Sha256::new();
        let negative = self.negative_prompt.as_deref().unwrap_or("");
        for part in [
            &self.model,
            &self.prompt,
            negative,
            &self.quality,
            &self.style,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(self.seed.to_be_bytes());
        hash.finalize()
            .iter()
            .take(8)
            .fold(0, |motif, byte| (motif << 8) | u64::from(*byte))
    }
}
