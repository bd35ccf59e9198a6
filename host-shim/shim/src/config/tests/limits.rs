//! `plugin_limits`.

use std::time::Duration;

use mngr_loader::{CallLimits, LIMIT_NAMES};

use super::{fault, toml, yaml};

#[test]
fn limits_of_a_plugin_are_read_in_their_units_and_the_others_stay() {
    let one = toml("[providers.docker]\nplugin_limits = { memory = '512m', handles = 20, idle-seconds = 60 }\n");
    let expected = CallLimits {
        memory: 512 << 20,
        handles: 20,
        idle: Duration::from_secs(60),
        ..CallLimits::default()
    };
    assert_eq!(one.providers["docker"].plugin_limits, expected);
    let two = yaml(
        "providers:\n  docker:\n    plugin_limits:\n      memory: 536870912\n      handles: 20\n      idle_seconds: 60\n      output:\n",
    );
    assert_eq!(two.providers["docker"].plugin_limits, expected);
    let none = toml("[providers.docker]\n");
    assert_eq!(none.providers["docker"].plugin_limits, CallLimits::default());
}

#[test]
fn a_limit_that_is_none_is_named_with_what_may_be_given() {
    for (given, expected) in [
        ("plugin_limits = 7", "a table of limits"),
        ("plugin_limits = { memroy = 1 }", "did you mean `memory`?"),
        ("plugin_limits = { memory = '64k' }", "give a size from 1m to 4g"),
        ("plugin_limits = { memory = 'much' }", "give a size from 1m to 4g"),
        ("plugin_limits = { memory = true }", "a boolean and not a size"),
        (
            "plugin_limits = { handles = 0 }",
            "give a whole number from 10 to 100000",
        ),
        ("plugin_limits = { handles = 10.5 }", "give a whole number"),
        ("plugin_limits = { handles = '20' }", "a string and not a number"),
        ("plugin_limits = { call_seconds = -1 }", "give whole seconds from 1"),
    ] {
        let shown = fault("settings.toml", &format!("[providers.docker]\n{given}\n"));
        assert!(shown.contains(expected), "{shown}");
        assert!(shown.contains("providers.docker.plugin_limits"), "{shown}");
    }
}

#[test]
fn every_limit_can_be_set_to_its_least_and_its_most() {
    for (name, _, least, most) in LIMIT_NAMES {
        for value in [least, most] {
            let config = toml(&format!("[providers.docker]\nplugin_limits = {{ {name} = {value} }}\n"));
            let mut expected = CallLimits::default();
            expected.set(name, value);
            assert_eq!(config.providers["docker"].plugin_limits, expected, "{name}");
        }
        let over = format!("[providers.docker]\nplugin_limits = {{ {name} = {} }}\n", most + 1);
        assert!(fault("settings.toml", &over).contains(name));
    }
}
