//! Files written byte by byte, so that they may say what no encoder would write.

use std::io::Write;

use imaging::Picture;

pub const ANIMATED_GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01D\0,\0\0\0\0\x01\0\x01\0\0\x02\x01D\0;";
pub const LONG_SVG_HEAD: &[u8] = b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- drawn by hand -->\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"x\">\n<SVG xmlns=\"http://www.w3.org/2000/svg\"/>";

/// A PNG put together from its parts, with right checksums.
pub struct Png {
    header: [u8; 13],
    before: Vec<u8>,
    stream: Vec<u8>,
}

impl Png {
    /// 8-bit RGB, all black.
    pub fn rgb(width: u32, height: u32) -> Self {
        let rows = (width as usize * 3 + 1) * height as usize;
        Self::new(width, height, 8, 2, 0).data(&vec![0; rows.min(1 << 20)])
    }

    /// 16-bit RGBA in seven passes, all zeros.
    pub fn rgba16_interlaced(width: u32, height: u32) -> Self {
        // Every pass's rows begin with a filter byte; a stream of zeros that is too long serves.
        let rows = (u64::from(width) * 8 + 8) * (u64::from(height) * 2);
        Self::new(width, height, 16, 6, 1).stream(&zlib_of_zeros(rows))
    }

    pub fn new(width: u32, height: u32, bits: u8, color_type: u8, interlace: u8) -> Self {
        let mut header = [0; 13];
        header[..4].copy_from_slice(&width.to_be_bytes());
        header[4..8].copy_from_slice(&height.to_be_bytes());
        (header[8], header[9], header[12]) = (bits, color_type, interlace);
        Self {
            header,
            before: Vec::new(),
            stream: Vec::new(),
        }
    }

    /// A chunk between the header and the pixels.
    pub fn chunk(mut self, kind: &[u8; 4], body: &[u8]) -> Self {
        self.before.extend(chunk(kind, body));
        self
    }

    pub fn chunks(self, kind: &[u8; 4], body: &[u8], times: usize) -> Self {
        (0..times).fold(self, |png, _| png.chunk(kind, body))
    }

    /// Filtered rows, which are compressed.
    pub fn data(self, rows: &[u8]) -> Self {
        self.stream(&fdeflate::compress_to_vec(rows))
    }

    /// The compressed rows as they are.
    pub fn stream(mut self, stream: &[u8]) -> Self {
        self.stream = stream.to_vec();
        self
    }

    pub fn file(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend(chunk(b"IHDR", &self.header));
        file.extend(&self.before);
        file.extend(chunk(b"IDAT", &self.stream));
        file.extend(chunk(b"IEND", b""));
        file
    }
}

fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    let summed = [kind, body].concat();
    let checksum = crc32fast::hash(&summed);
    [&length.to_be_bytes()[..], &summed, &checksum.to_be_bytes()].concat()
}

/// A zlib stream of many zeros, about a thousandth of their number.
pub fn zlib_of_zeros(count: u64) -> Vec<u8> {
    const PART: usize = 1 << 20;
    let mut compressor = fdeflate::Compressor::new(Vec::new()).unwrap();
    let zeros = vec![0; PART];
    let mut left = count;
    while left > 0 {
        let part = left.min(PART as u64) as usize;
        compressor.write_data(&zeros[..part]).unwrap();
        left -= part as u64;
    }
    compressor.finish().unwrap()
}

/// A whole, valid PNG of one bit a pixel, all black.
pub fn flat_png(width: u32, height: u32) -> Vec<u8> {
    let rows = (u64::from(width).div_ceil(8) + 1) * u64::from(height);
    Png::new(width, height, 1, 0, 0)
        .stream(&zlib_of_zeros(rows))
        .file()
}

/// A lossless WebP of one colour: with codes of a single symbol a pixel takes no bit at all.
pub fn flat_vp8l(width: u32, height: u32) -> Vec<u8> {
    riff(&vp8l_chunk(width, height))
}

fn vp8l_chunk(width: u32, height: u32) -> Vec<u8> {
    let mut body = vec![0x2f];
    let alpha_is_used = 1 << 28;
    body.extend(((width - 1) | (height - 1) << 14 | alpha_is_used).to_le_bytes());
    // No transform, no colour cache, no groups of codes; then five times a simple code (1) of one
    // symbol (0) that is written in one bit (0) and is zero (0).
    let mut bits = 0_u32;
    for code in 0..5 {
        bits |= 0b0001 << (3 + 4 * code);
    }
    body.extend(&bits.to_le_bytes()[..3]);
    body.resize(18, 0);
    riff_chunk(b"VP8L", &body)
}

