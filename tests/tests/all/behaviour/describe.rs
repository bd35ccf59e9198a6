//! What the plugin says of itself, as a component and as a library.

use std::path::Path;

use mngr_docker_tests::{Kind, Testbed, run};

/// `instance.NAME` for each function of the contract's interface, in its order.
fn functions() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/instance.wit");
    let text = std::fs::read_to_string(file).expect("the contract");
    let names = text.lines().filter_map(|line| line.trim().split_once(": async func("));
    names.map(|(name, _)| format!("instance.{name}")).collect()
}

/// That each of them works as well is a rule of the conformance suite.
async fn it_claims_every_function_of_the_contract(bed: &Testbed) {
    let mut description = bed.provider.plugin().describe().await.expect("a description");
    let mut functions = functions();
    assert!(functions.contains(&"instance.create".to_owned()), "{functions:?}");
    functions.sort();
    description.capabilities.sort();
    assert_eq!(description.capabilities, functions);
    assert_eq!(description.name, "docker");
}

#[test]
fn the_component_claims_every_function_of_the_contract() {
    run(Kind::Sandbox, async |bed| {
        it_claims_every_function_of_the_contract(bed).await
    });
}

#[test]
fn the_library_claims_every_function_of_the_contract() {
    run(Kind::Native, async |bed| {
        it_claims_every_function_of_the_contract(bed).await
    });
}
