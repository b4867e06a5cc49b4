//! What the model that reads a prompt makes of it, as far as building it goes.

use serde::{Deserialize, Serialize};

/// Longest prompt in characters where the provider sets no other limit: what OpenAI's picture models
/// with the shortest limit (`dall-e-3`) took, and a few times what CLIP-based models read.
pub const DEFAULT_PROMPT_BUDGET_CHARS: usize = 4000;

/// How a prompt is fitted to the model that will read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptRules {
    /// Longest prompt, and longest negative prompt, in characters.
    pub max_chars: usize,
    /// What is taken out of a shopper's words.
    pub control_syntax: ControlSyntax,
    /// What becomes of the negative prompt.
    pub negative_prompt: NegativePrompt,
}

impl Default for PromptRules {
    /// For a model nothing is known of: everything any server might read as a command is taken out.
    fn default() -> Self {
        Self {
            max_chars: DEFAULT_PROMPT_BUDGET_CHARS,
            control_syntax: ControlSyntax::Tags,
            negative_prompt: NegativePrompt::Native,
        }
    }
}

/// What a provider reads as commands inside a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlSyntax {
    /// Nothing: words are words.
    #[default]
    None,
    /// Weights such as `(word:1.3)` and `[a:b]`.
    Weights,
    /// Those, and tags such as `<lora:…>`, `|`, `--flag`, `BREAK` and `AND`: self-hosted servers.
    Tags,
}

/// What becomes of a negative prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NegativePrompt {
    /// The provider takes it.
    Native,
    /// It is put into the prompt in words.
    Folded,
    /// It is left out, with a note.
    #[default]
    Dropped,
}
