//! Drawings of one page, kept until it is known how many pages there are.

use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;

use super::typeface::{Run, Typeface};
use crate::logo::Logo;

/// The colours of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Text.
    Black,
    /// Text of less weight.
    Grey,
    /// Lines between rows.
    Hair,
    /// The seller's mark and the title.
    Accent,
    /// Behind the amount due.
    Tint,
    /// On the accent.
    White,
}

impl Ink {
    fn colour(self) -> rgb::Color {
        match self {
            Self::Black => rgb::Color::new(0x1c, 0x21, 0x28),
            Self::Grey => rgb::Color::new(0x5d, 0x66, 0x73),
            Self::Hair => rgb::Color::new(0xd9, 0xdd, 0xe3),
            Self::Accent => rgb::Color::new(0x1d, 0x4e, 0x5f),
            Self::Tint => rgb::Color::new(0xee, 0xf3, 0xf4),
            Self::White => rgb::Color::white(),
        }
    }
}

/// How text is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) ink: Ink,
}

impl Style {
    pub(super) const fn of(size: f32, ink: Ink) -> Self {
        Self {
            size,
            bold: false,
            ink,
        }
    }

    pub(super) const fn bold(size: f32, ink: Ink) -> Self {
        Self {
            size,
            bold: true,
            ink,
        }
    }
}

enum Drawing {
    Text {
        x: f32,
        y: f32,
        style: Style,
        run: Run,
    },
    Box {
        left: f32,
        top: f32,
        width: f32,
        height: f32,
        radius: f32,
        ink: Ink,
    },
    Rule {
        left: f32,
        right: f32,
        y: f32,
        width: f32,
        ink: Ink,
    },
    Picture {
        left: f32,
        top: f32,
        size: Size,
        image: Image,
    },
}

/// One page.
#[derive(Default)]
pub(super) struct Sheet(Vec<Drawing>);

impl Sheet {
    /// Text whose baseline begins at `x`, `y`.
    pub(super) fn text(&mut self, x: f32, y: f32, style: Style, run: Run) {
        self.0.push(Drawing::Text { x, y, style, run });
    }

    pub(super) fn filled(&mut self, area: (f32, f32, f32, f32), radius: f32, ink: Ink) {
        let (left, top, width, height) = area;
        self.0.push(Drawing::Box {
            left,
            top,
            width,
            height,
            radius,
            ink,
        });
    }

    pub(super) fn rule(&mut self, left: f32, right: f32, y: f32, width: f32, ink: Ink) {
        self.0.push(Drawing::Rule {
            left,
            right,
            y,
            width,
            ink,
        });
    }

    /// A picture that fills an area of left, top, width and height.
    pub(super) fn picture(&mut self, logo: &Logo, area: (f32, f32, f32, f32)) {
        let (left, top, width, height) = area;
        if let Some(size) = Size::from_wh(width, height) {
            self.0.push(Drawing::Picture {
                left,
                top,
                size,
                image: logo.image().clone(),
            });
        }
    }

    pub(super) fn draw(&self, surface: &mut Surface<'_>, typeface: &Typeface) {
        for drawing in &self.0 {
            match drawing {
                Drawing::Text { x, y, style, run } => {
                    surface.set_fill(Some(fill(style.ink)));
                    // The bundled font has one weight; an outline of the same colour makes the other.
                    surface.set_stroke(style.bold.then(|| stroke(style.ink, style.size * 0.022)));
                    let start = Point::from_xy(*x, *y);
                    let font = typeface.drawn_with.clone();
                    surface.draw_glyphs(start, &run.glyphs, font, &run.text, style.size, false);
                }
                Drawing::Box {
                    left,
                    top,
                    width,
                    height,
                    radius,
                    ink,
                } => {
                    surface.set_fill(Some(fill(*ink)));
                    surface.set_stroke(None);
                    if let Some(path) = rounded(*left, *top, *width, *height, *radius) {
                        surface.draw_path(&path);
                    }
                }
                Drawing::Rule {
                    left,
                    right,
                    y,
                    width,
                    ink,
                } => {
                    surface.set_fill(None);
                    surface.set_stroke(Some(stroke(*ink, *width)));
                    let mut path = PathBuilder::new();
                    path.move_to(*left, *y);
                    path.line_to(*right, *y);
                    if let Some(path) = path.finish() {
                        surface.draw_path(&path);
                    }
                }
                Drawing::Picture {
                    left,
                    top,
                    size,
                    image,
                } => {
                    surface.push_transform(&Transform::from_translate(*left, *top));
                    surface.draw_image(image.clone(), *size);
                    surface.pop();
                }
            }
        }
    }
}

fn fill(ink: Ink) -> Fill {
    Fill {
        paint: ink.colour().into(),
        ..Fill::default()
    }
}

fn stroke(ink: Ink, width: f32) -> Stroke {
    Stroke {
        paint: ink.colour().into(),
        width,
        ..Stroke::default()
    }
}

fn rounded(left: f32, top: f32, width: f32, height: f32, radius: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    let (right, bottom) = (left + width, top + height);
    if radius <= 0.0 {
        path.push_rect(Rect::from_ltrb(left, top, right, bottom)?);
        return path.finish();
    }
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.quad_to(right, top, right, top + radius);
    path.line_to(right, bottom - radius);
    path.quad_to(right, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.quad_to(left, bottom, left, bottom - radius);
    path.line_to(left, top + radius);
    path.quad_to(left, top, left + radius, top);
    path.close();
    path.finish()
}
