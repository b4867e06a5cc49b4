//! Lossy WebP, by Google's encoder.
//!
//! No encoder in Rust writes lossy WebP, so this is C. It encodes pixels that this process has
//! drawn, and never reads a file: the decoder is compiled in and no function here reaches it. This
//! crate holds all of the workspace's unsafe code; every value that crosses over is checked first.

use std::ffi::c_int;
use std::mem::MaybeUninit;

use libwebp_sys as ffi;

/// Longest side of a WebP file, in pixels.
pub const MAX_SIDE_PX: u32 = 16_383;

/// Samples, rows from the top without padding.
#[derive(Clone, Copy, Debug)]
pub enum Samples<'a> {
    /// Three bytes a pixel.
    Rgb(&'a [u8]),
    /// Four bytes a pixel, straight alpha.
    Rgba(&'a [u8]),
}

/// How to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// 0 to 100.
    pub quality: u8,
    /// libwebp's `method`, 0 (quick) to 6 (small).
    pub method: u8,
}

/// Why nothing was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A side of zero or beyond [`MAX_SIDE_PX`].
    #[error("a WebP has 1 to 16383 pixels a side, not {width} x {height}")]
    Sides {
        /// Width asked for.
        width: u32,
        /// Height asked for.
        height: u32,
    },
    /// More or fewer samples than the sides ask for.
    #[error("{len} bytes of samples where {expected} are needed")]
    Length {
        /// Bytes given.
        len: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// Quality or method out of range.
    #[error("quality is 0 to 100 and method 0 to 6")]
    Settings,
    /// The encoder failed, with its own number for why (`WebPEncodingError`).
    #[error("libwebp failed with code {code}")]
    Encoder {
        /// For instance 1: out of memory.
        code: u32,
    },
}

/// Encodes lossily. The same samples and settings give the same bytes.
///
/// # Errors
///
/// [`Error`], before anything is encoded for all variants but [`Error::Encoder`].
pub fn encode(
    samples: Samples<'_>,
    width: u32,
    height: u32,
    settings: Settings,
) -> Result<Vec<u8>, Error> {
    let checked = Checked::new(samples, width, height)?;
    let config = config(settings)?;
    run(&checked, &config)
}

/// Samples whose length is proven to fit their sides.
struct Checked<'a> {
    samples: Samples<'a>,
    width: c_int,
    height: c_int,
    stride: c_int,
}

impl<'a> Checked<'a> {
    fn new(samples: Samples<'a>, width: u32, height: u32) -> Result<Self, Error> {
        let sides = 1..=MAX_SIDE_PX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(Error::Sides { width, height });
        }
        let (len, per_pixel) = match samples {
            Samples::Rgb(rgb) => (rgb.len(), 3),
            Samples::Rgba(rgba) => (rgba.len(), 4),
        };
        let stride = width * per_pixel;
        let expected = stride as usize * height as usize;
        if len != expected {
            return Err(Error::Length { len, expected });
        }
        // Sides of 14 bits times four stay far below 31 bits.
        Ok(Self {
            samples,
            width: width as c_int,
            height: height as c_int,
            stride: stride as c_int,
        })
    }
}

fn config(settings: Settings) -> Result<ffi::WebPConfig, Error> {
    if settings.quality > 100 || settings.method > 6 {
        return Err(Error::Settings);
    }
    let preset = ffi::WebPPreset::WEBP_PRESET_DEFAULT;
    let quality = f32::from(settings.quality);
    let config = ffi::WebPConfig::new_with_preset(preset, quality);
    let mut config = config.map_err(|()| Error::Settings)?;
    config.method = c_int::from(settings.method);
    Ok(config)
}

/// Frees what the encoder allocated, however the function ends.
struct Owned {
    picture: ffi::WebPPicture,
    writer: ffi::WebPMemoryWriter,
}

impl Drop for Owned {
    #[expect(unsafe_code, reason = "foreign functions")]
    fn drop(&mut self) {
        // SAFETY: `picture` was initialised by `WebPPictureInit`; freeing one without pixels is
        // allowed, and nobody uses it afterwards.
        unsafe { ffi::WebPPictureFree(&raw mut self.picture) };
        // SAFETY: `writer` was initialised by `WebPMemoryWriterInit`, and nobody uses it afterwards.
        unsafe { ffi::WebPMemoryWriterClear(&raw mut self.writer) };
    }
}

