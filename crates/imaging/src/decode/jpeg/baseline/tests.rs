use std::f64::consts::PI;

use super::super::segments::{self, Extent};
use super::super::{DecodeLimits, by_other_decoder};
use super::{read, transform};

/// xorshift64*, as numbers from -1 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// The definition: a cosine transform of length `samples` over the lowest frequencies of eight.
fn basis(samples: usize, at: usize, frequency: usize) -> f64 {
    let factor = if frequency == 0 {
        0.125_f64.sqrt()
    } else {
        0.5
    };
    factor * ((2 * at + 1) as f64 * frequency as f64 * PI / (2 * samples) as f64).cos()
}

#[test]
fn every_transform_is_the_cosine_transform_of_its_length() {
    let mut random = Random(3);
    for across in [1, 2, 4, 8] {
        for down in [1, 2, 4, 8] {
            for _ in 0..20 {
                let coefficients: [f64; 64] = std::array::from_fn(|at| {
                    let reach = if at == 0 {
                        900.0
                    } else {
                        200.0 / (1 + at / 8 + at % 8) as f64
                    };
                    (random.next() * reach).round()
                });
                let (h, v) = (transform::scale(across), transform::scale(down));
                let block =
                    std::array::from_fn(|at| coefficients[at] as f32 * h[at % 8] * v[at / 8]);
                let mut out = vec![0_u8; down * 10];
                let transform = transform::of(across, down).unwrap();
                transform(&block, &mut out, 10);
                for y in 0..down {
                    for x in 0..across {
                        let sum: f64 = (0..64)
                            .filter(|at| at % 8 < across && at / 8 < down)
                            .map(|at| {
                                coefficients[at] * basis(across, x, at % 8) * basis(down, y, at / 8)
                            })
                            .sum();
                        let right = (sum + 128.0).clamp(0.0, 255.0);
                        let off = (f64::from(out[y * 10 + x]) - right).abs();
                        assert!(off < 0.51, "{across} x {down} at {x}, {y}: off by {off}");
                    }
                }
            }
        }
    }
}

fn scene(width: u16, height: u16) -> Vec<u8> {
    let pixel = |x: f64, y: f64| {
        let wave = |a: f64, b: f64| (128.0 + 100.0 * (x * a + y * b).sin()) as u8;
        [wave(0.01, 0.004), wave(0.002, 0.012), wave(0.006, 0.006)]
    };
    (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| pixel(f64::from(x), f64::from(y))))
        .collect()
}

fn file(
    width: u16,
    height: u16,
    set: impl Fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    set(&mut encoder);
    let color = jpeg_encoder::ColorType::Rgb;
    encoder
        .encode(&scene(width, height), width, height, color)
        .unwrap();
    file
}

#[test]
fn the_usual_files_are_read_here_and_much_as_by_the_other_decoder() {
    use jpeg_encoder::SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2};
    for (sampling, denominators) in [
        (F_1_1, &[1, 2, 4, 8][..]),
        (F_2_1, &[2, 4, 8]),
        (F_1_2, &[2, 4, 8]),
        (F_2_2, &[2, 4, 8]),
    ] {
        for (width, height) in [(160, 96), (161, 97), (7, 5), (1, 1)] {
            for restart in [0, 1, 3] {
                let file = file(width, height, |encoder| {
                    encoder.set_sampling_factor(sampling);
                    encoder.set_restart_interval(restart);
                });
                let segments =
                    segments::walk(&file, &DecodeLimits::default(), Extent::Whole).unwrap();
                for &denominator in denominators {
                    let name =
                        format!("{sampling:?} {width} x {height} / {denominator}, {restart}");
                    let ours = read(&segments, denominator).expect(&name);
                    let side = |px: u16| u32::from(px).div_ceil(denominator);
                    let (theirs, _) =
                        by_other_decoder(&file, (side(width), side(height)), true).unwrap();
                    assert_eq!(ours.len(), theirs.len(), "{name}");
                    let off: u64 = ours
                        .iter()
                        .zip(&theirs)
                        .map(|(a, b)| u64::from(a.abs_diff(*b)))
                        .sum();
                    // They differ in how colour is spread, and at edges of the picture.
                    assert!(
                        off as f64 / ours.len() as f64 <= 2.0,
                        "{name}: {off} of {}",
                        ours.len()
                    );
                }
            }
        }
    }
}

#[test]
fn what_would_have_to_be_spread_or_is_damaged_is_left_to_the_other_decoder() {
    let file = file(160, 96, |encoder| {
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        encoder.set_restart_interval(4);
    });
    let limits = DecodeLimits::default();
    let walked = |file: &[u8], denominator| {
        let segments = segments::walk(file, &limits, Extent::Whole).unwrap();
        read(&segments, denominator)
    };
    assert!(walked(&file, 1).is_none(), "colour would have to be spread");
    assert!(walked(&file, 2).is_some());
    // Cut short, and an end put behind it.
    let cut = [&file[..file.len() * 3 / 4], &[0xFF, 0xD9]].concat();
    assert!(walked(&cut, 2).is_none());
    // A restart marker out of turn.
    let mut turned = file.clone();
    let at = turned
        .windows(2)
        .rposition(|pair| pair[0] == 0xFF && (0xD0..0xD8).contains(&pair[1]));
    turned[at.unwrap() + 1] ^= 1;
    assert!(walked(&turned, 2).is_none());
}
