//! A walk over a JPEG's segments before anything is decoded.

use super::super::{DecodeLimits, DecodeNote, SampleLayout, exif};
use crate::{Header, ImagingError, SourceFormat};

const ICC_SIGNATURE: &[u8] = b"ICC_PROFILE\0";
const EXIF_SIGNATURE: &[u8] = b"Exif\0\0";
const ADOBE_SIGNATURE: &[u8] = b"Adobe";

/// What the segments say.
#[derive(Debug, Default)]
pub(super) struct Segments<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    bits: u8,
    /// The frame's marker, 0xC0 to 0xCF; 0 while there was none.
    frame: u8,
    /// The identifiers of the components, as many as there are.
    components: Vec<u8>,
    /// What the frame says of each: identifier, sampling, number of its quantisation table.
    pub(super) described: &'a [[u8; 3]],
    /// Bodies of quantisation and Huffman tables and of the restart interval before the first scan, with
    /// their markers, in order.
    pub(super) tables: Vec<(u8, &'a [u8])>,
    /// The first scan's head and its data.
    pub(super) first_scan: Option<(&'a [u8], &'a [u8])>,
    pub(super) scans: u32,
    /// The colour transform that Adobe's segment names.
    adobe: Option<u8>,
    is_jfif: bool,
    exif: Option<&'a [u8]>,
    /// Pieces of a profile: number, of how many, bytes.
    icc: Vec<(u8, u8, &'a [u8])>,
    c2pa: bool,
    /// Bytes of the scans.
    data_bytes: usize,
}

/// How far a walk goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To the first scan.
    Header,
    /// To the end, over all scans.
    Whole,
}

fn fault(what: &'static str) -> ImagingError {
    ImagingError::damaged(SourceFormat::Jpeg, what)
}

/// Walks over the segments. Thumbnails inside EXIF blocks are stepped over with their segment.
pub(super) fn walk<'a>(
    bytes: &'a [u8],
    limits: &DecodeLimits,
    extent: Extent,
) -> Result<Segments<'a>, ImagingError> {
    let mut segments = Segments::default();
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut count = 0;
    while let Some((marker, after)) = next_marker(rest) {
        count += 1;
        limits.check_chunks(SourceFormat::Jpeg, count)?;
        match marker {
            0xD9 => {
                segments.check_complete()?;
                return Ok(segments);
            }
            0x01 | 0xD0..=0xD8 => {
                rest = after;
                continue;
            }
            _ => {}
        }
        let (body, after) = split(after)?;
        rest = after;
        segments.take(marker, body, limits)?;
        if marker == 0xDA {
            if extent == Extent::Header {
                segments.check_complete()?;
                return Ok(segments);
            }
            let (data, after) = rest.split_at(scan_bytes(rest));
            segments.first_scan.get_or_insert((body, data));
            segments.data_bytes += data.len();
            rest = after;
        }
    }
    Err(fault("cut short: no end of the picture"))
}

/// The next marker's code and what follows it. Stray bytes between segments are stepped over, as
/// every decoder does.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes;
    loop {
        let at = memchr::memchr(0xFF, rest)?;
        rest = rest.get(at + 1..)?;
        match rest.first()? {
            0x00 | 0xFF => {}
            &code => return Some((code, rest.get(1..)?)),
        }
    }
}

/// Bytes of entropy-coded data up to the next marker. Inside it 0xFF is followed by 0x00 or by a
/// restart marker.
fn scan_bytes(bytes: &[u8]) -> usize {
    memchr::memchr_iter(0xFF, bytes)
        .find(|at| !matches!(bytes.get(at + 1), Some(0x00 | 0xD0..=0xD7 | 0xFF)))
        .unwrap_or(bytes.len())
}

fn split(rest: &[u8]) -> Result<(&[u8], &[u8]), ImagingError> {
    let cut = || fault("cut short inside a segment");
    let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let body = length
        .checked_sub(2)
        .ok_or_else(|| fault("a segment of no length"))?;
    rest.split_at_checked(body).ok_or_else(cut)
}

impl<'a> Segments<'a> {
    fn take(
        &mut self,
        marker: u8,
        body: &'a [u8],
        limits: &DecodeLimits,
    ) -> Result<(), ImagingError> {
        match marker {
            0xC4 | 0xDB | 0xDD if self.scans == 0 => self.tables.push((marker, body)),
            // Not frames: Huffman tables, an extension, arithmetic conditioning.
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => {
                self.start_frame(marker, body)?;
                limits.check_sides(self.width, self.height)?;
            }
            0xDA => {
                self.scans += 1;
                if self.scans > limits.max_jpeg_scans {
                    return Err(ImagingError::TooManyScans {
                        max_scans: limits.max_jpeg_scans,
                    });
                }
            }
            0xE0 => self.is_jfif |= body.starts_with(b"JFIF\0"),
            0xE1 if body.starts_with(EXIF_SIGNATURE) && self.exif.is_none() => {
                limits.check_exif(SourceFormat::Jpeg, body.len())?;
                self.exif = Some(body);
            }
            0xE2 => {
                if let Some([number, of, piece @ ..]) = body.strip_prefix(ICC_SIGNATURE) {
                    self.icc.push((*number, *of, piece));
                }
            }
            0xEB => self.c2pa |= is_c2pa(body),
            0xEE if body.starts_with(ADOBE_SIGNATURE) => self.adobe = body.get(11).copied(),
            _ => {}
        }
        Ok(())
    }

