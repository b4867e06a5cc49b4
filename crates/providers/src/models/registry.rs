//! The rows of all providers, read from files and looked up by the day.
//!
//! A file is a list of rows, each named by provider and name. A later file is laid over the earlier
//! ones row by row: a row that exists changes in the fields that are given, another is new and must be
//! complete. A row may say `like = "…"` and take over the fields of one that stands before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Deserialize;
use toml::{Table, Value};

use super::{Model, ModelRow, PriceBasis, Sizes};

/// What is compiled in, by file name.
const BUILT_IN: &[(&str, &str)] = &[
    (
        "models/openai.toml",
        include_str!("../../models/openai.toml"),
    ),
    (
        "models/replicate.toml",
        include_str!("../../models/replicate.toml"),
    ),
    (
        "models/stability.toml",
        include_str!("../../models/stability.toml"),
    ),
];
/// A chain of replacements longer than this is a loop.
const MOST_REPLACEMENTS: usize = 16;

/// The rows of all providers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ModelRegistry(Arc<Rows>);

#[derive(Debug, Default)]
struct Rows {
    models: BTreeMap<Key, Model>,
    retired: BTreeMap<Key, RetiredModel>,
    text_models: BTreeMap<Key, TextModel>,
}

type Key = (String, String);

/// A name that no longer answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetiredModel {
    /// The provider's own name for it.
    pub name: String,
    /// The day from which it no longer answered.
    pub retired_at: NaiveDate,
    /// The model to use instead.
    pub replaced_by: String,
    /// Where this was read.
    pub source: String,
    /// When it was read.
    pub as_of: NaiveDate,
}

/// A text model that stands in front of a picture model, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextModel {
    /// The provider's own name for it.
    pub name: String,
    /// One token in, in billionths of a US dollar.
    pub text_in_nano: i64,
    /// One token out.
    pub text_out_nano: i64,
    /// How many tokens of instructions and tool descriptions go in beside the prompt, at most.
    pub tokens_in_at_most: u32,
    /// How many tokens come out at most.
    pub tokens_out_at_most: u32,
    /// Where this was read.
    pub source: String,
    /// When it was read.
    pub as_of: NaiveDate,
}

/// The model to use for a name.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The model.
    pub model: Model,
    /// Why it is another than the one asked for.
    pub note: Option<String>,
}

/// A name without a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No row has this name.
    #[error("{provider} has no model {model:?}; there is: {known}")]
    Unknown {
        /// The provider.
        provider: String,
        /// The name that was asked for.
        model: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// It is retired, and so is everything that was to replace it.
    #[error("{provider}'s model {model:?} ended on {ended} and nothing that lives replaces it")]
    Ended {
        /// The provider.
        provider: String,
        /// The name that was asked for.
        model: String,
        /// When the last of the chain ended.
        ended: NaiveDate,
    },
}

/// A file of models that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelsFileError {
    /// It cannot be read.
    #[error("{}: cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("{file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// Line, column and what is wrong there.
        message: String,
    },
    /// A row of it is wrong.
    #[error("{file}: {row}: {message}")]
    Row {
        /// The file.
        file: String,
        /// Which row, by kind, place, provider and name.
        row: String,
        /// Which field, and what is wrong with it.
        message: String,
    },
}

impl ModelRegistry {
    /// What is compiled in, with the file laid over it.
    ///
    /// # Errors
    /// [`ModelsFileError`] names the file, the row and the field.
    pub fn load(over: Option<&Path>) -> Result<Self, ModelsFileError> {
        let over = over
            .map(|file| {
                let text = std::fs::read_to_string(file);
                text.map(|text| (file.display().to_string(), text))
                    .map_err(|source| ModelsFileError::Unreadable {
                        file: file.to_owned(),
                        source,
                    })
            })
            .transpose()?;
        let built_in = BUILT_IN.iter().copied();
        let over = over.iter().map(|(file, text)| (&**file, &**text));
        Self::of_texts(built_in.chain(over))
    }

    /// The rows of these files, by name and text, the later laid over the earlier.
    pub(crate) fn of_texts<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ModelsFileError> {
        let mut draft = Draft::default();
        for (file, text) in files {
            draft.lay_over(file, text)?;
        }
        draft.finish().map(|rows| Self(Arc::new(rows)))
    }

    /// The row of this name, of one that is retired the row that replaces it.
    pub fn get(&self, provider: &str, model: &str) -> Option<Model> {
        let key = (provider.to_owned(), model.to_owned());
        if let Some(model) = self.0.models.get(&key) {
            return Some(model.clone());
        }
        let replaced_by = &self.0.retired.get(&key)?.replaced_by;
        self.resolve(provider, replaced_by, NaiveDate::MIN)
            .ok()
            .map(|resolved| resolved.model)
    }

