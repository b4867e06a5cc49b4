//! Pictures: a pure function of the request, quick to draw and easy to tell apart.
//!
//! A gradient and a few discs, whose colours and places come from a digest of the request, by
//! integers alone: the same request gives the same bytes on every machine. An edit shows its input,
//! and the drawing where the mask says so.

use bytes::Bytes;
use imaging::{Format, Picture};
use sha2::{Digest, Sha256};

/// Discs in a picture.
const DISCS: usize = 7;

/// Which pixels of the input give way to the drawing.
#[derive(Debug, Clone)]
pub(crate) enum Area {
    /// The drawing is laid over everything, half transparent.
    Everywhere,
    /// Where this mask is transparent: OpenAI's way.
    Transparent(Picture),
    /// Where this mask is white: Stability's way.
    White(Picture),
    /// An ellipse in the middle.
    Middle,
    /// Everything but an ellipse in the middle, which becomes transparent.
    AroundMiddle,
    /// Everything outside the input, which is placed here in the picture.
    Outside {
        /// Pixels left of it.
        left: u32,
        /// Pixels above it.
        up: u32,
    },
}

/// A picture that an edit starts from.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) picture: Picture,
    pub(crate) area: Area,
}

/// One picture to draw.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    /// What decides how it looks: see [`digest`].
    pub(crate) digest: [u8; 32],
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Whether what is behind the discs is transparent.
    pub(crate) transparent: bool,
    /// Whether all details are lost, as in a picture that was withheld.
    pub(crate) blurred: bool,
    pub(crate) format: Format,
    pub(crate) input: Option<Input>,
}

/// A digest over parts, none of which can pretend to be two.
pub(crate) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Draws and encodes. The error is a sentence.
pub(crate) fn draw(drawing: &Drawing) -> Result<Bytes, String> {
    let mut canvas = Canvas::new(drawing.width, drawing.height);
    canvas.gradient(&drawing.digest, drawing.transparent);
    if !drawing.blurred {
        canvas.discs(&drawing.digest);
    }
    if let Some(input) = &drawing.input {
        canvas.blend(input)?;
    }
    let fault = |error: imaging::ImagingError| error.to_string();
    let picture =
        Picture::from_straight_rgba(canvas.width, canvas.height, canvas.pixels).map_err(fault)?;
    imaging::encode(&picture, drawing.format)
        .map(Bytes::from)
        .map_err(fault)
}