fn riff_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = [kind, &(body.len() as u32).to_le_bytes()[..], body].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn riff(chunks: &[u8]) -> Vec<u8> {
    let length = (chunks.len() as u32 + 4).to_le_bytes();
    [b"RIFF", &length[..], b"WEBP", chunks].concat()
}

/// Chunks in an extended WebP around a flat frame of 8 × 8 pixels.
pub fn vp8x_around_vp8l(canvas_width: u32, canvas_height: u32) -> Vec<u8> {
    extended_webp(0x10, (canvas_width, canvas_height), &vp8l_chunk(8, 8))
}

fn extended_webp(flags: u8, (width, height): (u32, u32), chunks: &[u8]) -> Vec<u8> {
    let mut body = vec![flags, 0, 0, 0];
    body.extend(&(width - 1).to_le_bytes()[..3]);
    body.extend(&(height - 1).to_le_bytes()[..3]);
    riff(&[riff_chunk(b"VP8X", &body), chunks.to_vec()].concat())
}

pub fn webp_with_provenance() -> Vec<u8> {
    let chunks = [vp8l_chunk(8, 8), riff_chunk(b"C2PA", b"x")].concat();
    extended_webp(0x10, (8, 8), &chunks)
}

/// A press profile of four inks: a table of five steps each to Lab, in the old 8-bit form, as plain
/// subtractive inks over white paper would print.
pub fn ink_profile() -> Vec<u8> {
    const STEPS: usize = 5;
    let ramp: Vec<u8> = (0..=255).collect();
    let mut lut = b"mft1\0\0\0\0\x04\x03\x05\0".to_vec();
    for row in [[1_i32, 0, 0], [0, 1, 0], [0, 0, 1]] {
        lut.extend(row.iter().flat_map(|one| (one << 16).to_be_bytes()));
    }
    (0..4).for_each(|_| lut.extend(&ramp));
    for at in 0..STEPS.pow(4) {
        let ink = |place: u32| (at / STEPS.pow(place) % STEPS) as f64 / (STEPS - 1) as f64;
        let (c, m, y, k) = (ink(3), ink(2), ink(1), ink(0));
        let light = 100.0 * (1.0 - k) * (1.0 - 0.3 * c - 0.4 * m - 0.1 * y);
        let a = (1.0 - k) * 70.0 * (m - 0.5 * c);
        let b = (1.0 - k) * 80.0 * (y - 0.5 * c - 0.2 * m);
        lut.extend([(light * 2.55) as u8, (a + 128.0) as u8, (b + 128.0) as u8]);
    }
    (0..3).for_each(|_| lut.extend(&ramp));
    lut.resize(lut.len().next_multiple_of(4), 0);

    let white = b"XYZ \0\0\0\0\x00\x00\xf6\xd6\x00\x01\x00\x00\x00\x00\xd3\x2d".to_vec();
    let text = b"text\0\0\0\0free\0\0\0\0".to_vec();
    let mut description = b"desc\0\0\0\0\0\0\0\x05inks\0".to_vec();
    description.resize(96, 0);
    let tags: [(&[u8; 4], Vec<u8>); 4] = [
        (b"desc", description),
        (b"cprt", text),
        (b"wtpt", white),
        (b"A2B0", lut),
    ];
    let (mut table, mut bodies) = (4_u32.to_be_bytes().to_vec(), Vec::new());
    for (name, body) in &tags {
        let offset = (128 + 4 + 12 * tags.len() + bodies.len()) as u32;
        table.extend(*name);
        table.extend(offset.to_be_bytes());
        table.extend((body.len() as u32).to_be_bytes());
        bodies.extend(body);
    }
    let mut header = vec![0; 128];
    let size = (128 + table.len() + bodies.len()) as u32;
    header[..4].copy_from_slice(&size.to_be_bytes());
    header[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    header[12..24].copy_from_slice(b"prtrCMYKLab ");
    header[24..36].copy_from_slice(&[7, 0xE8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    header[36..40].copy_from_slice(b"acsp");
    header[68..80].copy_from_slice(b"\x00\x00\xf6\xd6\x00\x01\x00\x00\x00\x00\xd3\x2d");
    [header, table, bodies].concat()
}

/// A picture with colours, edges and a gradient.
pub fn scene(width: u32, height: u32) -> Picture {
    let pixel = |x: u32, y: u32| {
        let disc = (i64::from(x) - 40).pow(2) + (i64::from(y) - 30).pow(2) < 400;
        let ramp = |at: u32, of: u32| (at * 255 / of.max(1)) as u8;
        match disc {
            true => [220, 40, 90],
            false => [ramp(x, width), ramp(y, height), 255 - ramp(x, width)],
        }
    };
    let rows = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)));
    Picture::from_rgb(width, height, rows.collect::<Vec<_>>()).unwrap()
}

