//! JPEG at its size, a half, a quarter or an eighth: the usual file by [`baseline`], every other through
//! `jpeg-decoder`.
//!
//! Not through `image`: its decoder (zune-jpeg 0.5.15) silently returns garbage for baseline files
//! with one scan per component and 4:2:0 sampling.

mod baseline;
mod segments;

use std::io::Cursor;

use jpeg_decoder::{Decoder, PixelFormat};

use self::segments::{Extent, Segments};
use super::{
    AtLeast, ColorSource, DecodeLimits, DecodeNote, DecodeReport, Decoded, Header, SampleLayout,
};
use crate::color::{Conversion, Model};
use crate::{ImagingError, Picture, SourceFormat};

pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, ImagingError> {
    Ok(segments::walk(bytes, limits, Extent::Header)?.header())
}

pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    at_least: Option<AtLeast>,
) -> Result<Decoded, ImagingError> {
    let segments = segments::walk(bytes, limits, Extent::Whole)?;
    segments.check_plausible()?;
    let mut report = DecodeReport::new(segments.header());
    let mut size = (segments.width, segments.height);
    if let Some(wish) = at_least {
        report.scale_denominator = wish.denominator(&report.header);
        size = (
            segments.width.div_ceil(report.scale_denominator),
            segments.height.div_ceil(report.scale_denominator),
        );
    }
    let read = baseline::read(&segments, report.scale_denominator);
    let (mut rgb, model) = match read {
        Some(rgb) if report.header.layout == SampleLayout::Grey => (rgb, Model::Grey),
        Some(rgb) => (rgb, Model::Rgb),
        None => by_other_decoder(bytes, size, at_least.is_some())?,
    };
    let conversion = conversion(&segments, limits, model, &mut report);
    if model == Model::Inks {
        if !segments.inks_are_inverted() {
            rgb.iter_mut().for_each(|ink| *ink = 255 - *ink);
            report.note(DecodeNote::InksNotInverted);
        }
        rgb = inks_to_rgb(&rgb, conversion.as_ref())?;
    } else if let Some(conversion) = conversion {
        conversion.apply(&mut rgb)?;
    }
    let picture = Picture::from_rgb(size.0, size.1, rgb)?;
    Ok(Decoded { picture, report })
}

/// The samples at this size, which is a smaller one where `scaled`: RGB, or four inks.
fn by_other_decoder(
    bytes: &[u8],
    size: (u32, u32),
    scaled: bool,
) -> Result<(Vec<u8>, Model), ImagingError> {
    let fault = |error| ImagingError::malformed(SourceFormat::Jpeg, error);
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.read_info().map_err(fault)?;
    if scaled {
        // It takes the first scale at which either side suffices, so only the longer one may ask: a
        // picture of one row has one row at every scale.
        let side = |px| u16::try_from(px).unwrap_or(u16::MAX);
        let (width, height) = if size.0 >= size.1 {
            (side(size.0), u16::MAX)
        } else {
            (u16::MAX, side(size.1))
        };
        decoder.scale(width, height).map_err(fault)?;
    }
    let samples = decoder.decode().map_err(fault)?;
    let Some(info) = decoder.info() else {
        return Err(ImagingError::damaged(SourceFormat::Jpeg, "no frame"));
    };
    if (u32::from(info.width), u32::from(info.height)) != size {
        return Err(ImagingError::damaged(
            SourceFormat::Jpeg,
            "its size changed",
        ));
    }
    match info.pixel_format {
        PixelFormat::RGB24 => Ok((samples, Model::Rgb)),
        PixelFormat::L8 => Ok((grey_to_rgb(&samples), Model::Grey)),
        PixelFormat::CMYK32 => Ok((samples, Model::Inks)),
        PixelFormat::L16 => Err(ImagingError::UnsupportedLayout {
            format: SourceFormat::Jpeg,
            layout: "16-bit grey",
        }),
    }
}

fn grey_to_rgb(grey: &[u8]) -> Vec<u8> {
    let mut rgb = vec![0; grey.len() * 3];
    for (pixel, &l) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(grey) {
        *pixel = [l; 3];
    }
    rgb
}

/// Ink amounts, 255 meaning full ink, to sRGB: by the profile, or as plain subtractive inks.
fn inks_to_rgb(inks: &[u8], conversion: Option<&Conversion>) -> Result<Vec<u8>, ImagingError> {
    let mut rgb = vec![0; inks.len() / 4 * 3];
    if let Some(conversion) = conversion {
        conversion.inks_to_rgb(inks, &mut rgb)?;
        return Ok(rgb);
    }
    let inks = inks.as_chunks::<4>().0;
    for (pixel, &[c, m, y, k]) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(inks) {
        *pixel = [paper(c, k), paper(m, k), paper(y, k)];
    }
    Ok(rgb)
}

/// What a subtractive ink and black leave of white paper's light: the fall-back without a profile.
fn paper(ink: u8, black: u8) -> u8 {
    let product = u16::from(255 - ink) * u16::from(255 - black);
    ((product + 127) / 255) as u8
}

fn conversion(
    segments: &Segments<'_>,
    limits: &DecodeLimits,
    model: Model,
    report: &mut DecodeReport,
) -> Option<Conversion> {
    let found = match segments.profile(limits.max_icc_bytes) {
        Ok(None) => return None,
        Ok(Some(icc)) => Conversion::from_icc(&icc, model),
        Err(note) => Err(note),
    };
    match found {
        Ok(found) => report.converted(found, ColorSource::Icc),
        Err(note) => {
            report.note(note);
            None
        }
    }
}
