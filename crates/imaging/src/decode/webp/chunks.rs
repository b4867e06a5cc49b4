//! A walk over a WebP's chunks before anything is decoded.

use super::super::{DecodeLimits, SampleLayout, exif};
use crate::{Header, ImagingError, SourceFormat};

const CONTAINER_BYTES: usize = 12;
const ANIMATION_FLAG: u8 = 0x02;

/// What the chunks say.
#[derive(Debug, Default)]
pub(super) struct Chunks<'a> {
    canvas: Option<(u32, u32)>,
    frame: Option<(u32, u32)>,
    layout: Option<SampleLayout>,
    animated: bool,
    exif: Option<&'a [u8]>,
    pub(super) icc: Option<&'a [u8]>,
    c2pa: bool,
}

fn fault(what: &'static str) -> ImagingError {
    ImagingError::damaged(SourceFormat::Webp, what)
}

pub(super) fn walk<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<Chunks<'a>, ImagingError> {
    let cut = || fault("cut short");
    let announced = bytes.get(4..).and_then(|rest| rest.first_chunk::<4>());
    let announced = u32::from_le_bytes(*announced.ok_or_else(cut)?);
    // The decoder itself does not mind a missing end.
    let end = usize::try_from(announced)
        .unwrap_or(usize::MAX)
        .saturating_add(8);
    let mut rest = bytes
        .get(CONTAINER_BYTES..end)
        .ok_or_else(|| fault("cut short, or its size is wrong"))?;
    let mut chunks = Chunks::default();
    let mut count = 0;
    while !rest.is_empty() {
        let (kind, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let (length, after) = after.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_huge| cut())?;
        let (body, after) = after.split_at_checked(length).ok_or_else(cut)?;
        rest = after.get(length % 2..).unwrap_or_default();
        count += 1;
        limits.check_chunks(SourceFormat::Webp, count)?;
        chunks.take(kind, body, limits)?;
    }
    chunks.check()?;
    Ok(chunks)
}

impl<'a> Chunks<'a> {
    fn take(
        &mut self,
        kind: &[u8; 4],
        body: &'a [u8],
        limits: &DecodeLimits,
    ) -> Result<(), ImagingError> {
        let size = match kind {
            b"VP8X" if self.canvas.is_none() => {
                let [flags, _, _, _, sides @ ..] =
                    body.first_chunk::<10>().ok_or_else(|| fault("no canvas"))?;
                self.animated |= flags & ANIMATION_FLAG != 0;
                let [w0, w1, w2, h0, h1, h2] = *sides;
                let side = |bytes: [u8; 3]| {
                    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]).saturating_add(1)
                };
                self.canvas = Some((side([w0, w1, w2]), side([h0, h1, h2])));
                self.canvas
            }
            b"VP8 " if self.frame.is_none() => {
                let [_, _, _, _, _, _, w0, w1, h0, h1] =
                    *body.first_chunk::<10>().ok_or_else(|| fault("no frame"))?;
                let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3FFF);
                self.layout = Some(SampleLayout::YCbCr);
                self.frame = Some((side([w0, w1]), side([h0, h1])));
                self.frame
            }
            b"VP8L" if self.frame.is_none() => {
                let [_, word @ ..] = body.first_chunk::<5>().ok_or_else(|| fault("no frame"))?;
                let word = u32::from_le_bytes(*word);
                self.layout = Some(match word >> 28 & 1 {
                    1 => SampleLayout::Rgba,
                    _ => SampleLayout::Rgb,
                });
                self.frame = Some(((word & 0x3FFF) + 1, (word >> 14 & 0x3FFF) + 1));
                self.frame
            }
            _ => None,
        };
        if let Some((width, height)) = size {
            limits.check_sides(width, height)?;
        }
        match kind {
            b"ANIM" | b"ANMF" => self.animated = true,
            b"EXIF" if self.exif.is_none() => {
                limits.check_exif(SourceFormat::Webp, body.len())?;
                self.exif = Some(body);
            }
            b"ICCP" if self.icc.is_none() => self.icc = Some(body),
            b"C2PA" => self.c2pa = true,
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ImagingError> {
        if self.animated {
            return Err(ImagingError::Animated {
                format: SourceFormat::Webp,
            });
        }
        let Some(frame) = self.frame else {
            return Err(fault("no frame"));
        };
        if self.canvas.is_some_and(|canvas| canvas != frame) {
            return Err(fault("the canvas and the frame differ in size"));
        }
        Ok(())
    }

    pub(super) fn header(&self) -> Header {
        let (stored_width, stored_height) = self.frame.unwrap_or_default();
        Header {
            format: SourceFormat::Webp,
            stored_width,
            stored_height,
            bits: 8,
            layout: self.layout.unwrap_or(SampleLayout::YCbCr),
            progressive: false,
            orientation: self.exif.map_or(1, exif::orientation),
            c2pa: self.c2pa,
        }
    }
}
