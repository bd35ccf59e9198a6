//! `nvidia-smi --query-gpu=… --format=csv`: what there is since the driver of 2012, a line a device.

use super::sighting::{Found, Sighting, bus_id, bytes, number, said};

/// What it is called in reports.
pub const SOURCE: &str = "nvidia-smi --query-gpu";
/// What is asked for. Fields that not every driver knows would make it answer nothing at all.
pub const FIELDS: &str =
    "index,uuid,pci.bus_id,name,memory.total,memory.used,utilization.gpu,temperature.gpu,driver_version";

/// Reads it. Columns are told by their names, so that their order does not matter. A line that has not all of them is a fault.
///
/// # Errors
/// Where there are no names of columns.
pub fn parse(text: &str) -> Result<Found, String> {
    // What the driver says of a device that it cannot reach may come first.
    let begins = |line: &str| line.split([',', ' ']).any(|word| word == "uuid");
    let before: Vec<&str> = text.lines().take_while(|line| !begins(line)).collect();
    if before.len() == text.lines().count() {
        let start: String = text.lines().next().unwrap_or_default().chars().take(120).collect();
        return Err(format!(
            "it does not begin with the names of the columns but with `{start}`"
        ));
    }
    let table = text.split_inclusive('\n').skip(before.len()).collect::<String>();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(table.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    // With units a column is called `memory.total [MiB]`.
    let names: Vec<_> = header
        .iter()
        .map(|name| name.split_whitespace().next().unwrap_or_default())
        .collect();
    let mut found = Found {
        faults: before
            .into_iter()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        ..Found::default()
    };
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if record.len() < names.len() {
            let line = record.iter().collect::<Vec<_>>().join(", ");
            let (has, of) = (record.len(), names.len());
            found.faults.push(format!("a line has {has} columns of {of}: `{line}`"));
            continue;
        }
        let field = |name: &str| {
            let at = names.iter().position(|known| *known == name)?;
            said(record.get(at)?)
        };
        let size = |name: &str| bytes(&field(name)?, "MiB");
        found.devices.push(Sighting {
            index: field("index").and_then(|text| text.parse().ok()),
            uuid: field("uuid"),
            pci: field("pci.bus_id").and_then(|text| bus_id(&text)),
            model: field("name"),
            memory_bytes: size("memory.total"),
            memory_used_bytes: size("memory.used"),
            utilization_percent: field("utilization.gpu").and_then(|text| u32::try_from(number(&text)?).ok()),
            temperature_celsius: field("temperature.gpu").and_then(|text| i32::try_from(number(&text)?).ok()),
            driver_version: field("driver_version"),
            ..Sighting::new(SOURCE, "nvidia")
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_device_and_what_the_driver_does_not_tell_is_absent() {
        let found = parse(include_str!("fixtures/query-gpu.csv")).expect("a table").devices;
        assert_eq!(found.len(), 3);
        assert_eq!(
            found[0].uuid.as_deref(),
            Some("GPU-df6e7a7c-7314-46f8-abc4-b88b36dcf3aa")
        );
        assert_eq!(found[0].memory_bytes, Some(8192 << 20));
        assert_eq!(
            (found[0].utilization_percent, found[0].temperature_celsius),
            (Some(2), Some(34))
        );
        // A card in MIG mode does not tell how busy it is.
        assert_eq!(
            (found[1].utilization_percent, found[1].memory_used_bytes),
            (None, Some(87 << 20))
        );
        assert_eq!(found[2].pci.as_deref(), Some("0001:00:00.0"));
    }

    #[test]
    fn units_and_the_order_of_columns_do_not_matter() {
        let found = parse("uuid, memory.total [MiB], index\nGPU-1, 24564 MiB, 7\n");
        let found = found.expect("a table").devices;
        assert!(found[0].index == Some(7) && found[0].memory_bytes == Some(24564 << 20));
    }

    #[test]
    fn no_device_and_no_table_are_told_apart() {
        assert!(parse("index, uuid\n").expect("a table").devices.is_empty());
        let error = parse("No devices were found\n").expect_err("no table");
        assert!(error.contains("No devices were found"), "{error}");
    }

    #[test]
    fn a_line_that_is_none_of_a_device_is_a_fault_and_the_others_count() {
        let whole = include_str!("fixtures/query-gpu.csv");
        let found = parse(&whole[..whole.len() - 30]).expect("a table");
        assert_eq!((found.devices.len(), found.faults.len()), (2, 1));
        let lost = "Unable to determine the device handle for GPU 0000:65:00.0: GPU is lost.";
        for text in [format!("{lost}\n{whole}"), format!("{whole}{lost}\n")] {
            let found = parse(&text).expect("a table");
            assert_eq!(found.devices.len(), 3, "{:?}", found.faults);
            assert!(
                found.faults.len() == 1 && found.faults[0].contains(lost),
                "{:?}",
                found.faults
            );
        }
        let dead = whole.replace("8192", "[GPU is lost]");
        assert_eq!(parse(&dead).expect("a table").devices[0].memory_bytes, None);
    }
}
