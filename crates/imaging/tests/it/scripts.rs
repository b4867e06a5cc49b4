//! Scripts beyond Latin, drawn with the font pack.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use imaging::{Content, Fonts, ImagingError, Layer, RenderStyle, TextLayer, TextReport};

use super::draw::{area, sheet, text_layer};
use super::ink;

/// Five names or greetings in each of twelve scripts.
const TEXTS: [(&str, [&str; 5]); 12] = [
    (
        "Latin",
        [
            "Zoé & Léo",
            "Łukasz",
            "Đặng Thị Hồng",
            "Ğülşen Çelik",
            "Jürgen Weiß",
        ],
    ),
    (
        "Greek",
        [
            "Αγάπη",
            "Ευτυχία",
            "Ελένη & Γιώργος",
            "Χρόνια πολλά",
            "Ὀδυσσεύς",
        ],
    ),
    (
        "Cyrillic",
        ["Любовь", "Жанна", "Їжак", "Ђорђе", "С днём рождения"],
    ),
    ("Armenian", ["Սեր", "Արմեն", "Երևան", "Շնորհավոր", "Անահիտ"]),
    (
        "Georgian",
        ["სიყვარული", "გიორგი", "თბილისი", "ნინო", "გილოცავ"],
    ),
    (
        "Devanagari",
        ["प्रेम", "हमेशा के लिए", "श्रीमती", "क्षत्रिय", "जन्मदिन"],
    ),
    (
        "Arabic",
        [
            "محمد",
            "محبة إلى الأبد",
            "فاطمة الزهراء",
            "عيد ميلاد سعيد",
            "لا إله",
        ],
    ),
    ("Hebrew", ["אהבה", "שלום", "רחל ויעקב", "מזל טוב", "שָׁלוֹם"]),
    (
        "Thai",
        ["รักตลอดไป", "สุขสันต์วันเกิด", "น้ำผึ้ง", "กรุงเทพฯ", "ปู่ย่าตายาย"],
    ),
    (
        "Han",
        ["永远的爱", "生日快乐", "王小明", "龍鳳呈祥", "山田太郎"],
    ),
    (
        "Kana",
        [
            "さくら",
            "ありがとう",
            "ハッピー",
            "だいすき",
            "ユキ & ケン",
        ],
    ),
    (
        "Hangul",
        ["사랑", "생일 축하해", "김민준", "영원히", "서울"],
    ),
];

/// The folder that `ATELIER_FONT_PACK_DIR` names, else one that setup/fonts.sh fills once.
fn pack() -> &'static Fonts {
    static FONTS: OnceLock<Fonts> = OnceLock::new();
    FONTS.get_or_init(|| {
        let folder = std::env::var_os("ATELIER_FONT_PACK_DIR").map_or_else(install, PathBuf::from);
        let (fonts, damaged) =
            Fonts::bundled().with_pack(|file| std::fs::read(folder.join(file)).ok());
        assert_eq!(damaged, Vec::<&str>::new());
        assert_eq!(
            fonts.names().count(),
            3 + imaging::PACK.len(),
            "the pack is incomplete"
        );
        fonts
    })
}

fn install() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../font-pack");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../setup/fonts.sh");
    let done = Command::new(script).arg(&folder).status().unwrap();
    assert!(done.success(), "setup/fonts.sh {} failed", folder.display());
    folder
}

fn drawn(layer: Layer) -> (imaging::Picture, TextReport) {
    let (picture, mut report) = imaging::compose(&sheet(600, 300, vec![layer]), pack()).unwrap();
    (picture, report.layers.remove(0).text.unwrap())
}

#[test]
fn sixty_texts_in_twelve_scripts_are_drawn_whole() {
    let zone = area(20.0, 20.0, 560.0, 260.0);
    for (script, texts) in TEXTS {
        for content in texts {
            for font in ["Inter", "EB Garamond", "Dancing Script"] {
                let (picture, report) = drawn(text_layer(content, font, zone));
                assert!(
                    ink::bounds(&picture).is_some(),
                    "{script} {content} left no ink"
                );
                assert!(
                    ink::outside(&picture, zone, ink::TOUCH_PX).is_none(),
                    "{script} {content}"
                );
                let squeezed = |text: &str| text.split_whitespace().collect::<String>();
                let lines = squeezed(&report.lines.concat());
                // Composed letters may have been given apart.
                assert_eq!(lines.is_empty(), content.is_empty(), "{script} {content}");
            }
        }
    }
}

#[test]
fn the_bundled_fonts_alone_refuse_what_they_lack_by_name() {
    for (content, character) in [("محمد", 'م'), ("אהבה", 'א'), ("รัก", 'ร'), ("永远", '永')]
    {
        let layer = text_layer(content, "Inter", area(0.0, 0.0, 100.0, 50.0));
        let result = imaging::compose(&sheet(100, 50, vec![layer]), &Fonts::bundled());
        assert!(
            matches!(&result, Err(ImagingError::MissingGlyph { character: c, .. }) if *c == character),
            "{content}: {result:?}"
        );
    }
}

#[test]
fn no_pack_has_an_unassigned_character() {
    let layer = text_layer("Zoé \u{378}", "Inter", area(0.0, 0.0, 100.0, 50.0));
    let result = imaging::compose(&sheet(100, 50, vec![layer]), pack());
    assert!(matches!(
        result,
        Err(ImagingError::MissingGlyph {
            character: '\u{378}',
            ..
        })
    ));
}

