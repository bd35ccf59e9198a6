//! What all sources say of one device, put together.
//!
//! Sightings belong together where a UUID or a PCI address is the same, else the number of the driver's node, else the number
//! of the vendor's tool. The first source that says something is believed; where a later one says something else, that is told.

use mngr_contract::gpu::SourceNote;

use super::nodes;
use super::sighting::Sighting;

/// A device with the sources that reported it.
#[derive(Debug)]
pub struct Merged {
    /// What they say.
    pub device: Sighting,
    /// Who.
    pub sources: Vec<&'static str>,
}

/// Puts sightings together; those of the sources that know most come first.
pub fn merge(sightings: Vec<Sighting>) -> (Vec<Merged>, Vec<SourceNote>) {
    let mut merged: Vec<Merged> = Vec::new();
    let mut notes = Vec::new();
    for mut sighting in sightings {
        if sighting.is_partition()
            && let (Some(parent), None) = (&sighting.parent, &sighting.uuid)
        {
            // The XML of many drivers has no UUIDs of partitions, and the list has them.
            let twin = merged
                .iter()
                .find(|known| known.device.parent.as_ref() == Some(parent) && known.device.index == sighting.index);
            sighting.uuid = twin.and_then(|twin| twin.device.uuid.clone());
        }
        let known = merged.iter().position(|known| same(&known.device, &sighting));
        match known {
            Some(at) => join(&mut merged[at], sighting, &mut notes),
            // A bare node says that there is a device, and not which.
            None if sighting.source == nodes::SOURCE && merged.iter().any(|known| could_be(&known.device)) => {}
            None => merged.push(Merged {
                sources: vec![sighting.source],
                device: sighting,
            }),
        }
    }
    merged.sort_by(|a, b| order(&a.device).cmp(&order(&b.device)));
    let mut numbers = std::collections::BTreeMap::<&str, u32>::new();
    for each in &mut merged {
        let next = numbers.entry(each.device.vendor).or_default();
        if !each.device.is_partition() {
            let index = *each.device.index.get_or_insert(*next);
            *next = (*next).max(index + 1);
        }
    }
    (merged, notes)
}

/// Whether a node may belong to a device of which no source has told the number of its node.
fn could_be(device: &Sighting) -> bool {
    device.vendor == "nvidia" && !device.is_partition() && device.minor.is_none()
}

fn order(device: &Sighting) -> (&str, Option<&str>, u32, Option<&str>) {
    let vendor = match device.vendor {
        "nvidia" => "0",
        other => other,
    };
    (
        vendor,
        device.parent.as_deref(),
        device.index.unwrap_or(u32::MAX),
        device.pci.as_deref(),
    )
}

fn same(a: &Sighting, b: &Sighting) -> bool {
    fn equal<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> Option<bool> {
        Some(a.as_ref()? == b.as_ref()?)
    }
    if a.vendor != b.vendor || a.is_partition() != b.is_partition() {
        return false;
    }
    if a.is_partition() {
        return equal(&a.uuid, &b.uuid)
            .unwrap_or_else(|| equal(&a.parent, &b.parent) == Some(true) && equal(&a.index, &b.index) == Some(true));
    }
    let sure = [equal(&a.uuid, &b.uuid), equal(&a.pci, &b.pci)];
    if sure.contains(&Some(true)) {
        return true;
    }
    if sure.contains(&Some(false)) {
        return false;
    }
    equal(&a.minor, &b.minor)
        .or_else(|| equal(&a.index, &b.index))
        .unwrap_or(false)
}

