//! From a template, the filled zones and a shopper's wish to the prompt a provider gets.
//!
//! Templates are written by brands, values by shoppers. Neither is trusted with the other's means: a
//! template can place values and decide by them, but not loop, define, include or call (see
//! `environment`), and a value loses whatever a provider would read as control syntax (see
//! `neutral`). A name that no zone has is an error, never an empty place.
//!
//! What a template may name: every zone by the identifier form of its name and of its id
//! (`Name on ring` is `{{ name_on_ring }}`), `customizations` (all filled zones as one sentence),
//! `user_prompt`, `product.name` and `product.slug`.
//!
//! Texts are drawn exactly by imaging afterwards, so a model never reads them: their place is
//! described as a plain area, and lettering goes into the negative prompt.

mod environment;
mod neutral;
mod rules;
mod words;

use sha2::{Digest, Sha256};
use unicode_segmentation::UnicodeSegmentation;

use crate::customization::{Customizations, ZoneValue};
use crate::product::{Product, Template};
use crate::zones::Zone;

pub use environment::TemplateError;
pub use neutral::neutralise;
pub use rules::{ControlSyntax, DEFAULT_PROMPT_BUDGET_CHARS, NegativePrompt, PromptRules};
pub use words::identifier;
use words::names_of;
pub(crate) use words::{RESERVED_NAMES, spellings};

/// The template of a product that has none.
pub const DEFAULT_TEMPLATE: &str = "A professional product photograph of {{ product.name }}.\
{% if customizations %} Personalised as follows: {{ customizations }}.{% endif %}\
{% if user_prompt %} The customer asks for: {{ user_prompt }}.{% endif %}";

/// What is kept out of the picture where text is drawn later.
const NO_LETTERING: &str = "no text, no letters";

/// Everything a prompt is made from.
#[derive(Debug, Clone, Copy)]
pub struct PromptInput<'a> {
    /// The product.
    pub product: &'a Product,
    /// The template the generation names; it goes before the product's.
    pub template: Option<&'a Template>,
    /// The filled zones.
    pub customizations: &'a Customizations,
    /// The shopper's free wish.
    pub user_prompt: Option<&'a str>,
}

impl PromptInput<'_> {
    fn source(&self) -> &str {
        let chosen = self
            .template
            .map(|template| template.prompt_template.as_str());
        let own = self.product.prompt_template.as_deref();
        let is_written = |text: &&str| !text.trim().is_empty();
        chosen
            .filter(is_written)
            .or(own.filter(is_written))
            .unwrap_or(DEFAULT_TEMPLATE)
    }

    fn has_text(&self) -> bool {
        self.customizations.texts().next().is_some()
    }
}

/// A prompt ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltPrompt {
    /// What the picture should show; one line.
    pub prompt: String,
    /// What it must not show.
    pub negative_prompt: Option<String>,
    /// What was cut or left out, for the generation's record. No shopper text stands here.
    pub notes: Vec<String>,
    /// SHA-256 of the template's source in hexadecimal: which version made this prompt.
    pub template_hash: String,
}

/// Builds the prompt for a model that reads it by these rules. The shopper's wish is shortened first,
/// at a grapheme boundary; only when the rest alone is too long is the rest cut.
///
/// # Errors
/// [`TemplateError`] when the template cannot be rendered. [`check_template`] refuses to save such a
/// template, but a zone may have been renamed since.
pub fn build_prompt(
    input: &PromptInput<'_>,
    rules: &PromptRules,
) -> Result<BuiltPrompt, TemplateError> {
    let source = input.source();
    let syntax = rules.control_syntax;
    let wish = neutralise(input.user_prompt.unwrap_or_default(), syntax);
    let graphemes: Vec<&str> = wish.graphemes(true).collect();
    let names = names_of(&input.product.zones, input.customizations, syntax);
    let render = |kept: usize| {
        let wish = graphemes[..kept].concat();
        environment::render(source, words::context(&names, &wish, input, syntax))
    };
    let mut notes = Vec::new();
    if !wish.is_empty() && !environment::mentions(source, "user_prompt")? {
        notes.push("the template does not use user_prompt".to_owned());
    }
    let (folded, negative_prompt) = place_negative(negative(input), rules, &mut notes);
    let budget_chars = rules.max_chars.saturating_sub(folded.chars().count());
    let mut prompt = render(graphemes.len())?;
    if prompt.chars().count() > budget_chars {
        let kept = longest_fit(graphemes.len(), |kept| {
            Ok(render(kept)?.chars().count() <= budget_chars)
        })?;
        prompt = render(kept)?;
        if kept < graphemes.len() {
            notes.push(format!(
                "user_prompt was cut from {} to {kept} characters",
                graphemes.len()
            ));
        }
    }
    if prompt.chars().count() > budget_chars {
        prompt = cut(&prompt, budget_chars);
        notes.push(format!("the prompt was cut to {budget_chars} characters"));
    }
    prompt.push_str(&folded);
    Ok(BuiltPrompt {
        prompt,
        negative_prompt,
        notes,
        template_hash: hash(source),
    })
}

