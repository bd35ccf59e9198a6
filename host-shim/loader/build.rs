//! Says what the program is built for, which is what native libraries must be built for.

fn main() {
    println!(
        "cargo::rustc-env=MNGR_TARGET={}",
        std::env::var("TARGET").unwrap_or_default()
    );
    println!("cargo::rerun-if-changed=build.rs");
}
