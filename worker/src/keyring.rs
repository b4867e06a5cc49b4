//! Which keys may be spent on for a brand, remembered for a moment.
//!
//! A brand with a key of its own spends on its own keys and on nothing else: where its key cannot be used,
//! its jobs do not go on the platform's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::BrandId;
use providers::{Credential, Providers};
use service::telemetry::error_chain;
use store::provider_keys::{self, ProviderKey};
use store::routes::{self, BrandRoute};
use store::{Database, SealingKeys, StoreError};
use tokio::time::Instant;

/// A change of keys, routes or settings is seen after this long.
const TTL: Duration = Duration::from_secs(5);
/// While the database is away, what is older than that goes on being used for so long.
const STALE: Duration = Duration::from_secs(120);
/// Brands remembered at once.
const CAPACITY: usize = 4_096;

/// Whose keys and decisions are remembered; none is the platform.
type Owner = Option<BrandId>;

/// The keys of every owner, as one process knows them.
pub(crate) struct Keyring {
    db: Database,
    /// Where the settings' own keys stand.
    providers: Providers,
    sealing: Option<SealingKeys>,
    known: Mutex<HashMap<Owner, (Instant, Arc<Wallet>)>>,
}

/// What one owner decided and may spend with.
#[derive(Debug, Default)]
pub(crate) struct Wallet {
    pub(crate) default_provider: Option<String>,
    pub(crate) fallback: Option<Vec<String>>,
    /// Whether only these keys may be spent on.
    own_only: bool,
    keys: HashMap<String, Vec<Credential>>,
}

impl Keyring {
    pub(crate) fn new(db: &Database, providers: &Providers, sealing: Option<SealingKeys>) -> Self {
        Self {
            db: db.clone(),
            providers: providers.clone(),
            sealing,
            known: Mutex::default(),
        }
    }

    /// What a brand decided and may spend with.
    pub(crate) async fn brand(&self, brand: &BrandId) -> Result<Arc<Wallet>, StoreError> {
        self.wallet(Some(brand.clone())).await
    }

    /// The keys that may be spent on for a provider, in no order that matters.
    pub(crate) async fn keys(
        &self,
        wallet: &Wallet,
        provider: &str,
    ) -> Result<Vec<Credential>, StoreError> {
        let own = wallet.keys.get(provider).cloned().unwrap_or_default();
        if wallet.own_only {
            return Ok(own);
        }
        let platform = self.wallet(None).await?;
        let kept = platform.keys.get(provider).into_iter().flatten();
        let settings = self.providers.keys(provider).iter();
        Ok(settings.chain(kept).cloned().collect())
    }

    /// Keys for a question that costs nothing: the brand's own first, then the platform's.
    pub(crate) async fn free_of_charge(
        &self,
        brand: &BrandId,
        provider: &str,
    ) -> Result<Vec<Credential>, StoreError> {
        let wallet = self.brand(brand).await?;
        let own = wallet.keys.get(provider).cloned().unwrap_or_default();
        let platform = self.keys(&Wallet::default(), provider).await?;
        Ok(own.into_iter().chain(platform).collect())
    }

    /// The key an open attempt of the brand went with; none where it is gone.
    pub(crate) async fn find(
        &self,
        brand: &BrandId,
        id: &str,
    ) -> Result<Option<Credential>, StoreError> {
        let none = Credential::none();
        if id == none.id() {
            return Ok(Some(none));
        }
        let mut settings = self
            .providers
            .names()
            .flat_map(|name| self.providers.keys(name));
        if let Some(key) = settings.find(|key| key.id() == id) {
            return Ok(Some(key.clone()));
        }
        for owner in [Some(brand.clone()), None] {
            let wallet = self.wallet(owner).await?;
            let mut keys = wallet.keys.values().flatten();
            if let Some(key) = keys.find(|key| key.id() == id) {
                return Ok(Some(key.clone()));
            }
        }
        Ok(None)
    }

    async fn wallet(&self, owner: Owner) -> Result<Arc<Wallet>, StoreError> {
        let known = self.lock().get(&owner).cloned();
        if let Some((at, wallet)) = &known
            && at.elapsed() < TTL
        {
            return Ok(Arc::clone(wallet));
        }
        match (self.load(&owner).await, known) {
            (Ok(wallet), _) => {
                let wallet = Arc::new(wallet);
                let mut all = self.lock();
                if all.len() >= CAPACITY {
                    all.retain(|_, (at, _)| at.elapsed() < TTL);
                }
                all.insert(owner, (Instant::now(), Arc::clone(&wallet)));
                Ok(wallet)
            }
            (Err(error), Some((at, wallet))) if at.elapsed() < STALE => {
                tracing::warn!(
                    error = error_chain(&error),
                    "keys and routes are not read anew"
                );
                Ok(wallet)
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn load(&self, owner: &Owner) -> Result<Wallet, StoreError> {
        let Some(brand) = owner else {
            let keys = provider_keys::list(&self.db, None).await?;
            return Ok(Wallet {
                keys: self.open(keys),
                ..Wallet::default()
            });
        };
        let BrandRoute {
            default_provider,
            fallback,
            keys,
            has_plain_key,
        } = routes::load(&self.db, brand).await?;
        if has_plain_key {
            tracing::warn!(%brand, "a key in customApiKey is not used before it is imported");
        }
        Ok(Wallet {
            default_provider,
            fallback,
            own_only: has_plain_key || !keys.is_empty(),
            keys: self.open(keys),
        })
    }

    /// Those that open; the others are told of, and are as good as gone.
    fn open(&self, keys: Vec<ProviderKey>) -> HashMap<String, Vec<Credential>> {
        let mut open: HashMap<String, Vec<Credential>> = HashMap::new();
        for key in keys {
            let Some(sealing) = &self.sealing else {
                tracing::error!(key = %key.id, "a sealed key cannot be used without ATELIER_SEALING_KEYS");
                continue;
            };
            match provider_keys::open(sealing, &key) {
                Ok(secret) => open
                    .entry(key.provider)
                    .or_default()
                    .push(Credential::new(key.id.to_string(), secret)),
                Err(error) => tracing::error!(key = %key.id, %error, "a sealed key does not open"),
            }
        }
        open
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Owner, (Instant, Arc<Wallet>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
