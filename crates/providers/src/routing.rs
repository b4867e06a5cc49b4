//! Which candidate gets a request, and why the others do not. Pure.
//!
//! Candidates come in order of preference: what the template, product, brand or platform names, then the
//! fallback list. Each is judged by itself; the first that is fit gets the request. A candidate is fit or
//! refused, never "nearly fit": what a request needs (an operation, a transparent background, so many
//! pictures) is not dropped to make it fit. A fallback is held to one thing more than a first choice: it
//! must not draw a much smaller or differently shaped picture, and must not need the prompt cut, because
//! nobody asked for it by name.

use std::time::Duration;

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::error::ErrorKind;
use crate::models::Model;
use crate::request::{Background, OperationKind};

mod candidates;

pub use candidates::{Candidate, Origin, candidates};

/// A fallback draws at least this part of the pixels that the first choice would draw.
const LEAST_PIXELS: f64 = 0.25;
/// A fallback's picture is at most by this factor wider or narrower than wanted: beyond it, more than a
/// third of it would be cut off.
const MOST_STRETCH: f64 = 1.5;

/// What a request needs, whoever serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What is to be done.
    pub operation: OperationKind,
    /// What is behind the subject.
    pub background: Background,
    /// How many pictures go with it.
    pub input_images: u32,
    /// The size that is wanted, in pixels.
    pub size_px: (u32, u32),
    /// The prompt's length in characters before it is fitted to a model.
    pub prompt_chars: usize,
}

/// What is known of a candidate at this moment.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Who it is.
    pub candidate: Candidate,
    /// What the registry says of its model.
    pub listing: Listing,
    /// How its calls went lately.
    pub circuit: Circuit,
    /// The keys it may be called with, in the order in which they are to be used.
    pub keys: Vec<KeyOffer>,
    /// Why it is out of the question for this request, from an earlier attempt.
    pub earlier: Option<Refusal>,
}

/// What the registry says of a candidate's model.
#[derive(Debug, Clone)]
pub enum Listing {
    /// This process has no such provider.
    NoProvider,
    /// The provider has no row for the model.
    Unlisted,
    /// It stopped answering on that day, and no other takes its place.
    Retired(NaiveDate),
    /// Its row.
    Row(Model),
}

/// How a model's calls went lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// Well enough.
    Closed,
    /// Badly: nothing is sent for this long.
    Open(Duration),
    /// Badly, and this call may find out whether it is better now.
    Probe,
}

/// A key that a candidate may be called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOffer {
    /// Its id.
    pub id: String,
    /// Whether it may be used.
    pub state: KeyState,
}

/// Whether a key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// At once.
    Ready,
    /// After this long: its limits are used up.
    Wait(Duration),
    /// Not for this request: an earlier attempt of it was refused.
    Tried,
    /// Not before somebody mends it, or its pause is over.
    Disabled,
}

/// How long the caller can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Waited in place rather than turning to the next candidate.
    pub in_place: Duration,
    /// Left until the deadline; none where there is no deadline.
    pub left: Option<Duration>,
}

/// Why a candidate does not get the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This process has no such provider.
    UnknownProvider,
    /// The provider does not know the model, and the request needs more than any model can do.
    UnknownModel,
    /// The model stopped answering on that day.
    Retired(NaiveDate),
    /// The model cannot do this.
    Operation(OperationKind),
    /// The model cannot leave the background transparent.
    Transparency,
    /// The model takes at most so many pictures.
    InputImages(u32),
    /// The fallback would draw this size.
    Size(u32, u32),
    /// The fallback would cut the prompt to so many characters.
    PromptLength(u32),
    /// Its calls fail; nothing is sent for this long.
    CircuitOpen(Duration),
    /// There is no key for it that this brand may spend on.
    NoKey,
    /// Every key is disabled or was refused before.
    KeysDisabled,
    /// Every key's limits are used up for this long.
    Limited(Duration),
    /// It would be free only after the deadline.
    NotInTime(Duration),
    /// The brand's budget has no room for it.
    OverBudget,
    /// An earlier attempt of this request failed with it.
    FailedBefore(ErrorKind),
}

