//! What the fuzzer has kept, and what it starts from, through the same function.

use std::path::Path;

use proptest::prelude::*;

#[path = "../../../fuzz/src/policy.rs"]
mod policy;

#[test]
fn every_input_that_was_kept_is_decided_on_as_the_rules_say() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/policy");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus).expect("a corpus") {
        let path = entry.expect("an entry").path();
        policy::run(&std::fs::read(&path).expect("an input"));
        seen += 1;
    }
    assert!(seen >= 20, "{seen} inputs are kept");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_decided_on_as_the_rules_say(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        policy::run(&bytes);
    }
}
