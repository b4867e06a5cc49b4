//! Edits of one zone: the provider sees the whole photograph with a mask and draws that zone anew, and the
//! zone shows that part of the answer.
//!
//! Only the zone's part is taken over, whatever else a model changed: models redraw more than their mask
//! says, and the rest of a product's photograph is the shop's own.

use std::sync::Arc;

use domain::{FailureCode, Product, Zone};
use imaging::{Cost, Format, ImagingError, Mask, Picture, compose, encode};
use providers::{InputImage, MaskConvention, Operation};
use service::telemetry::error_chain;
use store::products::CatalogEntry;

use crate::inputs::{Inputs, of_composition, of_pool};
use crate::layers;
use crate::stop::Stop;
use crate::worker::Worker;

/// A photograph, and where it may change, in both ways in which models read that.
pub(crate) struct Masked {
    photograph: InputImage,
    white: InputImage,
    transparent: InputImage,
}

impl Masked {
    /// What is asked of a model with this convention.
    pub(crate) fn edit(&self, convention: MaskConvention) -> Operation {
        let mask = match convention {
            MaskConvention::WhiteChanges => &self.white,
            MaskConvention::TransparentChanges => &self.transparent,
        };
        Operation::Edit {
            images: vec![self.photograph.clone()],
            mask: Some(mask.clone()),
        }
    }
}

/// The zone that alone may change.
pub(crate) fn zone(entry: &CatalogEntry) -> Option<&Zone> {
    let id = entry.generation.operation.mask()?;
    entry.product.zones.iter().find(|zone| zone.id == id)
}

/// The photograph as large as the finished picture, and the zone in it.
pub(crate) async fn load(
    worker: &Worker,
    product: &Product,
    zone: &Zone,
    inputs: &Inputs,
) -> Result<Masked, Stop> {
    let Some(base) = &inputs.base else {
        tracing::error!(product = %product.id, "there is no photograph to edit");
        return Err(Stop::Failed(FailureCode::ProcessingFailed));
    };
    let plan = layers::photograph_alone(product, base);
    let fonts = Arc::clone(&inputs.fonts);
    let area = zone.area;
    let cost = Cost::of_pixels(u64::from(plan.width) * u64::from(plan.height) * 2);
    let work = move |stop: &imaging::Stop| {
        let (photograph, _) = compose(&plan, &fonts)?;
        stop.check()?;
        let size_px = (plan.width, plan.height);
        let mask = Mask::of_rectangle(size_px, (area.x, area.y), (area.width, area.height))?;
        Ok(Masked {
            photograph: png(&photograph)?,
            white: png(&mask.in_white()?)?,
            transparent: png(&mask.in_transparency()?)?,
        })
    };
    let made = worker.pool.run(cost, work).await;
    made.map_err(|error| of_pool(&error))?
        .map_err(|error: ImagingError| of_composition(&error))
}

fn png(picture: &Picture) -> Result<InputImage, ImagingError> {
    Ok(InputImage {
        bytes: encode(picture, Format::Png)?.into(),
        content_type: "image/png",
    })
}

/// The part of the provider's picture that the zone shows. `whole_px` is the size that the area counts in;
/// the provider may have drawn at another.
pub(crate) fn shown(
    drawn: &Picture,
    whole_px: (u32, u32),
    area: domain::Area,
) -> Result<Arc<Picture>, Stop> {
    let scale = |drawn_px: u32, whole_px: u32| f64::from(drawn_px) / f64::from(whole_px.max(1));
    let across = scale(drawn.width(), whole_px.0);
    let down = scale(drawn.height(), whole_px.1);
    let at = |px: f64| px.round().max(0.0) as u32;
    let (left, top) = (at(area.x * across), at(area.y * down));
    let right = at((area.x + area.width) * across).max(left + 1);
    let bottom = at((area.y + area.height) * down).max(top + 1);
    let part = drawn.part((left, top), (right - left, bottom - top));
    part.map(Arc::new).map_err(|error| {
        tracing::error!(
            error = error_chain(&error),
            "the answer does not reach the zone"
        );
        Stop::Failed(FailureCode::ProviderBadAnswer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose right half below the middle is white.
    fn drawn(width: u32, height: u32) -> Picture {
        let pixels = (0..height).flat_map(|y| {
            (0..width).flat_map(move |x| {
                [if x >= width / 2 && y >= height / 2 {
                    255
                } else {
                    0
                }; 3]
            })
        });
        Picture::from_rgb(width, height, pixels.collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn a_zone_shows_its_own_part_of_an_answer_of_any_size() {
        let area = domain::Area {
            x: 100.0,
            y: 50.0,
            width: 100.0,
            height: 50.0,
            rotation: 0.0,
        };
        for (width, height) in [(200, 100), (400, 200), (20, 10), (64, 48)] {
            let part = shown(&drawn(width, height), (200, 100), area).unwrap();
            assert_eq!((part.width(), part.height()), (width / 2, height / 2));
            assert_eq!(part.pixel(0, 0), Some([255; 4]));
            assert_eq!(part.pixel(width / 2 - 1, height / 2 - 1), Some([255; 4]));
        }
        let beyond = domain::Area { x: 500.0, ..area };
        assert!(shown(&drawn(200, 100), (200, 100), beyond).is_err());
    }
}
