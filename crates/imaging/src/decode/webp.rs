//! WebP, lossy and lossless, with alpha, through `image-webp`.

mod chunks;

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::{ColorSource, DecodeLimits, DecodeNote, DecodeReport, Decoded, Header};
use crate::color::{Conversion, Model};
use crate::{ImagingError, Picture, SourceFormat};

pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, ImagingError> {
    Ok(chunks::walk(bytes, limits)?.header())
}

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, ImagingError> {
    let fault = |error| ImagingError::malformed(SourceFormat::Webp, error);
    let chunks = chunks::walk(bytes, limits)?;
    let header = chunks.header();
    let mut report = DecodeReport::new(header);
    let (width, height) = (header.stored_width, header.stored_height);
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(fault)?;
    if decoder.dimensions() != (width, height) {
        return Err(ImagingError::damaged(SourceFormat::Webp, "two sizes"));
    }
    decoder.set_memory_limit(limits.max_bytes);
    let pixels = width as usize * height as usize;
    let has_alpha = decoder.has_alpha();
    let mut samples = vec![0; pixels * if has_alpha { 4 } else { 3 }];
    decoder.read_image(&mut samples).map_err(fault)?;
    let model = if has_alpha { Model::Rgba } else { Model::Rgb };
    if let Some(conversion) = conversion(chunks.icc, model, limits, &mut report) {
        conversion.apply(&mut samples)?;
    }
    let picture = match has_alpha {
        true => Picture::from_straight_rgba(width, height, samples)?,
        false => Picture::from_rgb(width, height, samples)?,
    };
    Ok(Decoded { picture, report })
}

fn conversion(
    icc: Option<&[u8]>,
    model: Model,
    limits: &DecodeLimits,
    report: &mut DecodeReport,
) -> Option<Conversion> {
    let icc = icc?;
    let found = match icc.len() > limits.max_icc_bytes {
        true => Err(DecodeNote::ProfileTooLarge),
        false => Conversion::from_icc(icc, model),
    };
    match found {
        Ok(found) => report.converted(found, ColorSource::Icc),
        Err(note) => {
            report.note(note);
            None
        }
    }
}