    /// The model to use for this name on this day, with a note where it is another.
    ///
    /// # Errors
    /// [`ModelError`] where no row has the name, or nothing that lives replaces it.
    pub fn resolve(
        &self,
        provider: &str,
        model: &str,
        today: NaiveDate,
    ) -> Result<Resolved, ModelError> {
        let mut name = model.to_owned();
        let mut ended = None;
        for _ in 0..MOST_REPLACEMENTS {
            let key = (provider.to_owned(), name);
            let (at, next) = match (self.0.models.get(&key), self.0.retired.get(&key)) {
                (Some(row), _) if row.retires_at.is_none_or(|end| today < end) => {
                    return Ok(Resolved {
                        note: ended.map(|ended| replaced(model, ended, &row.name)),
                        model: row.clone(),
                    });
                }
                (Some(row), _) => (row.retires_at, row.replaced_by.clone()),
                (None, Some(row)) => (Some(row.retired_at), Some(row.replaced_by.clone())),
                (None, None) => (None, None),
            };
            ended = ended.or(at);
            match next {
                Some(next) => name = next,
                None => break,
            }
        }
        Err(match ended {
            Some(ended) => ModelError::Ended {
                provider: provider.to_owned(),
                model: model.to_owned(),
                ended,
            },
            None => ModelError::Unknown {
                provider: provider.to_owned(),
                model: model.to_owned(),
                known: self.names(provider).collect::<Vec<_>>().join(", "),
            },
        })
    }

    /// The names of a provider's models, in alphabetical order; retired ones are not among them.
    pub fn names<'a>(&'a self, provider: &'a str) -> impl Iterator<Item = &'a str> {
        let of_provider = move |(key, _): &(&'a Key, &'a Model)| key.0 == provider;
        let models = self.0.models.iter().filter(of_provider);
        models.map(|(key, _)| key.1.as_str())
    }

    /// Every model of every provider.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Model)> {
        let models = self.0.models.iter();
        models.map(|((provider, _), model)| (provider.as_str(), model))
    }

    /// Every retired name of a provider.
    pub fn retired<'a>(&'a self, provider: &'a str) -> impl Iterator<Item = &'a RetiredModel> {
        let of_provider = move |(key, _): &(&'a Key, &'a RetiredModel)| key.0 == provider;
        self.0
            .retired
            .iter()
            .filter(of_provider)
            .map(|(_, row)| row)
    }

    /// A text model of a provider.
    pub fn text_model(&self, provider: &str, model: &str) -> Option<&TextModel> {
        let key = (provider.to_owned(), model.to_owned());
        self.0.text_models.get(&key)
    }
}

fn replaced(asked: &str, ended: NaiveDate, used: &str) -> String {
    format!("model {asked} ended on {ended}: {used} was used instead")
}

/// Rows as they are laid over each other, not yet complete.
#[derive(Default)]
struct Draft {
    rows: BTreeMap<(Kind, Key), DraftRow>,
}

struct DraftRow {
    fields: Table,
    /// The last file that touched it, and where in it.
    file: String,
    place: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Model,
    Retired,
    Text,
}

impl Kind {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Model, "model"),
        (Self::Retired, "retired"),
        (Self::Text, "text_model"),
    ];
}

impl Draft {
    fn lay_over(&mut self, file: &str, text: &str) -> Result<(), ModelsFileError> {
        let mut whole: Table =
            text.parse()
                .map_err(|error: toml::de::Error| ModelsFileError::Syntax {
                    file: file.to_owned(),
                    message: error.to_string().trim_end().to_owned(),
                })?;
        let mut seen = BTreeSet::new();
        for (kind, word) in Kind::ALL {
            let rows = match whole.remove(word) {
                None => continue,
                Some(Value::Array(rows)) => rows,
                Some(_) => return Err(row_error(file, word, "is no list: write [[…]]")),
            };
            for (at, row) in rows.into_iter().enumerate() {
                let place = format!("{word} {}", at + 1);
                let Value::Table(row) = row else {
                    return Err(row_error(file, &place, "is no table: write [[…]]"));
                };
                self.lay_row(file, kind, place, row, &mut seen)?;
            }
        }
        match whole.keys().next() {
            None => Ok(()),
            Some(other) => Err(row_error(
                file,
                other,
                "is none of [[model]], [[retired]] and [[text_model]]",
            )),
        }
    }

