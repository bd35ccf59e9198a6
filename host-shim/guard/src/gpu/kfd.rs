//! `/sys/class/kfd`: what AMD's compute driver knows.

use std::collections::BTreeMap;

use super::lines::{files, property};
use super::nodes::Nodes;
use super::sighting::Sighting;

/// What it is called in reports.
pub const SOURCE: &str = "kfd";
/// Where it is.
pub const PLACE: &str = "/sys/class/kfd";

const AMD: u64 = 0x1002;

/// Reads the topology: a directory for each CPU and GPU.
pub fn parse(text: &str, nodes: &Nodes) -> Vec<Sighting> {
    let mut topology = BTreeMap::<u32, BTreeMap<String, String>>::new();
    for (path, text) in files(text) {
        let Some((number, file)) = path
            .rsplit_once("/nodes/")
            .and_then(|(_, rest)| rest.split_once('/'))
            .and_then(|(number, file)| Some((number.parse().ok()?, file.to_owned())))
        else {
            continue;
        };
        topology.entry(number).or_default().insert(file, text);
    }
    let found = topology.values().filter_map(|files| {
        let properties = files.get("properties")?;
        let is_gpu = property(properties, "vendor_id") == Some(AMD) && property(properties, "simd_count")? > 0;
        let location = property(properties, "location_id")?;
        let domain = property(properties, "domain").unwrap_or_default();
        let pci = format!(
            "{domain:04x}:{:02x}:{:02x}.{:x}",
            location >> 8 & 0xff,
            location >> 3 & 0x1f,
            location & 7
        );
        let render = property(properties, "drm_render_minor").map(|minor| format!("/dev/dri/renderD{minor}"));
        let banks = files.iter().filter(|(path, _)| path.starts_with("mem_banks/"));
        // Heap types 1 and 2 are the device's own memory, visible to the CPU or not.
        let own = banks
            .filter(|(_, bank)| matches!(property(bank, "heap_type"), Some(1 | 2)))
            .filter_map(|(_, bank)| property(bank, "size_in_bytes"))
            .sum::<u64>();
        is_gpu.then(|| Sighting {
            uuid: property(properties, "unique_id")
                .filter(|id| *id != 0)
                .map(|id| format!("0x{id:x}")),
            pci: Some(pci),
            memory_bytes: Some(own).filter(|bytes| *bytes > 0),
            nodes: render.iter().filter_map(|path| nodes.at(path)).cloned().collect(),
            ..Sighting::new(SOURCE, "amd")
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_with_simds_is_a_device_and_the_cpu_is_none() {
        let nodes = Nodes::parse("/dev/dri/renderD128 109\n");
        let found = parse(include_str!("fixtures/kfd.txt"), &nodes);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pci.as_deref(), Some("0000:83:00.0"));
        assert_eq!(found[0].uuid.as_deref(), Some("0x79ccd55167a2124a"));
        assert_eq!(found[0].memory_bytes, Some(34_342_961_152));
        assert_eq!(found[0].nodes[0].path, "/dev/dri/renderD128");
    }
}
