//! One component of the picture: from bits to samples.

use std::array::from_fn;

use super::bits::{Bits, READY_BITS};
use super::huffman::{BEYOND, Huffman, LOOK_BITS, extended};
use super::tables::Tables;
use super::transform::{self, Block, Transform};
use crate::zigzag::ZIGZAG;

/// One component of the picture.
pub(super) struct Component<'t> {
    /// Blocks of a unit, across and down.
    pub(super) blocks: (usize, usize),
    /// Samples of a block, across and down.
    pub(super) side: (usize, usize),
    /// What each coefficient is multiplied with, in the order of the file.
    scale: [f32; 64],
    transform: Transform,
    dc: &'t Huffman,
    ac: &'t Huffman,
}

impl<'t> Component<'t> {
    /// The components of a frame, whose descriptions these are, by the one scan that has all of them.
    pub(super) fn all(
        described: &[[u8; 3]],
        scan: &[u8],
        tables: &'t Tables,
        denominator: usize,
    ) -> Option<Vec<Self>> {
        let (&count, rest) = scan.split_first()?;
        let (choices, rest) = rest.split_at_checked(usize::from(count) * 2)?;
        if usize::from(count) != described.len() || rest != [0, 63, 0] || !matches!(count, 1 | 3) {
            return None;
        }
        let blocks =
            described.iter().map(
                |[_, sampling, _]| match (count, sampling >> 4, sampling & 15) {
                    // A picture of one component has one block a unit, whatever it says.
                    (1, ..) => Some((1, 1)),
                    (_, across @ 1..=4, down @ 1..=4) => {
                        Some((usize::from(across), usize::from(down)))
                    }
                    _ => None,
                },
            );
        let blocks: Vec<_> = blocks.collect::<Option<_>>()?;
        let most = (
            blocks.iter().map(|blocks| blocks.0).max()?,
            blocks.iter().map(|blocks| blocks.1).max()?,
        );
        let side = |most: usize, blocks: usize| {
            let parts = denominator * blocks;
            (8 * most).is_multiple_of(parts).then(|| 8 * most / parts)
        };
        let all = described.iter().zip(choices.as_chunks::<2>().0).zip(blocks);
        all.map(|(([id, _, steps], [chosen, codes]), blocks)| {
            if id != chosen {
                return None;
            }
            let side = (side(most.0, blocks.0)?, side(most.1, blocks.1)?);
            let steps = tables.steps.get(usize::from(*steps))?.as_ref()?;
            Some(Self {
                blocks,
                side,
                scale: scale(steps, side),
                transform: transform::of(side.0, side.1)?,
                dc: tables.dc.get(usize::from(codes >> 4))?.as_ref()?,
                ac: tables.ac.get(usize::from(codes & 15))?.as_ref()?,
            })
        })
        .collect()
    }

    /// Reads the component's blocks of one unit into `plane`, which begins with the unit.
    #[inline]
    pub(super) fn unit(
        &self,
        bits: &mut Bits<'_>,
        mean: &mut i32,
        plane: &mut [u8],
        stride: usize,
    ) -> Option<()> {
        let (across, down) = self.side;
        for line in 0..self.blocks.1 {
            for column in 0..self.blocks.0 {
                let to = plane.get_mut(line * down * stride + column * across..)?;
                let mut block = [0.0; 64];
                *mean = self.mean(bits, *mean)?;
                block[0] = *mean as f32 * self.scale[0];
                if self.rest(bits, &mut block)? {
                    (self.transform)(&block, to, stride);
                } else {
                    // The same factor both ways stands in the scale already.
                    let value = (block[0] + 128.0).round().clamp(0.0, 255.0) as u8;
                    for row in to.chunks_mut(stride).take(down) {
                        row.get_mut(..across)?.fill(value);
                    }
                }
            }
        }
        Some(())
    }

    #[inline(always)]
    fn mean(&self, bits: &mut Bits<'_>, before: i32) -> Option<i32> {
        bits.refill();
        let (length, size) = self.dc.symbol(bits.peek())?;
        bits.skip(length);
        if size > 11 {
            return None;
        }
        let size = u32::from(size);
        Some(before.wrapping_add(extended(bits.take(size), size)))
    }

    /// Reads all coefficients but the first. Whether any is there.
    #[inline(always)]
    fn rest(&self, bits: &mut Bits<'_>, block: &mut Block) -> Option<bool> {
        let mut at = 1;
        loop {
            bits.refill();
            // What is ready lasts for so many looks.
            for _ in 0..READY_BITS / LOOK_BITS {
                let step = self.ac.step(bits.peek());
                let value = if step.is_known() {
                    bits.skip(step.bits());
                    at += step.zeros();
                    step.value()
                } else {
                    let (zeros, value) = self.long_step(bits)?;
                    at += zeros;
                    value
                };
                if at >= 64 {
                    // Only "no more" goes beyond the block by right.
                    return (at >= BEYOND).then_some(at > 1 + BEYOND);
                }
                block[usize::from(ZIGZAG[at]) & 63] = value as f32 * self.scale[at];
                at += 1;
                if at == 64 {
                    return Some(true);
                }
            }
        }
    }

    /// A coefficient that one look does not tell: zeroes before it, and its value.
    #[cold]
    fn long_step(&self, bits: &mut Bits<'_>) -> Option<(usize, i32)> {
        bits.refill();
        let (length, symbol) = self.ac.symbol(bits.peek())?;
        bits.skip(length);
        let size = u32::from(symbol & 15);
        let zeros = match symbol {
            0 => BEYOND,
            // Other symbols without a value exist in progressive files only.
            0xF0 => 15,
            _ if size > 0 => usize::from(symbol >> 4),
            _ => return None,
        };
        let value = extended(bits.take(size), size);
        bits.refill();
        Some((zeros, value))
    }
}

/// Steps of quantisation, in the order of the file, with what the transform wants of each frequency.
fn scale(steps: &[u16; 64], side: (usize, usize)) -> [f32; 64] {
    let (across, down) = (transform::scale(side.0), transform::scale(side.1));
    from_fn(|n| {
        let at = usize::from(ZIGZAG[n]);
        f32::from(steps[n]) * across[at % 8] * down[at / 8]
    })
}
