//! What a provider is asked for, before any provider's own words for it.

use std::fmt;

use std::time::Duration;

use bytes::Bytes;
use domain::AttemptId;
use sha2::{Digest, Sha256};
use url::Url;

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
    /// What is to be done.
    pub operation: Operation,
    /// What is behind the subject.
    pub background: Background,
    /// A hash that stands for the shopper at the provider, for its abuse reports. Never a name or an
    /// address.
    pub shopper: Option<String>,
    /// Where the provider may announce the end of the call.
    pub callback_url: Option<Url>,
    /// How long the provider may leave the call unstarted; after that it must not start it.
    pub start_within: Option<Duration>,
}

/// What a provider is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Draw from the prompt alone.
    Generate,
    /// Draw anew from these pictures and the prompt, where a mask is given only inside it.
    Edit {
        /// The pictures, the first being the one that the mask belongs to.
        images: Vec<InputImage>,
        /// Where the picture may change, in the convention of the model's row
        /// ([`MaskConvention`](crate::MaskConvention)). As large as the first picture.
        mask: Option<InputImage>,
    },
    /// Take what is inside the mask out of the picture.
    Erase {
        /// The picture.
        image: InputImage,
        /// Where something is to go, in the convention of the model's row.
        mask: InputImage,
    },
    /// Draw on beyond the picture's edges.
    Outpaint {
        /// The picture.
        image: InputImage,
        /// How far to the left, top, right and bottom, in pixels.
        margins_px: [u32; 4],
    },
    /// Cut out the subject.
    RemoveBackground {
        /// The picture.
        image: InputImage,
    },
}

impl Operation {
    /// What a model must be able to do for it.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Generate => OperationKind::Generate,
            Self::Edit { mask: None, .. } => OperationKind::Edit,
            Self::Edit { mask: Some(_), .. } => OperationKind::Inpaint,
            Self::Erase { .. } => OperationKind::Erase,
            Self::Outpaint { .. } => OperationKind::Outpaint,
            Self::RemoveBackground { .. } => OperationKind::RemoveBackground,
        }
    }
}

/// The operations by name, as the model registry and requirements spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// From the prompt alone.
    Generate,
    /// From pictures and a prompt.
    Edit,
    /// The same, inside a mask.
    Inpaint,
    /// Out of the picture.
    Erase,
    /// Beyond the edges.
    Outpaint,
    /// The subject alone.
    RemoveBackground,
}

impl OperationKind {
    /// As it is written in data and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Edit => "edit",
            Self::Inpaint => "inpaint",
            Self::Erase => "erase",
            Self::Outpaint => "outpaint",
            Self::RemoveBackground => "remove-background",
        }
    }
}

/// What is behind the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Background {
    /// Whatever the model draws.
    #[default]
    Any,
    /// Nothing: the picture has an alpha channel.
    Transparent,
    /// Something: no alpha channel.
    Opaque,
}

/// A picture that goes to a provider. `Debug` shows its size and not its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct InputImage {
    /// The picture, as PNG, JPEG or WebP.
    pub bytes: Bytes,
    /// Its media type, such as `image/png`.
    pub content_type: &'static str,
}

impl fmt::Debug for InputImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputImage")
            .field("size_bytes", &self.bytes.len())
            .field("content_type", &self.content_type)
            .finish()
    }
}

impl ImageRequest {
    /// A picture from a prompt alone, with everything else as the provider likes it.
    pub fn generate(
        attempt: AttemptId,
        model: impl Into<String>,
        prompt: impl Into<String>,
        (width_px, height_px): (u32, u32),
    ) -> Self {
        Self {
            attempt,
            model: model.into(),
            prompt: prompt.into(),
            negative_prompt: None,
            width_px,
            height_px,
            quality: String::new(),
            style: String::new(),
            seed: seed_of(attempt),
            operation: Operation::Generate,
            background: Background::Any,
            shopper: None,
            callback_url: None,
            start_within: None,
        }
    }
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
            .field("operation", &self.operation)
            .field("background", &self.background)
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
            negative_prompt: Some("Bartholomew".into()),
            ..ImageRequest::generate(attempt, "waves-1", "for my sister Aurelia", (8, 8))
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
