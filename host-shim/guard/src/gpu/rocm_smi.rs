//! `rocm-smi … --json`: AMD's older tool.

use mngr_contract::gpu::Holder;
use serde_json::{Map, Value};

use super::sighting::{Sighting, bus_id, number, said};

/// What it is called in reports.
pub const SOURCE: &str = "rocm-smi";
/// What is asked for.
pub const ARGUMENTS: [&str; 10] = [
    "--showuniqueid",
    "--showproductname",
    "--showbus",
    "--showmeminfo",
    "vram",
    "--showuse",
    "--showtemp",
    "--showdriverversion",
    "--showpids",
    "--json",
];

/// Reads it. Before its JSON some versions print warnings.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Sighting>, String> {
    let start = text.find('{').ok_or("there is no JSON in it")?;
    let all: Map<String, Value> = serde_json::from_str(text[start..].trim()).map_err(|error| error.to_string())?;
    let system = all.get("system").and_then(Value::as_object);
    let version = system.and_then(|system| word(system, &["Driver version"]));
    let mut found = Vec::new();
    for (name, card) in &all {
        let (Some(index), Some(card)) = (
            name.strip_prefix("card").and_then(|n| n.parse::<u32>().ok()),
            card.as_object(),
        ) else {
            continue;
        };
        found.push(Sighting {
            index: Some(index),
            uuid: word(card, &["Unique ID"]).filter(|id| id != "0x0"),
            pci: word(card, &["PCI Bus"]).and_then(|text| bus_id(&text)),
            model: word(card, &["Card Series", "Card series", "Card Model", "Card model"]),
            memory_bytes: word(card, &["VRAM Total Memory (B)"]).and_then(|text| number(&text)),
            memory_used_bytes: word(card, &["VRAM Total Used Memory (B)"]).and_then(|text| number(&text)),
            utilization_percent: word(card, &["GPU use (%)"]).and_then(|text| u32::try_from(number(&text)?).ok()),
            temperature_celsius: word(
                card,
                &["Temperature (Sensor junction) (C)", "Temperature (Sensor edge) (C)"],
            )
            .and_then(|text| i32::try_from(number(&text)?).ok()),
            driver_version: version.clone(),
            ..Sighting::new(SOURCE, "amd")
        });
    }
    found.sort_by_key(|card| card.index);
    if let ([only], Some(system)) = (found.as_mut_slice(), system) {
        only.holders = holders(system);
    }
    Ok(found)
}

fn word(card: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| said(card.get(*name)?.as_str()?))
}

/// Processes by `"PID123": "name, number of GPUs, bytes, …"`. Which of several GPUs one is on is not told, so that they are
/// told of a machine's only one.
fn holders(system: &Map<String, Value>) -> Vec<Holder> {
    let each = system.iter().filter_map(|(key, value)| {
        let mut fields = value.as_str()?.split(',').map(str::trim);
        Some(Holder {
            pid: key.strip_prefix("PID")?.parse().ok()?,
            name: fields.next()?.to_owned(),
            memory_bytes: fields.nth(1).and_then(number),
            container_id: None,
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_of_several_versions_are_read() {
        let mi100 = parse(include_str!("fixtures/rocm-smi-mi100.json")).expect("cards");
        assert_eq!(mi100.len(), 4);
        assert_eq!(mi100[1].pci.as_deref(), Some("0000:a3:00.0"));
        assert_eq!(mi100[1].temperature_celsius, Some(58));
        assert_eq!(mi100[0].uuid.as_deref(), Some("0x79ccd55167a2124a"));
        assert_eq!(mi100[0].driver_version.as_deref(), Some("6.3.6"));
        let old = parse(include_str!("fixtures/rocm-smi-vega10.json")).expect("cards");
        assert_eq!(old.len(), 1);
        assert!(old[0].memory_bytes.is_some() && old[0].memory_used_bytes.is_some());
        let new = parse(include_str!("fixtures/rocm-smi-rx6700xt.json")).expect("cards");
        assert!(new[0].model.is_some(), "{new:?}");
    }

    #[test]
    fn warnings_before_the_json_are_passed_over_and_a_cut_is_an_error() {
        assert!(parse("WARNING: AMD GPU device(s) is/are in a low-power state.\n{\"card0\": {}}").is_ok());
        let whole = include_str!("fixtures/rocm-smi-mi100.json");
        assert!(parse(&whole[..whole.len() / 2]).is_err());
        assert!(parse("ERROR: No AMD GPUs\n").is_err());
    }

    #[test]
    fn processes_are_told_of_the_only_card_and_of_none_where_there_are_several() {
        let one = r#"{"card0":{},"system":{"PID77":"python, 1, 1048576, 0, 0"}}"#;
        let found = parse(one).expect("cards");
        assert_eq!(
            (found[0].holders[0].pid, found[0].holders[0].memory_bytes),
            (77, Some(1 << 20))
        );
        let two = parse(&one.replace("\"system\"", "\"card1\":{},\"system\"")).expect("cards");
        assert!(two.iter().all(|card| card.holders.is_empty()));
    }
}
