//! A plugin that can be called, whichever form it has.

use std::sync::{Arc, OnceLock};

use mngr_contract::Result;
use mngr_contract::backend::{ConfigReport, Description};
use mngr_contract::error::invalid;
use mngr_guard::policy::Caller;
use semver::Version;

use super::call::Session;
use super::native::Library;
use super::running::Linked;

const DESCRIBE: &str = "backend.describe";
pub(super) const CHECK_CONFIG: &str = "backend.check-config";

/// What a plugin is, and so where its calls run.
#[derive(Clone)]
pub(super) enum Form {
    /// A WebAssembly component, in the sandbox; and whether it came precompiled out of the cache.
    Component(Arc<Linked>, bool),
    /// A dynamic library, in this process.
    Native(Library),
}

/// A plugin that has been loaded. Cheap to clone; each call is apart from every other.
#[derive(Clone)]
pub struct Plugin {
    pub(super) form: Form,
    pub(super) origin: Arc<str>,
    digest: Arc<str>,
    contract: Version,
    interfaces: Arc<[String]>,
    /// Name and version, once it has said them.
    described: Arc<OnceLock<(String, String)>>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("origin", &self.origin)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    pub(super) fn new(form: Form, origin: &str, digest: &str, contract: Version, interfaces: Arc<[String]>) -> Self {
        Self {
            form,
            origin: origin.into(),
            digest: digest.into(),
            contract,
            interfaces,
            described: Arc::default(),
        }
    }

    /// Where it came from: a path, a name and a version, or `built-in`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The version of the contract that it was built against.
    pub fn contract(&self) -> &Version {
        &self.contract
    }

    /// The interfaces of the contract that it imports, sorted: what it may ask the shim for. A native library may ask for all.
    pub fn interfaces(&self) -> &[String] {
        &self.interfaces
    }

    /// Whether it is a dynamic library, which the sandbox does not hold.
    pub fn is_native(&self) -> bool {
        matches!(self.form, Form::Native(_))
    }

    /// The version that it says it is.
    ///
    /// # Errors
    /// `invalid-argument` for the field `plugin` where that is no version; `internal` where the plugin traps or panics.
    pub async fn version(&self) -> Result<Version> {
        let version = self.describe().await?.version;
        Version::parse(&version).map_err(|error| {
            invalid(
                "plugin",
                self.origin(),
                format!("it says that its version is `{version}`: {error}"),
                "tell its author: `describe` gives a semantic version",
            )
        })
    }

    /// Whether it came precompiled out of the cache.
    pub fn was_cached(&self) -> bool {
        matches!(self.form, Form::Component(_, true))
    }

    /// What the plugin says of itself.
    ///
    /// # Errors
    /// `internal` where the plugin traps or panics.
    pub async fn describe(&self) -> Result<Description> {
        let session = Session::brief();
        let described: Description = match &self.form {
            Form::Component(component, _) => {
                self.call(component, session, |plugin| {
                    Box::pin(async { Ok(Ok(plugin.ask(DESCRIBE, ()).await?)) })
                })
                .await
            }
            Form::Native(library) => {
                self.call_native(library, session, DESCRIBE, |_| (), |described, _| Ok(described))
                    .await
            }
        }?;
        self.described
            .get_or_init(|| (described.name.clone(), described.version.clone()));
        Ok(described)
    }

    /// Who asks, where a call is made of it for that provider.
    pub(super) fn caller(&self, provider: &str) -> Caller {
        let (plugin, version) = self.described.get().cloned().unwrap_or_default();
        Caller {
            plugin,
            version,
            digest: self.digest.to_string(),
            provider: provider.to_owned(),
        }
    }

    /// Checks one provider's settings: a JSON object, less the keys that the shim keeps for itself.
    ///
    /// # Errors
    /// `internal` where the plugin traps or panics. What is wrong with the settings is in the report.
    pub async fn check_config(&self, name: &str, settings: &str) -> Result<ConfigReport> {
        let session = Session::brief();
        match &self.form {
            Form::Component(component, _) => {
                let given = (name.to_owned(), settings.to_owned());
                self.call(component, session, |plugin| {
                    Box::pin(async move { Ok(Ok(plugin.ask(CHECK_CONFIG, given).await?)) })
                })
                .await
            }
            Form::Native(library) => {
                let given = |_: &_| (name, settings);
                self.call_native(library, session, CHECK_CONFIG, given, |report, _| Ok(report))
                    .await
            }
        }
    }
}
