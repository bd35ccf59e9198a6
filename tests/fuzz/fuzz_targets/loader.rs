//! Any bytes as a component.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mngr_docker_tests::fuzz::loader(bytes));
