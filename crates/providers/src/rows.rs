//! The registry's rows of one provider.

use chrono::NaiveDate;

use crate::models::{Model, ModelRegistry};

/// The rows of one provider.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    provider: &'static str,
    models: ModelRegistry,
}

/// A row that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The row.
    pub(crate) model: Model,
    /// That it was asked for by an older name.
    pub(crate) note: Option<String>,
}

impl Rows {
    /// Those of `provider`.
    pub(crate) fn of(provider: &'static str, models: &ModelRegistry) -> Self {
        let models = models.clone();
        Self { provider, models }
    }

    /// Those that are compiled in.
    #[cfg(test)]
    pub(crate) fn built_in(provider: &'static str) -> Self {
        Self::of(provider, &ModelRegistry::load(None).unwrap())
    }

    /// The row of this name, or of the model that this older name means now. Dates are the caller's:
    /// whoever resolved the name asks for one that lives.
    pub(crate) fn find(&self, name: &str) -> Option<Found> {
        let resolved = self.resolve(name, NaiveDate::MIN).ok()?;
        Some(Found {
            model: resolved.model,
            note: resolved.note,
        })
    }

    /// See [`Provider::resolve`](crate::Provider::resolve).
    pub(crate) fn resolve(
        &self,
        name: &str,
        today: NaiveDate,
    ) -> Result<crate::models::Resolved, crate::models::ModelError> {
        self.models.resolve(self.provider, name, today)
    }

    /// Every row.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Model> {
        let own = move |(provider, _): &(&str, &Model)| *provider == self.provider;
        self.models.models().filter(own).map(|(_, model)| model)
    }
}
