//! The rows of the usual PNG: eight bits, RGB or RGBA, not interlaced.
//!
//! Inflated a window at a time by `fdeflate`, as the `png` crate does, and unfiltered by
//! [`unfilter`], which is several times as quick. Everything else a PNG may be goes through the
//! `png` crate. Tests hold both ways against `image` and Pillow.

use std::cell::RefCell;

use fdeflate::Decompressor;

use super::unfilter::{self, Filter, Filtered};
use crate::{ImagingError, SourceFormat};

/// How far back deflate may refer.
const HISTORY_BYTES: usize = 32 << 10;
/// Inflated at a time beside what four rows need; with the history it stays in the second cache.
const WINDOW_BYTES: usize = 64 << 10;

thread_local! {
    /// The window, kept from one picture to the next.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn fault(what: &'static str) -> ImagingError {
    ImagingError::damaged(SourceFormat::Png, what)
}

/// Decodes `height` rows of `stride` bytes from the parts of a zlib stream. Stops at the last row:
/// what the stream still holds is not inflated, and its checksum, which covers that, not computed.
pub(super) fn read<const BPP: usize>(
    parts: &[&[u8]],
    stride: usize,
    height: usize,
) -> Result<Vec<u8>, ImagingError> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut window = Window::new(parts, stride + 1, scratch);
        let mut samples = vec![0; stride * height];
        let top = vec![0; stride];
        let mut done = 0;
        while done < samples.len() {
            let (before, after) = samples.split_at_mut(done);
            let above = match before.len().checked_sub(stride) {
                Some(start) => before.get(start..).unwrap_or_default(),
                None => top.as_slice(),
            };
            let upto = after.len().min(stride * unfilter::ROWS);
            let out = after.get_mut(..upto).unwrap_or_default();
            let count = upto / stride;
            let filtered = window.next(count)?;
            let mut rows = [Filtered::EMPTY; unfilter::ROWS];
            for (row, bytes) in rows.iter_mut().zip(filtered.chunks_exact(stride + 1)) {
                let (&kind, bytes) = bytes.split_first().unwrap_or((&0, &[]));
                let filter = Filter::from_byte(kind);
                let filter = filter.ok_or_else(|| fault("a filter that does not exist"))?;
                *row = Filtered { filter, bytes };
            }
            unfilter::rows::<BPP>(rows.get(..count).unwrap_or_default(), above, out);
            done += upto;
        }
        Ok(samples)
    })
}

/// Inflated bytes: the history that references may go back to, then what is not yet taken.
struct Window<'a> {
    parts: std::slice::Iter<'a, &'a [u8]>,
    part: &'a [u8],
    inflater: Decompressor,
    bytes: &'a mut [u8],
    row_len: usize,
    taken: usize,
    end: usize,
}

impl<'a> Window<'a> {
    fn new(parts: &'a [&'a [u8]], row_len: usize, scratch: &'a mut Vec<u8>) -> Self {
        let len = HISTORY_BYTES + WINDOW_BYTES + row_len * unfilter::ROWS;
        if scratch.len() < len {
            scratch.resize(len, 0);
        }
        let mut inflater = Decompressor::new();
        inflater.ignore_adler32();
        Self {
            parts: parts.iter(),
            part: &[],
            inflater,
            bytes: scratch.get_mut(..len).unwrap_or_default(),
            row_len,
            taken: 0,
            end: 0,
        }
    }

    /// The next rows, at most [`unfilter::ROWS`], each with its filter's byte in front.
    fn next(&mut self, rows: usize) -> Result<&[u8], ImagingError> {
        let wanted = rows * self.row_len;
        while self.end - self.taken < wanted {
            self.inflate()?;
        }
        let start = self.taken;
        self.taken += wanted;
        Ok(self.bytes.get(start..self.taken).unwrap_or_default())
    }

    /// Inflates as much as there is room and input for.
    fn inflate(&mut self) -> Result<(), ImagingError> {
        if self.end == self.bytes.len() {
            let kept = self.taken.min(self.end.saturating_sub(HISTORY_BYTES));
            self.bytes.copy_within(kept..self.end, 0);
            self.taken -= kept;
            self.end -= kept;
        }
        if self.part.is_empty() {
            self.part = self.parts.next().copied().unwrap_or_default();
        }
        let is_last = self.parts.len() == 0;
        let inflated = self
            .inflater
            .read(self.part, self.bytes, self.end, is_last)
            .map_err(|error| {
                let error = std::io::Error::other(format!("{error:?}"));
                ImagingError::malformed(SourceFormat::Png, error)
            });
        let (read, written) = inflated?;
        self.part = self.part.get(read..).unwrap_or_default();
        self.end += written;
        if written == 0 && (self.inflater.is_done() || (is_last && self.part.is_empty())) {
            return Err(fault("rows are missing"));
        }
        Ok(())
    }
}
