//! What takes long, group by group, so that the groups run side by side: real engines, and plugins that break a rule each.

use std::collections::BTreeSet;

use mngr_conformance::rules;

macro_rules! groups {
    ($($name:ident: $group:literal)*) => {
        $(mod $name {
            use crate::conformance::{right, wrong};

            #[test]
            fn our_plugin_keeps_its_rules_on_a_real_engine() {
                right::ours_on_a_real_engine($group);
            }

            #[test]
            fn the_template_keeps_what_it_claims_of_it_on_a_real_engine() {
                right::the_template_on_a_real_engine($group);
            }

            #[test]
            fn each_fault_in_it_breaks_its_rule_and_no_neighbour() {
                wrong::each_fault_is_found($group);
            }
        })*

        #[test]
        fn no_group_is_left_out() {
            let tested = BTreeSet::from([$($group),*]);
            assert_eq!(rules().map(|rule| rule.group()).collect::<BTreeSet<_>>(), tested);
        }
    };
}

groups! {
    cancel: "cancel"
    changes: "changes"
    check_config: "check-config"
    concurrency: "concurrency"
    copies: "copy"
    copies_in: "copy-in"
    copies_out: "copy-out"
    create: "create"
    describe: "describe"
    destroy: "destroy"
    discover: "discover"
    documents: "documents"
    errors: "errors"
    exec: "exec"
    failing_engines: "faults"
    fork: "fork"
    gc: "gc"
    get: "get"
    gpus: "gpus"
    labels: "labels"
    logs: "logs"
    migrate_in: "migrate-in"
    migrate_out: "migrate-out"
    pause: "pause"
    port: "port"
    reconcile: "reconcile"
    rename: "rename"
    resources: "resources"
    resume: "resume"
    snapshot_check: "snapshot-check"
    snapshot_create: "snapshot-create"
    snapshot_delete: "snapshot-delete"
    snapshot_diff: "snapshot-diff"
    snapshot_list: "snapshot-list"
    snapshot_load: "snapshot-load"
    snapshot_pull: "snapshot-pull"
    snapshot_push: "snapshot-push"
    snapshot_save: "snapshot-save"
    start: "start"
    states: "states"
    stats: "stats"
    stop: "stop"
    update_limits: "update-limits"
    volume_delete: "volume-delete"
    volumes: "volumes"
    watch: "watch"
}
