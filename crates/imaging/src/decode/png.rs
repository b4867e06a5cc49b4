//! PNG: every colour type and depth, interlaced or not.
//!
//! [`chunks`] has walked the file before a decoder sees it: checksums are verified there, so the
//! decoder need not; profiles and texts are never inflated by it. The usual layout is read by
//! [`rows`], everything else by the `png` crate. Either decodes a few rows at a time, which keeps
//! memory at the finished picture and a window, and stops at the last row: whatever a stream still
//! holds behind it, gigabytes if its author likes, is not looked at.

mod chunks;
mod rows;
mod unfilter;

use std::io::Cursor;

use png::{BitDepth, ColorType, InterlaceInfo, Limits, Transformations};

use self::chunks::{Checksums, Chunks};
use super::{ColorSource, DecodeLimits, DecodeNote, DecodeReport, Decoded, Header, exif};
use crate::color::{Conversion, Model};
use crate::{ImagingError, Picture, SourceFormat};

/// For the decoder's own tables and rows: the widest row has 128 KiB.
const DECODER_BYTES: usize = 8 << 20;

fn fault(error: png::DecodingError) -> ImagingError {
    ImagingError::malformed(SourceFormat::Png, error)
}

pub(super) fn header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, ImagingError> {
    let chunks = chunks::walk(bytes, limits, Checksums::Header)?;
    checked(&chunks)
}

fn checked(chunks: &Chunks<'_>) -> Result<Header, ImagingError> {
    if chunks.animated {
        return Err(ImagingError::Animated {
            format: SourceFormat::Png,
        });
    }
    chunks.check_plausible()?;
    Ok(Header {
        format: SourceFormat::Png,
        stored_width: chunks.width,
        stored_height: chunks.height,
        bits: chunks.bits,
        layout: chunks.layout(),
        progressive: chunks.interlaced,
        orientation: chunks.exif.map_or(1, exif::orientation),
        c2pa: chunks.c2pa,
    })
}

pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, ImagingError> {
    let chunks = chunks::walk(bytes, limits, Checksums::Whole)?;
    let mut report = DecodeReport::new(checked(&chunks)?);
    if chunks.chunk_damaged {
        report.note(DecodeNote::ChunkDamaged);
    }
    let conversion = conversion(&chunks, limits, &mut report);
    let mut rows = match chunks.usual_bytes_per_pixel() {
        Some(bytes_per_pixel) => usual_rows(&chunks, bytes_per_pixel)?,
        None => any_rows(bytes, &chunks)?,
    };
    if let Some(conversion) = conversion {
        conversion.apply(&mut rows.samples)?;
    }
    let picture = match rows.samples_per_pixel {
        3 => Picture::from_rgb(chunks.width, chunks.height, rows.samples)?,
        _ => Picture::from_straight_rgba(chunks.width, chunks.height, rows.samples)?,
    };
    Ok(Decoded { picture, report })
}

/// RGB, or straight RGBA.
struct Rows {
    samples: Vec<u8>,
    samples_per_pixel: usize,
}

fn usual_rows(chunks: &Chunks<'_>, bytes_per_pixel: usize) -> Result<Rows, ImagingError> {
    let (stride, height) = (
        chunks.width as usize * bytes_per_pixel,
        chunks.height as usize,
    );
    let samples = match bytes_per_pixel {
        3 => rows::read::<3>(&chunks.data, stride, height)?,
        _ => rows::read::<4>(&chunks.data, stride, height)?,
    };
    Ok(Rows {
        samples,
        samples_per_pixel: bytes_per_pixel,
    })
}

fn any_rows(bytes: &[u8], chunks: &Chunks<'_>) -> Result<Rows, ImagingError> {
    let budget = Limits {
        bytes: DECODER_BYTES,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), budget);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.ignore_checksums(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(fault)?;
    let (color, depth) = reader.output_color_type();
    let (append, samples_per_pixel) = expander(color, depth)?;
    let (width, height) = (chunks.width as usize, chunks.height as usize);
    let stride = width * samples_per_pixel;
    let mut row = vec![0; reader.output_line_size(chunks.width).unwrap_or_default()];
    let mut samples = Vec::new();
    if chunks.interlaced {
        samples.resize(stride * height, 0);
        let mut wide = Vec::with_capacity(stride);
        for _ in 0..adam7_rows(width, height) {
            let Some(InterlaceInfo::Adam7(place)) = reader.read_row(&mut row).map_err(fault)?
            else {
                return Err(ImagingError::damaged(SourceFormat::Png, "rows are missing"));
            };
            wide.clear();
            append(&row, &mut wide);
            let bits = samples_per_pixel as u8 * 8;
            png::expand_interlaced_row(&mut samples, stride, &wide, &place, bits);
        }
    } else {
        samples.reserve_exact(stride * height);
        for _ in 0..height {
            reader.read_row(&mut row).map_err(fault)?;
            append(&row, &mut samples);
        }
    }
    Ok(Rows {
        samples,
        samples_per_pixel,
    })
}

