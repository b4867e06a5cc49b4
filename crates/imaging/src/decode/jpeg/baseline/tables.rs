//! What stands in the segments before the scan: steps of quantisation, codes, how often there is a restart.

use super::huffman::Huffman;

/// Tables by their number.
#[derive(Default)]
pub(super) struct Tables {
    /// Steps of quantisation, in the order of the file.
    pub(super) steps: [Option<[u16; 64]>; 4],
    pub(super) dc: [Option<Huffman>; 4],
    pub(super) ac: [Option<Huffman>; 4],
    /// Units between restarts, 0 without.
    pub(super) restart: usize,
}

impl Tables {
    /// From the bodies of DQT, DHT and DRI with their markers, in order; `None` for what baseline files do not have.
    pub(super) fn read(segments: &[(u8, &[u8])]) -> Option<Self> {
        let mut tables = Self::default();
        for &(marker, body) in segments {
            match marker {
                0xDB => tables.take_steps(body)?,
                0xC4 => tables.take_codes(body)?,
                0xDD => tables.restart = usize::from(u16::from_be_bytes(*body.first_chunk()?)),
                _ => {}
            }
        }
        Some(tables)
    }

    fn take_steps(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            // Steps of 16 bits are for samples of 12.
            if head > 3 {
                return None;
            }
            let (steps, rest) = rest.split_first_chunk::<64>()?;
            self.steps[usize::from(head)] = Some(steps.map(u16::from));
            body = rest;
        }
        Some(())
    }

    fn take_codes(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (values, rest) = rest.split_at_checked(total)?;
            let tables = match head >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(head & 15))? = Some(Huffman::new(counts, values)?);
            body = rest;
        }
        Some(())
    }
}
