//! Volumes and the three networks that every engine has.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mngr_contract::Result;
use mngr_contract::docker::{Network, Volume};
use mngr_contract::error::not_found;

use super::state::{State, VolumeRecord, labels_fit, new_id};
use super::tree::Tree;
use super::{SandboxEngine, errors};

/// Where an engine would keep a volume.
pub fn mountpoint(name: &str) -> String {
    format!("/var/lib/docker/volumes/{name}/_data")
}

impl State {
    /// Makes a volume; one that is there already is left as it is.
    pub fn make_volume(
        &mut self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<()> {
        if self.volumes.contains_key(name) {
            return Ok(());
        }
        if name.len() < 2 || !errors::is_plain(name) {
            let reason = format!(
                "create {name}: \"{name}\" includes invalid characters for a local volume name, only \
                 \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            );
            return Err(errors::bad("volume", name, reason));
        }
        if !matches!(driver, "" | "local") {
            let reason =
                format!("create {name}: error looking up volume plugin {driver}: plugin \"{driver}\" not found");
            return Err(not_found(format!("volume `{name}`"), reason, "use the driver `local`"));
        }
        let volume = VolumeRecord {
            name: name.to_owned(),
            driver: "local".to_owned(),
            options,
            labels,
            created: Timestamp::now(),
            tree: Arc::new(Mutex::new(Tree::new())),
            anonymous: false,
        };
        self.volumes.insert(name.to_owned(), volume);
        Ok(())
    }
}

impl SandboxEngine {
    pub(super) async fn volume_create(
        &self,
        name: &str,
        driver: &str,
        options: Vec<(String, String)>,
        labels: Vec<(String, String)>,
    ) -> Result<Volume> {
        let name = if name.is_empty() { new_id() } else { name.to_owned() };
        self.state().make_volume(&name, driver, options, labels)?;
        self.volume_inspect(&name).await
    }

    pub(super) async fn volume_inspect(&self, name: &str) -> Result<Volume> {
        errors::check_plain("volume", name)?;
        let state = self.state();
        state.volumes.get(name).map(describe).ok_or_else(|| no_volume(name))
    }

    pub(super) async fn volume_list(&self, labels: Vec<String>) -> Result<Vec<Volume>> {
        let state = self.state();
        let fit = |volume: &&VolumeRecord| {
            let label = |key: &str| {
                volume
                    .labels
                    .iter()
                    .find(|(known, _)| known == key)
                    .map(|(_, value)| value.as_str())
            };
            labels_fit(label, &labels)
        };
        Ok(state.volumes.values().filter(fit).map(describe).collect())
    }

    pub(super) async fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        errors::check_plain("volume", name)?;
        let mut state = self.state();
        if !state.volumes.contains_key(name) {
            return if force { Ok(()) } else { Err(no_volume(name)) };
        }
        let users = state.volume_users(name);
        if !users.is_empty() {
            let reason = format!("remove {name}: volume is in use - [{}]", users.join(", "));
            return Err(errors::in_the_way("volume", name, "in use", reason));
        }
        state.volumes.remove(name);
        Ok(())
    }

    pub(super) async fn volume_users(&self, name: &str) -> Result<Vec<String>> {
        errors::check_plain("volume", name)?;
        Ok(self.state().volume_user_names(name))
    }

    /// `bridge`, `host` and `none`.
    pub(super) async fn network_inspect(&self, name: &str) -> Result<Network> {
        errors::check_plain("network", name)?;
        let known = [("bridge", "bridge", '1'), ("host", "host", '2'), ("none", "null", '3')];
        let found = known
            .into_iter()
            .find(|(known, _, _)| *known == name || (*known == "bridge" && name == "default"));
        match found {
            Some((name, driver, digit)) => Ok(Network {
                id: digit.to_string().repeat(64),
                name: name.to_owned(),
                driver: driver.to_owned(),
                internal: false,
                labels: Vec::new(),
            }),
            None => Err(not_found(
                format!("network `{name}`"),
                format!("network {name} not found"),
                "the sandbox engine has `bridge`, `host` and `none`",
            )),
        }
    }
}

fn no_volume(name: &str) -> mngr_contract::ProviderError {
    not_found(
        format!("volume `{name}`"),
        format!("get {name}: no such volume"),
        "see which volumes there are",
    )
}

fn describe(volume: &VolumeRecord) -> Volume {
    Volume {
        name: volume.name.clone(),
        driver: volume.driver.clone(),
        mountpoint: mountpoint(&volume.name),
        options: volume.options.clone(),
        labels: volume.labels.clone(),
        created: Some(volume.created.to_string()),
    }
}
