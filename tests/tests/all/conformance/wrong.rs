//! A plugin that breaks one rule at a time: the suite finds that one, and nothing to say against its neighbours.

use std::collections::BTreeSet;
use std::time::Duration;

use mngr_conformance::{Rule, Suite, rules};
use mngr_docker_tests::{component_of, written_over};
use mngr_host_shim::loader::Plugin;
use serde_json::{Map, Value};

use super::kin::KIN;
use super::{broken, ids, load, run};

/// As `tests/wrong-plugin/src/describe.rs` has it.
const NONE: &str = "describe.nothing-is-wrong                                   ";
/// How many other rules of its group are looked at with each fault: enough to see that it is not everything that is broken.
const NEIGHBOURS: usize = 2;
/// A rule that waits for what a wrong plugin never does.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The wrong plugin with this fault, and the suite to find it.
fn with_fault(fault: &str) -> (Suite, Plugin) {
    let component = component_of("mngr-wrong-plugin");
    let component = match fault.starts_with("describe.") {
        true => written_over(component, &format!("{fault:width$}", width = NONE.len()), NONE),
        false => component,
    };
    let settings = Map::from_iter([("fault".to_owned(), Value::from(fault))]);
    let suite = Suite::in_memory().with_settings(settings).with_timeout(TIMEOUT);
    (suite, load("wrong", &component))
}

/// What the fault of a rule breaks besides it.
fn kin(rule: &Rule) -> &'static [&'static str] {
    let kin = KIN.iter().find(|(id, _)| *id == rule.id);
    kin.map_or(&[][..], |(_, kin)| kin)
}

/// The other rules of its group that its fault must leave alone: first those that come after it, then those before it.
fn neighbours(rule: &Rule) -> impl Iterator<Item = &'static str> {
    let group: Vec<_> = rules().filter(|other| other.group() == rule.group()).collect();
    let at = group.iter().position(|other| other.id == rule.id).unwrap_or_default();
    let others = group.len() - 1;
    let in_turn = group.into_iter().cycle().skip(at + 1).take(others);
    in_turn.map(|other| other.id).filter(move |id| !kin(rule).contains(id))
}

/// Each rule of a group is broken by its fault, and its kin with it, and none of its neighbours.
pub fn each_fault_is_found(group: &str) {
    let mut missed = Vec::new();
    for rule in rules().filter(|rule| rule.group() == group) {
        let (suite, plugin) = with_fault(rule.id);
        let wrong: BTreeSet<_> = [rule.id].into_iter().chain(kin(rule).iter().copied()).collect();
        let looked_at = wrong.iter().copied().chain(neighbours(rule).take(NEIGHBOURS));
        let report = run(&suite.only(looked_at), &plugin);
        if BTreeSet::from_iter(ids(report.failed())) != wrong {
            missed.push(format!("{}: {:?}", rule.id, broken(&report)));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn without_a_fault_it_breaks_no_rule() {
    let (suite, plugin) = with_fault("none");
    assert_eq!(broken(&run(&suite, &plugin)), [""; 0]);
}