/// What of the negative prompt goes to the end of the prompt, and what goes beside it.
fn place_negative(
    negative: Option<String>,
    rules: &PromptRules,
    notes: &mut Vec<String>,
) -> (String, Option<String>) {
    let Some(negative) = negative else {
        return (String::new(), None);
    };
    let whole_chars = negative.chars().count();
    // Beside the prompt it has the same room; inside it, a quarter, so that it never crowds it out.
    let in_words = |kept: &str| format!(" Avoid: {kept}.");
    let (room_chars, dropped) = match rules.negative_prompt {
        NegativePrompt::Native => (rules.max_chars, false),
        NegativePrompt::Folded => {
            let room_chars = (rules.max_chars / 4).saturating_sub(in_words("").len());
            (room_chars, false)
        }
        NegativePrompt::Dropped => (0, true),
    };
    if dropped {
        notes.push("the model takes no negative prompt; it was left out".to_owned());
        return (String::new(), None);
    }
    let kept = cut(&negative, room_chars);
    if kept.chars().count() < whole_chars {
        notes.push(format!(
            "the negative prompt was cut to {room_chars} characters"
        ));
    }
    match rules.negative_prompt {
        _ if kept.is_empty() => (String::new(), None),
        NegativePrompt::Folded => (in_words(&kept), None),
        NegativePrompt::Native | NegativePrompt::Dropped => (String::new(), Some(kept)),
    }
}

/// The largest number from 0 to `most` that fits, by halving; 0 when none does.
fn longest_fit(
    most: usize,
    fits: impl Fn(usize) -> Result<bool, TemplateError>,
) -> Result<usize, TemplateError> {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle)? {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

/// The first graphemes of the text that together have at most `max_chars` characters.
fn cut(text: &str, max_chars: usize) -> String {
    let mut chars = 0;
    let fits = |grapheme: &&str| {
        chars += grapheme.chars().count();
        chars <= max_chars
    };
    text.graphemes(true)
        .take_while(fits)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

fn negative(input: &PromptInput<'_>) -> Option<String> {
    let own = match input.template {
        Some(template) => template.negative_prompt.as_deref(),
        None => input.product.negative_prompt.as_deref(),
    };
    let own = own.map(str::trim).filter(|text| !text.is_empty());
    let lettering = input.has_text().then_some(NO_LETTERING);
    let parts: Vec<&str> = own.into_iter().chain(lettering).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn hash(source: &str) -> String {
    Sha256::digest(source.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Checks a template before it is saved: its syntax, its names against the zones, and that it
/// renders with every zone filled and with none.
///
/// # Errors
/// [`TemplateError`] with the line and what is wrong.
pub fn check_template(source: &str, zones: &[Zone]) -> Result<(), TemplateError> {
    environment::check_names(source, &words::known_names(zones))?;
    for (filled, wish) in [(true, "golden leaves"), (false, "")] {
        let context = words::sample_context(zones, filled, wish);
        if environment::render(source, context)?.is_empty() && filled {
            return Err(TemplateError {
                line: 1,
                detail: "it renders to nothing".to_owned(),
            });
        }
    }
    Ok(())
}

/// What a template says for one filled zone.
fn describe(value: &ZoneValue, syntax: ControlSyntax) -> String {
    match value {
        ZoneValue::Text(_) => "a plain area without lettering".to_owned(),
        ZoneValue::Image(_) => "the supplied picture".to_owned(),
        ZoneValue::Color { color } => color.to_string(),
        ZoneValue::Pattern { pattern } => neutralise(pattern, syntax),
        ZoneValue::Font { font } => neutralise(font, syntax),
        ZoneValue::Size { size } => size.to_string(),
        ZoneValue::Position { x, y } => format!("{x} pixels from the left, {y} from the top"),
    }
}

#[cfg(test)]
mod tests;
