//! The bits of a scan.

/// Bits that are ready after a refill, at least.
pub(super) const READY_BITS: u32 = 56;

/// Zeroes behind each run of bits, so that a refill needs no second case near its end.
const PAD_BYTES: usize = 16;

/// A scan's bytes without what keeps markers apart, cut where it may be entered anew.
pub(super) struct Entropy {
    bytes: Vec<u8>,
    /// Where each run begins, and how many bytes it has without its padding.
    runs: Vec<(usize, usize)>,
}

impl Entropy {
    /// Takes the stuffed zeroes out of `data`. `None` where a restart marker is out of turn.
    pub(super) fn new(data: &[u8]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(data.len() + PAD_BYTES);
        let (mut runs, mut begin, mut rest) = (Vec::new(), 0, data);
        while let Some(at) = memchr::memchr(0xFF, rest) {
            match rest.get(at + 1) {
                Some(0) => {
                    bytes.extend_from_slice(rest.get(..=at)?);
                    rest = rest.get(at + 2..)?;
                }
                // Fill bytes before a marker.
                Some(0xFF) => {
                    bytes.extend_from_slice(rest.get(..at)?);
                    rest = rest.get(at + 1..)?;
                }
                Some(&marker @ 0xD0..=0xD7) if usize::from(marker & 7) == runs.len() % 8 => {
                    bytes.extend_from_slice(rest.get(..at)?);
                    rest = rest.get(at + 2..)?;
                    runs.push((begin, bytes.len() - begin));
                    bytes.extend_from_slice(&[0; PAD_BYTES]);
                    begin = bytes.len();
                }
                None => {
                    rest = rest.get(..at)?;
                }
                Some(_) => return None,
            }
        }
        bytes.extend_from_slice(rest);
        runs.push((begin, bytes.len() - begin));
        bytes.extend_from_slice(&[0; PAD_BYTES]);
        Some(Self { bytes, runs })
    }

    /// The runs' bits, in order.
    pub(super) fn runs(&self) -> impl ExactSizeIterator<Item = Bits<'_>> {
        self.runs.iter().map(|&(begin, len)| Bits {
            bytes: self
                .bytes
                .get(begin..begin + len + PAD_BYTES)
                .unwrap_or_default(),
            len,
            at: 0,
            buffer: 0,
            count: 0,
        })
    }
}

/// Bits from a run of bytes, the next ones at the top of a buffer. Beyond the end there are zeroes;
/// [`Bits::is_overdrawn`] tells that they were taken.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    len: usize,
    at: usize,
    buffer: u64,
    count: u32,
}

impl Bits<'_> {
    /// Makes at least 56 bits ready.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let next = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk::<8>());
        let next = next.map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.buffer |= next >> self.count;
        self.at += (63 - self.count as usize) >> 3;
        self.count |= 56;
    }

    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.buffer
    }

    /// Takes so many of the bits that are ready.
    #[inline(always)]
    pub(super) fn skip(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count = self.count.wrapping_sub(bits);
    }

    /// The next bits, 0 to 16, of those that are ready.
    #[inline(always)]
    pub(super) fn take(&mut self, bits: u32) -> u32 {
        let taken = (self.buffer >> 32 >> (32 - bits)) as u32;
        self.skip(bits);
        taken
    }

    /// Whether more was taken than there is.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.at * 8 - self.count as usize > self.len * 8
    }
}
