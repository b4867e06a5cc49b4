//! Straight colours in floats.

use tiny_skia::PremultipliedColorU8;

/// Straight red, green and blue from 0 to 1, and alpha.
pub(super) type Rgba = [f32; 4];

pub(super) fn straight(pixel: PremultipliedColorU8) -> Rgba {
    let alpha = f32::from(pixel.alpha()) / 255.0;
    let scale = if alpha > 0.0 {
        1.0 / (255.0 * alpha)
    } else {
        0.0
    };
    [
        f32::from(pixel.red()) * scale,
        f32::from(pixel.green()) * scale,
        f32::from(pixel.blue()) * scale,
        alpha,
    ]
}

pub(super) fn packed([r, g, b, a]: Rgba) -> PremultipliedColorU8 {
    let a8 = (a * 255.0).round().clamp(0.0, 255.0) as u8;
    // A sample rounded above its alpha would not be a premultiplied colour.
    let sample = |v: f32| ((v.clamp(0.0, 1.0) * a * 255.0).round() as u8).min(a8);
    PremultipliedColorU8::from_rgba(sample(r), sample(g), sample(b), a8)
        .unwrap_or(PremultipliedColorU8::TRANSPARENT)
}

pub(super) fn mixed(from: Rgba, to: Rgba, part: f32) -> Rgba {
    if part >= 1.0 {
        return to;
    }
    let alpha = from[3] + (to[3] - from[3]) * part;
    let channel = |i: usize| {
        let premultiplied = from[i] * from[3] * (1.0 - part) + to[i] * to[3] * part;
        premultiplied / alpha.max(f32::MIN_POSITIVE)
    };
    [channel(0), channel(1), channel(2), alpha]
}

pub(super) fn luminance([r, g, b, _]: Rgba) -> f32 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Source over: `above` with its alpha times `coverage`, on `below`.
pub(super) fn over(below: Rgba, above: Rgba, coverage: f32) -> Rgba {
    let part = above[3] * coverage;
    let alpha = part + below[3] * (1.0 - part);
    let channel = |i: usize| {
        (above[i] * part + below[i] * below[3] * (1.0 - part)) / alpha.max(f32::MIN_POSITIVE)
    };
    [channel(0), channel(1), channel(2), alpha]
}
