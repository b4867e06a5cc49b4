use jpeg_decoder::Decoder;

use super::encode;
use crate::Picture;

/// Waves in all colours, and a hard edge.
fn scene(width: u32, height: u32) -> Picture {
    let pixel = |x: u32, y: u32| {
        let wave =
            |a: f64, b: f64| (128.0 + 120.0 * (f64::from(x) * a + f64::from(y) * b).sin()) as u8;
        match x > y {
            true => [wave(0.05, 0.02), wave(0.01, 0.07), wave(0.03, 0.03)],
            false => [wave(0.02, 0.01), 255, 0],
        }
    };
    let rgb: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)))
        .collect();
    Picture::from_rgb(width, height, rgb).unwrap()
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares.max(1e-9)).log10()
}

#[test]
fn it_is_about_as_alike_and_no_larger_than_another_encoders_at_the_same_quality() {
    for (width, height) in [(160, 96), (161, 97), (7, 5), (1, 1), (33, 16)] {
        let picture = scene(width, height);
        let rgb = picture.to_rgb_over([0; 3]);
        for quality in [1, 20, 50, 80, 95, 100] {
            let name = format!("{width} x {height} at {quality}");
            let ours = encode(&picture, quality, None).unwrap();
            let mut theirs = Vec::new();
            let mut encoder = jpeg_encoder::Encoder::new(&mut theirs, quality);
            encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
            let color = jpeg_encoder::ColorType::Rgb;
            encoder
                .encode(&rgb, width as u16, height as u16, color)
                .unwrap();
            let read = |file: &[u8]| psnr(&Decoder::new(file).decode().expect(&name), &rgb);
            let (our_likeness, their_likeness) = (read(&ours), read(&theirs));
            assert!(
                our_likeness > their_likeness - 0.5,
                "{name}: {our_likeness} dB, not {their_likeness}"
            );
            let most = theirs.len() + theirs.len() / 100 + 4;
            assert!(
                ours.len() <= most,
                "{name}: {} bytes, not {}",
                ours.len(),
                theirs.len()
            );
        }
    }
}

#[test]
fn every_byte_of_noise_at_the_best_quality_comes_back() {
    // Noise fills the scan with long codes, runs of ones among them, which have to be kept apart from markers.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let rgb: Vec<u8> = (0..256 * 256 * 3)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if state & 0x100 == 0 { 0 } else { 255 }
        })
        .collect();
    // Grey, so that no colour sample is halved away.
    let grey: Vec<u8> = rgb
        .chunks_exact(3)
        .flat_map(|pixel| [pixel[0]; 3])
        .collect();
    let picture = Picture::from_rgb(256, 256, grey.clone()).unwrap();
    let file = encode(&picture, 100, None).unwrap();
    assert!(
        file.windows(2).any(|pair| pair == [0xFF, 0]),
        "no stuffing was met"
    );
    let likeness = psnr(&Decoder::new(&file[..]).decode().unwrap(), &grey);
    assert!(likeness > 45.0, "{likeness} dB");
}