/// A file of the encoder's, from RGB.
pub fn jpeg(
    width: u16,
    height: u16,
    rgb: &[u8],
    set: impl FnOnce(&mut JpegEncoder<'_>),
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    set(&mut encoder);
    encoder
        .encode(rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    file
}

pub type JpegEncoder<'a> = jpeg_encoder::Encoder<&'a mut Vec<u8>>;

pub fn small_jpeg() -> Vec<u8> {
    jpeg(64, 48, &scene(64, 48).to_rgb_over([0; 3]), |_| {})
}

/// Grey without any detail, in many scans and without subsampling.
pub fn progressive_jpeg(width: u32, height: u32, scans: u8) -> Vec<u8> {
    let rgb = vec![128; width as usize * height as usize * 3];
    jpeg(width as u16, height as u16, &rgb, |encoder| {
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
        encoder.set_progressive_scans(scans);
    })
}

/// Where a marker with a length stands first.
pub fn find_marker(file: &[u8], code: u8) -> usize {
    file.windows(2)
        .position(|pair| pair == [0xFF, code])
        .unwrap()
}

pub fn jpeg_with_sides(file: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut file = file.to_vec();
    let frame = find_marker(&file, 0xC0);
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

/// The same scan again and again.
pub fn jpeg_of_scans(scans: usize) -> Vec<u8> {
    let file = small_jpeg();
    let scan = find_marker(&file, 0xDA);
    let (head, tail) = file.split_at(scan);
    let body = &tail[..tail.len() - 2];
    [head, &body.repeat(scans), &[0xFF, 0xD9]].concat()
}

pub fn jpeg_of_segments(count: usize) -> Vec<u8> {
    with_segments(&small_jpeg(), &[0xFF, 0xFE, 0, 2].repeat(count))
}

/// Segments put in right after the start.
pub fn with_segments(file: &[u8], segments: &[u8]) -> Vec<u8> {
    [&file[..2], segments, &file[2..]].concat()
}

pub fn segment(code: u8, body: &[u8]) -> Vec<u8> {
    let mut segment = vec![0xFF, code];
    segment
        .write_all(&(body.len() as u16 + 2).to_be_bytes())
        .unwrap();
    segment.extend(body);
    segment
}

/// Raw rows of a PNG whose samples are a pattern that reaches every value.
fn pattern_rows(bytes_per_row: usize, rows: usize) -> Vec<u8> {
    let row = |y: usize| {
        let samples = (0..bytes_per_row).map(move |x| (x * 37 + y * 11 + x * y) as u8);
        std::iter::once(0).chain(samples)
    };
    (0..rows).flat_map(row).collect()
}

/// Every colour type and depth of PNG, plain and interlaced, with and without a transparent colour;
/// every kind of JPEG that the encoder writes; WebP. By a file name each.
pub fn every_layout() -> Vec<(String, Vec<u8>)> {
    const SIDES: (u32, u32) = (21, 13);
    let mut files = Vec::new();
    for (color_type, samples, depths) in [
        (0, 1, &[1, 2, 4, 8, 16][..]),
        (2, 3, &[8, 16]),
        (3, 1, &[1, 2, 4, 8]),
        (4, 2, &[8, 16]),
        (6, 4, &[8, 16]),
    ] {
        for &bits in depths {
            for (interlace, transparent) in [(0, false), (1, false), (0, true), (1, true)] {
                if transparent && color_type >= 4 {
                    continue;
                }
                let png = png_layout(SIDES, (color_type, samples, bits), interlace, transparent);
                let dashes = ["", "-interlaced"][usize::from(interlace)];
                let clear = if transparent { "-trns" } else { "" };
                files.push((format!("type{color_type}-{bits}{dashes}{clear}.png"), png));
            }
        }
    }
    let rgb = scene(45, 33).to_rgb_over([0; 3]);
    let mut add = |name: &str, set: &dyn Fn(&mut JpegEncoder<'_>)| {
        files.push((name.to_owned(), jpeg(45, 33, &rgb, set)));
    };
    use jpeg_encoder::SamplingFactor::{F_1_1, F_2_1, F_2_2};
    add("444.jpg", &|encoder| encoder.set_sampling_factor(F_1_1));
    add("422.jpg", &|encoder| encoder.set_sampling_factor(F_2_1));
    add("420.jpg", &|encoder| encoder.set_sampling_factor(F_2_2));
    add("420-restarts.jpg", &|encoder| {
        encoder.set_sampling_factor(F_2_2);
        encoder.set_restart_interval(2);
    });
    add("420-one-scan-each.jpg", &|encoder| {
        encoder.set_sampling_factor(F_2_2);
        encoder.set_optimized_huffman_tables(true);
    });
    add("420-progressive.jpg", &|encoder| {
        encoder.set_sampling_factor(F_2_2);
        encoder.set_progressive(true);
    });
    let mut grey = Vec::new();
    jpeg_encoder::Encoder::new(&mut grey, 90)
        .encode(&rgb[..45 * 33], 45, 33, jpeg_encoder::ColorType::Luma)
        .unwrap();
    files.push(("grey.jpg".to_owned(), grey));
    for (name, color) in [
        ("cmyk.jpg", jpeg_encoder::ColorType::Cmyk),
        ("ycck.jpg", jpeg_encoder::ColorType::CmykAsYcck),
    ] {
        let inks = pattern_inks(45, 33);
        let mut file = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut file, 95);
        encoder.encode(&inks, 45, 33, color).unwrap();
        files.push((name.to_owned(), file));
    }
    let exif = segment(0xE1, &[b"Exif\0\0", &orientation_block(6)[..]].concat());
    files.push(("turned.jpg".to_owned(), with_segments(&small_jpeg(), &exif)));
    let webp = imaging::encode(&scene(45, 33), imaging::Format::WebpLossless).unwrap();
    files.push(("lossless.webp".to_owned(), webp));
    files.push(("flat.webp".to_owned(), flat_vp8l(9, 9)));
    files
}

/// Smooth inks, so that the encoder's loss stays small.
fn pattern_inks(width: usize, height: usize) -> Vec<u8> {
    let pixel = |x: usize, y: usize| {
        [
            (x * 5) as u8,
            (y * 7) as u8,
            ((x + y) * 3) as u8,
            (x * 2) as u8,
        ]
    };
    (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)))
        .collect()
}

