//! `POST /v2beta/stable-image/edit/…`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::endpoint;
use super::errors::bad;
use super::fields::{Shared, decimal, number};
use super::generate::{CREDIT_MICROS, PictureOrder, carry_out, decode, read_form};
use super::results;
use crate::answer::{Failure, Outcome};
use crate::call::Call;
use crate::draw::{Area, Input};
use crate::fault::Kind;
use crate::form::Form;
use crate::world::World;

const MAX_OUT: u64 = 2000;
const FORMATS: &[&str] = &["png", "jpeg", "webp"];

/// An edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Inpaint,
    Erase,
    Outpaint,
    RemoveBackground,
    SearchAndReplace,
    SearchAndRecolor,
    ReplaceBackground,
}

impl Edit {
    fn of(name: &str) -> Option<(Self, &'static str)> {
        Some(match name {
            "inpaint" => (Self::Inpaint, "edit/inpaint"),
            "erase" => (Self::Erase, "edit/erase"),
            "outpaint" => (Self::Outpaint, "edit/outpaint"),
            "remove-background" => (Self::RemoveBackground, "edit/remove-background"),
            "search-and-replace" => (Self::SearchAndReplace, "edit/search-and-replace"),
            "search-and-recolor" => (Self::SearchAndRecolor, "edit/search-and-recolor"),
            "replace-background-and-relight" => (
                Self::ReplaceBackground,
                "edit/replace-background-and-relight",
            ),
            _ => return None,
        })
    }

    fn credits(self) -> i64 {
        match self {
            Self::Outpaint => 4,
            Self::ReplaceBackground => 8,
            _ => 5,
        }
    }

    fn needs_prompt(self) -> bool {
        matches!(
            self,
            Self::Inpaint | Self::SearchAndReplace | Self::SearchAndRecolor
        )
    }

    /// A field without which the edit is refused, besides image and prompt.
    fn needs(self) -> Option<&'static str> {
        match self {
            Self::SearchAndReplace => Some("search_prompt"),
            Self::SearchAndRecolor => Some("select_prompt"),
            _ => None,
        }
    }

    fn formats(self) -> &'static [&'static str] {
        // A background that is gone needs transparency.
        if self == Self::RemoveBackground {
            &["png", "webp"]
        } else {
            FORMATS
        }
    }
}

pub(crate) async fn create(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some((edit, name)) = Edit::of(&name) else {
        return results::unknown(State(world), request).await;
    };
    let kind = if edit == Edit::ReplaceBackground {
        Kind::Polled
    } else {
        Kind::Sync
    };
    let mut call = Call::read(world, endpoint(name, kind), request).await;
    let outcome = carry(&mut call, edit, name).await;
    call.finish(outcome).await
}

async fn carry(call: &mut Call, edit: Edit, name: &str) -> Outcome {
    let form = read_form(call).await;
    let model = name.trim_start_matches("edit/");
    call.gate(model)?;
    let form = form?;
    let shared = Shared::parse(&form, &call.headers, edit.needs_prompt(), edit.formats())?;
    if let Some(field) = edit.needs()
        && form.text(field).unwrap_or_default().is_empty()
    {
        return Err(bad(field, "cannot be blank"));
    }
    let image_field = if edit == Edit::ReplaceBackground {
        "subject_image"
    } else {
        "image"
    };
    let Some(image) = form.bytes(image_field) else {
        return Err(bad(image_field, "is required"));
    };
    let picture = decode(call, image_field, image.clone()).await?;
    let (area, sides) = area(call, edit, &form, &picture).await?;
    let order = PictureOrder {
        shared,
        sides,
        input: Some(Input { picture, area }),
        model: model.to_owned(),
        cost_micros: edit.credits() * CREDIT_MICROS,
    };
    if edit == Edit::ReplaceBackground {
        return results::submit(call, order).await;
    }
    carry_out(call, order).await
}

/// Which pixels change, and the sides of the result.
async fn area(
    call: &Call,
    edit: Edit,
    form: &Form,
    picture: &imaging::Picture,
) -> Result<(Area, (u32, u32)), Failure> {
    let sides = (picture.width(), picture.height());
    let area = match edit {
        Edit::Inpaint | Edit::Erase => {
            number(form, "grow_mask", 0, 100)?;
            masked(call, form, picture).await?
        }
        Edit::Outpaint => return outpaint(form, sides),
        Edit::RemoveBackground => Area::AroundMiddle,
        Edit::SearchAndReplace | Edit::SearchAndRecolor => Area::Middle,
        Edit::ReplaceBackground => {
            if form.text("background_prompt").is_none()
                && form.bytes("background_reference").is_none()
            {
                return Err(bad(
                    "background_prompt",
                    "or background_reference is required",
                ));
            }
            Area::AroundMiddle
        }
    };
    Ok((area, sides))
}

/// The mask, or the picture's own transparency.
async fn masked(call: &Call, form: &Form, picture: &imaging::Picture) -> Result<Area, Failure> {
    match form.bytes("mask") {
        Some(mask) => Ok(Area::White(decode(call, "mask", mask.clone()).await?)),
        None if picture.is_opaque() => Err(bad(
            "mask",
            "is required when the image has no transparency",
        )),
        None => Ok(Area::Transparent(picture.clone())),
    }
}

fn outpaint(form: &Form, (width, height): (u32, u32)) -> Result<(Area, (u32, u32)), Failure> {
    decimal(form, "creativity", 0.0, 1.0)?;
    let mut edges = [0_u32; 4];
    for (edge, name) in edges.iter_mut().zip(["left", "right", "up", "down"]) {
        *edge = number(form, name, 0, MAX_OUT)?.unwrap_or(0) as u32;
    }
    let [left, right, up, down] = edges;
    if edges == [0; 4] {
        return Err(bad(
            "left",
            "at least one of left, right, up, down must be greater than 0",
        ));
    }
    Ok((
        Area::Outside { left, up },
        (width + left + right, height + up + down),
    ))
}
