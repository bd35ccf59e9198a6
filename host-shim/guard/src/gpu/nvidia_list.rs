//! `nvidia-smi -L`: which devices there are and how they are partitioned, with the UUIDs of the partitions.

use super::sighting::Sighting;

/// What it is called in reports.
pub const SOURCE: &str = "nvidia-smi -L";

/// Reads it.
///
/// # Errors
/// A line that is none of a device or of a partition.
pub fn parse(text: &str) -> Result<Vec<Sighting>, String> {
    let mut found: Vec<Sighting> = Vec::new();
    let mut parent = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let unknown = || format!("there is a line that is none of a device: `{line}`");
        if line.trim().starts_with("No devices") {
            continue;
        }
        let (before, uuid) = line
            .trim()
            .split_once("(UUID: ")
            .and_then(|(before, rest)| Some((before.trim(), rest.strip_suffix(')')?.trim())))
            .ok_or_else(unknown)?;
        let mut device = Sighting {
            uuid: Some(uuid.to_owned()),
            ..Sighting::new(SOURCE, "nvidia")
        };
        if let Some(rest) = before.strip_prefix("GPU ") {
            let (index, model) = rest.split_once(':').ok_or_else(unknown)?;
            device.index = Some(index.trim().parse().map_err(|_| unknown())?);
            device.model = Some(model.trim().to_owned());
            parent = Some(found.len());
        } else if let Some(rest) = before.strip_prefix("MIG ") {
            let at = parent.ok_or_else(unknown)?;
            let (profile, index) = rest.trim_end_matches(':').split_once("Device").ok_or_else(unknown)?;
            device.index = Some(index.trim().parse().map_err(|_| unknown())?);
            device.profile = Some(profile.trim().to_owned());
            device.parent = found[at].uuid.clone();
            device.model = found[at].model.clone();
            found[at].partitioned = true;
        } else {
            return Err(unknown());
        }
        found.push(device);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_of_the_device_above_them() {
        let found = parse(include_str!("fixtures/list-mig.txt")).expect("a list");
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
        assert!(parse("No devices found.\n").expect("a list").is_empty());
        assert!(parse("GPU 0: NVIDIA A100 (UUID: GPU-95").is_err());
        assert!(parse("  MIG 1g.5gb Device 0: (UUID: MIG-1)").is_err());
    }
}