/// Takes what is new, and tells of what is different.
fn join(known: &mut Merged, other: Sighting, notes: &mut Vec<SourceNote>) {
    let name = known.device.uuid.clone().or_else(|| known.device.pci.clone());
    let name = name
        .or_else(|| known.device.index.map(|index| format!("GPU {index}")))
        .unwrap_or_default();
    let first = known.sources[0];
    if !known.sources.contains(&other.source) {
        known.sources.push(other.source);
    }
    let device = &mut known.device;
    let mut differ = |what: &str, a: String, b: String| {
        notes.push(SourceNote {
            source: other.source.to_owned(),
            message: format!("{what} of {name} is {b} here and {a} by {first}"),
        });
    };
    macro_rules! take {
        ($($field:ident $(as $what:literal)?),*) => {
            $(match (&device.$field, other.$field.clone()) {
                (None, new) => device.$field = new,
                (Some(_old), Some(_new)) => { $(if *_old != _new { differ($what, _old.to_string(), _new.to_string()); })? }
                (Some(_), None) => {}
            })*
        };
    }
    // AMD's sources name, number and identify devices and count their memory each in its own way.
    if device.vendor == "nvidia" {
        take!(
            uuid as "the UUID",
            index as "the number",
            model as "the model",
            memory_bytes as "the memory",
            driver_version as "the driver's version"
        );
    }
    take!(
        pci as "the PCI address",
        uuid,
        index,
        minor,
        model,
        memory_bytes,
        memory_used_bytes,
        utilization_percent,
        temperature_celsius,
        driver_version,
        cuda_version,
        parent,
        profile,
        cdi_name,
        fault
    );
    device.partitioned |= other.partitioned;
    for node in other.nodes {
        if device.nodes.iter().all(|known| known.path != node.path) {
            device.nodes.push(node);
        }
    }
    for holder in other.holders {
        if device.holders.iter().all(|known| known.pid != holder.pid) {
            device.holders.push(holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{cdi, nodes::Nodes, nvidia_csv, nvidia_list, nvidia_xml, proc_nvidia};

    fn nvidia(source: &'static str) -> Sighting {
        Sighting::new(source, "nvidia")
    }

    #[test]
    fn every_source_of_one_device_is_one_device() {
        let seen = |source, change: fn(&mut Sighting)| {
            let mut sighting = nvidia(source);
            change(&mut sighting);
            sighting
        };
        let (merged, notes) = merge(vec![
            seen("xml", |s| {
                s.uuid = Some("GPU-1".into());
                s.pci = Some("0000:65:00.0".into());
                s.index = Some(0);
                s.minor = Some(1);
            }),
            seen("proc", |s| {
                s.pci = Some("0000:65:00.0".into());
                s.minor = Some(1);
            }),
            seen("dev", |s| s.minor = Some(1)),
            seen("cdi", |s| {
                s.index = Some(0);
                s.cdi_name = Some("nvidia.com/gpu=0".into());
            }),
        ]);
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(merged.len(), 1);
        assert_eq!(merged[0].sources, ["xml", "proc", "dev", "cdi"]);
        assert!(merged[0].device.cdi_name.is_some());
    }

    #[test]
    fn sources_that_disagree_are_told_and_not_averaged() {
        let one = Sighting {
            uuid: Some("GPU-1".into()),
            memory_bytes: Some(80 << 30),
            driver_version: Some("535.54.03".into()),
            utilization_percent: Some(10),
            ..nvidia("csv")
        };
        let other = Sighting {
            memory_bytes: Some(40 << 30),
            driver_version: Some("550.1".into()),
            utilization_percent: Some(90),
            source: "proc",
            ..one.clone()
        };
        let (merged, notes) = merge(vec![one, other]);
        assert_eq!(merged[0].device.memory_bytes, Some(80 << 30));
        let told: Vec<_> = notes.iter().map(|note| note.message.as_str()).collect();
        assert!(
            told.iter().any(|note| note.contains("memory") && note.contains("csv")),
            "{told:?}"
        );
        assert!(
            told.iter()
                .any(|note| note.contains("550.1") && note.contains("535.54.03")),
            "{told:?}"
        );
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn partitions_get_their_uuids_from_the_list_and_their_memory_from_the_document() {
        let list = nvidia_list::parse(include_str!("fixtures/list-a100.txt"))
            .expect("a list")
            .devices;
        let xml = nvidia_xml::parse(include_str!("fixtures/a100-mig.xml"))
            .expect("a document")
            .devices;
        let (merged, notes) = merge([list, xml].concat());
        assert!(notes.is_empty(), "{notes:?}");
        let part = merged
            .iter()
            .find(|each| each.device.uuid.as_deref() == Some("MIG-a686709d-6dc2-542a-8851-0d2508448c11"))
            .expect("the partition");
        assert_eq!(part.device.memory_bytes, Some(19968 << 20));
        assert_eq!(part.device.profile.as_deref(), Some("2g.20gb"));
    }

    #[test]
    fn real_outputs_of_one_machine_agree() {
        let csv = nvidia_csv::parse(include_str!("fixtures/query-gpu.csv"))
            .expect("a table")
            .devices;
        let (cdi, _) = cdi::parse(
            "/etc/cdi/n.yaml:kind: nvidia.com/gpu\n/etc/cdi/n.yaml:devices: [{name: \"0\"}]\n",
            &Nodes::default(),
        );
        let (merged, _) = merge([csv, cdi, proc_nvidia::parse("")].concat());
        assert_eq!(merged.len(), 3);
        assert_eq!(merged[0].device.cdi_name.as_deref(), Some("nvidia.com/gpu=0"));
    }
}
