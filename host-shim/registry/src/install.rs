//! Installing and updating: what a source has is read once, and what was hashed is what is checked, kept and loaded.

use std::sync::Arc;

use mngr_contract::Result;
use mngr_contract::error::{internal, invalid, not_found};
use mngr_loader::{Loader, Native, TARGET, sha256};
use semver::{Version, VersionReq};

use super::source::Fetched;
use super::{
    Consent, Form, Lock, LockedPlugin, LockedVersion, PluginName, PluginPin, Registry, Source, WantedPlugin,
    compatible_with, signature,
};

/// What is to be installed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which plugin, and which versions will do; without a range those that `plugins.toml` has for it, else any.
    pub pin: PluginPin,
    /// Where from; absent for what `plugins.toml` says.
    pub from: Option<Source>,
    /// The minisign key it must be signed with; absent for what `plugins.toml` says.
    pub public_key: Option<String>,
    /// What was agreed to.
    pub consent: Consent,
}

/// What was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Which plugin.
    pub name: PluginName,
    /// The version that is in use now.
    pub version: LockedVersion,
    /// The one that was in use before; absent for the first.
    pub before: Option<Version>,
    /// Whether it was there already, and nothing has changed.
    pub unchanged: bool,
}

impl Registry {
    /// Installs a plugin and takes it into use. All or nothing: after an error everything is as it was.
    ///
    /// # Errors
    /// `not-found` where the source has none that fits; `invalid-argument` for what is no plugin, is not whole or is not what
    /// its source says; `denied` for what needs to be agreed to, and for a signature; `unavailable`.
    pub async fn install(&self, loader: &Arc<Loader>, request: Request) -> Result<Installed> {
        let name = &request.pin.name;
        if name.as_str() == PluginName::BACKEND {
            return Err(invalid(
                "plugin",
                name.as_str(),
                "that name stands for the plugin that is built in",
                format!("call it {}, or what its author calls it", PluginName::BUILT_IN),
            ));
        }
        let known = self.wanted()?.plugins.remove(name);
        let source = match (&request.from, &known) {
            (Some(source), _) => source.clone(),
            (None, Some(known)) => self.source(&known.source)?,
            (None, None) => {
                return Err(not_found(
                    format!("plugin `{name}`"),
                    format!("{} does not say where it is got", self.wanted_path().display()),
                    format!("say it: mngr-docker plugin install {} --from SOURCE", request.pin),
                ));
            }
        };
        let pin = PluginPin {
            range: request
                .pin
                .range
                .clone()
                .or(known.as_ref().map(|known| known.version.clone())),
            ..request.pin.clone()
        };
        let public_key = request.public_key.or(known.and_then(|known| known.public_key));
        let fetched = source.fetch(&self.credentials, &pin, request.consent).await?;
        if Form::of(&fetched.bytes) == Form::Native {
            request.consent.to_native(name, &fetched.origin)?;
        }
        let (locked, bytes, signed) = examine(loader, &pin, public_key.as_deref(), fetched).await?;
        let wanted = WantedPlugin {
            version: pin.range.clone().unwrap_or_else(|| compatible_with(&locked.version)),
            source: source.to_string(),
            public_key,
        };

        let _exclusive = self.exclusively().await?;
        let mut lock = self.lock()?;
        let (before, unchanged) = admit(&mut lock, name, &locked, request.consent)?;
        self.store().put(&locked.sha256, &bytes, signed.as_deref())?;
        if !unchanged {
            self.write_lock(&lock)?;
            self.store().sweep(&lock)?;
        }
        self.want(name, Some(&wanted))?;
        Ok(Installed {
            name: name.clone(),
            version: locked,
            before,
            unchanged,
        })
    }

    /// Takes the newest version of a wanted plugin that its source has in its range.
    ///
    /// # Errors
    /// As [`Registry::install`].
    pub async fn update(&self, loader: &Arc<Loader>, name: &PluginName, consent: Consent) -> Result<Installed> {
        let request = Request {
            pin: PluginPin {
                name: name.clone(),
                range: None,
            },
            from: None,
            public_key: None,
            consent,
        };
        self.install(loader, request).await
    }

