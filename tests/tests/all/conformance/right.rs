//! Plugins that do what the contract promises: ours, the template, and one that can do next to nothing.

use std::sync::Arc;

use mngr_conformance::{Rule, Suite};
use mngr_docker_tests::{IMAGE, Registry, component, component_of, library};
use mngr_host_shim::config::ProviderConfig;
use mngr_host_shim::contract::backend::Description;
use mngr_host_shim::engine::connect::connect;
use mngr_host_shim::engine::ssh::Tunnels;
use mngr_host_shim::environment::Environment;
use mngr_host_shim::loader::{Loader, Plugin};

use super::{broken, ids, load, rules_of, run};

/// What no real engine can be made to show, and why.
const NOT_ON_A_REAL_ENGINE: &[&str] = &["gpus.are-told-with-their-holders"];

/// Has a group of rules looked at on the engine that the Docker CLI would use, with a registry beside it.
fn on_a_real_engine(group: &str, plugin: &Plugin, keeps: impl FnOnce(&Suite, &Plugin)) {
    let config = ProviderConfig::named("docker");
    let engine = connect(&config, &Environment::of_process(), &Tunnels::default());
    let registry = Registry::open();
    let suite = Suite::on(Arc::new(engine.expect("an engine's address")), IMAGE)
        .with_registry(registry.address())
        .only([rules_of(group)]);
    keeps(&suite, plugin);
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

/// It keeps every rule that the suite looks at but for these, which are skipped.
fn keeps_all(plugin: &Plugin, suite: &Suite, but: &[&str]) {
    let report = run(suite, plugin);
    assert_eq!(broken(&report), [""; 0]);
    let looked_at = ids(report.outcomes.iter());
    let (skipped, kept): (Vec<_>, Vec<_>) = looked_at.into_iter().partition(|id| but.contains(id));
    assert_eq!(ids(report.passed()), kept);
    assert_eq!(ids(report.skipped()), skipped);
}

/// It keeps every rule about what it says that it can do but for these, and they and all others are skipped.
fn keeps_what_it_claims(plugin: &Plugin, suite: &Suite, but: &[&str]) -> usize {
    let report = run(suite, plugin);
    assert_eq!(broken(&report), [""; 0]);
    let said = describe(plugin);
    let claims = |rule: &&Rule| fits(rule, &said) && !but.contains(&rule.id);
    let looked_at = report.outcomes.iter().map(|outcome| outcome.rule);
    let claimed: Vec<_> = looked_at.filter(claims).map(|rule| rule.id).collect();
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

pub fn ours_on_a_real_engine(group: &str) {
    on_a_real_engine(group, &load("ours", &component()), |suite, plugin| {
        keeps_all(plugin, suite, NOT_ON_A_REAL_ENGINE);
    });
}

pub fn the_template_on_a_real_engine(group: &str) {
    on_a_real_engine(
        group,
        &load("template", &component_of("my-provider")),
        |suite, plugin| {
            keeps_what_it_claims(plugin, suite, &[]);
        },
    );
}

#[test]
fn our_plugin_keeps_every_rule_in_memory() {
    keeps_all(&load("ours", &component()), &Suite::in_memory(), &[]);
}

#[test]
fn our_library_keeps_every_rule_in_memory() {
    let loader = Loader::new(None).expect("a loader").allowing_native();
    let plugin = loader.load_file(&library()).expect("a plugin");
    assert!(plugin.is_native());
    keeps_all(&plugin, &Suite::in_memory(), &[]);
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