#[test]
fn right_to_left_text_begins_at_the_right() {
    // One wide letter before nine narrow ones: its ink must be at the right end.
    let zone = area(20.0, 20.0, 560.0, 100.0);
    let (picture, report) = drawn(text_layer("שוווווווו", "Inter", zone));
    assert_eq!(report.fallback_fonts, ["Noto Sans Hebrew"]);
    let [left, top, right, bottom] = ink::bounds(&picture).unwrap();
    // Shin stands on a bar, vav on a stem: the bar is in the lowest eighth.
    let low = bottom - (bottom - top) / 8;
    let count = |from: u32, to: u32| {
        let within = |&&(x, y): &&(u32, u32)| (from..to).contains(&x) && y >= low;
        ink::positions(&picture).iter().filter(within).count()
    };
    let width = (right - left) / 6;
    let (first, last) = (count(right - width, right), count(left, left + width));
    assert!(first > last * 5 / 4, "right end {first}, left end {last}");
}

#[test]
fn numbers_and_latin_keep_their_direction_inside_right_to_left_text() {
    // "2019" alone and inside Hebrew must show the same four figures in the same order.
    let zone = area(20.0, 100.0, 560.0, 60.0);
    let line = |content| drawn(text_layer(content, "Inter", zone)).1.lines;
    assert_eq!(line("מאז 2019"), ["מאז 2019"]);
    let (with, _) = drawn(text_layer("א 2019", "Inter", zone));
    let (reversed, _) = drawn(text_layer("א 9102", "Inter", zone));
    assert!(with != reversed);
}

#[test]
fn arabic_letters_join() {
    // Three letters that join leave one stroke; the same letters kept apart leave three.
    let zone = area(20.0, 20.0, 560.0, 260.0);
    let strokes = |content| ink::strokes(&drawn(text_layer(content, "Inter", zone)).0);
    assert_eq!(strokes("ححح"), 1);
    assert_eq!(strokes("ح\u{200C}ح\u{200C}ح"), 3);
    let spaced = TextLayer {
        letter_spacing_em: 0.5,
        ..super::draw::text("ححح", "Inter")
    };
    let (picture, _) = drawn(Layer::new("zone", zone, Content::Text(spaced)));
    assert_eq!(
        ink::strokes(&picture),
        1,
        "letter spacing does not tear words apart"
    );
}

#[test]
fn thai_and_chinese_lines_break_without_spaces() {
    let tall = area(200.0, 20.0, 160.0, 260.0);
    for content in ["สุขสันต์วันเกิดด้วยรักและคิดถึง", "生日快乐永远的爱祝你幸福"]
    {
        let (_, report) = drawn(text_layer(content, "Inter", tall));
        assert!(report.lines.len() >= 3, "{:?}", report.lines);
        assert_eq!(report.lines.concat(), content);
    }
}

#[test]
fn han_characters_take_the_forms_of_the_text_they_stand_in() {
    let zone = area(20.0, 20.0, 560.0, 260.0);
    let fonts = |content| drawn(text_layer(content, "Inter", zone)).1.fallback_fonts;
    assert_eq!(fonts("永远"), ["Noto Sans CJK SC"]);
    assert_eq!(fonts("永遠の愛"), ["Noto Sans CJK JP"]);
    assert_eq!(fonts("大韓 사랑"), ["Noto Sans CJK KR"]);
}

#[test]
fn emoji_are_drawn_in_colour_and_cut_by_their_darkness() {
    let zone = area(150.0, 50.0, 300.0, 200.0);
    for content in ["💛", "🎁", "🇫🇷", "❤️"] {
        let (picture, report) = drawn(text_layer(content, "Inter", zone));
        assert_eq!(report.fallback_fonts, ["Noto Color Emoji"], "{content}");
        let colourful = ink::positions(&picture).iter().any(|&(x, y)| {
            let [r, g, b, _] = picture.pixel(x, y).unwrap();
            r.abs_diff(g).max(g.abs_diff(b)) > 60
        });
        assert!(colourful, "{content} has no colour");
        assert_eq!(ink::outside(&picture, zone, 1.5), None, "{content}");
    }
    // Joined, they are one picture, and in Noto a grey one.
    let family = "👩\u{200D}👩\u{200D}👧";
    let (joined, _) = drawn(text_layer(family, "Inter", zone));
    assert_eq!(ink::outside(&joined, zone, 1.5), None);
    let (apart, _) = drawn(text_layer("👩👩👧", "Inter", zone));
    let shape = |picture| {
        let [left, top, right, bottom] = ink::bounds(picture).unwrap();
        f64::from(right - left) / f64::from(bottom - top)
    };
    let (joined, apart) = (shape(&joined), shape(&apart));
    assert!(
        joined < 1.5 && apart > 2.0,
        "joined {joined}, apart {apart}"
    );
    let cut = Layer {
        style: RenderStyle::Engraved,
        ..text_layer("🎁", "Inter", zone)
    };
    let (picture, _) = drawn(cut);
    let grey = ink::positions(&picture).iter().all(|&(x, y)| {
        let [r, g, b, _] = picture.pixel(x, y).unwrap();
        r.abs_diff(g).max(g.abs_diff(b)) < 8
    });
    assert!(grey, "an engraving has one colour");
}