/// A minimal EXIF block: little-endian TIFF with one entry, tag 0x0112.
pub fn orientation_block(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
    block
}

fn png_layout(
    (width, height): (u32, u32),
    (color_type, samples, bits): (u8, usize, u8),
    interlace: u8,
    transparent: bool,
) -> Vec<u8> {
    let row = |columns: usize| (columns * samples * usize::from(bits)).div_ceil(8);
    let (w, h) = (width as usize, height as usize);
    let rows = match interlace {
        0 => pattern_rows(row(w), h),
        _ => [
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ]
        .into_iter()
        .flat_map(|(x, y, across, down): (usize, usize, usize, usize)| {
            pattern_rows(row((w - x).div_ceil(across)), (h - y).div_ceil(down))
        })
        .collect(),
    };
    let mut png = Png::new(width, height, bits, color_type, interlace);
    if color_type == 3 {
        let colors = 1_usize << bits;
        let palette: Vec<u8> = (0..colors * 3).map(|at| (at * 53) as u8).collect();
        png = png.chunk(b"PLTE", &palette);
    }
    if transparent {
        png = match color_type {
            0 => png.chunk(b"tRNS", &[0, 0]),
            2 => png.chunk(b"tRNS", &[0, 0, 0, 37, 0, 74]),
            _ => png.chunk(b"tRNS", &[0, 128]),
        };
    }
    png.data(&rows).file()
}
