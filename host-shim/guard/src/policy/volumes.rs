//! What volumes may be made of.

use mngr_contract::Result;
use mngr_contract::error::invalid;

use super::{Policy, Rule};

/// Filesystems that a volume of the driver `local` may be without anything of the machine in it.
const APART: [&str; 5] = ["tmpfs", "nfs", "nfs4", "cifs", "smb3"];
/// Options of mount(8) with which it is another place of the machine, or changes one, whatever its type.
const OF_THE_MACHINE: [&str; 10] = [
    "bind",
    "rbind",
    "move",
    "remount",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "unbindable",
    "runbindable",
];

impl Policy {
    /// Whether a volume like this may be made, as far as the request alone tells; what of the machine it lays open is to be
    /// asked about.
    ///
    /// # Errors
    /// `denied` for one without this provider's labels, and for what lays something of the machine open and is not named.
    pub fn create_volume(
        &self,
        name: &str,
        driver: &str,
        options: &[(String, String)],
        labels: &[(String, String)],
    ) -> Result<Vec<(Rule, String)>> {
        let what = format!("volume {name}");
        self.own_labels(Rule::Volumes, labels, &what)?;
        self.volume(&what, driver, options)
    }

    /// Driver and options of a volume, and the places of the machine that it would lay open.
    pub(super) fn volume(&self, what: &str, driver: &str, options: &[(String, String)]) -> Result<Vec<(Rule, String)>> {
        let driver = driver.trim();
        if !driver.is_empty() && driver != "local" {
            self.may_name(
                Rule::VolumeDrivers,
                &[driver],
                &format!("{what} with the driver {driver}"),
            )?;
            return Ok(Vec::new());
        }
        for (position, (key, value)) in options.iter().enumerate() {
            if options[..position].iter().any(|(before, _)| before == key) {
                let remedy = "give each option once";
                return Err(invalid(
                    format!("volume option `{key}`"),
                    value,
                    "is there twice",
                    remedy,
                ));
            }
        }
        let option = |name: &str| {
            let given = options.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            given.map_or("", |(_, value)| value.trim())
        };
        let (kind, device) = (option("type"), option("device"));
        let lays_over = option("o")
            .split(',')
            .map(str::trim)
            .any(|word| OF_THE_MACHINE.iter().any(|known| word.eq_ignore_ascii_case(known)));
        let is_remote = ["cifs", "smb3"].contains(&kind) && device.starts_with("//");
        let is_apart = APART.contains(&kind) && !lays_over && (is_remote || !device.starts_with('/'));
        if is_apart || (kind.is_empty() && device.is_empty() && !lays_over) {
            return Ok(Vec::new());
        }
        let what = format!("{what} of type `{kind}` with the options `{}`", option("o"));
        // What is no path (`overlay`, `proc`) can not be named as one.
        if !device.starts_with('/') || kind == "overlay" {
            self.may_name(Rule::VolumeBinds, &[], &what)?;
            return Ok(Vec::new());
        }
        self.may(Rule::VolumeBinds, &format!("{what} of {device}"))?;
        Ok(vec![(Rule::VolumeBinds, device.to_owned())])
    }

    /// Whether that is a volume's name: anything else might be another path of the engine's API, or of the machine.
    ///
    /// # Errors
    /// `invalid-argument` where it is not.
    pub fn volume_name(name: &str) -> Result<()> {
        if super::container::is_name(name) {
            return Ok(());
        }
        let remedy = "use letters, digits, _, . and -, or the absolute path of a directory";
        Err(invalid("volume", name, "is not the name of a volume", remedy))
    }

    /// Whether a volume may be used: one that is this provider's, or that is named.
    ///
    /// # Errors
    /// `denied` for any other.
    pub fn use_volume(&self, name: &str, is_own: bool) -> Result<()> {
        let whose = match is_own {
            true => "",
            false => ", which is not this provider's,",
        };
        self.may_touch(Rule::Volumes, name, is_own, &format!("volume {name}{whose}"))
    }

    /// Whether it takes no question to know that a volume may be used.
    pub fn is_any_volume(&self, name: &str) -> bool {
        self.use_volume(name, false).is_ok()
    }

    /// The labels of a volume that is made because a container names it.
    pub fn label_volume(&self, mut labels: Vec<(String, String)>) -> Vec<(String, String)> {
        if super::labels::provider_of(&labels).is_none() {
            labels.push((super::PROVIDER_LABEL.to_owned(), self.provider.clone()));
        }
        labels
    }
}
