//! What a provider is asked for, before any provider's own words for it.

use std::fmt;

use domain::AttemptId;
use sha2::{Digest, Sha256};

/// One picture to be made, as the prompt builder and the product's zones decided it.
///
/// `Debug` shows the length of the prompts and never their text, because a shopper's words do not
/// belong in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageRequest {
    /// The ledger entry this call is paid under.
    pub attempt: AttemptId,
    /// The model, by the provider's own name for it.
    pub model: String,
    /// What should be seen.
    pub prompt: String,
    /// What should not be seen.
    pub negative_prompt: Option<String>,
    /// Wanted width in pixels. A provider with fixed sizes draws the nearest one that it has.
    pub width_px: u32,
    /// Wanted height in pixels.
    pub height_px: u32,
    /// The provider's word for the quality, such as `standard`; empty for its default.
    pub quality: String,
    /// The provider's word for the style, such as `vivid`; empty for its default.
    pub style: String,
    /// Where the provider starts its randomness: see [`seed_of`].
    pub seed: u64,
}

impl fmt::Debug for ImageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            attempt,
            model,
            prompt,
            negative_prompt,
            ..
        } = self;
        f.debug_struct("ImageRequest")
            .field("attempt", attempt)
            .field("model", model)
            .field("prompt_bytes", &prompt.len())
            .field(
                "negative_prompt_bytes",
                &negative_prompt.as_ref().map(String::len),
            )
            .field("width_px", &self.width_px)
            .field("height_px", &self.height_px)
            .field("quality", &self.quality)
            .field("style", &self.style)
            .field("seed", &self.seed)
            .finish()
    }
}

/// The seed of an attempt: the first eight bytes of the SHA-256 of its id.
///
/// It derives from the attempt so that a call that was sent can be recognised at the provider
/// afterwards: a listing that shows the seed shows whose call it was. Providers with smaller seeds
/// take the lower bits.
pub fn seed_of(attempt: AttemptId) -> u64 {
    let digest = Sha256::digest(attempt.0.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn debug_never_shows_what_the_shopper_wrote() {
        let attempt = AttemptId(Uuid::from_u128(1));
        let request = ImageRequest {
            attempt,
            model: "waves-1".into(),
            prompt: "for my sister Aurelia".into(),
            negative_prompt: Some("Bartholomew".into()),
            width_px: 8,
            height_px: 8,
            quality: String::new(),
            style: String::new(),
            seed: seed_of(attempt),
        };
        let shown = format!("{request:?}");
        assert!(shown.contains("prompt_bytes: 21"), "{shown}");
        assert!(
            !shown.contains("Aurelia") && !shown.contains("Bartholomew"),
            "{shown}"
        );
    }

    #[test]
    fn the_seed_is_the_same_for_the_same_attempt_and_another_for_another() {
        let first = AttemptId(Uuid::from_u128(1));
        assert_eq!(seed_of(first), seed_of(first));
        assert_ne!(seed_of(first), seed_of(AttemptId(Uuid::from_u128(2))));
    }
}
