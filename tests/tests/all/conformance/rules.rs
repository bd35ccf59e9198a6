//! The rules themselves.

use std::collections::BTreeSet;
use std::path::Path;

use mngr_conformance::{Suite, rules};

#[test]
fn each_rule_has_an_id_of_its_own_and_the_contract_has_its_source() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut seen = BTreeSet::new();
    for rule in rules() {
        assert!(seen.insert(rule.id), "{} is there twice", rule.id);
        assert!(rule.statement.len() > 20, "{}: {}", rule.id, rule.statement);
        let file = std::fs::read_to_string(wit.join(rule.file())).expect(rule.id);
        let (_, item) = rule.source.split_once('.').expect(rule.id);
        let forms = [
            format!("{item}: "),
            format!("record {item} "),
            format!("enum {item} "),
            format!("variant {item} "),
            format!("world {item} "),
        ];
        assert!(
            forms.iter().any(|form| file.contains(form)),
            "{}: {} is not in the contract",
            rule.id,
            rule.source
        );
    }
    assert!(seen.len() > 200, "{} rules", seen.len());
}

#[test]
fn a_rule_needs_only_what_the_contract_has() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let instance = std::fs::read_to_string(wit.join("instance.wit")).expect("the contract");
    for rule in rules() {
        for need in rule
            .needs
            .iter()
            .filter(|need| !need.starts_with("--") && !need.starts_with("setting "))
        {
            assert!(
                instance.contains(&format!("  {need}: async func(")),
                "{}: {need}",
                rule.id
            );
        }
    }
}

#[test]
fn an_id_that_no_rule_has_is_refused_with_the_nearest() {
    let plugin = super::load("null", &mngr_docker_tests::component_of("mngr-null-provider"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let refused = runtime.block_on(Suite::in_memory().only(["create.all-or-noting"]).run(&plugin));
    let error = refused.expect_err("there is no such rule");
    assert_eq!((error.kind(), error.field()), ("invalid_argument", Some("rule")));
    assert!(error.remedy().contains("create.all-or-nothing"), "{}", error.remedy());
}
