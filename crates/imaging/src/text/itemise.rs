//! A line in the order of its glyphs: stretches of one direction, one script and one font.

use std::ops::Range;

use harfrust::Direction;
use icu_properties::props::{EmojiPresentation, NamedEnumeratedProperty, Script};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_bidi::{BidiInfo, Level};
use unicode_segmentation::UnicodeSegmentation;

use super::fonts::{Fonts, Wish};
use super::pack::Region;
use crate::ImagingError;

/// A stretch that is shaped in one go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run<'t> {
    pub(super) text: &'t str,
    pub(super) font: usize,
    /// The ISO 15924 code.
    pub(super) script: &'static str,
    pub(super) direction: Direction,
}

/// A stretch before it is put in order.
struct Item {
    range: Range<usize>,
    font: usize,
    script: Script,
}

/// The direction of a paragraph: that of its first letter.
pub(super) fn base_level(paragraph: &str) -> Level {
    let info = BidiInfo::new(paragraph, None);
    info.paragraphs.first().map_or(Level::ltr(), |p| p.level)
}

/// The runs of a line from left to right.
pub(super) fn runs<'t>(
    layer: &str,
    line: &'t str,
    base: Level,
    chosen: usize,
    fonts: &Fonts,
) -> Result<Vec<Run<'t>>, ImagingError> {
    let items = items(layer, line, chosen, fonts)?;
    let bidi = BidiInfo::new(line, Some(base));
    let mut runs = Vec::new();
    for paragraph in &bidi.paragraphs {
        let (levels, stretches) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for stretch in stretches {
            let right_to_left = levels.get(stretch.start).is_some_and(Level::is_rtl);
            let mut within: Vec<Run<'t>> = items
                .iter()
                .filter_map(|item| run(line, item, &stretch, right_to_left))
                .collect();
            if right_to_left {
                within.reverse();
            }
            runs.extend(within);
        }
    }
    Ok(runs)
}

fn run<'t>(
    line: &'t str,
    item: &Item,
    stretch: &Range<usize>,
    right_to_left: bool,
) -> Option<Run<'t>> {
    let start = item.range.start.max(stretch.start);
    let end = item.range.end.min(stretch.end);
    let text = line.get(start..end).filter(|text| !text.is_empty())?;
    Some(Run {
        text,
        font: item.font,
        script: item.script.short_name(),
        direction: if right_to_left {
            Direction::RightToLeft
        } else {
            Direction::LeftToRight
        },
    })
}

/// Splits where the font or the script changes. What belongs together (a letter with its accents)
/// stays in one font; what has no script of its own goes with what stands before it.
fn items(layer: &str, line: &str, chosen: usize, fonts: &Fonts) -> Result<Vec<Item>, ImagingError> {
    let region = region(line);
    let mut items: Vec<Item> = Vec::new();
    for (start, grapheme) in line.grapheme_indices(true) {
        let own = own_script(grapheme);
        let font = match items.last() {
            // A space between two words of one font does not part them.
            Some(last)
                if grapheme.chars().all(char::is_whitespace)
                    && grapheme.chars().all(|c| fonts.face(last.font).covers(c)) =>
            {
                Some(last.font)
            }
            _ => fonts.covering(grapheme, chosen, wish(grapheme, own, region)),
        };
        let font = font.ok_or_else(|| missing(layer, grapheme, chosen, fonts))?;
        let end = start + grapheme.len();
        match items.last_mut() {
            Some(last) if last.font == font && goes_on(last.script, own) => {
                last.range.end = end;
                last.script = if is_shared(last.script) {
                    own.unwrap_or(last.script)
                } else {
                    last.script
                };
            }
            _ => items.push(Item {
                range: start..end,
                font,
                script: own.unwrap_or(Script::Common),
            }),
        }
    }
    Ok(items)
}

/// Whether a grapheme of script `next` (`None`: of no script of its own) joins a stretch.
fn goes_on(script: Script, next: Option<Script>) -> bool {
    is_shared(script) || next.is_none_or(|next| next == script)
}

fn is_shared(script: Script) -> bool {
    matches!(script, Script::Common | Script::Inherited | Script::Unknown)
}

/// The script of the first character that has one.
fn own_script(grapheme: &str) -> Option<Script> {
    let scripts = CodePointMapData::<Script>::new();
    grapheme
        .chars()
        .map(|c| scripts.get(c))
        .find(|script| !is_shared(*script))
}

fn wish(grapheme: &str, script: Option<Script>, region: Region) -> Wish {
    const TEXT_STYLE: char = '\u{FE0E}';
    const EMOJI_STYLE: char = '\u{FE0F}';
    let in_colour = CodePointSetData::new::<EmojiPresentation>();
    if grapheme.contains(TEXT_STYLE) {
        return Wish::Plain;
    }
    if grapheme.contains(EMOJI_STYLE) || grapheme.chars().any(|c| in_colour.contains(c)) {
        return Wish::Emoji;
    }
    match script {
        Some(
            Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo,
        ) => Wish::Cjk(region),
        _ => Wish::Plain,
    }
}

/// Whose Han characters a line has: kana means Japan, hangul Korea, neither China.
fn region(line: &str) -> Region {
    let scripts = CodePointMapData::<Script>::new();
    let has = |wanted: &[Script]| line.chars().any(|c| wanted.contains(&scripts.get(c)));
    if has(&[Script::Hiragana, Script::Katakana]) {
        Region::Japan
    } else if has(&[Script::Hangul]) {
        Region::Korea
    } else {
        Region::China
    }
}

pub(super) fn missing(layer: &str, grapheme: &str, chosen: usize, fonts: &Fonts) -> ImagingError {
    let character = grapheme
        .chars()
        .find(|&c| !fonts.has(c, chosen))
        .or_else(|| grapheme.chars().next());
    ImagingError::MissingGlyph {
        layer: layer.to_owned(),
        character: character.unwrap_or('\0'),
    }
}
