//! Stability's words for ratio, style and seed.

/// The ratios it draws, as width and height. Its API reference, November 2026.
const RATIOS: [(u32, u32); 9] = [
    (1, 1),
    (16, 9),
    (21, 9),
    (2, 3),
    (3, 2),
    (4, 5),
    (5, 4),
    (9, 16),
    (9, 21),
];

/// The styles it knows. Its API reference, November 2026.
const STYLES: [&str; 17] = [
    "3d-model",
    "analog-film",
    "anime",
    "cinematic",
    "comic-book",
    "digital-art",
    "enhance",
    "fantasy-art",
    "isometric",
    "line-art",
    "low-poly",
    "modeling-compound",
    "neon-punk",
    "origami",
    "photographic",
    "pixel-art",
    "tile-texture",
];

/// What the styles of other providers and of the platform's settings are called here; an empty word
/// is what it does by itself.
const SYNONYMS: [(&str, &str); 6] = [
    ("natural", ""),
    ("default", ""),
    ("auto", ""),
    ("realistic", "photographic"),
    ("vivid", "enhance"),
    ("cartoon", "comic-book"),
];

/// A ratio further from the wanted one than this factor gets a note: two hundredths are a row or two
/// of a small picture.
const SAME_RATIO: f64 = 1.02;

/// Largest seed; 0 would ask for chance.
const MAX_SEED: u64 = 4_294_967_294;

/// The nearest ratio by factor, in its notation, and whether it is about the wanted one.
pub(super) fn aspect_ratio(width_px: u32, height_px: u32) -> (String, bool) {
    let wanted = f64::from(width_px.max(1)) / f64::from(height_px.max(1));
    let factor = |(w, h): (u32, u32)| {
        let own = f64::from(w) / f64::from(h);
        (own / wanted).max(wanted / own)
    };
    let nearest = RATIOS
        .into_iter()
        .min_by(|a, b| factor(*a).total_cmp(&factor(*b)))
        .unwrap_or((1, 1));
    let (w, h) = nearest;
    (format!("{w}:{h}"), factor(nearest) <= SAME_RATIO)
}

/// What becomes of a style.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Its own style.
    Preset(&'static str),
    /// What it does without one.
    Plain,
    /// Nothing it knows.
    Unknown,
}

/// Its word for a style.
pub(super) fn style(word: &str) -> Style {
    let word = word.trim().to_lowercase().replace([' ', '_'], "-");
    if word.is_empty() {
        return Style::Plain;
    }
    let synonym = SYNONYMS.iter().find(|(from, _)| *from == word);
    let word = synonym.map_or(word.as_str(), |(_, to)| to);
    match STYLES.into_iter().find(|style| *style == word) {
        Some(style) => Style::Preset(style),
        None if word.is_empty() => Style::Plain,
        None => Style::Unknown,
    }
}

/// The lower bits of a seed, within 1 to 4294967294.
pub(super) fn seed(seed: u64) -> u64 {
    (seed & u64::from(u32::MAX)).clamp(1, MAX_SEED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_the_nine_ratios_is_taken_and_a_far_one_is_told() {
        for (size, expected) in [
            ((1024, 1024), ("1:1", true)),
            ((1920, 1080), ("16:9", true)),
            ((1080, 1920), ("9:16", true)),
            ((1000, 1500), ("2:3", true)),
            ((800, 640), ("5:4", true)),
            ((2560, 1080), ("21:9", true)),
            ((1200, 900), ("5:4", false)),
            ((100, 2000), ("9:21", false)),
            ((0, 0), ("1:1", true)),
        ] {
            let (ratio, near) = aspect_ratio(size.0, size.1);
            assert_eq!((ratio.as_str(), near), expected, "{size:?}");
        }
    }

    #[test]
    fn styles_are_its_own_a_synonym_or_told() {
        assert_eq!(style("Pixel Art"), Style::Preset("pixel-art"));
        assert_eq!(style("neon_punk"), Style::Preset("neon-punk"));
        assert_eq!(style("realistic"), Style::Preset("photographic"));
        assert_eq!(style("natural"), Style::Plain);
        assert_eq!(style(""), Style::Plain);
        assert_eq!(style("baroque"), Style::Unknown);
        for (_, to) in SYNONYMS {
            assert!(to.is_empty() || STYLES.contains(&to), "{to}");
        }
    }

    #[test]
    fn a_seed_is_never_chance_and_never_too_large() {
        for (from, to) in [
            (0, 1),
            (7, 7),
            (u64::MAX, MAX_SEED),
            (1 << 32, 1),
            ((1 << 32) + 9, 9),
        ] {
            assert_eq!(seed(from), to);
        }
    }
}
