//! Plugins that do what the contract promises: ours, the template, and one that can do next to nothing.

use std::sync::Arc;

use mngr_conformance::{Rule, Suite, rules};
use mngr_docker_tests::{IMAGE, Registry, component, component_of, library};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::backend::Description;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::loader::{Loader, Plugin};

use super::{broken, ids, load, run};

/// What no real engine can be made to show, and why.
const NOT_ON_A_REAL_ENGINE: &[&str] = &["gpus.are-told-with-their-holders"];

fn on_a_real_engine() -> Suite {
    let config = ProviderConfig::named("docker");
    let engine = connect(&config, &Environment::of_process(), &Tunnels::default());
    Suite::on(Arc::new(engine.expect("an engine's address")), IMAGE)
}

fn describe(plugin: &Plugin) -> Description {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(plugin.describe()).expect("a description")
}

/// Whether a provider says that it can do all that a rule is about.
fn fits(rule: &Rule, said: &Description) -> bool {
    rule.needs.iter().all(|need| match need.strip_prefix("setting ") {
        Some(setting) => said.settings.iter().any(|known| known.key == setting),
        None => {
            said.start_arguments.iter().any(|known| known.flag == *need)
                || said
                    .capabilities
                    .iter()
                    .any(|known| *known == format!("instance.{need}"))
        }
    })
}

/// It keeps every rule about what it says that it can do but for these, and they and all others are skipped.
fn keeps_what_it_claims(plugin: &Plugin, suite: &Suite, but: &[&str]) -> usize {
    let report = run(suite, plugin);
    assert_eq!(broken(&report), [""; 0]);
    let said = describe(plugin);
    let claims = |rule: &&Rule| fits(rule, &said) && !but.contains(&rule.id);
    let claimed: Vec<_> = rules().filter(claims).map(|rule| rule.id).collect();
    assert_eq!(ids(report.passed()), claimed);
    for outcome in report.skipped() {
        let reason = outcome.verdict.reason().expect("a reason");
        assert!(
            reason.starts_with("the provider has no "),
            "{}: {reason}",
            outcome.rule.id
        );
    }
    claimed.len()
}

#[test]
fn our_plugin_keeps_every_rule_in_memory() {
    let report = run(&Suite::in_memory(), &load("ours", &component()));
    assert_eq!(broken(&report), [""; 0]);
    assert_eq!(ids(report.skipped()), [""; 0]);
}

#[test]
fn our_plugin_keeps_every_rule_on_a_real_engine() {
    let registry = Registry::open();
    let suite = on_a_real_engine().with_registry(registry.address());
    let report = run(&suite, &load("ours", &component()));
    assert_eq!(broken(&report), [""; 0]);
    assert_eq!(ids(report.skipped()), NOT_ON_A_REAL_ENGINE);
}

#[test]
fn our_library_keeps_every_rule_in_memory() {
    let loader = Loader::new(None).expect("a loader").allowing_native();
    let plugin = loader.load_file(&library()).expect("a plugin");
    assert!(plugin.is_native());
    let report = run(&Suite::in_memory(), &plugin);
    assert_eq!(broken(&report), [""; 0]);
    assert_eq!(ids(report.skipped()), [""; 0]);
}

#[test]
fn a_provider_that_has_no_agents_is_a_provider() {
    let plugin = load("null", &component_of("mngr-null-provider"));
    // It has no setting that could be misspelt.
    let but = ["check-config.unknown-key-names-the-nearest"];
    assert!(keeps_what_it_claims(&plugin, &Suite::in_memory(), &but) > 15);
}

#[test]
fn the_template_keeps_what_it_claims_in_memory() {
    let plugin = load("template", &component_of("my-provider"));
    assert!(keeps_what_it_claims(&plugin, &Suite::in_memory(), &[]) > 80);
}

#[test]
fn the_template_keeps_what_it_claims_on_a_real_engine() {
    let plugin = load("template", &component_of("my-provider"));
    let registry = Registry::open();
    let suite = on_a_real_engine().with_registry(registry.address());
    assert!(keeps_what_it_claims(&plugin, &suite, &[]) > 80);
}
