//! What volumes may be made of.

use mngr_contract::Result;
use mngr_contract::docker::Volume;
use mngr_contract::error::invalid;

use super::{Policy, Rule, Wanted};

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

fn is_local(driver: &str) -> bool {
    driver.is_empty() || driver == "local"
}

/// What a volume of the driver `local` lays open of its machine.
enum Opened<'a> {
    Nothing,
    /// What is no path (`overlay`, `proc`) and can not be named as one: its type and its options.
    Unnamed(&'a str, &'a str),
    Device {
        path: &'a str,
        read_only: bool,
    },
}

fn opened(options: &[(String, String)]) -> Opened<'_> {
    let option = |name: &str| {
        let given = options.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        given.map_or("", |(_, value)| value.trim())
    };
    let (kind, device, o) = (option("type"), option("device"), option("o"));
    let has = |word: &str| o.split(',').any(|given| given.trim().eq_ignore_ascii_case(word));
    let lays_over = OF_THE_MACHINE.iter().any(|word| has(word));
    let is_remote = ["cifs", "smb3"].contains(&kind) && device.starts_with("//");
    let is_apart = APART.contains(&kind) && !lays_over && (is_remote || !device.starts_with('/'));
    if is_apart || (kind.is_empty() && device.is_empty() && !lays_over) {
        return Opened::Nothing;
    }
    match device.starts_with('/') && kind != "overlay" {
        true => Opened::Device {
            path: device,
            read_only: has("ro") && !has("rw"),
        },
        false => Opened::Unnamed(kind, o),
    }
}

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
    ) -> Result<Vec<Wanted>> {
        let what = format!("volume {name}");
        self.own_labels(Rule::Volumes, labels, &what)?;
        self.volume(&what, driver, options)
    }

    /// Driver and options of a volume, and the places of the machine that it would lay open.
    pub(super) fn volume(&self, what: &str, driver: &str, options: &[(String, String)]) -> Result<Vec<Wanted>> {
        let driver = driver.trim();
        if !is_local(driver) {
            self.may_name(
                Rule::VolumeDrivers,
                &[driver],
                &format!("{what} with the driver {driver}"),
            )?;
            return Ok(Vec::new());
        }
        for (position, (key, value)) in options.iter().enumerate() {
            let is_same = |before: &str| before.trim().eq_ignore_ascii_case(key.trim());
            if options[..position].iter().any(|(before, _)| is_same(before)) {
                let remedy = "give each option once";
                return Err(invalid(
                    format!("volume option `{key}`"),
                    value,
                    "is there twice",
                    remedy,
                ));
            }
        }
        match opened(options) {
            Opened::Nothing => Ok(Vec::new()),
            Opened::Unnamed(kind, o) => {
                let what = format!("{what} of type `{kind}` with the options `{o}`");
                self.may_name(Rule::VolumeBinds, &[], &what)?;
                Ok(Vec::new())
            }
            Opened::Device { path, read_only } => {
                self.may(Rule::VolumeBinds, &format!("{what} of {path}"))?;
                Ok(vec![Wanted {
                    what: what.to_owned(),
                    ..Wanted::mount(Rule::VolumeBinds, path, read_only)
                }])
            }
        }
    }

    /// The places of the machine that a volume lays open which is there and may be mounted. One that the configuration names
    /// is judged by what nobody may have alone.
    ///
    /// # Errors
    /// As for one that is to be made.
    pub(crate) fn volume_there(&self, volume: &Volume) -> Result<Vec<Wanted>> {
        let what = format!("a mount of the volume {}", volume.name);
        if !self.is_any_volume(&volume.name) {
            return self.volume(&what, &volume.driver, &volume.options);
        }
        Ok(match opened(&volume.options) {
            Opened::Device { path, read_only } if is_local(&volume.driver) => vec![Wanted {
                what,
                is_named: true,
                ..Wanted::mount(Rule::VolumeBinds, path, read_only)
            }],
            _ => Vec::new(),
        })
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
