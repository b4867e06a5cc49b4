//! Everything that can go wrong, by name.

use crate::SourceFormat;

/// A fault of the bytes, of the plan, or of a codec.
///
/// [`ImagingError::is_input`] tells apart what a repeat cannot mend.
#[derive(Debug, thiserror::Error)]
pub enum ImagingError {
    /// More bytes than [`crate::DecodeLimits::max_bytes`].
    #[error("the file has {size_bytes} bytes, more than the {max_bytes} allowed")]
    TooManyBytes {
        /// Size of the file.
        size_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// Content that is not PNG, JPEG or WebP, whatever its name says.
    #[error("the content is not PNG, JPEG or WebP (it looks like {found})")]
    UnsupportedFormat {
        /// What the first bytes look like.
        found: &'static str,
    },
    /// A picture with more or longer sides than allowed, known from its header alone.
    #[error(
        "{width} x {height} pixels is more than allowed ({max_pixels} pixels, {max_side_px} a side)"
    )]
    TooManyPixels {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// The limit in pixels.
        max_pixels: u64,
        /// The limit of either side.
        max_side_px: u32,
    },
    /// Width or height is zero.
    #[error("the picture has no pixels ({width} x {height})")]
    Empty {
        /// Width.
        width: u32,
        /// Height.
        height: u32,
    },
    /// A JPEG with more scans than [`crate::DecodeLimits::max_jpeg_scans`].
    #[error("the JPEG has more than the {max_scans} scans allowed")]
    TooManyScans {
        /// The limit.
        max_scans: u32,
    },
    /// More chunks or segments than [`crate::DecodeLimits::max_chunks`].
    #[error("the {format} has more than the {max_chunks} chunks allowed")]
    TooManyChunks {
        /// The container.
        format: SourceFormat,
        /// The limit.
        max_chunks: u32,
    },
    /// A block beside the pixels that is needed and larger than allowed.
    #[error("the {what} of the {format} has {size_bytes} bytes, more than the {max_bytes} allowed")]
    MetadataTooLarge {
        /// The container.
        format: SourceFormat,
        /// Which block.
        what: &'static str,
        /// Its size.
        size_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A header that claims more pixels than the bytes behind it can hold, whatever they are.
    #[error(
        "the {format} claims {width} x {height} pixels, which its {size_bytes} bytes cannot hold"
    )]
    Implausible {
        /// The container.
        format: SourceFormat,
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// Bytes of compressed pixels.
        size_bytes: usize,
    },
    /// Several frames where one is expected.
    #[error("the {format} is animated")]
    Animated {
        /// The container.
        format: SourceFormat,
    },
    /// The decoder gave up: cut short, damaged, or its header does not match its content.
    #[error("the {format} is damaged or incomplete")]
    Malformed {
        /// The container.
        format: SourceFormat,
        /// What the decoder says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A sample layout that is legal but not read here.
    #[error("the {format} uses a pixel layout that is not supported: {layout}")]
    UnsupportedLayout {
        /// The container.
        format: SourceFormat,
        /// The layout.
        layout: &'static str,
    },
    /// A plan that cannot be drawn: sizes out of range, numbers that are not finite.
    #[error("layer {layer:?}: {reason}")]
    InvalidPlan {
        /// Id of the layer, empty for the whole composition.
        layer: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// No bundled font can draw this character.
    #[error("layer {layer:?}: no font can draw {character:?} (U+{:04X})", u32::from(*character))]
    MissingGlyph {
        /// Id of the layer.
        layer: String,
        /// The first character without a glyph.
        character: char,
    },
    /// Nobody waits for the result any more: see [`crate::Stop`].
    #[error("the work was given up")]
    Stopped,
    /// An encoder refused our own pixels.
    #[error("could not encode {format}")]
    Encode {
        /// The output format.
        format: &'static str,
        /// What the encoder says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A resize or an allocation failed inside.
    #[error("internal fault while {what}")]
    Internal {
        /// What was being done.
        what: &'static str,
        /// The cause, where there is one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl ImagingError {
    /// Whether the input is at fault, so that the same input fails the same way again.
    #[must_use]
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Self::Encode { .. } | Self::Internal { .. } | Self::Stopped
        )
    }

    pub(crate) fn malformed(
        format: SourceFormat,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Malformed {
            format,
            source: Box::new(source),
        }
    }

    /// What our own reading of a container finds wrong.
    pub(crate) fn damaged(format: SourceFormat, fault: &'static str) -> Self {
        Self::malformed(format, Damage(fault))
    }

    pub(crate) fn plan(layer: &str, reason: &'static str) -> Self {
        Self::InvalidPlan {
            layer: layer.to_owned(),
            reason,
        }
    }

    pub(crate) fn internal(
        what: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Internal {
            what,
            source: Some(Box::new(source)),
        }
    }

    pub(crate) fn encode(
        format: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Encode {
            format,
            source: Box::new(source),
        }
    }
}

/// A fault that no decoder had to find.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Damage(&'static str);

/// Why work handed to a [`crate::Pool`] did not give a value.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The closure panicked; its thread lives on. Many decoders may panic on hostile input.
    #[error("image work panicked: {message}")]
    Panicked {
        /// The panic's message, where it was text.
        message: String,
    },
    /// The pool was closed before the work ran.
    #[error("the image pool is closed")]
    Closed,
    /// The work needs more memory than the whole budget.
    #[error("the work needs {needed_mib} MiB, the pool's whole budget is {budget_mib} MiB")]
    OverBudget {
        /// What the pixels cost.
        needed_mib: u32,
        /// What the pool may spend at once.
        budget_mib: u32,
    },
    /// The operating system gave no thread.
    #[error("could not start an image thread")]
    Spawn(#[source] std::io::Error),
}
