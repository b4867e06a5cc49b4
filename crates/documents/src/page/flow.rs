//! The pen that goes down the pages, and what every page has: the foot, and the head that is carried
//! over.

use domain::invoice::{Document, Language};

use super::canvas::{Ink, Sheet, Style};
use super::typeface::{Run, Typeface};
use super::{HEIGHT, MARGIN, RIGHT};
use crate::words;

/// Below this nothing but the foot stands.
const BOTTOM: f32 = HEIGHT - 78.0;

pub(super) struct Flow<'d> {
    pub(super) document: &'d Document,
    pub(super) language: Language,
    typeface: &'d Typeface,
    done: Vec<Sheet>,
    pub(super) sheet: Sheet,
    /// Where the next thing begins.
    pub(super) y: f32,
}

impl<'d> Flow<'d> {
    pub(super) fn new(document: &'d Document, typeface: &'d Typeface) -> Self {
        Self {
            document,
            language: document.head.buyer.language,
            typeface,
            done: Vec::new(),
            sheet: Sheet::default(),
            y: 46.0,
        }
    }

    /// The one of two texts that is in the document's language.
    pub(super) fn say(&self, english: &'static str, french: &'static str) -> &'static str {
        self.language.pick(english, french)
    }

    pub(super) fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        self.typeface.wrap(text, size, width)
    }

    pub(super) fn shape(&self, text: &str) -> Run {
        self.typeface.shape(text)
    }

    /// Text that begins at `x`, on the baseline `y`.
    pub(super) fn left(&mut self, x: f32, y: f32, style: Style, text: &str) {
        let run = self.typeface.shape(text);
        self.sheet.text(x, y, style, run);
    }

    /// Text that ends at `x`.
    pub(super) fn right(&mut self, x: f32, y: f32, style: Style, text: &str) {
        let run = self.typeface.shape(text);
        self.sheet.text(x - run.width * style.size, y, style, run);
    }

    /// Whether `height` more points fit above the foot.
    pub(super) fn has_room(&self, height: f32) -> bool {
        self.y + height <= BOTTOM
    }

    /// Goes to the next page where `height` more points do not fit.
    pub(super) fn need(&mut self, height: f32) {
        if !self.has_room(height) {
            self.turn();
        }
    }

    /// Ends the page and begins one with the head that is carried over.
    pub(super) fn turn(&mut self) {
        self.done.push(std::mem::take(&mut self.sheet));
        let head = &self.document.head;
        let number = head.number.as_deref().unwrap_or_default();
        let title = format!("{} {number}", words::title(self.document));
        let seller = words::trading_name(&head.seller).to_owned();
        self.left(MARGIN, 52.0, Style::bold(10.0, Ink::Accent), &seller);
        self.right(RIGHT, 52.0, Style::of(9.0, Ink::Grey), &title);
        self.sheet.rule(MARGIN, RIGHT, 62.0, 0.8, Ink::Accent);
        self.y = 82.0;
    }

    /// The pages, each with its foot.
    pub(super) fn finish(mut self) -> Vec<Sheet> {
        let last = std::mem::take(&mut self.sheet);
        self.done.push(last);
        let pages = std::mem::take(&mut self.done);
        let (count, imprint) = (pages.len(), words::imprint(self.document));
        let style = Style::of(7.0, Ink::Grey);
        let lines = self.wrap(&imprint, style.size, RIGHT - MARGIN - 70.0);
        let mut finished = Vec::new();
        for (index, sheet) in pages.into_iter().enumerate() {
            self.sheet = sheet;
            self.sheet
                .rule(MARGIN, RIGHT, HEIGHT - 62.0, 0.5, Ink::Hair);
            for (line, text) in lines.iter().take(3).enumerate() {
                let y = HEIGHT - 50.0 + 9.5 * line as f32;
                self.left(MARGIN, y, style, text);
            }
            let page = format!("{} {} / {count}", self.say("Page", "Page"), index + 1);
            self.right(RIGHT, HEIGHT - 50.0, style, &page);
            finished.push(std::mem::take(&mut self.sheet));
        }
        finished
    }
}