struct Canvas {
    width: u32,
    height: u32,
    /// Straight RGBA, rows from the top.
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let pixels = vec![0; width as usize * height as usize * 4];
        Self {
            width,
            height,
            pixels,
        }
    }

    fn rows(&mut self) -> impl Iterator<Item = (u32, &mut [[u8; 4]])> {
        let width = self.width as usize;
        let rows = self.pixels.as_chunks_mut::<4>().0.chunks_mut(width);
        (0_u32..).zip(rows)
    }

    /// From the upper left to the lower right, between two colours of the digest.
    fn gradient(&mut self, digest: &[u8; 32], transparent: bool) {
        let [r0, g0, b0, r1, g1, b1, ..] = *digest;
        let (width, height) = (self.width, self.height);
        let alpha = if transparent { 0 } else { 255 };
        let between = |from: u8, to: u8, at: u32| {
            ((u32::from(from) * (255 - at) + u32::from(to) * at) / 255) as u8
        };
        let ramp: Vec<[u8; 4]> = (0..256_u32)
            .map(|at| {
                [
                    between(r0, r1, at),
                    between(g0, g1, at),
                    between(b0, b1, at),
                    alpha,
                ]
            })
            .collect();
        for (y, row) in self.rows() {
            let down = y * 128 / height;
            for (x, pixel) in (0_u32..).zip(row) {
                let at = (x * 127 / width + down).min(255);
                *pixel = ramp[at as usize];
            }
        }
    }

    fn discs(&mut self, digest: &[u8; 32]) {
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        let side = width.min(height);
        for number in 0..DISCS {
            let part = self::digest([&digest[..], &[number as u8]]);
            let [x, y, size, r, g, b, ..] = part;
            let (cx, cy) = (width * i64::from(x) / 255, height * i64::from(y) / 255);
            let radius = side / 16 + side * i64::from(size) / 255 / 5;
            self.disc((cx, cy), radius, [r, g, b, 255]);
        }
    }

    fn disc(&mut self, (cx, cy): (i64, i64), radius: i64, colour: [u8; 4]) {
        let width = i64::from(self.width);
        for (y, row) in self.rows() {
            let dy = i64::from(y) - cy;
            let left_over = radius * radius - dy * dy;
            if left_over < 0 {
                continue;
            }
            let half = left_over.isqrt();
            let from = (cx - half).clamp(0, width) as usize;
            let to = (cx + half + 1).clamp(0, width) as usize;
            row[from..to].fill(colour);
        }
    }

    fn blend(&mut self, input: &Input) -> Result<(), String> {
        let (width, height) = (self.width, self.height);
        let fault = |error: imaging::ImagingError| error.to_string();
        let fit = |picture: &Picture| {
            if (picture.width(), picture.height()) == (width, height) {
                return picture.to_straight_rgba().map_err(fault);
            }
            let resized = imaging::resize(picture, width, height).map_err(fault)?;
            resized.to_straight_rgba().map_err(fault)
        };
        match &input.area {
            Area::Outside { left, up } => return self.place(&input.picture, *left, *up),
            Area::Everywhere => self.mix(&fit(&input.picture)?, |_, _| 128),
            Area::Transparent(mask) => {
                let mask = fit(mask)?;
                self.mix(&fit(&input.picture)?, |index, _| 255 - mask[index * 4 + 3]);
            }
            Area::White(mask) => {
                let mask = fit(mask)?;
                self.mix(&fit(&input.picture)?, |index, _| mask[index * 4]);
            }
            Area::Middle => {
                let inside = Ellipse::new(width, height);
                self.mix(&fit(&input.picture)?, |_, at| {
                    if inside.holds(at) { 255 } else { 0 }
                });
            }
            Area::AroundMiddle => {
                let inside = Ellipse::new(width, height);
                self.mix(&fit(&input.picture)?, |_, _| 0);
                for (y, row) in self.rows() {
                    for (x, pixel) in (0_u32..).zip(row) {
                        if !inside.holds((x, y)) {
                            *pixel = [0; 4];
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Lays the input under the drawing; `share` (0 to 255) is the drawing's share of a pixel.
    fn mix(&mut self, input: &[u8], share: impl Fn(usize, (u32, u32)) -> u8) {
        let width = self.width as usize;
        let input = input.as_chunks::<4>().0;
        for (y, row) in self.rows() {
            for (x, pixel) in (0_u32..).zip(row) {
                let index = y as usize * width + x as usize;
                let share = u32::from(share(index, (x, y)));
                let under = input[index];
                for (sample, under) in pixel.iter_mut().zip(under) {
                    let mixed = u32::from(*sample) * share + u32::from(under) * (255 - share);
                    *sample = (mixed / 255) as u8;
                }
            }
        }
    }

    /// Puts the input at a place; the drawing stays around it.
    fn place(&mut self, picture: &Picture, left: u32, up: u32) -> Result<(), String> {
        let straight = picture
            .to_straight_rgba()
            .map_err(|error| error.to_string())?;
        let input: Vec<&[[u8; 4]]> = straight
            .as_chunks::<4>()
            .0
            .chunks(picture.width() as usize)
            .collect();
        let left = left as usize;
        for (y, row) in self.rows() {
            let Some(from) = y.checked_sub(up).and_then(|y| input.get(y as usize)) else {
                continue;
            };
            let to = (left + from.len()).min(row.len());
            row[left.min(to)..to].copy_from_slice(&from[..to - left.min(to)]);
        }
        Ok(())
    }
}

/// The ellipse in the middle: half as wide and high as the picture.
struct Ellipse {
    width: i64,
    height: i64,
}

impl Ellipse {
    fn new(width: u32, height: u32) -> Self {
        Self {
            width: i64::from(width),
            height: i64::from(height),
        }
    }

    fn holds(&self, (x, y): (u32, u32)) -> bool {
        // Distances in thousandths of a half axis.
        let dx = (i64::from(x) * 2 - self.width) * 2000 / self.width;
        let dy = (i64::from(y) * 2 - self.height) * 2000 / self.height;
        dx * dx + dy * dy <= 1_000_000
    }
}
