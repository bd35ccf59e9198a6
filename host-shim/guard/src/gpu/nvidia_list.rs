//! `nvidia-smi -L`: which devices there are and how they are partitioned, with the UUIDs of the partitions.

use super::sighting::{Found, Sighting, bus_id_in, said};

/// What it is called in reports.
pub const SOURCE: &str = "nvidia-smi -L";

/// Reads it. A line that is none of a device is a fault, and of the device whose address it names.
///
/// # Errors
/// Where no line is of a device, the first that is of something else.
pub fn parse(text: &str) -> Result<Found, String> {
    let mut found = Found::default();
    let mut parent = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("No devices") {
            continue;
        }
        match device(line, parent.map(|at: usize| &found.devices[at])) {
            Some(device) => {
                match (parent, device.profile.is_some()) {
                    (Some(at), true) => found.devices[at].partitioned = true,
                    _ => parent = Some(found.devices.len()),
                }
                found.devices.push(device);
            }
            None => found.faults.push(line.to_owned()),
        }
    }
    if let (true, Some(line)) = (found.devices.is_empty(), found.faults.first()) {
        return Err(format!("there is a line that is none of a device: `{line}`"));
    }
    for line in &found.faults {
        let Some(pci) = bus_id_in(line) else { continue };
        found.devices.push(Sighting {
            pci: Some(pci),
            fault: Some(line.clone()),
            ..Sighting::new(SOURCE, "nvidia")
        });
    }
    Ok(found)
}

/// Whether a device is in it.
pub fn has_devices(text: &str) -> bool {
    parse(text).is_ok_and(|found| !found.devices.is_empty())
}

/// The device or the partition of a line. A partition is of the device above it.
fn device(line: &str, parent: Option<&Sighting>) -> Option<Sighting> {
    let (before, uuid) = line.split_once("(UUID: ")?;
    let mut device = Sighting {
        uuid: said(uuid.strip_suffix(')')?),
        ..Sighting::new(SOURCE, "nvidia")
    };
    if let Some(rest) = before.trim().strip_prefix("GPU ") {
        let (index, model) = rest.split_once(':')?;
        device.index = Some(index.trim().parse().ok()?);
        device.model = said(model);
        return Some(device);
    }
    let parent = parent?;
    let rest = before.trim().strip_prefix("MIG ")?;
    let (profile, index) = rest.trim_end_matches(':').split_once("Device")?;
    device.index = Some(index.trim().parse().ok()?);
    device.profile = Some(profile.trim().to_owned());
    device.parent = parent.uuid.clone();
    device.model = parent.model.clone();
    Some(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_of_the_device_above_them() {
        let found = parse(include_str!("fixtures/list-mig.txt")).expect("a list").devices;
        assert_eq!(found.len(), 6);
        assert!(found[0].partitioned && found[0].profile.is_none());
        assert_eq!(found[2].parent, found[0].uuid);
        assert_eq!(
            (found[2].index, found[2].profile.as_deref()),
            (Some(1), Some("1g.10gb"))
        );
        assert_eq!(found[4].parent, found[3].uuid);
        assert!(found[4].is_partition() && !found[3].is_partition());
    }

    #[test]
    fn an_error_in_place_of_a_list_is_an_error() {
        assert!(parse("No devices found.\n").expect("a list").devices.is_empty());
        assert!(parse("GPU 0: NVIDIA A100 (UUID: GPU-95").is_err());
        assert!(parse("  MIG 1g.5gb Device 0: (UUID: MIG-1)").is_err());
    }

    #[test]
    fn a_line_about_a_device_that_is_lost_is_of_that_device_and_the_others_stay() {
        let whole = include_str!("fixtures/list-t4.txt");
        let lost = "Unable to determine the device handle for GPU 0000:65:00.0: Unknown Error";
        for text in [format!("{lost}\n{whole}"), format!("{whole}{lost}\n")] {
            let found = parse(&text).expect("a list");
            assert_eq!(found.faults, [lost]);
            let (bad, good): (Vec<_>, Vec<_>) = found.devices.iter().partition(|device| device.fault.is_some());
            assert_eq!(good.len(), parse(whole).expect("a list").devices.len());
            assert_eq!((bad.len(), bad[0].pci.as_deref()), (1, Some("0000:65:00.0")));
        }
        let warned = parse(&format!("a notice of the site\n{whole}")).expect("a list");
        assert!(warned.devices.iter().all(|device| device.fault.is_none()) && warned.faults.len() == 1);
    }
}
