//! What one file may cost.

use crate::{ImagingError, SourceFormat};

/// What a decoder may spend on one file. Every limit holds before anything is allocated for what it
/// limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of the file.
    pub max_bytes: usize,
    /// Width times height, as stored.
    pub max_pixels: u64,
    /// Either side, in pixels.
    pub max_side_px: u32,
    /// Start-of-scan markers of a JPEG. Usual progressive files have about 10; a file of 400 scans
    /// costs a decoder seconds for a few kilobytes.
    pub max_jpeg_scans: u32,
    /// Chunks of a PNG or WebP, segments of a JPEG. A PNG of 32 MiB in the 8 KiB chunks that common
    /// encoders write has 4,096.
    pub max_chunks: u32,
    /// Bytes of a colour profile, inflated. Press profiles have up to 3 MB, those of screens some
    /// kilobytes. A larger profile is not read, and the report says so.
    pub max_icc_bytes: usize,
    /// Bytes of an EXIF block. The thumbnail that cameras put into it has some tens of kilobytes.
    pub max_exif_bytes: usize,
}

impl Default for DecodeLimits {
    /// 32 MiB, 40 megapixels, 16,384 a side, 32 scans, 65,536 chunks, 4 MiB of colour profile, 1 MiB
    /// of EXIF.
    fn default() -> Self {
        Self {
            max_bytes: 32 << 20,
            max_pixels: 40_000_000,
            max_side_px: 16_384,
            max_jpeg_scans: 32,
            max_chunks: 65_536,
            max_icc_bytes: 4 << 20,
            max_exif_bytes: 1 << 20,
        }
    }
}

impl DecodeLimits {
    pub(crate) fn check_bytes(&self, size_bytes: usize) -> Result<(), ImagingError> {
        if size_bytes > self.max_bytes {
            return Err(ImagingError::TooManyBytes {
                size_bytes,
                max_bytes: self.max_bytes,
            });
        }
        Ok(())
    }

    /// Checks sides before anything is allocated for them.
    pub(crate) fn check_sides(&self, width: u32, height: u32) -> Result<(), ImagingError> {
        if width == 0 || height == 0 {
            return Err(ImagingError::Empty { width, height });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels || width.max(height) > self.max_side_px {
            return Err(ImagingError::TooManyPixels {
                width,
                height,
                max_pixels: self.max_pixels,
                max_side_px: self.max_side_px,
            });
        }
        Ok(())
    }

    pub(super) fn check_chunks(
        &self,
        format: SourceFormat,
        chunks: u32,
    ) -> Result<(), ImagingError> {
        if chunks > self.max_chunks {
            return Err(ImagingError::TooManyChunks {
                format,
                max_chunks: self.max_chunks,
            });
        }
        Ok(())
    }

    pub(super) fn check_exif(
        &self,
        format: SourceFormat,
        size_bytes: usize,
    ) -> Result<(), ImagingError> {
        if size_bytes > self.max_exif_bytes {
            return Err(ImagingError::MetadataTooLarge {
                format,
                what: "EXIF block",
                size_bytes,
                max_bytes: self.max_exif_bytes,
            });
        }
        Ok(())
    }
}
