//! A PNG container around rows of 8-bit RGB, and nothing else of PNG.
//!
//! The image codecs belong to imaging; a provider only has to answer with a file that they read.
//! Every row takes the `Up` filter, which suits smooth pictures and costs one subtraction a byte,
//! and the body is compressed by `fdeflate`, made for filtered PNG data. Speed goes before size
//! here, because the picture is decoded again at once.

use std::io;

use fdeflate::Compressor;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// 8 bits a sample, true colour, deflate, adaptive filters, not interlaced (PNG 3rd edition, 11.2.1).
const RGB8: [u8; 5] = [8, 2, 0, 0, 0];
const FILTER_UP: u8 = 2;
const BYTES_PER_PIXEL: usize = 3;

/// Takes rows from top to bottom and gives back a PNG file.
pub(crate) struct PngWriter {
    header: [u8; 13],
    previous: Vec<u8>,
    filtered: Vec<u8>,
    body: Compressor<Vec<u8>>,
}

impl PngWriter {
    /// A writer for a picture of this size. The caller keeps both sides above 0 and below 2^31, as
    /// the format demands.
    pub(crate) fn new(width_px: u32, height_px: u32) -> io::Result<Self> {
        let mut header = [0; 13];
        header[..4].copy_from_slice(&width_px.to_be_bytes());
        header[4..8].copy_from_slice(&height_px.to_be_bytes());
        header[8..].copy_from_slice(&RGB8);
        let row_bytes = width_px as usize * BYTES_PER_PIXEL;
        Ok(Self {
            header,
            previous: vec![0; row_bytes],
            filtered: vec![FILTER_UP; row_bytes + 1],
            body: Compressor::new(Vec::new())?,
        })
    }

    /// Adds one row of `width_px` RGB pixels.
    pub(crate) fn row(&mut self, row: &[u8]) -> io::Result<()> {
        for ((out, now), above) in self.filtered[1..].iter_mut().zip(row).zip(&self.previous) {
            *out = now.wrapping_sub(*above);
        }
        self.previous.copy_from_slice(row);
        self.body.write_data(&self.filtered)
    }

    /// The whole file.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        let body = self.body.finish()?;
        let mut file = Vec::with_capacity(body.len() + 64);
        file.extend_from_slice(&SIGNATURE);
        chunk(&mut file, *b"IHDR", &self.header)?;
        chunk(&mut file, *b"IDAT", &body)?;
        chunk(&mut file, *b"IEND", &[])?;
        Ok(file)
    }
}

/// Length, name, data, and the CRC of name and data.
fn chunk(file: &mut Vec<u8>, name: [u8; 4], data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len()).map_err(io::Error::other)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&name);
    crc.update(data);
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(&name);
    file.extend_from_slice(data);
    file.extend_from_slice(&crc.finalize().to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads back what the writer makes, by the format's own rules and not by the writer's code.
    fn pixels_of(file: &[u8], row_bytes: usize) -> Vec<u8> {
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        let (mut at, mut names, mut body) = (8, Vec::new(), Vec::new());
        while at < file.len() {
            let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
            let named = &file[at + 4..at + 8 + length];
            let crc = u32::from_be_bytes(file[at + 8 + length..][..4].try_into().unwrap());
            assert_eq!(crc, crc32fast::hash(named));
            names.push(named[..4].to_vec());
            if &named[..4] == b"IDAT" {
                body.extend_from_slice(&named[4..]);
            }
            at += 12 + length;
        }
        assert_eq!(names, [b"IHDR", b"IDAT", b"IEND"]);
        let mut raw = fdeflate::decompress_to_vec(&body).unwrap();
        let mut pixels: Vec<u8> = Vec::new();
        for line in raw.chunks_mut(row_bytes + 1) {
            assert_eq!(line[0], 2);
            for index in 0..row_bytes {
                let above = pixels
                    .len()
                    .checked_sub(row_bytes)
                    .map_or(0, |above| pixels[above]);
                pixels.push(line[1 + index].wrapping_add(above));
            }
        }
        pixels
    }

    #[test]
    fn a_file_holds_the_pixels_it_was_given() {
        let rows: Vec<Vec<u8>> = (0..5u8)
            .map(|y| {
                (0..21u8)
                    .map(|x| x.wrapping_mul(37) ^ y.wrapping_mul(91))
                    .collect()
            })
            .collect();
        let mut png = PngWriter::new(7, 5).unwrap();
        for row in &rows {
            png.row(row).unwrap();
        }
        let file = png.finish().unwrap();
        assert_eq!(file[16..24], [0, 0, 0, 7, 0, 0, 0, 5]);
        assert_eq!(pixels_of(&file, 21), rows.concat());
    }
}
