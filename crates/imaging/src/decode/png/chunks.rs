//! A walk over a PNG's chunks before anything is decompressed.
//!
//! Checks what the pixels need (order, checksums, the end), finds what describes them, and never
//! inflates a text.

use super::super::{DecodeLimits, SampleLayout};
use crate::{ImagingError, SourceFormat};

const SIGNATURE_BYTES: usize = 8;
/// The body of a `cICP` chunk: primaries, transfer, matrix, full range.
pub(super) type CodePoints = [u8; 4];

/// What the chunks say.
#[derive(Debug, Default)]
pub(super) struct Chunks<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bits: u8,
    color_type: u8,
    pub(super) interlaced: bool,
    pub(super) has_transparency: bool,
    pub(super) animated: bool,
    /// The bodies of the `IDAT` chunks, one zlib stream together.
    pub(super) data: Vec<&'a [u8]>,
    /// Bytes of all `IDAT` chunks.
    data_bytes: usize,
    /// Something else came after an `IDAT`.
    data_ended: bool,
    pub(super) exif: Option<&'a [u8]>,
    pub(super) iccp: Option<&'a [u8]>,
    pub(super) cicp: Option<CodePoints>,
    pub(super) is_srgb: bool,
    /// `gAMA`: the encoding's exponent times 100,000.
    pub(super) gamma: Option<u32>,
    /// `cHRM`: x and y of white, red, green, blue, each times 100,000.
    pub(super) chromaticities: Option<[u32; 8]>,
    pub(super) c2pa: bool,
    /// A chunk that is not needed had a wrong checksum.
    pub(super) chunk_damaged: bool,
}

impl Chunks<'_> {
    pub(super) fn layout(&self) -> SampleLayout {
        match self.color_type {
            0 => SampleLayout::Grey,
            2 => SampleLayout::Rgb,
            3 => SampleLayout::Palette,
            4 => SampleLayout::GreyAlpha,
            _ => SampleLayout::Rgba,
        }
    }

    /// Three or four where the samples are RGB or RGBA of eight bits, in order, and mean themselves.
    pub(super) fn usual_bytes_per_pixel(&self) -> Option<usize> {
        match (self.color_type, self.bits) {
            _ if self.interlaced || self.has_transparency => None,
            (2, 8) => Some(3),
            (6, 8) => Some(4),
            _ => None,
        }
    }

    /// Bytes of the filtered rows, without those that interlacing adds.
    fn raw_bytes(&self) -> u64 {
        let samples = match self.color_type {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        let row = (u64::from(self.width) * samples * u64::from(self.bits)).div_ceil(8) + 1;
        row * u64::from(self.height)
    }
}

fn fault(what: &'static str) -> ImagingError {
    ImagingError::damaged(SourceFormat::Png, what)
}

/// Which checksums are computed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksums {
    /// Of every chunk.
    Whole,
    /// Of the chunks that a [`crate::Header`] is made of.
    Header,
}

/// Walks from the header to the end.
pub(super) fn walk<'a>(
    bytes: &'a [u8],
    limits: &DecodeLimits,
    checksums: Checksums,
) -> Result<Chunks<'a>, ImagingError> {
    let mut chunks = Chunks::default();
    let mut rest = bytes.get(SIGNATURE_BYTES..).unwrap_or_default();
    let mut count = 0;
    loop {
        let (chunk, after) = split(rest)?;
        rest = after;
        if count == 0 {
            header(&mut chunks, &chunk)?;
            limits.check_sides(chunks.width, chunks.height)?;
        }
        count += 1;
        limits.check_chunks(SourceFormat::Png, count)?;
        let critical = chunk.kind[0].is_ascii_uppercase() || chunk.kind == b"tRNS";
        if (checksums == Checksums::Whole || chunk.tells_of_the_header()) && !chunk.is_whole() {
            if critical {
                return Err(fault("a chunk's checksum is wrong"));
            }
            chunks.chunk_damaged = true;
            continue;
        }
        if chunk.kind == b"IEND" {
            break;
        }
        chunks.take(&chunk, count, limits)?;
    }
    if chunks.data_bytes == 0 {
        return Err(fault("no pixels"));
    }
    Ok(chunks)
}

struct Chunk<'a> {
    kind: &'a [u8; 4],
    body: &'a [u8],
    /// Kind and body, which the checksum is of.
    summed: &'a [u8],
    checksum: u32,
}

