//! The scan's bits.

use wide::i16x8;

use super::codes::Codes;
use crate::zigzag::ZIGZAG;

/// Bits that are written, the next ones below those that wait.
pub(super) struct Bits {
    out: Vec<u8>,
    waiting: u64,
    count: u32,
}

impl Bits {
    pub(super) fn new(out: Vec<u8>) -> Self {
        Self {
            out,
            waiting: 0,
            count: 0,
        }
    }

    /// At most 32 bits; those above `count` are 0.
    #[inline(always)]
    fn put(&mut self, bits: u32, count: u32) {
        self.waiting = self.waiting << count | u64::from(bits);
        self.count += count;
        if self.count >= 32 {
            self.count -= 32;
            self.put_word((self.waiting >> self.count) as u32);
        }
    }

    #[inline(always)]
    fn put_word(&mut self, word: u32) {
        // Whether some byte is 0xFF: the negative has a byte of 0.
        let negative = !word;
        let has_full = negative.wrapping_sub(0x0101_0101) & !negative & 0x8080_8080 != 0;
        if has_full {
            self.put_stuffed(word);
        } else {
            self.out.extend_from_slice(&word.to_be_bytes());
        }
    }

    #[cold]
    fn put_stuffed(&mut self, word: u32) {
        for byte in word.to_be_bytes() {
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let fill = (8 - self.count % 8) % 8;
        self.waiting = self.waiting << fill | ((1 << fill) - 1);
        self.count += fill;
        while self.count > 0 {
            self.count -= 8;
            let byte = (self.waiting >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
        self.out
    }

    /// A block, rows first; `before` is the component's last mean.
    #[inline(always)]
    pub(super) fn put_block(&mut self, block: &[i16; 64], before: i16, dc: &Codes, ac: &Codes) {
        let mut ordered = [0_i16; 64];
        for (to, &from) in ordered.iter_mut().zip(&ZIGZAG) {
            *to = block[usize::from(from) & 63];
        }
        self.put_value(dc, 0, i32::from(ordered[0]) - i32::from(before));
        let mut left = filled(&ordered) & !1;
        let mut last = 0;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            let mut zeros = at - last - 1;
            while zeros > 15 {
                let (code, length) = ac[0xF0];
                self.put(u32::from(code), u32::from(length));
                zeros -= 16;
            }
            self.put_value(ac, zeros << 4, i32::from(ordered[at as usize & 63]));
            last = at;
        }
        if last != 63 {
            let (code, length) = ac[0];
            self.put(u32::from(code), u32::from(length));
        }
    }

    /// The symbol of a value's size, and the value's bits.
    #[inline(always)]
    fn put_value(&mut self, codes: &Codes, zeros: u32, value: i32) {
        let size = 32 - value.unsigned_abs().leading_zeros();
        let bits = (value + (value >> 31)) as u32 & ((1 << size) - 1);
        let (code, length) = codes[(zeros | size) as usize & 255];
        self.put(u32::from(code) << size | bits, u32::from(length) + size);
    }
}

/// A bit for each coefficient that is not 0.
#[inline(always)]
fn filled(ordered: &[i16; 64]) -> u64 {
    let mut zero = 0_u64;
    for (number, eight) in ordered.as_chunks::<8>().0.iter().enumerate() {
        let empty = i16x8::new(*eight).simd_eq(i16x8::ZERO);
        zero |= u64::from(empty.to_bitmask() & 0xFF) << (8 * number);
    }
    !zero
}
