//! The fonts that every binary carries.

/// A family, its file, and other names that it stands for, folded as [`super::fonts::folded`] does.
pub(super) struct Bundled {
    pub(super) family: &'static str,
    pub(super) file: &'static [u8],
    pub(super) also: &'static [&'static str],
}

/// The first one stands in for unknown names and has most characters.
pub(super) const BUNDLED: [Bundled; 3] = [
    Bundled {
        family: "Inter",
        file: include_bytes!("../../fonts/Inter-Medium.otf"),
        also: &[
            "sans",
            "sansserif",
            "systemui",
            "arial",
            "helvetica",
            "roboto",
            "opensans",
            "lato",
        ],
    },
    Bundled {
        family: "EB Garamond",
        file: include_bytes!("../../fonts/EBGaramond12-Regular.otf"),
        also: &[
            "serif",
            "garamond",
            "georgia",
            "times",
            "timesnewroman",
            "playfairdisplay",
            "playfair",
            "merriweather",
            "lora",
            "cormorantgaramond",
        ],
    },
    Bundled {
        family: "Dancing Script",
        file: include_bytes!("../../fonts/DancingScript-Bold.otf"),
        also: &[
            "script",
            "cursive",
            "handwriting",
            "pacifico",
            "greatvibes",
            "brushscript",
            "lobster",
        ],
    },
];