impl Chunk<'_> {
    fn tells_of_the_header(&self) -> bool {
        matches!(self.kind, b"IHDR" | b"acTL" | b"eXIf" | b"caBX")
    }

    fn is_whole(&self) -> bool {
        crc32fast::hash(self.summed) == self.checksum
    }
}

fn split(rest: &[u8]) -> Result<(Chunk<'_>, &[u8]), ImagingError> {
    let cut = || fault("cut short between or inside chunks");
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_huge| cut())?;
    let summed_bytes = length.checked_add(4).ok_or_else(cut)?;
    let (summed, rest) = rest.split_at_checked(summed_bytes).ok_or_else(cut)?;
    let (checksum, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
    let (kind, body) = summed.split_first_chunk::<4>().ok_or_else(cut)?;
    let chunk = Chunk {
        kind,
        body,
        summed,
        checksum: u32::from_be_bytes(*checksum),
    };
    Ok((chunk, rest))
}

fn header(chunks: &mut Chunks<'_>, chunk: &Chunk<'_>) -> Result<(), ImagingError> {
    let body: [u8; 13] = match (chunk.kind, chunk.body.try_into()) {
        (b"IHDR", Ok(body)) => body,
        _ => return Err(fault("no header")),
    };
    let [
        w0,
        w1,
        w2,
        w3,
        h0,
        h1,
        h2,
        h3,
        bits,
        color_type,
        compression,
        filter,
        interlace,
    ] = body;
    chunks.width = u32::from_be_bytes([w0, w1, w2, w3]);
    chunks.height = u32::from_be_bytes([h0, h1, h2, h3]);
    (chunks.bits, chunks.color_type) = (bits, color_type);
    chunks.interlaced = interlace == 1;
    let legal = match color_type {
        0 => matches!(bits, 1 | 2 | 4 | 8 | 16),
        3 => matches!(bits, 1 | 2 | 4 | 8),
        2 | 4 | 6 => matches!(bits, 8 | 16),
        _ => false,
    };
    if !legal {
        return Err(fault("a sample layout that does not exist"));
    }
    if compression != 0 || filter != 0 || interlace > 1 {
        return Err(fault("a method that does not exist"));
    }
    Ok(())
}

impl<'a> Chunks<'a> {
    fn take(
        &mut self,
        chunk: &Chunk<'a>,
        count: u32,
        limits: &DecodeLimits,
    ) -> Result<(), ImagingError> {
        let body = chunk.body;
        if chunk.kind != b"IDAT" && !self.data.is_empty() {
            self.data_ended = true;
        }
        match chunk.kind {
            b"IHDR" if count > 1 => return Err(fault("two headers")),
            b"IDAT" if self.data_ended => return Err(fault("its pixels are in two places")),
            b"IDAT" => {
                self.data_bytes += body.len();
                self.data.push(body);
            }
            b"acTL" => self.animated = true,
            b"tRNS" => self.has_transparency = true,
            b"eXIf" => {
                limits.check_exif(SourceFormat::Png, body.len())?;
                self.exif = Some(body);
            }
            b"iCCP" => self.iccp = Some(body),
            b"cICP" => self.cicp = body.try_into().ok(),
            b"sRGB" => self.is_srgb = true,
            b"gAMA" => self.gamma = body.try_into().ok().map(u32::from_be_bytes),
            b"cHRM" => self.chromaticities = chromaticities(body),
            b"caBX" => self.c2pa = true,
            _ => {}
        }
        Ok(())
    }

    /// A deflate stream grows at most 1,032 times (a block of the shortest codes for the longest
    /// matches), so a header that claims more was never written by an encoder.
    pub(super) fn check_plausible(&self) -> Result<(), ImagingError> {
        const MOST_GROWTH: u64 = 1032;
        if self.raw_bytes() > (self.data_bytes as u64).saturating_mul(MOST_GROWTH) {
            return Err(ImagingError::Implausible {
                format: SourceFormat::Png,
                width: self.width,
                height: self.height,
                size_bytes: self.data_bytes,
            });
        }
        Ok(())
    }
}

fn chromaticities(body: &[u8]) -> Option<[u32; 8]> {
    let words: &[[u8; 4]; 8] = body.as_chunks::<4>().0.try_into().ok()?;
    Some(words.map(u32::from_be_bytes))
}