impl Refusal {
    /// The stable word in records and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::UnknownModel => "unknown_model",
            Self::Retired(_) => "retired",
            Self::Operation(_) => "cannot_do_operation",
            Self::Transparency => "no_transparency",
            Self::InputImages(_) => "too_many_pictures",
            Self::Size(..) => "other_size",
            Self::PromptLength(_) => "prompt_too_long",
            Self::CircuitOpen(_) => "circuit_open",
            Self::NoKey => "no_key",
            Self::KeysDisabled => "keys_disabled",
            Self::Limited(_) => "rate_limited",
            Self::NotInTime(_) => "not_in_time",
            Self::OverBudget => "over_budget",
            Self::FailedBefore(_) => "failed_before",
        }
    }

    /// What exactly, where the word does not say it all.
    fn detail(self) -> Option<String> {
        match self {
            Self::Retired(day) => Some(format!("on {day}")),
            Self::Operation(kind) => Some(kind.name().to_owned()),
            Self::InputImages(most) => Some(format!("takes {most}")),
            Self::Size(width, height) => Some(format!("draws {width}x{height}")),
            Self::PromptLength(most) => Some(format!("reads {most} characters")),
            Self::CircuitOpen(wait) | Self::Limited(wait) | Self::NotInTime(wait) => {
                Some(format!("for {} ms", wait.as_millis()))
            }
            Self::FailedBefore(kind) => Some(kind.code().to_owned()),
            Self::UnknownProvider
            | Self::UnknownModel
            | Self::Transparency
            | Self::NoKey
            | Self::KeysDisabled
            | Self::OverBudget => None,
        }
    }

    /// After how long it may be otherwise; none where waiting does not help.
    fn passes_after(self) -> Option<Duration> {
        match self {
            Self::CircuitOpen(wait) | Self::Limited(wait) => Some(wait),
            _ => None,
        }
    }
}

/// What was said of one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It gets the request.
    Chosen,
    /// It comes after the one that gets it, and nothing was found against it so far.
    NotNeeded,
    /// It does not get it.
    Refused(Refusal),
}

/// Who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its place among the offers.
    pub place: usize,
    /// The key to use.
    pub key: String,
    /// How long its limits must be waited for before.
    pub wait: Duration,
    /// Whether the call finds out if the model answers again.
    pub probe: bool,
}

/// What was decided, with what was said of every candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who gets it.
    pub chosen: Option<Chosen>,
    /// Every candidate in its order.
    pub considered: Vec<(Candidate, Verdict)>,
    /// Where nobody gets it now: after how long that may be otherwise.
    pub later: Option<Duration>,
}

impl Decision {
    /// The decision as the generation's record keeps it. Holds no key and no word of a shopper.
    pub fn to_json(&self) -> Value {
        let considered = self.considered.iter().map(|(candidate, verdict)| {
            let mut entry = json!({
                "candidate": candidate.name(),
                "from": candidate.origin.name(),
                "verdict": match verdict {
                    Verdict::Chosen => "chosen",
                    Verdict::NotNeeded => "not_needed",
                    Verdict::Refused(refusal) => refusal.code(),
                },
            });
            if let Verdict::Refused(refusal) = verdict
                && let Some(detail) = refusal.detail()
            {
                entry["detail"] = detail.into();
            }
            entry
        });
        Value::Array(considered.collect())
    }

    /// Why nobody gets it: of all reasons that of the candidate named first.
    pub fn first_refusal(&self) -> Option<Refusal> {
        self.considered
            .iter()
            .find_map(|(_, verdict)| match verdict {
                Verdict::Refused(refusal) => Some(*refusal),
                Verdict::Chosen | Verdict::NotNeeded => None,
            })
    }
}

/// Decides who gets a request.
pub fn route(need: &Need, offers: &[Offer], patience: Patience) -> Decision {
    let reference = offers.iter().find_map(|offer| match &offer.listing {
        Listing::Row(model) => Some(model.sizes.nearest(need.size_px.0, need.size_px.1)),
        _ => None,
    });
    let mut chosen = None;
    let mut later: Option<Duration> = None;
    let mut considered = Vec::with_capacity(offers.len());
    for (place, offer) in offers.iter().enumerate() {
        let judged = judge(need, offer, reference, patience);
        let verdict = match judged {
            Ok(_) if chosen.is_some() => Verdict::NotNeeded,
            Ok((key, wait)) => {
                chosen = Some(Chosen {
                    place,
                    key,
                    wait,
                    probe: offer.circuit == Circuit::Probe,
                });
                Verdict::Chosen
            }
            Err(refusal) => {
                if let Some(wait) = refusal.passes_after() {
                    later = Some(later.map_or(wait, |known| known.min(wait)));
                }
                Verdict::Refused(refusal)
            }
        };
        considered.push((offer.candidate.clone(), verdict));
    }
    Decision {
        later: later.filter(|_| chosen.is_none()),
        chosen,
        considered,
    }
}

