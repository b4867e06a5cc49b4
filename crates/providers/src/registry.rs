//! The providers of this process, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{ConfigError, ProvidersConfig};
use crate::provider::Provider;
use crate::synthetic::Synthetic;

/// The providers of this process, by name. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    by_name: Arc<BTreeMap<&'static str, Arc<dyn Provider>>>,
}

/// A provider name that no provider of this process has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no provider is called {name:?}; there is: {known}")]
pub struct UnknownProvider {
    /// The name that was asked for.
    pub name: String,
    /// The names there are, separated by commas.
    pub known: String,
}

impl Providers {
    /// Builds every provider that the settings describe.
    ///
    /// # Errors
    /// [`ConfigError`] where a provider cannot start.
    pub fn from_config(config: &ProvidersConfig) -> Result<Self, ConfigError> {
        let synthetic: Arc<dyn Provider> = Arc::new(Synthetic::start(&config.synthetic)?);
        Ok(Self::of([synthetic]))
    }

    /// A registry of exactly these. Of two with one name the later counts.
    pub fn of(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        let by_name = providers
            .into_iter()
            .map(|provider| (provider.name(), provider))
            .collect();
        Self {
            by_name: Arc::new(by_name),
        }
    }

    /// The provider of this name.
    ///
    /// # Errors
    /// [`UnknownProvider`] names those there are.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn Provider>, UnknownProvider> {
        self.by_name.get(name).ok_or_else(|| UnknownProvider {
            name: name.to_owned(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// Every name, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }
}
