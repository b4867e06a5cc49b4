//! The font pack: which files it has and what each is for.
//!
//! The pack is not in the repository (it has some 35 MB); `setup/fonts.sh` puts it into a folder. This
//! crate reads no files, so whoever has the bytes hands them to [`crate::Fonts::with_pack`].

/// A file of the pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackFont {
    /// The file's name, without a folder.
    pub file: &'static str,
    /// The font's number in a collection; 0 in a file with one font.
    pub index: u32,
    /// The family, by which a zone may also ask for it.
    pub family: &'static str,
    /// What it is taken for.
    pub(super) role: Role,
}

/// When a font of the pack is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// For characters that no earlier font has.
    FallBack,
    /// For Han, kana and hangul, in the forms of one region.
    Cjk(Region),
    /// Only where it is asked for by name.
    Brand,
    /// For characters that are shown in colour.
    Emoji,
}

/// Whose forms of the Han characters are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    Japan,
    Korea,
    China,
}

const fn fall_back(file: &'static str, family: &'static str) -> PackFont {
    PackFont {
        file,
        index: 0,
        family,
        role: Role::FallBack,
    }
}

const fn cjk(index: u32, family: &'static str, region: Region) -> PackFont {
    PackFont {
        file: "NotoSansCJK-Regular.ttc",
        index,
        family,
        role: Role::Cjk(region),
    }
}

/// Every font of the pack, in the order in which they are tried. All are of the Noto family, under the
/// SIL Open Font License 1.1, from Debian's packages `fonts-noto-core`, `fonts-noto-cjk` and
/// `fonts-noto-color-emoji`.
pub const PACK: &[PackFont] = &[
    fall_back("NotoSans-Regular.ttf", "Noto Sans"),
    fall_back("NotoNaskhArabic-Regular.ttf", "Noto Naskh Arabic"),
    fall_back("NotoSansArabic-Regular.ttf", "Noto Sans Arabic"),
    fall_back("NotoSansHebrew-Regular.ttf", "Noto Sans Hebrew"),
    fall_back("NotoSansThai-Regular.ttf", "Noto Sans Thai"),
    fall_back("NotoSansLao-Regular.ttf", "Noto Sans Lao"),
    fall_back("NotoSansKhmer-Regular.ttf", "Noto Sans Khmer"),
    fall_back("NotoSansMyanmar-Regular.ttf", "Noto Sans Myanmar"),
    fall_back("NotoSansDevanagari-Regular.ttf", "Noto Sans Devanagari"),
    fall_back("NotoSansBengali-Regular.ttf", "Noto Sans Bengali"),
    fall_back("NotoSansGujarati-Regular.ttf", "Noto Sans Gujarati"),
    fall_back("NotoSansGurmukhi-Regular.ttf", "Noto Sans Gurmukhi"),
    fall_back("NotoSansTamil-Regular.ttf", "Noto Sans Tamil"),
    fall_back("NotoSansTelugu-Regular.ttf", "Noto Sans Telugu"),
    fall_back("NotoSansKannada-Regular.ttf", "Noto Sans Kannada"),
    fall_back("NotoSansMalayalam-Regular.ttf", "Noto Sans Malayalam"),
    fall_back("NotoSansSinhala-Regular.ttf", "Noto Sans Sinhala"),
    fall_back("NotoSerifTibetan-Regular.ttf", "Noto Serif Tibetan"),
    fall_back("NotoSansGeorgian-Regular.ttf", "Noto Sans Georgian"),
    fall_back("NotoSansArmenian-Regular.ttf", "Noto Sans Armenian"),
    fall_back("NotoSansEthiopic-Regular.ttf", "Noto Sans Ethiopic"),
    cjk(2, "Noto Sans CJK SC", Region::China),
    cjk(0, "Noto Sans CJK JP", Region::Japan),
    cjk(1, "Noto Sans CJK KR", Region::Korea),
    fall_back("NotoSansSymbols-Regular.ttf", "Noto Sans Symbols"),
    fall_back("NotoSansSymbols2-Regular.ttf", "Noto Sans Symbols2"),
    fall_back("NotoSansMath-Regular.ttf", "Noto Sans Math"),
    PackFont {
        file: "NotoColorEmoji.ttf",
        index: 0,
        family: "Noto Color Emoji",
        role: Role::Emoji,
    },
];