/// The key to use and how long to wait for it, or why not. What never changes comes first, so that a
/// record does not blame a limit for what no waiting would mend.
fn judge(
    need: &Need,
    offer: &Offer,
    reference: Option<(u32, u32)>,
    patience: Patience,
) -> Result<(String, Duration), Refusal> {
    able(need, offer, reference)?;
    if let Some(refusal) = offer.earlier {
        return Err(refusal);
    }
    let in_time = |wait: Duration| match patience.left {
        Some(left) if wait >= left => Err(Refusal::NotInTime(wait)),
        _ => Ok(()),
    };
    let (id, wait) = usable_key(&offer.keys)?;
    if let Circuit::Open(until) = offer.circuit {
        // Both have to pass before anything can be sent.
        let both = until.max(wait);
        in_time(both)?;
        return Err(Refusal::CircuitOpen(both));
    }
    in_time(wait)?;
    if wait > patience.in_place {
        return Err(Refusal::Limited(wait));
    }
    Ok((id, wait))
}

/// The first key that is ready, else the one that is ready soonest.
fn usable_key(keys: &[KeyOffer]) -> Result<(String, Duration), Refusal> {
    if keys.is_empty() {
        return Err(Refusal::NoKey);
    }
    let wait = |key: &KeyOffer| match key.state {
        KeyState::Ready => Some(Duration::ZERO),
        KeyState::Wait(wait) => Some(wait),
        KeyState::Tried | KeyState::Disabled => None,
    };
    keys.iter()
        .filter_map(|key| Some((key.id.clone(), wait(key)?)))
        .min_by_key(|(_, wait)| *wait)
        .ok_or(Refusal::KeysDisabled)
}

/// Whether it can do what is needed at all.
fn able(need: &Need, offer: &Offer, reference: Option<(u32, u32)>) -> Result<(), Refusal> {
    let model = match &offer.listing {
        Listing::NoProvider => return Err(Refusal::UnknownProvider),
        Listing::Retired(day) => return Err(Refusal::Retired(*day)),
        Listing::Unlisted => {
            let plain = need.operation == OperationKind::Generate
                && need.background != Background::Transparent;
            return plain.then_some(()).ok_or(Refusal::UnknownModel);
        }
        Listing::Row(model) => model,
    };
    if !model.operations.contains(&need.operation) {
        return Err(Refusal::Operation(need.operation));
    }
    let cuts_out = need.operation == OperationKind::RemoveBackground;
    if need.background == Background::Transparent && !model.transparent && !cuts_out {
        return Err(Refusal::Transparency);
    }
    if need.input_images > model.max_input_images {
        return Err(Refusal::InputImages(model.max_input_images));
    }
    match offer.candidate.origin {
        Origin::Fallback => no_worse(need, model, reference),
        Origin::Request | Origin::Brand | Origin::Platform => Ok(()),
    }
}

/// Whether a fallback gives about the picture that was asked for.
fn no_worse(need: &Need, model: &Model, reference: Option<(u32, u32)>) -> Result<(), Refusal> {
    if need.prompt_chars > model.max_prompt_chars as usize {
        return Err(Refusal::PromptLength(model.max_prompt_chars));
    }
    // A picture that is taken over keeps its own size.
    if need.operation != OperationKind::Generate {
        return Ok(());
    }
    let (width, height) = model.sizes.nearest(need.size_px.0, need.size_px.1);
    let pixels = |(width, height): (u32, u32)| f64::from(width) * f64::from(height);
    let ratio = |(width, height): (u32, u32)| f64::from(width.max(1)) / f64::from(height.max(1));
    let least = reference.map_or(0.0, |reference| {
        pixels(reference).min(pixels(need.size_px)) * LEAST_PIXELS
    });
    let stretch = ratio((width, height)) / ratio(need.size_px);
    // A first choice that is as far off in shape has been accepted by whoever named it.
    let accepted = reference.map_or(1.0, |reference| ratio(reference) / ratio(need.size_px));
    let too_far = |stretch: f64| !(1.0 / MOST_STRETCH..=MOST_STRETCH).contains(&stretch);
    let other_shape = too_far(stretch) && too_far(stretch / accepted);
    if pixels((width, height)) < least || other_shape {
        return Err(Refusal::Size(width, height));
    }
    Ok(())
}

#[cfg(test)]
#[path = "routing/tests.rs"]
mod tests;
