//! `/sys/class/drm`: the cards that the kernel draws with, of AMD and Intel, and the nodes that belong to each.

use std::collections::BTreeMap;

use super::lines::files;
use super::nodes::Nodes;
use super::sighting::{Sighting, bus_id, number};

/// What it is called in reports.
pub const SOURCE: &str = "drm";
/// Where it is.
pub const PLACE: &str = "/sys/class/drm";

/// Reads the files of cards and render nodes. NVIDIA's cards are left to NVIDIA's own sources.
pub fn parse(text: &str, nodes: &Nodes) -> Vec<Sighting> {
    let mut cards = BTreeMap::<String, Sighting>::new();
    for (path, text) in files(text) {
        let mut parts = path.strip_prefix("/sys/class/drm/").unwrap_or_default().split('/');
        let (Some(entry), Some("device"), Some("uevent")) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let vendor = match field("PCI_ID").and_then(|id| id.split(':').next()) {
            Some("1002") => "amd",
            Some("8086") => "intel",
            _ => continue,
        };
        let Some(pci) = field("PCI_SLOT_NAME").and_then(bus_id) else {
            continue;
        };
        let card = cards
            .entry(pci.clone())
            .or_insert_with(|| Sighting::new(SOURCE, vendor));
        card.pci = Some(pci);
        if let Some(index) = entry.strip_prefix("card").and_then(|digits| digits.parse().ok()) {
            card.index = Some(index);
            card.model = field("PCI_ID").map(|id| format!("{vendor} {}", id.to_lowercase()));
            card.driver_version = None;
        } else if !entry.starts_with("renderD") {
            continue;
        }
        card.nodes.extend(nodes.at(&format!("/dev/dri/{entry}")).cloned());
    }
    for (path, text) in files(text) {
        let Some((entry, name)) = path
            .strip_prefix("/sys/class/drm/")
            .and_then(|rest| rest.split_once("/device/"))
        else {
            continue;
        };
        let index = entry.strip_prefix("card").and_then(|digits| digits.parse::<u32>().ok());
        let Some(card) = cards.values_mut().find(|card| index.is_some() && card.index == index) else {
            continue;
        };
        match name {
            "mem_info_vram_total" => card.memory_bytes = number(&text),
            "mem_info_vram_used" => card.memory_used_bytes = number(&text),
            "gpu_busy_percent" => card.utilization_percent = number(&text).and_then(|value| u32::try_from(value).ok()),
            _ => {}
        }
    }
    cards.into_values().filter(|card| card.index.is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_and_its_render_node_are_one_device_and_outputs_are_none() {
        let nodes =
            Nodes::parse("/dev/dri/card0 44\n/dev/dri/renderD128 109\n/dev/dri/card1 44\n/dev/dri/renderD129 109\n");
        let found = parse(include_str!("fixtures/drm.txt"), &nodes);
        assert_eq!(found.len(), 2);
        let paths = |card: &Sighting| card.nodes.iter().map(|node| node.path.clone()).collect::<Vec<_>>();
        assert_eq!(
            (found[0].vendor, found[0].pci.as_deref()),
            ("intel", Some("0000:00:02.0"))
        );
        assert_eq!(paths(&found[0]), ["/dev/dri/card0", "/dev/dri/renderD128"]);
        assert_eq!((found[1].vendor, found[1].memory_bytes), ("amd", Some(17_163_091_968)));
        assert_eq!(found[1].utilization_percent, Some(7));
    }
}
