//! `/proc/driver/nvidia`: what the kernel's module knows, also where NVIDIA's tools are missing or do not match it.

use super::lines::{files, value};
use super::sighting::{Sighting, bus_id, said};

/// What it is called in reports.
pub const SOURCE: &str = "proc";
/// Where it is.
pub const PLACE: &str = "/proc/driver/nvidia";

/// Reads the files below it.
pub fn parse(text: &str) -> Vec<Sighting> {
    let files = files(text);
    let version = files
        .iter()
        .find(|(path, _)| path.ends_with("/version"))
        .and_then(|(_, text)| module_version(text));
    let cards = files.iter().filter(|(path, _)| path.ends_with("/information"));
    cards
        .map(|(path, text)| {
            let place = path.rsplit('/').nth(1).unwrap_or_default();
            Sighting {
                minor: value(text, "Device Minor").and_then(|text| text.parse().ok()),
                // `GPU-????…` before the device was used for the first time.
                uuid: value(text, "GPU UUID")
                    .filter(|uuid| !uuid.contains('?'))
                    .and_then(said),
                pci: value(text, "Bus Location").and_then(bus_id).or_else(|| bus_id(place)),
                model: value(text, "Model").and_then(said),
                driver_version: version.clone(),
                ..Sighting::new(SOURCE, "nvidia")
            }
        })
        .collect()
}

/// The version in `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 …`.
fn module_version(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("NVRM version"))?;
    let is_version = |word: &&str| word.contains('.') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    line.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_place_its_uuid_and_its_minor() {
        let found = parse(include_str!("fixtures/proc-nvidia.txt"));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].pci.as_deref(), Some("0000:00:1e.0"));
        assert_eq!(found[0].minor, Some(3));
        assert_eq!(found[0].driver_version.as_deref(), Some("535.129.03"));
        assert_eq!(found[1].model.as_deref(), Some("NVIDIA H100 80GB HBM3"));
    }

    #[test]
    fn a_uuid_that_is_not_known_yet_is_absent() {
        let found = parse("/proc/driver/nvidia/gpus/0000:01:00.0/information:GPU UUID: \t GPU-????????-????\n");
        assert!(found[0].uuid.is_none() && found[0].pci.is_some());
    }
}
