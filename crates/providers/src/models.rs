//! The model registry: what each provider's models can do, what they cost and when they end.
//!
//! Models come and go every few months, so they are data with a source and a date, never an enum:
//! `models/*.toml`, compiled in, over which an operator may lay a file of their own
//! (`ATELIER_MODELS_FILE`). A name that was retired maps to a live model, with a note.

mod price;
mod registry;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
pub use domain::{ControlSyntax, NegativePrompt};
use serde::Deserialize;

pub(crate) use self::price::micros;
pub use self::price::{Priced, Quote, Usage};
pub use self::registry::{
    ModelError, ModelRegistry, ModelsFileError, Resolved, RetiredModel, TextModel,
};

use crate::replicate::ReplicateRow;
use crate::request::OperationKind;

/// What a model can do and costs: one row of the registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Model(Arc<ModelRow>);

impl Model {
    /// A model that is not in the registry's files, such as the synthetic provider's.
    pub fn of(row: ModelRow) -> Self {
        Self(Arc::new(row))
    }
}

impl std::ops::Deref for Model {
    type Target = ModelRow;

    fn deref(&self) -> &ModelRow {
        &self.0
    }
}

/// One row of the registry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// The provider's own name for it.
    pub name: String,
    /// What it does.
    pub operations: Vec<OperationKind>,
    /// Which sizes it draws.
    pub sizes: Sizes,
    /// Whether it can leave the background transparent.
    #[serde(default)]
    pub transparent: bool,
    /// What becomes of a negative prompt.
    #[serde(default)]
    pub negative_prompt: NegativePrompt,
    /// Longest prompt, in characters.
    pub max_prompt_chars: u32,
    /// How many pictures it takes; 0 where it takes none.
    #[serde(default)]
    pub max_input_images: u32,
    /// The words it knows for the quality; empty where it takes none.
    #[serde(default)]
    pub qualities: Vec<String>,
    /// What the words of older models mean in its own, such as `hd` for `high`.
    #[serde(default)]
    pub quality_words: BTreeMap<String, String>,
    /// What the provider reads as commands inside a prompt.
    #[serde(default)]
    pub control_syntax: ControlSyntax,
    /// Whether a lost answer can be found again.
    pub recovery: Recovery,
    /// Whether a refusal for its content is charged.
    #[serde(default)]
    pub refusal_charged: Charged,
    /// The day it stops answering.
    #[serde(default)]
    pub retires_at: Option<NaiveDate>,
    /// The model to use instead from that day on.
    #[serde(default)]
    pub replaced_by: Option<String>,
    /// How it reads a mask.
    #[serde(default)]
    pub mask: MaskConvention,
    /// What only a model at Replicate has.
    #[serde(default)]
    pub replicate: Option<Box<ReplicateRow>>,
    /// What it costs.
    pub price: Price,
    /// Where all this was read.
    pub source: String,
    /// When it was read.
    pub as_of: NaiveDate,
}

/// Which sizes a model draws.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sizes {
    /// Any size within these bounds.
    Free {
        /// Both sides are multiples of this many pixels.
        multiple_of_px: u32,
        /// Longest side.
        max_side_px: u32,
        /// Fewest pixels of a picture.
        min_pixels: u64,
        /// Most pixels of a picture.
        max_pixels: u64,
        /// The long side is at most this many times the short one.
        max_ratio: u32,
    },
    /// One of these, as width and height.
    List {
        /// Width and height in pixels.
        sizes_px: Vec<(u32, u32)>,
    },
    /// One of these ratios, at about so many pixels.
    Ratios {
        /// Width to height.
        ratios: Vec<(u32, u32)>,
        /// About how many pixels a picture has.
        about_pixels: u64,
    },
}

impl Sizes {
    /// The size to ask for where `width_px` by `height_px` is wanted: the same where the model draws
    /// it, else the nearest of its own with about the same ratio.
    pub fn nearest(&self, width_px: u32, height_px: u32) -> (u32, u32) {
        let wanted = (f64::from(width_px.max(1)), f64::from(height_px.max(1)));
        match self {
            Self::Free { .. } => self.nearest_free(wanted),
            Self::List { sizes_px } => {
                nearest_ratio(sizes_px, wanted).unwrap_or((width_px, height_px))
            }
            Self::Ratios {
                ratios,
                about_pixels,
            } => {
                let (w, h) = nearest_ratio(ratios, wanted).unwrap_or((1, 1));
                let unit = (*about_pixels as f64 / f64::from(w) / f64::from(h)).sqrt();
                let side = |part: u32| ((f64::from(part) * unit).round() as u32).max(1);
                (side(w), side(h))
            }
        }
    }

