//! `nvidia-smi -q -x`: all that NVIDIA's driver tells, with partitions and processes.

use mngr_contract::gpu::Holder;
use roxmltree::{Document, Node, ParsingOptions};

use super::sighting::{Found, Sighting, bus_id, bytes, number, said};

/// What it is called in reports.
pub const SOURCE: &str = "nvidia-smi -q -x";
/// How the document ends.
const END: &str = "</nvidia_smi_log>";

/// Reads it. Elements are added with every driver; what is not there is absent. Lines around the document are faults.
///
/// # Errors
/// Where there is no such document, or it is not whole.
pub fn parse(text: &str) -> Result<Found, String> {
    let begin = text.find("<?xml").unwrap_or_default();
    let end = text.rfind(END).map_or(text.len(), |at| at + END.len());
    let (before, after) = (&text[..begin], text.get(end..).unwrap_or_default());
    let text = text.get(begin..end).unwrap_or(text);
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let log = document.root_element();
    if log.tag_name().name() != "nvidia_smi_log" {
        return Err(format!("it is a document of another kind, <{}>", log.tag_name().name()));
    }
    let mut found = Vec::new();
    for (position, gpu) in children(log, "gpu").enumerate() {
        let processes: Vec<_> = children(gpu, "processes")
            .flat_map(|all| children(all, "process_info"))
            .collect();
        let partitions: Vec<_> = children(gpu, "mig_devices")
            .flat_map(|all| children(all, "mig_device"))
            .collect();
        let pci = gpu.attribute("id").and_then(bus_id);
        let device = Sighting {
            index: u32::try_from(position).ok(),
            minor: value(gpu, &["minor_number"]).and_then(|text| text.parse().ok()),
            uuid: value(gpu, &["uuid"]),
            pci: pci.or_else(|| bus_id(&value(gpu, &["pci", "pci_bus_id"])?)),
            model: value(gpu, &["product_name"]),
            memory_bytes: size(gpu, "total"),
            memory_used_bytes: size(gpu, "used"),
            utilization_percent: value(gpu, &["utilization", "gpu_util"])
                .and_then(|text| u32::try_from(number(&text)?).ok()),
            temperature_celsius: value(gpu, &["temperature", "gpu_temp"])
                .and_then(|text| i32::try_from(number(&text)?).ok()),
            driver_version: value(log, &["driver_version"]),
            cuda_version: value(log, &["cuda_version"]),
            partitioned: value(gpu, &["mig_mode", "current_mig"]).as_deref() == Some("Enabled"),
            holders: processes.iter().filter_map(holder).collect(),
            ..Sighting::new(SOURCE, "nvidia")
        };
        let parts: Vec<_> = partitions
            .into_iter()
            .map(|part| {
                let instance = |node: Node| [value(node, &["gpu_instance_id"]), value(node, &["compute_instance_id"])];
                let theirs = processes.iter().filter(|process| instance(**process) == instance(part));
                Sighting {
                    index: value(part, &["index"]).and_then(|text| text.parse().ok()),
                    uuid: value(part, &["uuid"]),
                    model: device.model.clone(),
                    memory_bytes: size(part, "total"),
                    memory_used_bytes: size(part, "used"),
                    parent: device.uuid.clone(),
                    driver_version: device.driver_version.clone(),
                    cuda_version: device.cuda_version.clone(),
                    holders: theirs.filter_map(holder).collect(),
                    ..Sighting::new(SOURCE, "nvidia")
                }
            })
            .collect();
        found.push(device);
        found.extend(parts);
    }
    let around = [before, after].into_iter().flat_map(str::lines).map(str::trim);
    Ok(Found {
        devices: found,
        faults: around.filter(|line| !line.is_empty()).map(str::to_owned).collect(),
    })
}

