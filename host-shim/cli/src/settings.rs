//! The settings that the shim keeps for itself, as `doctor --help` lists them.

use mngr_host_shim::config::KEYS;

/// Each with what it is for and what holds without it. Those of the plugin are the plugin's to tell.
pub fn table() -> String {
    let width = KEYS.iter().map(|key| key.name.len()).max().unwrap_or_default();
    let mut text = String::from("Settings of a provider, below `providers.NAME` of the configuration:\n");
    for key in KEYS {
        text.push_str(&format!(
            "  {:width$}  {} [default: {}]\n",
            key.name, key.help, key.unset
        ));
    }
    text.push_str("All others are its plugin's.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_has_a_line() {
        let table = table();
        assert_eq!(table.lines().count(), KEYS.len() + 2);
        assert!(
            table.contains("\n  engine_timeout_seconds  deadline of one engine call;")
                && table.contains("[default: 30]"),
            "{table}"
        );
    }
}
