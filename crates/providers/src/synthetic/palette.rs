//! Colours out of words.

/// A colour as red, green and blue from 0 to 255.
pub(crate) type Rgb = [f32; 3];

/// The colours of one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Palette {
    /// Four colours, dark to light, that the picture runs through.
    pub(crate) stops: [Rgb; 4],
    /// The colour of the fine veins.
    pub(crate) vein: Rgb,
}

/// The words that choose a palette; its colours from dark to light; the colour of its veins.
type Named = (&'static [&'static str], [u32; 4], u32);

const GOLD: u32 = 0x00d9_b25f;
const IVORY: u32 = 0x00fb_f3e2;

const NAMED: [Named; 12] = [
    (
        &["gold", "golden", "honey", "amber", "brass", "yellow"],
        [0x006b_4a17, 0x00b9_8a34, 0x00e6_c879, 0x00fa_eed0],
        IVORY,
    ),
    (
        &["rose", "roses", "pink", "blush", "peony", "cherry"],
        [0x008e_3b52, 0x00cf_7d90, 0x00ee_b9c0, 0x00fb_e9e6],
        GOLD,
    ),
    (
        &["red", "ruby", "crimson", "scarlet", "wine"],
        [0x004a_0d1b, 0x0096_1e2f, 0x00cf_4a48, 0x00f2_b3a0],
        GOLD,
    ),
    (
        &["blue", "ocean", "sea", "navy", "water", "waves", "sky"],
        [0x000f_2a4a, 0x0023_5f8c, 0x0067_a9c8, 0x00d8_ecef],
        IVORY,
    ),
    (
        &[
            "forest",
            "green",
            "leaf",
            "leaves",
            "moss",
            "emerald",
            "botanical",
        ],
        [0x0016_3527, 0x002f_6346, 0x0081_a67c, 0x00e3_ead2],
        GOLD,
    ),
    (
        &["mint", "teal", "turquoise", "aqua", "lagoon"],
        [0x000e_4a4f, 0x0027_8a88, 0x0081_c8ba, 0x00e2_f4ea],
        IVORY,
    ),
    (
        &["lavender", "purple", "violet", "lilac", "plum"],
        [0x0034_2354, 0x006c_4f95, 0x00ab_94c9, 0x00ec_e4f3],
        GOLD,
    ),
    (
        &["sunset", "orange", "coral", "peach", "apricot", "dawn"],
        [0x006a_2347, 0x00c9_5250, 0x00f2_9c6b, 0x00fd_e3bd],
        IVORY,
    ),
    (
        &["midnight", "night", "black", "galaxy", "stars", "dark"],
        [0x000a_0d1f, 0x001d_2448, 0x0045_4f86, 0x009d_a6cc],
        GOLD,
    ),
    (
        &[
            "coffee",
            "brown",
            "chocolate",
            "autumn",
            "earth",
            "wood",
            "terracotta",
        ],
        [0x003a_2114, 0x0080_4f30, 0x00c0_906a, 0x00f0_dfca],
        IVORY,
    ),
    (
        &[
            "silver", "white", "snow", "winter", "ice", "grey", "gray", "marble",
        ],
        [0x006f_7a86, 0x00a9_b4be, 0x00da_e0e4, 0x00f9_fafa],
        GOLD,
    ),
    (
        &["spring", "meadow", "garden", "floral", "flowers"],
        [0x004d_6b4a, 0x00a9_b97a, 0x00f0_b8b0, 0x00fd_f1e1],
        IVORY,
    ),
];

impl Palette {
    /// The palette that the words of a prompt ask for.
    ///
    /// The first colour word (or `#rrggbb`) sets the ground and the second the veins, so "blue with
    /// gold" is blue with golden veins. Without any, `chance` chooses.
    pub(crate) fn of(prompt: &str, chance: u64) -> Self {
        let prompt = prompt.to_lowercase();
        let words = prompt.split(|c: char| !c.is_alphanumeric() && c != '#');
        let mut asked = words.filter_map(word);
        let Some(mut palette) = asked.next() else {
            let index = usize::try_from(chance % NAMED.len() as u64).unwrap_or(0);
            return named(&NAMED[index]);
        };
        if let Some(second) = asked.find(|other| other.stops != palette.stops) {
            palette.vein = second.stops[2];
        }
        palette
    }
}

fn word(word: &str) -> Option<Palette> {
    if let Some(hex) = word.strip_prefix('#') {
        let digits = hex.len() == 6 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
        return u32::from_str_radix(hex, 16)
            .ok()
            .filter(|_| digits)
            .map(|hex| around(rgb(hex)));
    }
    NAMED
        .iter()
        .find(|(words, ..)| words.contains(&word))
        .map(named)
}

fn named((_, stops, vein): &Named) -> Palette {
    Palette {
        stops: stops.map(rgb),
        vein: rgb(*vein),
    }
}

/// Shades and tints of one colour.
fn around(colour: Rgb) -> Palette {
    let towards = |goal: f32, part: f32| colour.map(|value| value + (goal - value) * part);
    let stops = [
        towards(0.0, 0.5),
        colour,
        towards(255.0, 0.4),
        towards(255.0, 0.8),
    ];
    Palette {
        stops,
        vein: rgb(IVORY),
    }
}

fn rgb(hex: u32) -> Rgb {
    let [_, red, green, blue] = hex.to_be_bytes();
    [f32::from(red), f32::from(green), f32::from(blue)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_word_chooses_the_palette_whatever_the_seed() {
        assert_eq!(Palette::of("Deep BLUE, calm", 1), Palette::of("blue", 99));
        assert_ne!(Palette::of("blue", 1), Palette::of("rose", 1));
    }

    #[test]
    fn a_word_inside_another_word_does_not_count() {
        assert_eq!(Palette::of("bored", 3), Palette::of("", 3));
    }

    #[test]
    fn the_second_colour_word_gives_the_veins() {
        let both = Palette::of("blue waves with gold", 1);
        assert_eq!(both.stops, Palette::of("blue", 1).stops);
        assert_eq!(both.vein, Palette::of("gold", 1).stops[2]);
    }

    #[test]
    fn a_hex_colour_is_the_ground() {
        assert_eq!(
            Palette::of("in #336699 please", 1).stops[1],
            [51.0, 102.0, 153.0]
        );
        assert_eq!(Palette::of("in #3366 please", 1), Palette::of("", 1));
        assert_eq!(Palette::of("in #+33669 please", 1), Palette::of("", 1));
    }

    #[test]
    fn without_a_colour_word_the_seed_chooses_among_all() {
        let mut seen: Vec<Palette> = Vec::new();
        for chance in 0..12 {
            let palette = Palette::of("a monogram", chance);
            assert!(!seen.contains(&palette));
            seen.push(palette);
        }
    }
}
