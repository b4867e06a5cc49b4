//! What a product asks of its provider, beyond which one.

use serde::{Deserialize, Serialize};

/// What a product asks of its provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GenerationOptions {
    /// Who else may serve it, `provider` or `provider/model`, in order; none leaves that to the brand.
    pub fallback: Option<Vec<String>>,
    /// What is done.
    pub operation: ProductOperation,
    /// What is behind the subject.
    pub background: ProductBackground,
}

/// What is done for a product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProductOperation {
    /// A picture is drawn from the prompt.
    #[default]
    Generate,
    /// A picture is drawn anew by the prompt.
    Edit(OperationInput),
    /// The part of the base photograph that this PATTERN zone covers is drawn anew by the prompt, beside
    /// the rest of the photograph; the zone shows it.
    EditZone(String),
    /// The subject of a picture is cut out.
    RemoveBackground(OperationInput),
}

impl ProductOperation {
    /// The picture that goes to the provider.
    pub fn input(&self) -> Option<&OperationInput> {
        match self {
            Self::Generate => None,
            Self::Edit(input) | Self::RemoveBackground(input) => Some(input),
            Self::EditZone(_) => Some(&OperationInput::Base),
        }
    }

    /// The word in files and columns.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Edit(_) | Self::EditZone(_) => "edit",
            Self::RemoveBackground(_) => "remove-background",
        }
    }

    /// The zone that alone may change.
    pub fn mask(&self) -> Option<&str> {
        match self {
            Self::EditZone(zone) => Some(zone),
            Self::Generate | Self::Edit(_) | Self::RemoveBackground(_) => None,
        }
    }

    /// Reads the columns; none where they do not fit together.
    pub fn from_words(operation: &str, input: Option<&str>, mask: Option<&str>) -> Option<Self> {
        let input = input.map(|word| match word {
            OperationInput::BASE => OperationInput::Base,
            zone => OperationInput::Zone(zone.to_owned()),
        });
        match (operation, input, mask) {
            ("generate", None, None) => Some(Self::Generate),
            ("edit", Some(input), None) => Some(Self::Edit(input)),
            ("edit", Some(OperationInput::Base), Some(zone)) => {
                Some(Self::EditZone(zone.to_owned()))
            }
            ("remove-background", Some(input), None) => Some(Self::RemoveBackground(input)),
            _ => None,
        }
    }
}

/// The picture that goes to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationInput {
    /// The product's base photograph.
    Base,
    /// The shopper's picture in the IMAGE zone of this id. The result takes its place where no PATTERN
    /// zone shows it.
    Zone(String),
}

impl OperationInput {
    /// The word for the base photograph; no zone can be called so.
    pub const BASE: &'static str = "base";

    /// The word in files and columns.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Base => Self::BASE,
            Self::Zone(id) => id,
        }
    }
}

/// What is behind the subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProductBackground {
    /// Whatever the model draws.
    #[default]
    Any,
    /// Nothing.
    Transparent,
    /// Something.
    Opaque,
}

impl ProductBackground {
    /// Every word.
    pub const ALL: [Self; 3] = [Self::Any, Self::Transparent, Self::Opaque];

    /// The word in files and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Transparent => "transparent",
            Self::Opaque => "opaque",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_read_back_and_an_edit_of_nothing_is_none() {
        for operation in [
            ProductOperation::Generate,
            ProductOperation::Edit(OperationInput::Base),
            ProductOperation::EditZone("z".to_owned()),
            ProductOperation::RemoveBackground(OperationInput::Zone("z".to_owned())),
        ] {
            let input = operation.input().map(OperationInput::as_str);
            let read = ProductOperation::from_words(operation.name(), input, operation.mask());
            assert_eq!(read.as_ref(), Some(&operation));
        }
        let read = ProductOperation::from_words;
        assert_eq!(read("edit", None, None), None);
        assert_eq!(read("generate", Some("base"), None), None);
        assert_eq!(read("paint", Some("base"), None), None);
        assert_eq!(read("edit", Some("zone_photo"), Some("z")), None);
        assert_eq!(read("remove-background", Some("base"), Some("z")), None);
    }
}