#[expect(unsafe_code, reason = "foreign functions")]
fn run(checked: &Checked<'_>, config: &ffi::WebPConfig) -> Result<Vec<u8>, Error> {
    let picture = ffi::WebPPicture::new().map_err(|()| Error::Settings)?;
    let mut writer = MaybeUninit::<ffi::WebPMemoryWriter>::uninit();
    // SAFETY: the function writes every field of the struct it is given.
    unsafe { ffi::WebPMemoryWriterInit(writer.as_mut_ptr()) };
    // SAFETY: just initialised.
    let writer = unsafe { writer.assume_init() };
    let mut owned = Owned { picture, writer };
    owned.picture.width = checked.width;
    owned.picture.height = checked.height;
    // YUV planes, not ARGB: what the lossy encoder works on.
    owned.picture.use_argb = 0;
    owned.picture.writer = Some(ffi::WebPMemoryWrite);
    owned.picture.custom_ptr = (&raw mut owned.writer).cast();
    let imported = match checked.samples {
        Samples::Rgb(rgb) => {
            // SAFETY: `Checked` proves that there are height rows of stride bytes to be read, and
            // the picture has those sides.
            unsafe {
                ffi::WebPPictureImportRGB(&raw mut owned.picture, rgb.as_ptr(), checked.stride)
            }
        }
        Samples::Rgba(rgba) => {
            // SAFETY: as above, with four bytes a pixel.
            unsafe {
                ffi::WebPPictureImportRGBA(&raw mut owned.picture, rgba.as_ptr(), checked.stride)
            }
        }
    };
    // SAFETY: both structs are initialised; the writer behind `custom_ptr` lives in `owned`, which
    // does not move until the function returns.
    let encoded = imported != 0 && unsafe { ffi::WebPEncode(config, &raw mut owned.picture) } != 0;
    if !encoded || owned.writer.mem.is_null() {
        return Err(Error::Encoder {
            code: owned.picture.error_code as u32,
        });
    }
    // SAFETY: the writer holds `size` initialised bytes at `mem` until it is cleared.
    let file = unsafe { std::slice::from_raw_parts(owned.writer.mem, owned.writer.size) };
    Ok(file.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Settings = Settings {
        quality: 80,
        method: 2,
    };

    #[test]
    fn a_file_of_the_right_kind_comes_out_for_both_layouts() {
        for samples in [Samples::Rgb(&[90; 300]), Samples::Rgba(&[90; 400])] {
            let file = encode(samples, 10, 10, USUAL).unwrap_or_default();
            assert_eq!(file.get(..4), Some(b"RIFF".as_slice()));
            assert_eq!(file.get(8..15), Some(b"WEBPVP8".as_slice()));
        }
    }

    #[test]
    fn samples_that_do_not_fit_their_sides_never_reach_the_encoder() {
        for (len, width, height) in [(299, 10, 10), (301, 10, 10), (0, 1, 1)] {
            let outcome = encode(Samples::Rgb(&vec![0; len]), width, height, USUAL);
            assert!(matches!(outcome, Err(Error::Length { .. })), "{outcome:?}");
        }
        for (width, height) in [(0, 1), (1, 0), (16_384, 1), (u32::MAX, u32::MAX)] {
            let outcome = encode(Samples::Rgb(&[]), width, height, USUAL);
            assert!(matches!(outcome, Err(Error::Sides { .. })), "{outcome:?}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for (quality, method) in [(101, 2), (80, 7)] {
            let outcome = encode(Samples::Rgb(&[0; 3]), 1, 1, Settings { quality, method });
            assert_eq!(outcome, Err(Error::Settings));
        }
    }

    #[test]
    fn the_longest_side_is_encoded() {
        let line = vec![7; MAX_SIDE_PX as usize * 3];
        for (width, height) in [(MAX_SIDE_PX, 1), (1, MAX_SIDE_PX)] {
            assert!(encode(Samples::Rgb(&line), width, height, USUAL).is_ok());
        }
    }
}
