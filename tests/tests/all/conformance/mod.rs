//! The conformance suite: right plugins pass it, and for each rule there is a wrong one that does not.

mod groups;
mod kin;
mod right;
mod rules;
mod wrong;

use mngr_conformance::{Report, Suite};
use mngr_docker_tests::plugin_cache;
use mngr_host_shim::loader::{Loader, Plugin};

fn load(origin: &str, bytes: &[u8]) -> Plugin {
    let loader = Loader::new(Some(plugin_cache())).expect("a loader");
    loader.load(origin, bytes).expect("a plugin")
}

fn run(suite: &Suite, plugin: &Plugin) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(suite.run(plugin)).expect("a report")
}

/// The pattern of a group's rules.
fn rules_of(group: &str) -> String {
    format!("{group}.*")
}

/// The rules that are broken, each with the reason.
fn broken(report: &Report) -> Vec<String> {
    let told = report
        .failed()
        .map(|outcome| format!("{}: {}", outcome.rule.id, outcome.verdict.reason().unwrap_or_default()));
    told.collect()
}

fn ids<'a>(outcomes: impl Iterator<Item = &'a mngr_conformance::Outcome>) -> Vec<&'static str> {
    outcomes.map(|outcome| outcome.rule.id).collect()
}
