//! Huffman tables, laid out for one look-up a symbol.

/// Bits of the codes that one look-up knows. The four tables of a colour picture then take 16 KiB.
pub(super) const LOOK_BITS: u32 = 10;

/// The symbol "no more coefficients" is an advance by this: more than any other leads to.
pub(super) const BEYOND: usize = 128;

/// One table, as its segment gives it.
pub(super) struct Huffman {
    /// By the next [`LOOK_BITS`] bits: the code's length in bits and its symbol; length 0 where the code is
    /// longer than that or does not exist.
    symbols: Box<[u16; 1 << LOOK_BITS]>,
    /// By length: one beyond the last code, left-aligned in 16 bits.
    ends: [u32; 17],
    /// By length: what, added to a code, is the place of its symbol.
    offsets: [i32; 17],
    values: Vec<u8>,
    /// See [`Step`].
    steps: Box<[u32; 1 << LOOK_BITS]>,
}

/// What one look-up says of a coefficient: everything where its code and its bits together are at most
/// [`LOOK_BITS`].
#[derive(Clone, Copy)]
pub(super) struct Step(u32);

impl Step {
    /// Whether the look-up said anything.
    pub(super) fn is_known(self) -> bool {
        self.0 != 0
    }

    /// Bits taken.
    pub(super) fn bits(self) -> u32 {
        self.0 & 0xFF
    }

    /// Coefficients of zero before it.
    pub(super) fn zeros(self) -> usize {
        (self.0 >> 8 & 0xFF) as usize
    }

    /// Its value.
    pub(super) fn value(self) -> i32 {
        self.0 as i32 >> 16
    }
}

impl Huffman {
    /// `counts`: codes of each length from 1 to 16; `values`: their symbols. `None` for more codes than fit.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let mut table = Self {
            symbols: Box::new([0; 1 << LOOK_BITS]),
            ends: [0; 17],
            offsets: [0; 17],
            values: values.to_vec(),
            steps: Box::new([0; 1 << LOOK_BITS]),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            let index = length as usize;
            *table.offsets.get_mut(index)? = place as i32 - code as i32;
            for &symbol in values.get(place..place + usize::from(count))? {
                if length <= LOOK_BITS {
                    let shift = LOOK_BITS - length;
                    let first = (code << shift) as usize;
                    let entries = table.symbols.get_mut(first..first + (1 << shift))?;
                    entries.fill((length as u16) << 8 | u16::from(symbol));
                }
                code += 1;
            }
            place += usize::from(count);
            if code > 1 << length {
                return None;
            }
            *table.ends.get_mut(index)? = code << (16 - length);
            code <<= 1;
        }
        table.fill_steps();
        Some(table)
    }

    fn fill_steps(&mut self) {
        for (bits, (step, &entry)) in self.steps.iter_mut().zip(self.symbols.iter()).enumerate() {
            let (length, symbol) = (u32::from(entry >> 8), u32::from(entry & 0xFF));
            let (zeros, size) = (symbol >> 4, symbol & 15);
            let is_sequential = size > 0 || matches!(symbol, 0 | 0xF0);
            if length == 0 || length + size > LOOK_BITS || !is_sequential {
                continue;
            }
            let rest = bits as u32 & ((1 << (LOOK_BITS - length)) - 1);
            let value = extended(rest >> (LOOK_BITS - length - size), size);
            let zeros = if symbol == 0 { BEYOND as u32 } else { zeros };
            *step = (value as u32) << 16 | zeros << 8 | (length + size);
        }
    }

    /// For the next bits, at the top of `buffer`.
    pub(super) fn step(&self, buffer: u64) -> Step {
        Step(self.steps[(buffer >> (64 - LOOK_BITS)) as usize])
    }

    /// The code's length and its symbol, for the next bits at the top of `buffer`; `None` if no code begins
    /// like that.
    pub(super) fn symbol(&self, buffer: u64) -> Option<(u32, u8)> {
        let entry = self.symbols[(buffer >> (64 - LOOK_BITS)) as usize];
        if entry != 0 {
            return Some((u32::from(entry >> 8), (entry & 0xFF) as u8));
        }
        let next = (buffer >> 48) as u32;
        let mut lengths = (LOOK_BITS + 1..).zip(self.ends.get(LOOK_BITS as usize + 1..)?);
        let (length, _) = lengths.find(|(_, end)| next < **end)?;
        let place = (next >> (16 - length)) as i32 + self.offsets.get(length as usize)?;
        let symbol = self.values.get(usize::try_from(place).ok()?)?;
        Some((length, *symbol))
    }
}

/// The value that `size` bits stand for: those that begin with 0 are negative.
pub(super) fn extended(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    if size > 0 && bits < 1 << (size - 1) {
        bits - (1 << size) + 1
    } else {
        bits
    }
}
