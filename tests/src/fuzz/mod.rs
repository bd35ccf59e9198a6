//! What the fuzzer calls (`tests/fuzz/fuzz_targets`), and the tests with what it has kept.

mod loader;

pub use loader::loader;
