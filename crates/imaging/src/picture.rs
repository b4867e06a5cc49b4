//! The one pixel format inside the crate.

use std::borrow::Cow;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{MulDiv, PixelType};

use crate::ImagingError;

/// The samples of a [`Picture`], rows from the top without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples<'a> {
    /// Three bytes a pixel; every pixel is opaque.
    Rgb(&'a [u8]),
    /// Four bytes a pixel, premultiplied; some pixel is not opaque.
    PremultipliedRgba(&'a [u8]),
}

/// Pixels: 8 bits a sample, rows from the top without padding, never empty. RGB where every pixel
/// is opaque, premultiplied RGBA otherwise, and nothing in between: two pictures that look the same
/// are equal.
///
/// Three samples where three will do, because every later stage then moves a quarter fewer bytes
/// and no encoder has to take the alpha away again. Premultiplied because every resize, rotation
/// and blend is only right on premultiplied samples: colour hidden in transparent pixels would
/// otherwise bleed into the edges.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    samples: Vec<u8>,
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
        check_len(width, height, 4, pixels.len())?;
        if is_opaque(&pixels) {
            return Self::from_rgb(width, height, without_alpha(&pixels));
        }
        let mut image = Image::from_slice_u8(width, height, &mut pixels, PixelType::U8x4)
            .map_err(|error| ImagingError::internal("reading samples", error))?;
        MulDiv::new()
            .multiply_alpha_inplace(&mut image)
            .map_err(|error| ImagingError::internal("premultiplying", error))?;
        Ok(Self {
            width,
            height,
            samples: pixels,
            opaque: false,
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
        check_len(width, height, 4, pixels.len())?;
        if is_opaque(&pixels) {
            return Self::from_rgb(width, height, without_alpha(&pixels));
        }
        Ok(Self {
            width,
            height,
            samples: pixels,
            opaque: false,
        })
    }

    /// Takes RGB samples, three bytes a pixel. A vector is taken as it is, a slice is copied.
    ///
    /// # Errors
    ///
    /// As [`Picture::from_straight_rgba`], with `width * height * 3`.
    pub fn from_rgb(
        width: u32,
        height: u32,
        rgb: impl Into<Vec<u8>>,
    ) -> Result<Self, ImagingError> {
        let samples = rgb.into();
        check_len(width, height, 3, samples.len())?;
        Ok(Self {
            width,
            height,
            samples,
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

    /// Bytes of the samples.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.samples.len()
    }

    /// Whether every pixel is fully opaque.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// The samples as they are kept.
    #[must_use]
    pub fn samples(&self) -> Samples<'_> {
        match self.opaque {
            true => Samples::Rgb(&self.samples),
            false => Samples::PremultipliedRgba(&self.samples),
        }
    }

    /// The samples as they are kept, without a copy, for work that turns them over in place.
    pub(crate) fn into_samples(self) -> Vec<u8> {
        self.samples
    }

    /// The samples as premultiplied RGBA; an opaque picture's are converted.
    #[must_use]
    pub fn premultiplied_rgba(&self) -> Cow<'_, [u8]> {
        match self.samples() {
            Samples::Rgb(rgb) => Cow::Owned(with_alpha(rgb)),
            Samples::PremultipliedRgba(rgba) => Cow::Borrowed(rgba),
        }
    }

    /// Writes the samples as premultiplied RGBA into memory of exactly that size.
    pub(crate) fn write_premultiplied_rgba(&self, target: &mut [u8]) {
        match self.samples() {
            Samples::Rgb(rgb) => write_with_alpha(rgb, target),
            Samples::PremultipliedRgba(rgba) => target.copy_from_slice(rgba),
        }
    }

    /// One premultiplied RGBA pixel, `None` outside the picture.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 4]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let index = y as usize * self.width as usize + x as usize;
        match self.samples() {
            Samples::Rgb(rgb) => {
                let [r, g, b] = rgb.as_chunks::<3>().0.get(index).copied()?;
                Some([r, g, b, 255])
            }
            Samples::PremultipliedRgba(rgba) => rgba.as_chunks::<4>().0.get(index).copied(),
        }
    }

    /// The part of it that begins `x` from the left and `y` from the top, as far as it lies inside.
    ///
    /// # Errors
    ///
    /// [`ImagingError::Empty`] where none of it does.
    pub fn part(
        &self,
        (x, y): (u32, u32),
        (width, height): (u32, u32),
    ) -> Result<Self, ImagingError> {
        let width = width.min(self.width.saturating_sub(x));
        let height = height.min(self.height.saturating_sub(y));
        let bytes_per_pixel = if self.opaque { 3 } else { 4 };
        let row_bytes = self.width as usize * bytes_per_pixel;
        let columns = x as usize * bytes_per_pixel..(x + width) as usize * bytes_per_pixel;
        let samples: Vec<u8> = self
            .samples
            .chunks_exact(row_bytes)
            .skip(y as usize)
            .take(height as usize)
            .filter_map(|row| row.get(columns.clone()))
            .flatten()
            .copied()
            .collect();
        match self.opaque {
            true => Self::from_rgb(width, height, samples),
            false => Self::from_premultiplied_rgba(width, height, samples),
        }
    }

    /// The samples with straight alpha.
    ///
    /// # Errors
    ///
    /// [`ImagingError::Internal`] if the division fails.
    pub fn to_straight_rgba(&self) -> Result<Vec<u8>, ImagingError> {
        if let Samples::Rgb(rgb) = self.samples() {
            return Ok(with_alpha(rgb));
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
        self.rgb_over(background).into_owned()
    }

    /// As [`Picture::to_rgb_over`], without a copy where the picture is opaque.
    pub(crate) fn rgb_over(&self, background: [u8; 3]) -> Cow<'_, [u8]> {
        let rgba = match self.samples() {
            Samples::Rgb(rgb) => return Cow::Borrowed(rgb),
            Samples::PremultipliedRgba(rgba) => rgba,
        };
        let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
        for &[r, g, b, a] in rgba.as_chunks::<4>().0 {
            let behind = u16::from(255 - a);
            for (sample, under) in [r, g, b].into_iter().zip(background) {
                let part = (u16::from(under) * behind + 127) / 255;
                rgb.push(u16::from(sample).saturating_add(part).min(255) as u8);
            }
        }
        Cow::Owned(rgb)
    }

    /// What the resizer reads: three or four samples a pixel.
    pub(crate) fn view(&self) -> Result<ImageRef<'_>, ImagingError> {
        ImageRef::new(self.width, self.height, &self.samples, self.pixel_type())
            .map_err(|error| ImagingError::internal("reading samples", error))
    }

    pub(crate) fn pixel_type(&self) -> PixelType {
        match self.opaque {
            true => PixelType::U8x3,
            false => PixelType::U8x4,
        }
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

fn is_opaque(rgba: &[u8]) -> bool {
    // Whole blocks at a time, so that the compiler can compare many pixels at once and a picture
    // with alpha is left early.
    let blocks = rgba.chunks(4096);
    blocks
        .map(|block| {
            let pixels = block.as_chunks::<4>().0.iter();
            pixels.fold(255, |all, pixel| all & pixel[3])
        })
        .all(|all| all == 255)
}

fn with_alpha(rgb: &[u8]) -> Vec<u8> {
    let mut rgba = vec![0; rgb.len() / 3 * 4];
    write_with_alpha(rgb, &mut rgba);
    rgba
}

fn write_with_alpha(rgb: &[u8], rgba: &mut [u8]) {
    let pixels = rgb.as_chunks::<3>().0.iter();
    for (target, &[r, g, b]) in rgba.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
        *target = [r, g, b, 255];
    }
}

fn without_alpha(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = vec![0; rgba.len() / 4 * 3];
    let pixels = rgba.as_chunks::<4>().0.iter();
    for (target, &[r, g, b, _]) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
        *target = [r, g, b];
    }
    rgb
}

fn check_len(width: u32, height: u32, samples: u64, len: usize) -> Result<(), ImagingError> {
    if width == 0 || height == 0 {
        return Err(ImagingError::Empty { width, height });
    }
    if u64::from(width) * u64::from(height) * samples != len as u64 {
        return Err(ImagingError::plan(
            "",
            "sample count does not match width and height",
        ));
    }
    Ok(())
}
