//! The registry rows of one provider, and the older names that mean one of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::ConfigError;
use crate::models::{Model, ModelRow};

/// The rows of one provider, by name.
#[derive(Debug)]
pub(crate) struct Rows {
    models: BTreeMap<String, Model>,
    aliases: BTreeMap<String, String>,
}

/// A row that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    /// The row.
    pub(crate) model: &'a Model,
    /// That it was asked for by an older name.
    pub(crate) note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    model: Vec<toml::Table>,
    #[serde(default)]
    retired: Vec<Retired>,
}

#[derive(Deserialize)]
struct Retired {
    name: String,
    replaced_by: String,
}

impl Rows {
    /// Reads a registry file of `provider`.
    ///
    /// # Errors
    /// [`ConfigError::Models`] where it is no such file.
    pub(crate) fn parse(provider: &'static str, text: &str) -> Result<Self, ConfigError> {
        let file: File =
            toml::from_str(text).map_err(|source| ConfigError::Models { provider, source })?;
        let row = |mut row: toml::Table| -> Result<_, toml::de::Error> {
            row.remove("provider");
            let row: ModelRow = row.try_into()?;
            Ok((row.name.clone(), Model::of(row)))
        };
        let models: Result<_, _> = file.model.into_iter().map(row).collect();
        let aliases = file.retired.into_iter();
        Ok(Self {
            models: models.map_err(|source| ConfigError::Models { provider, source })?,
            aliases: aliases.map(|row| (row.name, row.replaced_by)).collect(),
        })
    }

    /// The row of this name, or of the model that this older name means now.
    pub(crate) fn find(&self, name: &str) -> Option<Found<'_>> {
        if let Some(model) = self.models.get(name) {
            return Some(Found { model, note: None });
        }
        let live = self.aliases.get(name)?;
        let note = format!("the model {name} is no longer served; {live} drew in its place");
        self.models.get(live).map(|model| Found {
            model,
            note: Some(note),
        })
    }
}
