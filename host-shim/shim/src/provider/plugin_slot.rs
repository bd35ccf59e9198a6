//! The plugin that a provider's calls are made with: the one its source has, once it has shown that it can take over.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use mngr_contract::backend::SettingProblem;
use mngr_contract::error::{internal, invalid, timeout};
use mngr_contract::instance::DiscoverRequest;
use mngr_contract::log;
use mngr_contract::trace::Name;
use mngr_contract::{Result, types};
use mngr_guard::Guard;
use mngr_guard::policy::Policy;
use mngr_loader::{Plugin, Rejection, Reloader, Session};
use mngr_sandbox::SandboxEngine;
use serde_json::{Map, Value};

/// How long a plugin may take to show that it works.
const SELF_TEST: Duration = Duration::from_secs(10);

/// A plugin in use, and what it made of the provider's settings.
pub(super) struct ActivePlugin {
    pub plugin: Plugin,
    /// The version that the plugin says it is.
    pub version: Box<str>,
    pub settings: Arc<str>,
    pub warnings: Arc<[SettingProblem]>,
}

impl ActivePlugin {
    /// Asks a plugin whether it can work with these settings.
    async fn open(plugin: Plugin, name: &str, settings: &Map<String, Value>) -> Result<Self> {
        // So that what it does is written down under its name.
        plugin.describe().await?;
        let given = Value::Object(settings.clone()).to_string();
        let report = plugin.check_config(name, &given).await?;
        if let Some(problem) = report.errors.into_iter().next() {
            let value = settings.get(&problem.key).map(ToString::to_string).unwrap_or_default();
            return Err(invalid(
                problem.key,
                value.chars().take(80).collect::<String>(),
                problem.reason,
                problem.remedy,
            ));
        }
        Ok(Self {
            version: plugin.describe().await?.version.into(),
            plugin,
            settings: report.effective.into(),
            warnings: report.warnings.into(),
        })
    }

    pub fn reference(&self, name: &str) -> types::Provider {
        types::Provider {
            name: name.to_owned(),
            settings: self.settings.to_string(),
        }
    }

    /// Has it say what it is, and find nothing where nothing is.
    async fn self_test(&self, name: &str) -> Result<()> {
        self.plugin.version().await?;
        // There is nothing on it to be kept from anyone.
        let policy = Arc::new(Policy::standard(name));
        let guard = Guard::new(Arc::new(SandboxEngine::new()), policy, None);
        let session = Session {
            guard: Some(Arc::new(guard)),
            ..Session::idle()
        };
        let everything = DiscoverRequest::default();
        let found = self.plugin.discover(session, self.reference(name), everything).await?;
        match found.len() {
            0 => Ok(()),
            found => Err(internal(
                format!("the plugin {}", self.plugin.origin()),
                format!("its self-test failed: it finds {found} agents on an engine that has none"),
                "report this to its author",
            )),
        }
    }
}

/// Where the plugin of one provider is, and is exchanged.
pub(super) struct PluginSlot {
    name: Box<str>,
    given: Map<String, Value>,
    /// Absent for a plugin that never changes.
    reloader: Option<Arc<Reloader>>,
    active: RwLock<Arc<ActivePlugin>>,
    rejection: Mutex<Option<(String, Rejection)>>,
    /// Held by whoever tries another one.
    trying: tokio::sync::Mutex<()>,
}

impl PluginSlot {
    pub async fn fixed(plugin: Plugin, name: &str, settings: &Map<String, Value>) -> Result<Self> {
        Self::with(plugin, None, name, settings).await
    }

    pub async fn reloading(reloader: Arc<Reloader>, name: &str, settings: &Map<String, Value>) -> Result<Self> {
        let plugin = reloader.current().await;
        Self::with(plugin, Some(reloader), name, settings).await
    }

    async fn with(
        plugin: Plugin,
        reloader: Option<Arc<Reloader>>,
        name: &str,
        settings: &Map<String, Value>,
    ) -> Result<Self> {
        Ok(Self {
            name: name.into(),
            given: settings.clone(),
            reloader,
            active: RwLock::new(Arc::new(ActivePlugin::open(plugin, name, settings).await?)),
            rejection: Mutex::default(),
            trying: tokio::sync::Mutex::default(),
        })
    }

    /// The plugin that is in use.
    pub fn active(&self) -> Arc<ActivePlugin> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same, after a look at its source.
    pub fn current(&self) -> BoxFuture<'_, Arc<ActivePlugin>> {
        Box::pin(async {
            if let Some(reloader) = &self.reloader {
                let candidate = reloader.current().await;
                // While another call tries it, this one uses the plugin in use.
                if self.is_new(&candidate)
                    && let Ok(_trying) = self.trying.try_lock()
                {
                    self.take_over(reloader).await;
                }
            }
            self.active()
        })
    }

    /// The same, though the source seems not to have changed.
    pub async fn reload(&self) -> Arc<ActivePlugin> {
        if let Some(reloader) = &self.reloader {
            reloader.reload().await;
            let _trying = self.trying.lock().await;
            self.take_over(reloader).await;
        }
        self.active()
    }

    /// Why the source's present content is not in use, where it is not.
    pub fn rejection(&self) -> Option<Rejection> {
        let unfit = self.reloader.as_ref().and_then(|reloader| reloader.rejection());
        unfit.or_else(|| self.rejected().as_ref().map(|(_, rejection)| rejection.clone()))
    }

    fn rejected(&self) -> std::sync::MutexGuard<'_, Option<(String, Rejection)>> {
        self.rejection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is neither the one in use nor one that was tried and failed.
    fn is_new(&self, candidate: &Plugin) -> bool {
        let failed = |digest: &str| self.rejected().as_ref().is_some_and(|(rejected, _)| rejected == digest);
        let active = self.active();
        if active.plugin.digest() != candidate.digest() {
            return !failed(candidate.digest());
        }
        // What was tried in between and failed is not what the source has any more.
        *self.rejected() = None;
        false
    }

    /// Tries what the source has now: what it had when somebody looked may be older.
    async fn take_over(&self, reloader: &Reloader) {
        let candidate = reloader.plugin();
        if !self.is_new(&candidate) {
            return;
        }
        let (origin, digest) = (candidate.origin().to_owned(), candidate.digest().to_owned());
        let trial = async {
            let active = ActivePlugin::open(candidate, &self.name, &self.given).await?;
            active.self_test(&self.name).await?;
            Ok(active)
        };
        let trial = match tokio::time::timeout(SELF_TEST, trial).await {
            Ok(trial) => trial,
            Err(_) => Err(timeout(
                format!("the self-test of the plugin {origin}"),
                SELF_TEST,
                false,
                "report this to its author",
            )),
        };
        match trial {
            Ok(active) => {
                log!(
                    INFO,
                    "another plugin is in use",
                    provider = Name(&self.name),
                    origin = Name(&origin),
                    digest = Name(&digest),
                );
                *self.active.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(active);
                *self.rejected() = None;
            }
            Err(error) => {
                let rejection = Rejection { origin, error };
                rejection.log(&self.active().plugin);
                *self.rejected() = Some((digest, rejection));
            }
        }
    }
}
