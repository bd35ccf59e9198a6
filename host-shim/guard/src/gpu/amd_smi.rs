//! `amd-smi list`, `static`, `metric` and `process` with `--json`: AMD's newer tool.

use mngr_contract::gpu::Holder;
use serde_json::Value;

use super::sighting::{Found, Sighting, bus_id, bytes, number, said};

/// What it is called in reports.
pub const SOURCE: &str = "amd-smi";

/// What each of its commands printed; those that failed are absent.
#[derive(Debug, Default)]
pub struct Printed {
    /// `amd-smi list --json`
    pub list: String,
    /// `amd-smi static --json`
    pub fixed: Option<String>,
    /// `amd-smi metric --json`
    pub metric: Option<String>,
    /// `amd-smi process --json`
    pub process: Option<String>,
}

/// Reads them, joined by the number of the device.
///
/// # Errors
/// What is wrong with the list. What is wrong with one of the others is a fault, and leaves its part out.
pub fn parse(printed: &Printed) -> Result<Found, String> {
    let list = devices(&printed.list).map_err(|error| format!("list: {error}"))?;
    let mut faults = Vec::new();
    let mut table = |text: &Option<String>, name: &str| match text.as_deref().map(devices) {
        Some(Ok(table)) => table,
        Some(Err(error)) => {
            faults.push(format!("{name}: {error}"));
            Vec::new()
        }
        None => Vec::new(),
    };
    let fixed = table(&printed.fixed, "static");
    let metric = table(&printed.metric, "metric");
    let process = table(&printed.process, "process");
    let of = |table: &[Value], index: u64| table.iter().find(|each| each["gpu"].as_u64() == Some(index)).cloned();
    let each = list.iter().filter_map(|device| {
        let index = device["gpu"].as_u64()?;
        let fixed = of(&fixed, index).unwrap_or_default();
        let metric = of(&metric, index).unwrap_or_default();
        Some(Sighting {
            index: u32::try_from(index).ok(),
            uuid: text(&device["uuid"]),
            pci: text(&device["bdf"]).and_then(|bdf| bus_id(&bdf)),
            model: text(&fixed["asic"]["market_name"]),
            memory_bytes: size(&fixed["vram"]["size"]),
            memory_used_bytes: size(&metric["mem_usage"]["used_vram"]),
            utilization_percent: amount(&metric["usage"]["gfx_activity"]).and_then(|value| u32::try_from(value).ok()),
            temperature_celsius: [&metric["temperature"]["hotspot"], &metric["temperature"]["edge"]]
                .into_iter()
                .find_map(amount)
                .and_then(|value| i32::try_from(value).ok()),
            driver_version: text(&fixed["driver"]["version"]),
            holders: of(&process, index).map(|each| holders(&each)).unwrap_or_default(),
            ..Sighting::new(SOURCE, "amd")
        })
    });
    Ok(Found {
        devices: each.collect(),
        faults,
    })
}

/// Places at which JSON is looked for.
const STARTS: usize = 8;

/// A list, or since ROCm 7 a list in an object.
fn devices(text: &str) -> Result<Vec<Value>, String> {
    // Before it some versions print warnings, and `[` begins some of those.
    let starts: Vec<_> = text.match_indices(['[', '{']).map(|(start, _)| start).collect();
    let first = |start: usize| {
        serde_json::Deserializer::from_str(&text[start..])
            .into_iter::<Value>()
            .next()
    };
    let read = |start: &usize| {
        first(*start)?
            .ok()
            .filter(|value| value.is_array() || value["gpu_data"].is_array())
    };
    let value = match starts.first() {
        None => return Err("there is no JSON in it".to_owned()),
        Some(start) => match starts.iter().take(STARTS).find_map(read) {
            Some(value) => value,
            None => serde_json::from_str(text[*start..].trim()).map_err(|error| error.to_string())?,
        },
    };
    match value {
        Value::Array(devices) => Ok(devices),
        Value::Object(mut object) => match object.remove("gpu_data") {
            Some(Value::Array(devices)) => Ok(devices),
            _ => Err("there is no list of devices in it".to_owned()),
        },
        _ => Err("it is no list".to_owned()),
    }
}

