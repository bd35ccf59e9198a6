//! A plugin that breaks one rule at a time: the suite finds it, and of its neighbours finds little else.

use std::collections::BTreeSet;
use std::time::Duration;

use mngr_conformance::{Suite, rules};
use mngr_docker_tests::{component_of, written_over};
use mngr_host_shim::loader::Plugin;
use serde_json::{Map, Value};

use super::{broken, ids, load, run};

/// As `tests/wrong-plugin/src/describe.rs` has it.
const NONE: &str = "describe.nothing-is-wrong                                   ";
/// Most rules of a group that one fault may break: some are about one behaviour from several sides.
const FEW: usize = 4;
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

/// Each rule of a group is broken by its fault, and few of its neighbours with it.
fn each_fault_is_found(group: &str) {
    let mut missed = Vec::new();
    for rule in rules().filter(|rule| rule.group() == group) {
        let (suite, plugin) = with_fault(rule.id);
        let report = run(&suite.only([format!("{group}.*")]), &plugin);
        let found = ids(report.failed());
        if !found.contains(&rule.id) || found.len() > FEW {
            missed.push(format!("{}: {} found, {:?}", rule.id, found.len(), broken(&report)));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn without_a_fault_it_breaks_no_rule() {
    let (suite, plugin) = with_fault("none");
    assert_eq!(broken(&run(&suite, &plugin)), [""; 0]);
}

/// A test for each group, so that they run side by side.
macro_rules! groups {
    ($($test:ident: $group:literal)*) => {
        $(#[test] fn $test() { each_fault_is_found($group); })*

        #[test]
        fn no_group_is_left_out() {
            let tested = BTreeSet::from([$($group),*]);
            assert_eq!(rules().map(|rule| rule.group()).collect::<BTreeSet<_>>(), tested);
        }
    };
}

groups! {
    faults_of_cancel: "cancel"
    faults_of_changes: "changes"
    faults_of_check_config: "check-config"
    faults_of_concurrency: "concurrency"
    faults_of_copies: "copy"
    faults_of_copies_in: "copy-in"
    faults_of_copies_out: "copy-out"
    faults_of_create: "create"
    faults_of_describe: "describe"
    faults_of_destroy: "destroy"
    faults_of_discover: "discover"
    faults_of_documents: "documents"
    faults_of_errors: "errors"
    faults_of_exec: "exec"
    faults_of_failing_engines: "faults"
    faults_of_fork: "fork"
    faults_of_gc: "gc"
    faults_of_get: "get"
    faults_of_gpus: "gpus"
    faults_of_labels: "labels"
    faults_of_logs: "logs"
    faults_of_migrate_in: "migrate-in"
    faults_of_migrate_out: "migrate-out"
    faults_of_pause: "pause"
    faults_of_port: "port"
    faults_of_reconcile: "reconcile"
    faults_of_rename: "rename"
    faults_of_resources: "resources"
    faults_of_resume: "resume"
    faults_of_snapshot_check: "snapshot-check"
    faults_of_snapshot_create: "snapshot-create"
    faults_of_snapshot_delete: "snapshot-delete"
    faults_of_snapshot_diff: "snapshot-diff"
    faults_of_snapshot_list: "snapshot-list"
    faults_of_snapshot_load: "snapshot-load"
    faults_of_snapshot_pull: "snapshot-pull"
    faults_of_snapshot_push: "snapshot-push"
    faults_of_snapshot_save: "snapshot-save"
    faults_of_start: "start"
    faults_of_states: "states"
    faults_of_stats: "stats"
    faults_of_stop: "stop"
    faults_of_update_limits: "update-limits"
    faults_of_volume_delete: "volume-delete"
    faults_of_volumes: "volumes"
    faults_of_watch: "watch"
}