    fn nearest_free(&self, (mut w, mut h): (f64, f64)) -> (u32, u32) {
        let Self::Free {
            multiple_of_px,
            max_side_px,
            min_pixels,
            max_pixels,
            max_ratio,
        } = self
        else {
            return (w as u32, h as u32);
        };
        let ratio = f64::from(*max_ratio);
        (w, h) = (w.max(h / ratio), h.max(w / ratio));
        let grow = (*min_pixels as f64 / (w * h)).sqrt().max(1.0);
        (w, h) = (w * grow, h * grow);
        let shrink = (f64::from(*max_side_px) / w.max(h))
            .min((*max_pixels as f64 / (w * h)).sqrt())
            .min(1.0);
        let step = f64::from(*multiple_of_px);
        // Down where something was too large, so that it stays within the bound; up otherwise.
        let side = |side: f64| {
            let steps = side * shrink / step;
            let steps = if shrink < 1.0 {
                steps.floor()
            } else {
                steps.ceil()
            };
            (steps.max(1.0) * step) as u32
        };
        (side(w), side(h))
    }
}

/// The one whose ratio is nearest to that of `wanted`, by factor; of equal ones the nearest in size.
fn nearest_ratio(among: &[(u32, u32)], wanted: (f64, f64)) -> Option<(u32, u32)> {
    let ratio = |(w, h): (f64, f64)| (w / h).ln();
    let distance = |&(w, h): &(u32, u32)| {
        let own = (f64::from(w), f64::from(h));
        let by_ratio = (ratio(own) - ratio(wanted)).abs();
        let by_size = (own.0 * own.1 / (wanted.0 * wanted.1)).ln().abs();
        (by_ratio, by_size)
    };
    among.iter().copied().min_by(|a, b| {
        let ((ratio_a, size_a), (ratio_b, size_b)) = (distance(a), distance(b));
        ratio_a.total_cmp(&ratio_b).then(size_a.total_cmp(&size_b))
    })
}

/// How a mask says where the picture may change. Whoever asks brings the mask in the convention of the
/// model's row; adapters look at the PNG's header and refuse the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskConvention {
    /// Transparent where it may change: a PNG with an alpha channel.
    #[default]
    TransparentChanges,
    /// White where it may change, black where not: a PNG without one.
    WhiteChanges,
}

/// Whether a lost answer can be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Every call can be found afterwards: [`reconcile`](crate::Provider::reconcile) gives proof.
    Always,
    /// Once the reference is known it can be asked for again; a lost answer to the submit cannot be
    /// found.
    ByReference,
    /// The answer comes with the call or never.
    Never,
}

/// Whether something is charged, as far as anybody outside the provider knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Charged {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The provider does not say.
    #[default]
    Unknown,
}

/// What a model costs, in billionths of a US dollar (nano-USD), so that a price per token is a whole
/// number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// How it is counted.
    pub basis: PriceBasis,
    /// From when this price holds.
    pub valid_from: NaiveDate,
}

/// How a price is counted. All amounts in nano-USD.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PriceBasis {
    /// So much per picture.
    PerImage {
        /// One picture.
        nano: i64,
    },
    /// By tokens, as the answer reports them.
    PerToken {
        /// One token of text in.
        text_in_nano: i64,
        /// One token of pictures in.
        image_in_nano: i64,
        /// One token of pictures out.
        image_out_nano: i64,
        /// One token of text out, for models that think aloud; 0 where none is charged.
        #[serde(default)]
        text_out_nano: i64,
        /// How many tokens one input picture has at most, for the estimate before the call.
        #[serde(default)]
        image_in_tokens_at_most: u32,
        /// How many tokens a picture of one megapixel has, by quality, for the estimate before the
        /// call and for answers that report nothing.
        image_out_tokens_per_megapixel: BTreeMap<String, u32>,
    },
    /// By the seconds it computes, as the answer reports them.
    PerSecond {
        /// One second.
        nano: i64,
        /// How many seconds one picture is expected to take at most.
        seconds_at_most: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_size_is_moved_within_every_bound() {
        let sizes = Sizes::Free {
            multiple_of_px: 16,
            max_side_px: 3_840,
            min_pixels: 655_360,
            max_pixels: 8_294_400,
            max_ratio: 3,
        };
        assert_eq!(sizes.nearest(1024, 1024), (1024, 1024));
        for (w, h) in [
            (300, 300),
            (1, 9000),
            (6000, 4000),
            (9000, 100),
            (1000, 1000),
            (3840, 3840),
        ] {
            let (w, h) = sizes.nearest(w, h);
            let pixels = u64::from(w) * u64::from(h);
            assert!(w % 16 == 0 && h % 16 == 0, "{w}x{h}");
            assert!(w <= 3840 && h <= 3840, "{w}x{h}");
            assert!((655_360..=8_294_400).contains(&pixels), "{w}x{h}");
            assert!(w <= 3 * h && h <= 3 * w, "{w}x{h}");
        }
    }

    #[test]
    fn the_nearest_ratio_wins_before_the_nearest_size() {
        let sizes = Sizes::List {
            sizes_px: vec![(1024, 1024), (1536, 1024), (1024, 1536)],
        };
        assert_eq!(sizes.nearest(4000, 4000), (1024, 1024));
        assert_eq!(sizes.nearest(300, 200), (1536, 1024));
        assert_eq!(sizes.nearest(200, 900), (1024, 1536));
        let ratios = Sizes::Ratios {
            ratios: vec![(1, 1), (16, 9), (9, 16)],
            about_pixels: 1_048_576,
        };
        assert_eq!(ratios.nearest(1920, 1080), (1365, 768));
    }
}
