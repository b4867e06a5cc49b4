//! The one pixel format inside the crate.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{MulDiv, PixelType};

use crate::ImagingError;

/// Pixels: 8-bit RGBA, premultiplied, rows from the top without padding, never empty.
///
/// Premultiplied because every resize, rotation and blend is only right on premultiplied samples:
/// colour hidden in transparent pixels would otherwise bleed into the edges.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    opaque: bool,
}

impl Picture {
    /// Takes straight (not premultiplied) RGBA samples, four bytes a pixel.
    ///
    /// # Errors
    ///
    /// [`ImagingError::Empty`] for a side of zero, [`ImagingError::InvalidPlan`] if the length is
    /// not `width * height * 4`.
    pub fn from_straight_rgba(
        width: u32,
        height: u32,
        mut pixels: Vec<u8>,
    ) -> Result<Self, ImagingError> {
        check_len(width, height, pixels.len())?;
        let opaque = is_opaque(&pixels);
        if !opaque {
            let mut image = Image::from_slice_u8(width, height, &mut pixels, PixelType::U8x4)
                .map_err(|error| ImagingError::internal("reading samples", error))?;
            MulDiv::new()
                .multiply_alpha_inplace(&mut image)
                .map_err(|error| ImagingError::internal("premultiplying", error))?;
        }
        Ok(Self {
            width,
            height,
            pixels,
            opaque,
        })
    }

    /// Takes premultiplied RGBA samples, four bytes a pixel.
    ///
    /// # Errors
    ///
    /// As [`Picture::from_straight_rgba`].
    pub fn from_premultiplied_rgba(
        width: u32,
        height: u32,
        pixels: Vec<u8>,
    ) -> Result<Self, ImagingError> {
        check_len(width, height, pixels.len())?;
        let opaque = is_opaque(&pixels);
        Ok(Self {
            width,
            height,
            pixels,
            opaque,
        })
    }

    /// Takes RGB samples, three bytes a pixel.
    ///
    /// # Errors
    ///
    /// As [`Picture::from_straight_rgba`], with `width * height * 3`.
    pub fn from_rgb(width: u32, height: u32, rgb: &[u8]) -> Result<Self, ImagingError> {
        check_len(width, height, rgb.len() / 3 * 4)?;
        let mut pixels = Vec::with_capacity(rgb.len() / 3 * 4);
        for &[r, g, b] in rgb.as_chunks::<3>().0 {
            pixels.extend_from_slice(&[r, g, b, 255]);
        }
        Ok(Self {
            width,
            height,
            pixels,
            opaque: true,
        })
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Pixels in all.
    #[must_use]
    pub fn pixel_count(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Whether every pixel is fully opaque.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// The premultiplied RGBA samples.
    #[must_use]
    pub fn premultiplied_rgba(&self) -> &[u8] {
        &self.pixels
    }

    /// One premultiplied RGBA pixel, `None` outside the picture.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 4]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let index = y as usize * self.width as usize + x as usize;
        self.pixels.as_chunks::<4>().0.get(index).copied()
    }

    /// The samples with straight alpha.
    ///
    /// # Errors
    ///
    /// [`ImagingError::Internal`] if the division fails.
    pub fn to_straight_rgba(&self) -> Result<Vec<u8>, ImagingError> {
        if self.opaque {
            return Ok(self.pixels.clone());
        }
        let source = self.view()?;
        let mut straight = Image::new(self.width, self.height, PixelType::U8x4);
        MulDiv::new()
            .divide_alpha(&source, &mut straight)
            .map_err(|error| ImagingError::internal("dividing by alpha", error))?;
        Ok(straight.into_vec())
    }

    /// RGB samples, laid over an opaque background where the picture is transparent.
    #[must_use]
    pub fn to_rgb_over(&self, background: [u8; 3]) -> Vec<u8> {
        let mut rgb = Vec::with_capacity(self.pixels.len() / 4 * 3);
        for &[r, g, b, a] in self.pixels.as_chunks::<4>().0 {
            let behind = u16::from(255 - a);
            for (sample, under) in [r, g, b].into_iter().zip(background) {
                let part = (u16::from(under) * behind + 127) / 255;
                rgb.push(u16::from(sample).saturating_add(part).min(255) as u8);
            }
        }
        rgb
    }

    pub(crate) fn view(&self) -> Result<ImageRef<'_>, ImagingError> {
        ImageRef::new(self.width, self.height, &self.pixels, PixelType::U8x4)
            .map_err(|error| ImagingError::internal("reading samples", error))
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("opaque", &self.opaque)
            .finish_non_exhaustive()
    }
}

fn is_opaque(pixels: &[u8]) -> bool {
    pixels
        .as_chunks::<4>()
        .0
        .iter()
        .all(|pixel| pixel[3] == 255)
}

fn check_len(width: u32, height: u32, len: usize) -> Result<(), ImagingError> {
    if width == 0 || height == 0 {
        return Err(ImagingError::Empty { width, height });
    }
    if u64::from(width) * u64::from(height) * 4 != len as u64 {
        return Err(ImagingError::plan(
            "",
            "sample count does not match width and height",
        ));
    }
    Ok(())
}