    fn start_frame(&mut self, marker: u8, body: &'a [u8]) -> Result<(), ImagingError> {
        let unsupported = |layout| ImagingError::UnsupportedLayout {
            format: SourceFormat::Jpeg,
            layout,
        };
        if self.frame != 0 {
            return Err(fault("two frames"));
        }
        match marker {
            0xC0..=0xC2 => {}
            0xC3 => return Err(unsupported("lossless")),
            0xC9..=0xCB => return Err(unsupported("arithmetic coding")),
            _ => return Err(unsupported("hierarchical or differential")),
        }
        let Some(([bits, h0, h1, w0, w1, count], components)) = body.split_first_chunk::<6>()
        else {
            return Err(fault("a frame cut short"));
        };
        if *bits != 8 {
            return Err(unsupported("samples of other than 8 bits"));
        }
        let components = components.as_chunks::<3>().0;
        if components.len() != usize::from(*count) {
            return Err(fault("a frame whose components do not match its length"));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(unsupported("other than 1, 3 or 4 components"));
        }
        self.frame = marker;
        self.bits = *bits;
        self.height = u32::from(u16::from_be_bytes([*h0, *h1]));
        self.width = u32::from(u16::from_be_bytes([*w0, *w1]));
        self.described = components;
        self.components = components.iter().map(|component| component[0]).collect();
        Ok(())
    }

    fn check_complete(&self) -> Result<(), ImagingError> {
        match (self.frame, self.scans) {
            (0, _) => Err(fault("no frame")),
            (_, 0) => Err(fault("no scan")),
            _ => Ok(()),
        }
    }

    /// Every block of 64 samples takes a bit at least, in the scan that begins it. At least one
    /// component has as many samples as the picture has pixels.
    pub(super) fn check_plausible(&self) -> Result<(), ImagingError> {
        const PIXELS_PER_BYTE: u64 = 64 * 8;
        let pixels = u64::from(self.width) * u64::from(self.height);
        if pixels / PIXELS_PER_BYTE > self.data_bytes as u64 {
            return Err(ImagingError::Implausible {
                format: SourceFormat::Jpeg,
                width: self.width,
                height: self.height,
                size_bytes: self.data_bytes,
            });
        }
        Ok(())
    }

    pub(super) fn header(&self) -> Header {
        Header {
            format: SourceFormat::Jpeg,
            stored_width: self.width,
            stored_height: self.height,
            bits: self.bits,
            layout: self.layout(),
            progressive: self.frame == 0xC2,
            orientation: self.exif.map_or(1, exif::orientation),
            c2pa: self.c2pa,
        }
    }

    fn layout(&self) -> SampleLayout {
        match (self.components.as_slice(), self.adobe) {
            ([_], _) => SampleLayout::Grey,
            ([_, _, _, _], Some(2)) => SampleLayout::Ycck,
            ([_, _, _, _], _) => SampleLayout::Cmyk,
            ([b'R', b'G', b'B'], _) => SampleLayout::Rgb,
            (_, Some(0)) if !self.is_jfif && self.components != [1, 2, 3] => SampleLayout::Rgb,
            _ => SampleLayout::YCbCr,
        }
    }

    /// Whether the picture is one scan of Huffman codes in sequence, grey or surely YCbCr.
    pub(super) fn is_baseline(&self) -> bool {
        let colors = match self.layout() {
            SampleLayout::Grey => true,
            // Without JFIF's or Adobe's word for it, decoders guess by the identifiers, each in its own way.
            SampleLayout::YCbCr => match self.adobe {
                None => self.is_jfif || self.components == [1, 2, 3],
                said => said == Some(1),
            },
            _ => false,
        };
        matches!(self.frame, 0xC0 | 0xC1) && self.scans == 1 && colors
    }

    /// Whether inks are stored inverted, which Adobe's marker tells.
    pub(super) fn inks_are_inverted(&self) -> bool {
        self.adobe.is_some()
    }

    /// The profile, put together from its pieces in their order.
    pub(super) fn profile(&self, max_bytes: usize) -> Result<Option<Vec<u8>>, DecodeNote> {
        let Some(&(_, count, _)) = self.icc.first() else {
            return Ok(None);
        };
        let total: usize = self.icc.iter().map(|(_, _, piece)| piece.len()).sum();
        if total > max_bytes {
            return Err(DecodeNote::ProfileTooLarge);
        }
        let mut pieces = self.icc.clone();
        pieces.sort_by_key(|(number, _, _)| *number);
        let numbers = pieces.iter().map(|(number, _, _)| *number);
        if !numbers.eq(1..=count) {
            return Err(DecodeNote::ProfileDamaged);
        }
        Ok(Some(
            pieces
                .iter()
                .flat_map(|(_, _, piece)| *piece)
                .copied()
                .collect(),
        ))
    }
}

/// C2PA stands in JUMBF boxes: `JP`, an instance, a sequence number, then a box of type `jumb` whose
/// description names `c2pa`.
fn is_c2pa(body: &[u8]) -> bool {
    let head = body.get(..128).unwrap_or(body);
    body.starts_with(b"JP")
        && body.get(12..16) == Some(b"jumb")
        && head.windows(4).any(|window| window == b"c2pa")
}
