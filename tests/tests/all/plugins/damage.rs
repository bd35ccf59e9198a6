//! Components that are cut short or damaged: refused with a reason, or run as what they are; never a panic, a crash or a hang.

use std::path::Path;

use mngr_docker_tests::wat::Wat;
use mngr_docker_tests::{component, fuzz};
use mngr_host_shim::contract;
use mngr_host_shim::loader::{Compiler, Loader};

/// Pseudo-random numbers (xorshift64), so that a seed says all.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let given = std::env::var("MNGR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| now.map_or(1, |now| now.as_secs() | 1));
        println!("MNGR_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).expect("64 bits")).expect("less than the end")
    }
}

/// What is cut short is refused, but where all that is lost is a custom section or more, which mean nothing.
fn cut(loader: &Loader, bytes: &[u8], length: usize) {
    match loader.load("cut.wasm", &bytes[..length]) {
        Err(error) => assert_eq!(error.field(), Some("plugin"), "{length} bytes: {}", error.message()),
        Ok(_) => assert_eq!(bytes[length], 0, "{length} of {} bytes", bytes.len()),
    }
}

fn loader() -> Loader {
    Loader::new(None).expect("a loader").compiled_by(Compiler::in_process())
}

/// A component of one function, which is compiled in no time.
fn small() -> Vec<u8> {
    let text = r#"(component
        (import "mngr:provider/system@VERSION" (instance $system
            (export "random-id" (func (result string)))
            (export "now" (func (result string)))))
        (core module $m
            (memory (export "memory") 1)
            (table 2 funcref)
            (elem (i32.const 0) $f)
            (data (i32.const 8) "0.1.0")
            (func $f (param i32 i32) (result i32)
                (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 8)) (else (i32.div_u (local.get 1) (local.get 0)))))
            (func (export "run") (result i32) (call $f (i32.const 1) (i32.const 2)))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
        (core instance $i (instantiate $m))
        (func $run (result u32) (canon lift (core func $i "run")))
        (instance (export "mngr:provider/backend@VERSION") (export "run" (func $run))))"#;
    wat::parse_str(text.replace("VERSION", contract::VERSION)).expect("a component")
}

#[test]
fn a_small_component_cut_at_every_byte_is_refused() {
    let (loader, bytes) = (loader(), small());
    for length in 0..bytes.len() {
        cut(&loader, &bytes, length);
    }
    // Of a whole plugin a sample: each part of it that is there takes its time to compile.
    let bytes = Wat::new().build();
    for length in (0..bytes.len()).step_by(bytes.len() / 200) {
        cut(&loader, &bytes, length);
    }
}

#[test]
fn our_own_component_is_refused_wherever_it_is_cut() {
    let (loader, bytes) = (loader(), component());
    // Every byte of the header and the first sections, then a sample.
    for length in (0..200)
        .chain((200..bytes.len()).step_by(bytes.len() / 200))
        .chain([bytes.len() - 1])
    {
        cut(&loader, &bytes, length);
    }
}

#[test]
fn ten_thousand_flipped_bits_crash_nothing() {
    let mut random = Random::seeded();
    let whole = small();
    let flips: Vec<_> = (0..10_000)
        .map(|_| (random.below(whole.len()), random.below(8)))
        .collect();
    std::thread::scope(|scope| {
        for part in flips.chunks(2_500) {
            let whole = &whole;
            scope.spawn(move || {
                for (at, bit) in part {
                    let mut bytes = whole.clone();
                    bytes[*at] ^= 1 << bit;
                    fuzz::loader(&bytes);
                }
            });
        }
    });
}

#[test]
fn a_plugin_with_flipped_bits_crashes_nothing_when_it_is_called() {
    let mut random = Random::seeded();
    let whole = Wat::new().build();
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(3) {
            let (at, bit) = (random.below(bytes.len()), random.below(8));
            bytes[at] ^= 1 << bit;
        }
        fuzz::loader(&bytes);
    }
}

#[test]
fn what_the_fuzzer_has_kept_crashes_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/loader");
    let mut tried = 0;
    for file in std::fs::read_dir(corpus).expect("a corpus") {
        fuzz::loader(&std::fs::read(file.expect("a file").path()).expect("its bytes"));
        tried += 1;
    }
    assert!(tried > 10, "{tried} files");
}
