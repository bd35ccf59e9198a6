//! What one source says of one device.

use mngr_contract::gpu::{Holder, Node};

/// What a source has told.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The devices.
    pub devices: Vec<Sighting>,
    /// What it said that is none of a device, or of one that is not read.
    pub faults: Vec<String>,
}

impl From<Vec<Sighting>> for Found {
    fn from(devices: Vec<Sighting>) -> Self {
        Self {
            devices,
            faults: Vec::new(),
        }
    }
}

/// A device as one source has seen it. Every part may be missing.
#[derive(Debug, Clone, Default)]
pub struct Sighting {
    /// Who says so.
    pub source: &'static str,
    /// `nvidia`, `amd` or `intel`.
    pub vendor: &'static str,
    /// The number that the vendor's tool gives it.
    pub index: Option<u32>,
    /// NVIDIA: N of `/dev/nvidiaN`.
    pub minor: Option<u32>,
    /// Unique for ever.
    pub uuid: Option<String>,
    /// As [`bus_id`] writes it.
    pub pci: Option<String>,
    /// Name of the product.
    pub model: Option<String>,
    /// Bytes in all.
    pub memory_bytes: Option<u64>,
    /// Bytes in use.
    pub memory_used_bytes: Option<u64>,
    /// How busy it is.
    pub utilization_percent: Option<u32>,
    /// How warm it is.
    pub temperature_celsius: Option<i32>,
    /// Of the kernel's driver.
    pub driver_version: Option<String>,
    /// The newest that the driver supports.
    pub cuda_version: Option<String>,
    /// Of a partition: the UUID of its device.
    pub parent: Option<String>,
    /// Of a partition: its size, as NVIDIA names it.
    pub profile: Option<String>,
    /// Whether it is cut into partitions, which are handed out in its place.
    pub partitioned: bool,
    /// Its name in a CDI specification.
    pub cdi_name: Option<String>,
    /// Files through which it is reached.
    pub nodes: Vec<Node>,
    /// What runs on it.
    pub holders: Vec<Holder>,
    /// What the driver says is wrong with it.
    pub fault: Option<String>,
}

impl Sighting {
    /// A sighting that says nothing yet.
    pub fn new(source: &'static str, vendor: &'static str) -> Self {
        Self {
            source,
            vendor,
            ..Self::default()
        }
    }

    /// Whether it is a partition of another.
    pub fn is_partition(&self) -> bool {
        self.parent.is_some() || self.uuid.as_deref().is_some_and(|uuid| uuid.starts_with("MIG-"))
    }
}

/// A PCI address in the kernel's spelling, from any that tools print: `00000000:65:00.0` is `0000:65:00.0`.
pub fn bus_id(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let (domain, rest) = match text.matches(':').count() {
        1 => ("0", text.as_str()),
        2 => text.split_once(':')?,
        _ => return None,
    };
    let (bus, slot) = rest.split_once(':')?;
    let (device, function) = slot.split_once('.').unwrap_or((slot, "0"));
    let number = |digits: &str| u32::from_str_radix(digits, 16).ok();
    Some(format!(
        "{:04x}:{:02x}:{:02x}.{:x}",
        number(domain)?,
        number(bus)?,
        number(device)?,
        number(function)?
    ))
}

/// The number that a text begins with, its decimals cut off. Tools of some languages write a comma before the decimals.
pub fn number(text: &str) -> Option<u64> {
    let digits = text.trim().split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// A size as tools print it, `80 GiB` or `24564 MiB`, in bytes. A unit that is left out is `unit`.
pub fn bytes(text: &str, unit: &str) -> Option<u64> {
    let text = text.trim();
    let amount = number(text)?;
    let given = text.trim_start_matches(|c: char| !c.is_alphabetic());
    let shift = match if given.is_empty() { unit } else { given } {
        "B" => 0,
        "KiB" | "KB" | "kB" => 10,
        "MiB" | "MB" => 20,
        "GiB" | "GB" => 30,
        _ => return None,
    };
    amount.checked_mul(1 << shift)
}

/// The PCI address in a line of words, such as that of a driver about a device that it cannot reach.
pub fn bus_id_in(line: &str) -> Option<String> {
    let words = line.split_whitespace();
    let mut words = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_hexdigit()));
    words.find_map(|word| bus_id(word).filter(|_| word.contains('.')))
}

/// A text that says something: not `N/A`, `[Not Supported]`, `ERR!`, `GPU is lost` or nothing.
pub fn said(text: &str) -> Option<String> {
    const SILENT: [&str; 8] = [
        "",
        "N/A",
        "None",
        "unknown",
        "Unknown",
        "Unknown Error",
        "ERR!",
        "GPU is lost",
    ];
    let text = text.trim();
    let silent = text.starts_with('[') || SILENT.contains(&text);
    (!silent).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_ids_of_every_tool_come_to_one_spelling() {
        for text in [
            "00000000:65:00.0",
            "0000:65:00.0",
            "65:00.0",
            "0000:65:00",
            " 0000:65:00.0\n",
        ] {
            assert_eq!(bus_id(text).as_deref(), Some("0000:65:00.0"), "{text:?}");
        }
        assert_eq!(bus_id("00000001:C3:00.0").as_deref(), Some("0001:c3:00.0"));
        for text in ["", "N/A", "65", "x:y:z"] {
            assert_eq!(bus_id(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_line_about_a_device_has_its_address() {
        for line in [
            "Unable to determine the device handle for GPU 0000:65:00.0: Unknown Error",
            "WARNING: infoROM is corrupted at gpu 0000:65:00.0",
            "Unable to determine the device handle for gpu (00000000:65:00.0).",
        ] {
            assert_eq!(bus_id_in(line).as_deref(), Some("0000:65:00.0"), "{line}");
        }
        for line in ["Welcome at 10:30:00 to the box", "No devices were found", ""] {
            assert_eq!(bus_id_in(line), None, "{line}");
        }
    }

    #[test]
    fn numbers_are_read_with_a_unit_and_with_decimals_of_any_language() {
        assert_eq!(number("53.0"), Some(53));
        assert_eq!(number("53,9 C"), Some(53));
        assert_eq!(number("N/A"), None);
        assert_eq!(bytes("24564 MiB", "MiB"), Some(24564 << 20));
        assert_eq!(bytes("24564", "MiB"), Some(24564 << 20));
        assert_eq!(bytes("1 parsec", "MiB"), None);
        assert_eq!(bytes("99999999999999999999 GiB", "MiB"), None);
    }
}
