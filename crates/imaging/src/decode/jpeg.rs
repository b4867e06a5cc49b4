//! JPEG, through `jpeg-decoder`.
//!
//! Not through `image`: its decoder (zune-jpeg 0.5.15) silently returns garbage for baseline files
//! with one scan per component and 4:2:0 sampling.

use std::io::Cursor;

use jpeg_decoder::{Decoder, PixelFormat};

use super::{DecodeLimits, Decoded};
use crate::{ImagingError, Picture, SourceFormat};

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, ImagingError> {
    let fault = |error| ImagingError::malformed(SourceFormat::Jpeg, error);
    let scans = count_scans(bytes);
    if scans > limits.max_jpeg_scans {
        return Err(ImagingError::TooManyScans {
            scans,
            max_scans: limits.max_jpeg_scans,
        });
    }
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_max_decoding_buffer_size(limits.max_decoded_bytes());
    decoder.read_info().map_err(fault)?;
    let Some(info) = decoder.info() else {
        return Err(ImagingError::UnsupportedLayout {
            format: SourceFormat::Jpeg,
            layout: "header",
        });
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    limits.check_sides(width, height)?;
    let samples = decoder.decode().map_err(fault)?;
    let picture = match info.pixel_format {
        PixelFormat::RGB24 => Picture::from_rgb(width, height, samples)?,
        PixelFormat::L8 => Picture::from_rgb(width, height, grey_to_rgb(&samples))?,
        PixelFormat::CMYK32 => Picture::from_rgb(width, height, cmyk_to_rgb(&samples))?,
        PixelFormat::L16 => {
            return Err(ImagingError::UnsupportedLayout {
                format: SourceFormat::Jpeg,
                layout: "16-bit grey",
            });
        }
    };
    let exif = decoder.exif_data().map(<[u8]>::to_vec);
    Ok(Decoded { picture, exif })
}

pub(super) fn grey_to_rgb(samples: &[u8]) -> Vec<u8> {
    samples.iter().flat_map(|&l| [l, l, l]).collect()
}

/// The decoder hands out ink amounts, 255 meaning full ink.
fn cmyk_to_rgb(samples: &[u8]) -> Vec<u8> {
    let paper = |ink: u8, black: u8| {
        let product = u16::from(255 - ink) * u16::from(255 - black);
        ((product + 127) / 255) as u8
    };
    let pixels = samples.as_chunks::<4>().0.iter();
    pixels
        .flat_map(|&[c, m, y, k]| [paper(c, k), paper(m, k), paper(y, k)])
        .collect()
}

/// Counts start-of-scan markers without decoding, stepping over segments so that the thumbnail
/// inside an EXIF block does not count.
fn count_scans(bytes: &[u8]) -> u32 {
    const START_OF_SCAN: u8 = 0xDA;
    let mut scans = 0;
    let mut at = 2;
    while let Some(&[mark, code]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
        // Inside a scan, 0xFF is followed by 0x00 or a restart number; both are stepped over byte
        // by byte, as is any stray byte between segments.
        let has_length = mark == 0xFF && !matches!(code, 0x00 | 0x01 | 0xD0..=0xD9 | 0xFF);
        if !has_length {
            at += 1;
            continue;
        }
        if code == START_OF_SCAN {
            scans += 1;
        }
        let length = bytes.get(at + 2..).and_then(|rest| rest.first_chunk::<2>());
        at += 2 + length.map_or(0, |&length| usize::from(u16::from_be_bytes(length)));
    }
    scans
}
