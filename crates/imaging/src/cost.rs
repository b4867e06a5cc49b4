//! What image work takes of memory, counted before it runs.

use crate::Header;

/// Fixed part of what a job takes: decoder tables, encoder buffers, fonts. Measured with a
/// prototype at 1 megapixel.
const JOB_BYTES: u64 = 24 << 20;
/// Part that grows with the pixels. The costliest file that is let in, a progressive JPEG without
/// subsampling, takes 12 in `tests/it/bombs.rs`; a composition takes 16 to 33 at 17 and 1 megapixels,
/// together with [`JOB_BYTES`].
const PIXEL_BYTES: u64 = 20;

/// How much memory a piece of work is admitted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pixels: u64,
}

impl Cost {
    /// Work that touches about so many pixels: all decoded pictures and the output together.
    #[must_use]
    pub fn of_pixels(pixels: u64) -> Self {
        Self { pixels }
    }

    /// Decoding the file of which this is the header.
    #[must_use]
    pub fn of_decoding(header: &Header) -> Self {
        Self::of_pixels(header.pixel_count())
    }

    /// In whole MiB, rounded up: 24 MiB and 20 bytes a pixel.
    #[must_use]
    pub fn mib(self) -> u32 {
        let bytes = self.pixels.saturating_mul(PIXEL_BYTES);
        let bytes = bytes.saturating_add(JOB_BYTES);
        u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX)
    }
}
