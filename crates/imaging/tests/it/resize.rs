use imaging::{Picture, THUMBNAIL_SIDE_PX, resize, resize_straight_rgba, thumbnail};

use super::draw::{photograph, plain};
use super::encode::{fading, worst};

#[test]
fn thumbnails_fit_inside_and_are_never_enlarged() {
    for ((width, height), expected) in [
        ((1024, 683), (300, 200)),
        ((1000, 872), (300, 262)),
        ((683, 1024), (200, 300)),
        ((300, 300), (300, 300)),
        ((120, 80), (120, 80)),
        ((3000, 2), (300, 1)),
    ] {
        let small = thumbnail(&plain(width, height, [1, 2, 3, 255]), THUMBNAIL_SIDE_PX).unwrap();
        assert_eq!(
            (small.width(), small.height()),
            expected,
            "{width} x {height}"
        );
        assert_eq!(small.pixel(0, 0), Some([1, 2, 3, 255]));
    }
    assert!(thumbnail(&plain(2, 2, [0; 4]), 0).is_err());
}

#[test]
fn shrinking_keeps_the_mean_colour() {
    let photograph = photograph();
    let small = resize(&photograph, 128, 85).unwrap();
    let mean = |samples: &[u8]| {
        samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / samples.len() as f64
    };
    let difference = mean(&photograph.to_rgb_over([0; 3])) - mean(&small.to_rgb_over([0; 3]));
    assert!(difference.abs() < 0.5, "{difference}");
}

#[test]
fn no_sample_rises_above_its_alpha() {
    // White beside nothing is where Lanczos overshoots most.
    let stripes: Vec<u8> = (0..64 * 64)
        .flat_map(|i| {
            if i / 8 % 2 == 0 {
                [255, 255, 255, 255]
            } else {
                [0, 0, 0, 0]
            }
        })
        .collect();
    let stripes = imaging::Picture::from_straight_rgba(64, 64, stripes).unwrap();
    let small = resize(&stripes, 47, 53).unwrap();
    for pixel in small.premultiplied_rgba().chunks_exact(4) {
        assert!(
            pixel[..3].iter().all(|&sample| sample <= pixel[3]),
            "{pixel:?}"
        );
    }
}

#[test]
fn straight_samples_are_resized_as_the_picture_they_make() {
    let straight = fading().to_straight_rgba().unwrap();
    let picture = Picture::from_straight_rgba(1024, 683, straight.clone()).unwrap();
    for (width, height) in [(256, 171), (300, 683), (1, 1), (1500, 900)] {
        let direct = resize_straight_rgba(&straight, (1024, 683), (width, height)).unwrap();
        let by_steps = resize(&picture, width, height).unwrap();
        let difference = worst(&direct.premultiplied_rgba(), &by_steps.premultiplied_rgba());
        // Two passes of their own and one call of both may each round the other way.
        assert!(difference <= 2, "{width} x {height}: {difference}");
    }
    assert!(resize_straight_rgba(&straight, (1024, 682), (10, 10)).is_err());
    assert!(resize_straight_rgba(&straight, (1024, 683), (0, 10)).is_err());
}
