//! What is drawn on: three samples a pixel as long as nothing can be seen through it.
//!
//! A product's photograph is opaque, and its zones are a small part of it. So the canvas keeps the
//! photograph as it is, and only the pixels that a layer may touch go through the four premultiplied
//! samples that the drawing library works on.

use tiny_skia::{Pixmap, PremultipliedColorU8};

use super::place::PixelRect;
use super::surface::blank;
use super::{Color, Composition};
use crate::{ImagingError, Picture, Samples};

/// The picture so far.
pub(super) struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    pixels: Pixels,
}

enum Pixels {
    /// Every pixel is opaque; source-over and every other blend leave it so.
    Rgb(Vec<u8>),
    Rgba(Pixmap),
}

impl Canvas {
    /// The background alone.
    pub(super) fn new(width: u32, height: u32, background: Color) -> Result<Self, ImagingError> {
        let pixels = if background.a == 255 {
            let color = [background.r, background.g, background.b];
            Pixels::Rgb(color.repeat(width as usize * height as usize))
        } else {
            let mut pixmap = blank(width, height)?;
            pixmap.fill(background.skia());
            Pixels::Rgba(pixmap)
        };
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// The base photograph alone, where it is opaque and has the output's size already; nothing of the
    /// background shows then.
    pub(super) fn of_base(plan: &Composition) -> Option<Self> {
        let picture = &plan.base.as_ref()?.picture;
        let Samples::Rgb(samples) = picture.samples() else {
            return None;
        };
        ((picture.width(), picture.height()) == (plan.width, plan.height)).then(|| Self {
            width: plan.width,
            height: plan.height,
            pixels: Pixels::Rgb(samples.to_vec()),
        })
    }

    /// Lets a part be drawn on. The part's own origin is its top left corner.
    pub(super) fn draw(
        &mut self,
        part: PixelRect,
        draw: impl FnOnce(&mut Pixmap) -> Result<(), ImagingError>,
    ) -> Result<(), ImagingError> {
        let width = self.width as usize;
        let mut pixmap = blank(part.width, part.height)?;
        let rows = pixmap.pixels_mut().chunks_mut(part.width as usize);
        match &self.pixels {
            Pixels::Rgb(samples) => {
                for (to, from) in rows.zip(lines(samples.as_chunks::<3>().0, width, part)) {
                    for (to, &[r, g, b]) in to.iter_mut().zip(from) {
                        *to = opaque(r, g, b);
                    }
                }
            }
            Pixels::Rgba(canvas) => {
                for (to, from) in rows.zip(lines(canvas.pixels(), width, part)) {
                    to.copy_from_slice(from);
                }
            }
        }
        draw(&mut pixmap)?;
        let rows = pixmap.pixels().chunks(part.width as usize);
        match &mut self.pixels {
            Pixels::Rgb(samples) => {
                let pixels = samples.as_chunks_mut::<3>().0;
                for (from, to) in rows.zip(lines_mut(pixels, width, part)) {
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = [from.red(), from.green(), from.blue()];
                    }
                }
            }
            Pixels::Rgba(canvas) => {
                for (from, to) in rows.zip(lines_mut(canvas.pixels_mut(), width, part)) {
                    to.copy_from_slice(from);
                }
            }
        }
        Ok(())
    }

    /// All of it.
    pub(super) fn whole(&self) -> PixelRect {
        PixelRect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }

    pub(super) fn finish(self) -> Result<Picture, ImagingError> {
        match self.pixels {
            Pixels::Rgb(samples) => Picture::from_rgb(self.width, self.height, samples),
            Pixels::Rgba(pixmap) => {
                Picture::from_premultiplied_rgba(self.width, self.height, pixmap.take())
            }
        }
    }
}

fn opaque(r: u8, g: u8, b: u8) -> PremultipliedColorU8 {
    // No sample is above 255.
    PremultipliedColorU8::from_rgba(r, g, b, 255).unwrap_or(PremultipliedColorU8::TRANSPARENT)
}

/// The part's rows of a canvas `width` wide. A part lies inside its canvas.
fn lines<T>(pixels: &[T], width: usize, part: PixelRect) -> impl Iterator<Item = &[T]> {
    let (x, y) = (part.x.max(0) as usize, part.y.max(0) as usize);
    let rows = pixels.chunks(width).skip(y).take(part.height as usize);
    rows.map(move |row| row.get(x..x + part.width as usize).unwrap_or_default())
}

fn lines_mut<T>(pixels: &mut [T], width: usize, part: PixelRect) -> impl Iterator<Item = &mut [T]> {
    let (x, y) = (part.x.max(0) as usize, part.y.max(0) as usize);
    let rows = pixels.chunks_mut(width).skip(y).take(part.height as usize);
    rows.map(move |row| row.get_mut(x..x + part.width as usize).unwrap_or_default())
}