    fn lay_row(
        &mut self,
        file: &str,
        kind: Kind,
        place: String,
        mut row: Table,
        seen: &mut BTreeSet<(Kind, Key)>,
    ) -> Result<(), ModelsFileError> {
        let named = |field: &str| match row.get(field) {
            Some(Value::String(name)) if !name.is_empty() => Ok(name.clone()),
            _ => Err(row_error(
                file,
                &place,
                &format!("`{field}` must be a name"),
            )),
        };
        let key = (named("provider")?, named("name")?);
        let place = format!("{place} ({}/{})", key.0, key.1);
        row.remove("provider");
        if !seen.insert((kind, key.clone())) {
            return Err(row_error(file, &place, "`name` stands twice in this file"));
        }
        let mut fields = match row.remove("like") {
            None => Table::new(),
            Some(Value::String(like)) => {
                let like_key = (kind, (key.0.clone(), like.clone()));
                let found = self.rows.get(&like_key).ok_or_else(|| {
                    row_error(file, &place, &format!("`like`: no row {like:?} before it"))
                })?;
                found.fields.clone()
            }
            Some(_) => return Err(row_error(file, &place, "`like` must be a name")),
        };
        // A model that is declared retired, or the other way round, is that from here on.
        for (other, _) in Kind::ALL {
            if other != kind && kind != Kind::Text && other != Kind::Text {
                self.rows.remove(&(other, key.clone()));
            }
        }
        if let Some(earlier) = self.rows.remove(&(kind, key.clone())) {
            fields.extend(earlier.fields);
        }
        fields.extend(row);
        let file = file.to_owned();
        let row = DraftRow {
            fields,
            file,
            place,
        };
        self.rows.insert((kind, key), row);
        Ok(())
    }

    fn finish(self) -> Result<Rows, ModelsFileError> {
        let mut rows = Rows::default();
        for ((kind, key), row) in &self.rows {
            match kind {
                Kind::Model => {
                    let model: ModelRow = row.read()?;
                    check_model(&model).map_err(|message| row.wrong(&message))?;
                    rows.models.insert(key.clone(), Model::of(model));
                }
                Kind::Retired => {
                    rows.retired.insert(key.clone(), row.read()?);
                }
                Kind::Text => {
                    rows.text_models.insert(key.clone(), row.read()?);
                }
            }
        }
        self.check_replacements(&rows)?;
        Ok(rows)
    }

    /// Every replacement is there, and no chain runs in a circle.
    fn check_replacements(&self, rows: &Rows) -> Result<(), ModelsFileError> {
        let next = |key: &Key| {
            let of_model = rows.models.get(key).and_then(|row| row.replaced_by.clone());
            of_model.or_else(|| Some(rows.retired.get(key)?.replaced_by.clone()))
        };
        for ((kind, own), row) in &self.rows {
            let mut key = own.clone();
            for step in 0..MOST_REPLACEMENTS {
                let (true, Some(name)) = (*kind != Kind::Text, next(&key)) else {
                    break;
                };
                key.1 = name;
                let is_there = rows.models.contains_key(&key) || rows.retired.contains_key(&key);
                // Each row answers for its own step only, so that the error names the right one.
                if step == 0 && !is_there {
                    return Err(row.wrong(&format!("`replaced_by`: there is no {:?}", key.1)));
                }
                if key == *own {
                    return Err(row.wrong("`replaced_by` leads in a circle"));
                }
            }
        }
        Ok(())
    }
}

impl DraftRow {
    fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, ModelsFileError> {
        let fields = Value::Table(self.fields.clone());
        fields
            .try_into()
            .map_err(|error: toml::de::Error| self.wrong(error.to_string().trim_end()))
    }

    fn wrong(&self, message: &str) -> ModelsFileError {
        row_error(&self.file, &self.place, message)
    }
}

fn row_error(file: &str, row: &str, message: &str) -> ModelsFileError {
    ModelsFileError::Row {
        file: file.to_owned(),
        row: row.to_owned(),
        message: message.to_owned(),
    }
}

/// What the types cannot hold.
fn check_model(row: &ModelRow) -> Result<(), String> {
    let wrong = |field: &str, why: &str| Err(format!("`{field}` {why}"));
    if row.operations.is_empty() {
        return wrong("operations", "is empty");
    }
    if row.max_prompt_chars == 0 {
        return wrong("max_prompt_chars", "is 0");
    }
    if row.source.trim().is_empty() {
        return wrong("source", "is empty");
    }
    let empty = match &row.sizes {
        Sizes::Free { multiple_of_px, .. } => *multiple_of_px == 0,
        Sizes::List { sizes_px } => sizes_px.is_empty(),
        Sizes::Ratios { ratios, .. } => ratios.iter().all(|(w, h)| *w == 0 || *h == 0),
    };
    if empty {
        return wrong("sizes", "holds no size");
    }
    if row.retires_at.is_some() != row.replaced_by.is_some() {
        return wrong("replaced_by", "and `retires_at` stand only together");
    }
    let negative = match &row.price.basis {
        PriceBasis::PerImage { nano } | PriceBasis::PerSecond { nano, .. } => *nano < 0,
        PriceBasis::PerToken {
            text_in_nano,
            image_in_nano,
            image_out_nano,
            text_out_nano,
            ..
        } => [text_in_nano, image_in_nano, image_out_nano, text_out_nano]
            .iter()
            .any(|nano| **nano < 0),
    };
    if negative {
        return wrong("price", "is negative");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