fn text(value: &Value) -> Option<String> {
    said(value.as_str()?)
}

/// `{"value": 7, "unit": "%"}`, or the bare value.
fn amount(value: &Value) -> Option<u64> {
    let value = value.get("value").unwrap_or(value);
    value.as_u64().or_else(|| number(value.as_str()?))
}

fn size(value: &Value) -> Option<u64> {
    let unit = value.get("unit").and_then(Value::as_str).unwrap_or("MB");
    bytes(&format!("{} {unit}", amount(value)?), unit)
}

fn holders(device: &Value) -> Vec<Holder> {
    let list = device["process_list"].as_array().map(Vec::as_slice).unwrap_or_default();
    let each = list.iter().filter_map(|entry| {
        let info = entry.get("process_info").unwrap_or(entry);
        Some(Holder {
            pid: u32::try_from(info["pid"].as_u64()?).ok()?,
            name: text(&info["name"]).unwrap_or_default(),
            memory_bytes: size(&info["memory_usage"]["vram_mem"]).or_else(|| size(&info["mem_usage"])),
            container_id: None,
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed() -> Printed {
        Printed {
            list: include_str!("fixtures/amd-smi-list.json").to_owned(),
            fixed: Some(include_str!("fixtures/amd-smi-static.json").to_owned()),
            metric: Some(include_str!("fixtures/amd-smi-metric.json").to_owned()),
            process: Some(include_str!("fixtures/amd-smi-process.json").to_owned()),
        }
    }

    #[test]
    fn what_the_commands_print_is_joined_by_the_number() {
        let found = parse(&printed()).expect("devices").devices;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pci.as_deref(), Some("0000:c4:00.0"));
        assert_eq!(found[0].memory_bytes, Some(32768 << 20));
        assert!(
            found[0]
                .model
                .as_deref()
                .is_some_and(|model| model.starts_with("Strix Halo"))
        );
        assert_eq!(
            (found[0].utilization_percent, found[0].temperature_celsius),
            (Some(12), Some(41))
        );
        assert_eq!(
            (found[0].holders[0].pid, found[0].holders[0].memory_bytes),
            (1234, Some(512 << 20))
        );
    }

    #[test]
    fn the_list_in_an_object_of_newer_versions_is_read_too_and_a_failed_command_leaves_its_part_out() {
        let list = format!("{{\"gpu_data\": {}}}", printed().list);
        let found = parse(&Printed {
            list,
            ..Printed::default()
        })
        .expect("devices")
        .devices;
        assert!(found[0].uuid.is_some() && found[0].model.is_none());
    }

    #[test]
    fn a_command_that_was_cut_off_is_named() {
        let cut = Printed {
            fixed: Some("[{\"gpu\": 0, \"asic\":".to_owned()),
            ..printed()
        };
        let found = parse(&cut).expect("devices");
        assert!(found.faults.len() == 1 && found.faults[0].starts_with("static: "));
        assert_eq!(found.devices.len(), 1);
        let cut = Printed {
            list: "[{\"gpu\": 0, ".to_owned(),
            ..printed()
        };
        assert!(parse(&cut).expect_err("cut off").starts_with("list: "));
    }

    #[test]
    fn a_warning_before_the_list_and_a_device_without_answers_take_nothing_else_away() {
        let mut warned = printed();
        warned.list = format!("[WARNING] the driver is old\n{}\nbye\n", warned.list);
        assert_eq!(parse(&warned).expect("devices").devices.len(), 1);
        let list = r#"[{"gpu": 0, "bdf": "0000:c4:00.0", "uuid": "N/A"}, {"gpu": "N/A"}, {"gpu": 2, "uuid": "u"}]"#;
        let found = parse(&Printed {
            list: list.to_owned(),
            ..printed()
        })
        .expect("devices");
        assert_eq!(
            found.devices.iter().map(|each| each.index).collect::<Vec<_>>(),
            [Some(0), Some(2)]
        );
    }
}