fn children<'a, 'input>(node: Node<'a, 'input>, name: &'static str) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

fn value(node: Node, path: &[&'static str]) -> Option<String> {
    let found = path.iter().try_fold(node, |node, name| children(node, name).next())?;
    said(found.text()?)
}

fn size(node: Node, name: &'static str) -> Option<u64> {
    bytes(&value(node, &["fb_memory_usage", name])?, "MiB")
}

fn holder(process: &Node) -> Option<Holder> {
    Some(Holder {
        pid: value(*process, &["pid"])?.parse().ok()?,
        name: value(*process, &["process_name"]).unwrap_or_default(),
        memory_bytes: value(*process, &["used_memory"]).and_then(|text| bytes(&text, "MiB")),
        container_id: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_2017_is_read_though_its_driver_tells_little() {
        let found = parse(include_str!("fixtures/gtx-1070-ti.xml"))
            .expect("a document")
            .devices;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].model.as_deref(), Some("GeForce GTX 1070 Ti"));
        assert_eq!(found[0].memory_bytes, Some(4096 << 20));
        assert!(!found[0].partitioned && found[0].holders.is_empty());
    }

    #[test]
    fn processes_are_told_with_the_memory_they_hold() {
        let found = parse(include_str!("fixtures/tesla-t4.xml"))
            .expect("a document")
            .devices;
        let names: Vec<_> = found[0].holders.iter().map(|holder| holder.name.as_str()).collect();
        assert_eq!(names, ["/usr/lib/xorg/Xorg", "python"]);
        assert!(found[0].holders.iter().all(|holder| holder.memory_bytes.is_some()));
        assert_eq!(found[0].pci.as_deref(), Some("0000:00:1e.0"));
    }

    #[test]
    fn partitions_of_a_card_in_mig_mode_have_memory_of_their_own() {
        let found = parse(include_str!("fixtures/a100-mig.xml"))
            .expect("a document")
            .devices;
        let (cards, parts): (Vec<_>, Vec<_>) = found.iter().partition(|each| !each.is_partition());
        assert!(cards.iter().all(|card| card.partitioned));
        assert_eq!(parts.len(), 4);
        assert_eq!(parts[3].index, Some(3));
        assert_eq!(parts[0].memory_bytes, Some(19968 << 20));
        assert_eq!(parts[0].parent, cards[0].uuid);
        assert_eq!(cards[0].utilization_percent, None);
    }

    #[test]
    fn a_process_of_a_partition_is_told_of_that_partition() {
        let found = parse(include_str!("fixtures/mig-process.xml"))
            .expect("a document")
            .devices;
        assert_eq!(found[1].holders.len(), 0);
        assert_eq!(found[2].holders[0].pid, 4242);
    }

    #[test]
    fn a_newer_driver_has_other_elements_around_those_that_are_read() {
        let found = parse(include_str!("fixtures/rtx-3090.xml"))
            .expect("a document")
            .devices;
        assert_eq!(found[0].model.as_deref(), Some("NVIDIA GeForce RTX 3090"));
        assert!(found[0].cuda_version.is_some() && found[0].uuid.is_some());
    }

    #[test]
    fn a_machine_without_devices_has_none() {
        let none = "<?xml version=\"1.0\" ?><!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\"><nvidia_smi_log>\
                    <attached_gpus>0</attached_gpus></nvidia_smi_log>";
        assert!(parse(none).expect("a document").devices.is_empty());
    }

    #[test]
    fn what_the_driver_says_around_the_document_and_what_it_can_not_read_take_nothing_else_away() {
        let whole = include_str!("fixtures/tesla-t4.xml");
        let lost = "Unable to determine the device handle for GPU 0000:65:00.0: GPU is lost. Reboot the system.";
        for text in [format!("{lost}\n{whole}"), format!("{whole}\n{lost}\n")] {
            let found = parse(&text).expect("a document");
            assert_eq!((found.devices.len(), &found.faults[..]), (1, &[lost.to_owned()][..]));
        }
        let broken = whole.replacen("<gpu_temp>", "<gpu_temp>ERR!</gpu_temp><gpu_temp>", 1);
        let found = parse(&broken).expect("a document");
        assert_eq!(found.devices[0].temperature_celsius, None);
        assert!(found.devices[0].uuid.is_some());
    }

    #[test]
    fn what_is_cut_off_or_of_another_kind_is_an_error() {
        let whole = include_str!("fixtures/tesla-t4.xml");
        assert!(parse(&whole[..whole.len() / 2]).is_err());
        assert!(parse("<html/>").expect_err("another kind").contains("<html>"));
        assert!(parse("Failed to initialize NVML: Driver/library version mismatch").is_err());
    }
}
