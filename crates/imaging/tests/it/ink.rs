//! Finding what was drawn on a white sheet.

use imaging::{Area, Picture};

/// Positions of pixels that differ visibly from white.
pub fn positions(picture: &Picture) -> Vec<(u32, u32)> {
    let rows = (0..picture.height()).flat_map(|y| (0..picture.width()).map(move |x| (x, y)));
    rows.filter(|&(x, y)| is_ink(picture, x, y)).collect()
}

fn is_ink(picture: &Picture, x: u32, y: u32) -> bool {
    let pixel = picture.pixel(x, y).unwrap();
    pixel[..3].iter().any(|&sample| sample < 250)
}

/// Left, top, right, bottom (the last two exclusive) of all ink.
pub fn bounds(picture: &Picture) -> Option<[u32; 4]> {
    let positions = positions(picture);
    let xs = positions.iter().map(|&(x, _)| x);
    let ys = positions.iter().map(|&(_, y)| y);
    let left = xs.clone().min()?;
    Some([left, ys.clone().min()?, xs.max()? + 1, ys.max()? + 1])
}

/// A pixel whose centre lies up to half its own diagonal outside may still be touched by ink
/// inside.
pub const TOUCH_PX: f64 = 0.75;

/// The first ink pixel that lies further than `margin_px` outside an area, turned or not.
pub fn outside(picture: &Picture, area: Area, margin_px: f64) -> Option<(u32, u32)> {
    let (center_x, center_y) = (area.x + area.width / 2.0, area.y + area.height / 2.0);
    let (sin, cos) = (-area.rotation_degrees.to_radians()).sin_cos();
    positions(picture).into_iter().find(|&(x, y)| {
        let (dx, dy) = (f64::from(x) + 0.5 - center_x, f64::from(y) + 0.5 - center_y);
        let (back_x, back_y) = (dx * cos - dy * sin, dx * sin + dy * cos);
        back_x.abs() > area.width / 2.0 + margin_px || back_y.abs() > area.height / 2.0 + margin_px
    })
}

/// How many separate strokes there are; diagonal neighbours belong together.
pub fn strokes(picture: &Picture) -> usize {
    let mut left: std::collections::HashSet<(u32, u32)> = positions(picture).into_iter().collect();
    let mut count = 0;
    while let Some(&start) = left.iter().next() {
        count += 1;
        let mut queue = vec![start];
        left.remove(&start);
        while let Some((x, y)) = queue.pop() {
            for (nx, ny) in (x.saturating_sub(1)..=x + 1)
                .flat_map(|nx| (y.saturating_sub(1)..=y + 1).map(move |ny| (nx, ny)))
            {
                if left.remove(&(nx, ny)) {
                    queue.push((nx, ny));
                }
            }
        }
    }
    count
}
