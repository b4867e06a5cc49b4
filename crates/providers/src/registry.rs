//! The providers of this process, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use crate::compatible::{self, Compatible};
use crate::config::{ConfigError, ProvidersConfig};
use crate::credential::Credential;
use crate::models::ModelRegistry;
use crate::openai::OpenAi;
use crate::provider::Provider;
use crate::replicate::Replicate;
use crate::stability::Stability;
use crate::synthetic::Synthetic;

/// The providers of this process, by name. Cheap to clone.
#[derive(Clone)]
pub struct Providers {
    by_name: Arc<BTreeMap<&'static str, Entry>>,
}

struct Entry {
    provider: Arc<dyn Provider>,
    keys: Vec<Credential>,
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
        let ProvidersConfig {
            synthetic,
            models,
            openai,
            stability,
            replicate,
            compatible,
        } = config;
        let models = ModelRegistry::load(models.models_file.as_deref())?;
        let mut entries: Vec<(Arc<dyn Provider>, Vec<SecretString>)> = vec![
            (Arc::new(Synthetic::start(synthetic)?), Vec::new()),
            (
                Arc::new(OpenAi::new(openai, &models)?),
                openai.openai_api_key.clone(),
            ),
            (
                Arc::new(Stability::new(stability, &models)?),
                stability.stability_api_key.clone(),
            ),
            (
                Arc::new(Replicate::new(replicate, &models)?),
                replicate.replicate_api_token.clone(),
            ),
        ];
        for endpoint in compatible::endpoints(compatible)? {
            let keys = endpoint.keys.clone();
            entries.push((Arc::new(Compatible::new(endpoint)?), keys));
        }
        let with_keys = entries.into_iter().map(|(provider, keys)| {
            let keys = Credential::platform_keys(provider.name(), &keys);
            (provider, keys)
        });
        Ok(Self::with_keys(with_keys))
    }

    /// A registry of exactly these, without keys. Of two with one name the later counts.
    pub fn of(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        Self::with_keys(providers.into_iter().map(|provider| (provider, Vec::new())))
    }

    /// A registry of exactly these, each with the platform's own keys for it.
    pub fn with_keys(
        providers: impl IntoIterator<Item = (Arc<dyn Provider>, Vec<Credential>)>,
    ) -> Self {
        let by_name = providers
            .into_iter()
            .map(|(provider, keys)| (provider.name(), Entry { provider, keys }))
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
        let entry = self.by_name.get(name).map(|entry| &entry.provider);
        entry.ok_or_else(|| UnknownProvider {
            name: name.to_owned(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// The platform's own keys for a provider; none where it needs none
    /// ([`Provider::needs_key`]), or where only brands bring theirs.
    pub fn keys(&self, name: &str) -> &[Credential] {
        self.by_name.get(name).map_or(&[], |entry| &entry.keys)
    }

    /// Every name, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }
}