    /// The wanted plugins of which no version that fits is in use.
    ///
    /// # Errors
    /// As [`Registry::wanted`] and [`Registry::lock`].
    pub fn missing(&self) -> Result<Vec<PluginName>> {
        let (wanted, lock) = (self.wanted()?, self.lock()?);
        let fits = |name: &PluginName, range: &VersionReq| {
            let plugin = lock.plugins.get(name);
            plugin.is_some_and(|plugin| range.matches(&plugin.active))
        };
        let missing = wanted
            .plugins
            .into_iter()
            .filter(|(name, wanted)| !fits(name, &wanted.version));
        Ok(missing.map(|(name, _)| name).collect())
    }
}

/// What came, as it will be locked, once it is known to be what it should be: first its digest, then its signature, and only
/// then is it parsed, compiled, and asked who it is.
async fn examine(
    loader: &Arc<Loader>,
    pin: &PluginPin,
    public_key: Option<&str>,
    fetched: Fetched,
) -> Result<(LockedVersion, Vec<u8>, Option<String>)> {
    let Fetched {
        origin,
        bytes,
        version: claimed,
        sha256: digest,
        signature: signed,
    } = fetched;
    let found = sha256(&bytes);
    if let Some(digest) = digest.filter(|digest| *digest != found) {
        return Err(invalid(
            "from",
            origin,
            format!("its SHA-256 is {found}, and its source says {digest}"),
            "it is not whole, or was changed: try again, then tell whoever keeps the source",
        ));
    }
    if let Some(key) = public_key {
        signature::check(&pin.name, key, &bytes, signed.as_deref())?;
    }
    let bytes = Arc::new(bytes);
    let plugin = {
        let (loader, origin, bytes) = (loader.clone(), origin.clone(), bytes.clone());
        // That it is a library was agreed to.
        tokio::task::spawn_blocking(move || loader.load_as(&origin, &bytes, Native::Allowed))
    };
    let plugin = plugin
        .await
        .map_err(|broken| internal(&origin, broken.to_string(), "get the plugin again"))??;
    let version = plugin.version().await?;
    if let Some(claimed) = claimed.filter(|claimed| *claimed != version) {
        return Err(invalid(
            "from",
            origin,
            format!("its source calls it {claimed}; it says of itself that it is {version}"),
            "tell whoever keeps the source",
        ));
    }
    if !pin.fits(&version) {
        return Err(invalid(
            "plugin",
            pin.to_string(),
            format!("{origin} is version {version}"),
            "name a range that it is in, or another source",
        ));
    }
    let form = Form::of(&bytes);
    let locked = LockedVersion {
        version,
        form,
        target: (form == Form::Native).then(|| TARGET.to_owned()),
        contract: plugin.contract().clone(),
        sha256: found,
        size: bytes.len() as u64,
        source: origin,
        interfaces: plugin.interfaces().to_vec(),
        public_key: public_key.map(str::to_owned),
        installed_at: format!("{:.0}", jiff::Timestamp::now()),
    };
    drop(plugin);
    let bytes = Arc::try_unwrap(bytes).unwrap_or_else(|bytes| bytes.to_vec());
    Ok((locked, bytes, signed))
}

/// Puts a version into the lock and into use, where nothing speaks against it. Returns which was in use before, and whether
/// all was so already.
fn admit(
    lock: &mut Lock,
    name: &PluginName,
    locked: &LockedVersion,
    consent: Consent,
) -> Result<(Option<Version>, bool)> {
    let Some(plugin) = lock.plugins.get_mut(name) else {
        let plugin = LockedPlugin {
            active: locked.version.clone(),
            previous: Vec::new(),
            versions: vec![locked.clone()],
        };
        lock.plugins.insert(name.clone(), plugin);
        return Ok((None, false));
    };
    let before = plugin.active.clone();
    let same = plugin.version(&locked.version);
    let known = same.is_some_and(|same| same.sha256 == locked.sha256);
    if let Some(same) = same {
        consent.to_change(name, same, locked)?;
    }
    if let Some(active) = plugin.in_use() {
        consent.to_switch(name, active, locked)?;
    }
    if known && before == locked.version {
        return Ok((Some(before), true));
    }
    plugin.add(locked.clone());
    plugin.switch(&locked.version);
    Ok((Some(before), false))
}
