//! CDI: the devices that an engine is told of by specification files, and by name.

use serde::Deserialize;

use super::lines::files;
use super::nodes::Nodes;
use super::sighting::{Sighting, bus_id};

/// What it is called in reports.
pub const SOURCE: &str = "cdi";
/// Where every engine looks that knows CDI.
pub const PLACES: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// A specification, less what is not needed to know its devices.
#[derive(Deserialize)]
struct Specification {
    kind: String,
    #[serde(default)]
    devices: Vec<Device>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    name: String,
    #[serde(default)]
    container_edits: Edits,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edits {
    #[serde(default)]
    device_nodes: Vec<DeviceNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceNode {
    path: String,
    host_path: Option<String>,
}

/// Reads the files of its directories. A file that does not decode spoils no other.
pub fn parse(text: &str, nodes: &Nodes) -> (Vec<Sighting>, Vec<String>) {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (path, text) in files(text) {
        if ![".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end)) {
            continue;
        }
        // JSON is YAML.
        match serde_saphyr::from_str::<Specification>(&text) {
            Ok(specification) => found.extend(specification.devices.iter().filter_map(|device| {
                let name = format!("{}={}", specification.kind, device.name);
                let mut sighting = named(&name)?;
                let paths = device.container_edits.device_nodes.iter();
                let paths: Vec<_> = paths
                    .map(|node| node.host_path.as_ref().unwrap_or(&node.path))
                    .collect();
                sighting.minor = sighting.minor.or_else(|| minor(&paths));
                sighting.nodes = paths.iter().filter_map(|path| nodes.at(path)).cloned().collect();
                Some(sighting)
            })),
            Err(error) => faults.push(format!("{path} does not decode: {error}")),
        }
    }
    (found, faults)
}

/// What the name of a device tells: `nvidia.com/gpu=0`, `nvidia.com/gpu=GPU-…`, `intel.com/gpu=0000:03:00.0-0x56a0`. None
/// where it is of no GPU, or stands for all of them.
pub fn named(name: &str) -> Option<Sighting> {
    let (kind, device) = name.split_once('=')?;
    let vendor = match kind.split_once('/')? {
        ("nvidia.com", "gpu" | "mig-gpu") => "nvidia",
        ("amd.com", "gpu") => "amd",
        ("intel.com", "gpu") => "intel",
        _ => return None,
    };
    if device == "all" {
        return None;
    }
    let mut sighting = Sighting {
        cdi_name: Some(name.to_owned()),
        ..Sighting::new(SOURCE, vendor)
    };
    if device.starts_with("GPU-") || device.starts_with("MIG-") || device.starts_with("0x") {
        sighting.uuid = Some(device.to_owned());
    } else if let Ok(index) = device.strip_prefix("gpu").unwrap_or(device).parse() {
        sighting.index = Some(index);
    } else if let Some(pci) = device.get(..12).and_then(bus_id) {
        sighting.pci = Some(pci);
    } else {
        // `mig0:1` and `0:1` are partitions, whose device is known by their UUID alone; others are named as somebody liked.
        return None;
    }
    Some(sighting)
}

fn minor(paths: &[&String]) -> Option<u32> {
    let mut numbers = paths
        .iter()
        .filter_map(|path| path.strip_prefix("/dev/nvidia")?.parse().ok());
    let first = numbers.next()?;
    numbers.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_number_by_uuid_and_by_place() {
        let (found, faults) = parse(include_str!("fixtures/cdi.txt"), &Nodes::default());
        assert!(faults.is_empty(), "{faults:?}");
        let names: Vec<_> = found.iter().filter_map(|each| each.cdi_name.as_deref()).collect();
        assert_eq!(
            names,
            [
                "intel.com/gpu=0000:03:00.0-0x56a0",
                "nvidia.com/gpu=0",
                "nvidia.com/gpu=1",
                "nvidia.com/gpu=GPU-513536b6-7d19-9063-b049-1e69664bb298"
            ]
        );
        assert_eq!((found[1].index, found[1].minor), (Some(0), Some(1)));
        assert_eq!(found[0].pci.as_deref(), Some("0000:03:00.0"));
        assert_eq!(
            found[3].uuid.as_deref(),
            Some("GPU-513536b6-7d19-9063-b049-1e69664bb298")
        );
    }

    #[test]
    fn a_file_that_does_not_decode_is_named_and_the_others_are_read() {
        let text = "/etc/cdi/a.yaml:kind: [\n/etc/cdi/b.json:{\"kind\":\"nvidia.com/gpu\",\"devices\":[{\"name\":\"0\"}]}\n\
                    /etc/cdi/notes.txt:kind: nvidia.com/gpu\n";
        let (found, faults) = parse(text, &Nodes::default());
        assert_eq!(found.len(), 1);
        assert!(
            faults.len() == 1 && faults[0].starts_with("/etc/cdi/a.yaml"),
            "{faults:?}"
        );
    }

    #[test]
    fn other_kinds_and_names_for_all_are_no_devices() {
        for name in [
            "nvidia.com/gpu=all",
            "nvidia.com/imex-channel=0",
            "vendor.com/net=0",
            "nonsense",
        ] {
            assert!(named(name).is_none(), "{name}");
        }
    }
}