/// Rows of all seven passes.
fn adam7_rows(width: usize, height: usize) -> usize {
    // First column and row of each pass, and the steps between its columns and rows.
    const PASSES: [(usize, usize, usize, usize); 7] = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let rows = |&(x, y, step_x, step_y): &(usize, usize, usize, usize)| {
        let columns = width.saturating_sub(x).div_ceil(step_x);
        let rows = height.saturating_sub(y).div_ceil(step_y);
        if columns == 0 { 0 } else { rows }
    };
    PASSES.iter().map(rows).sum()
}

type Expander = fn(&[u8], &mut Vec<u8>);

/// Appends a row as RGB or straight RGBA, and how many samples that is a pixel.
fn expander(color: ColorType, depth: BitDepth) -> Result<(Expander, usize), ImagingError> {
    use BitDepth::{Eight, Sixteen};
    use ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    let expander: (Expander, usize) = match (color, depth) {
        (Grayscale, Eight) => (|row, out| append(row, out, |[l]| [l, l, l]), 3),
        (GrayscaleAlpha, Eight) => (|row, out| append(row, out, |[l, a]| [l, l, l, a]), 4),
        (Rgb, Eight) => (|row, out| out.extend_from_slice(row), 3),
        (Rgba, Eight) => (|row, out| out.extend_from_slice(row), 4),
        (Grayscale, Sixteen) => (|row, out| append(row, out, |[l, m]| [narrow(l, m); 3]), 3),
        (GrayscaleAlpha, Sixteen) => (
            |row, out| {
                append(row, out, |[l, m, a, d]| {
                    let l = narrow(l, m);
                    [l, l, l, narrow(a, d)]
                });
            },
            4,
        ),
        (Rgb, Sixteen) => (
            |row, out| {
                append(row, out, |[r, s, g, h, b, c]| {
                    [narrow(r, s), narrow(g, h), narrow(b, c)]
                });
            },
            3,
        ),
        (Rgba, Sixteen) => (
            |row, out| {
                append(row, out, |[r, s, g, h, b, c, a, d]| {
                    [narrow(r, s), narrow(g, h), narrow(b, c), narrow(a, d)]
                });
            },
            4,
        ),
        _ => {
            return Err(ImagingError::UnsupportedLayout {
                format: SourceFormat::Png,
                layout: "palette without colours",
            });
        }
    };
    Ok(expander)
}

fn append<const IN: usize, const OUT: usize>(
    row: &[u8],
    out: &mut Vec<u8>,
    of: impl Fn([u8; IN]) -> [u8; OUT],
) {
    let samples = row.as_chunks::<IN>().0;
    let start = out.len();
    out.resize(start + samples.len() * OUT, 0);
    let pixels = out[start..].as_chunks_mut::<OUT>().0;
    for (pixel, &sample) in pixels.iter_mut().zip(samples) {
        *pixel = of(sample);
    }
}

/// Sixteen bits to eight, to the nearest: 65,535 / 255 is 257.
fn narrow(high: u8, low: u8) -> u8 {
    ((u32::from(u16::from_be_bytes([high, low])) + 128) / 257) as u8
}

/// In the order of the PNG specification's third edition: `cICP`, `iCCP`, `sRGB`, `gAMA`.
fn conversion(
    chunks: &Chunks<'_>,
    limits: &DecodeLimits,
    report: &mut DecodeReport,
) -> Option<Conversion> {
    let has_alpha = chunks.has_transparency || chunks.layout().has_alpha();
    let model = match (chunks.layout().is_grey(), has_alpha) {
        (true, false) => Model::Grey,
        (true, true) => Model::GreyAlpha,
        (false, false) => Model::Rgb,
        (false, true) => Model::Rgba,
    };
    if let Some([primaries, transfer, _, _]) = chunks.cicp {
        match Conversion::from_code_points(primaries, transfer, model) {
            Ok(found) => return report.converted(found, ColorSource::Cicp),
            Err(note) => report.note(note),
        }
    }
    if let Some(body) = chunks.iccp {
        let profile = inflate_profile(body, limits.max_icc_bytes);
        match profile.and_then(|icc| Conversion::from_icc(&icc, model)) {
            Ok(found) => return report.converted(found, ColorSource::Icc),
            Err(note) => report.note(note),
        }
    }
    if chunks.is_srgb {
        report.color = ColorSource::Srgb;
        return None;
    }
    match Conversion::from_gamma(chunks.gamma?, chunks.chromaticities, model) {
        Ok(found) => report.converted(found, ColorSource::Gamma),
        Err(note) => {
            report.note(note);
            None
        }
    }
}

/// The body of an `iCCP` chunk: a name, a zero, the method, a zlib stream.
fn inflate_profile(body: &[u8], max_bytes: usize) -> Result<Vec<u8>, DecodeNote> {
    let damaged = DecodeNote::ProfileDamaged;
    let name_end = body.iter().take(80).position(|&byte| byte == 0);
    let stream = body.get(name_end.ok_or(damaged)? + 2..).ok_or(damaged)?;
    fdeflate::decompress_to_vec_bounded(stream, max_bytes).map_err(|error| match error {
        fdeflate::BoundedDecompressionError::OutputTooLarge { .. } => DecodeNote::ProfileTooLarge,
        fdeflate::BoundedDecompressionError::DecompressionError { .. } => damaged,
    })
}
