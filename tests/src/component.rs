//! Our own component and our own library, and components that say they are other versions of it.

use std::path::{Path, PathBuf};

use mngr_host_shim::loader::ArtefactCache;

const COMPONENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/component");
const CACHE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/cache");
/// What the wrong plugin has where a version may be written, as `tests/wrong-plugin/src/describe.rs` has it.
const OWN_VERSION: &str = "its own version                 ";

/// The provider's component, as `cargo xtask component` leaves it.
///
/// # Panics
/// Where it has not been built.
pub fn component() -> Vec<u8> {
    component_of("mngr-docker-plugin")
}

/// The component of a package: besides the provider's those of `mngr-null-provider`, `mngr-wrong-plugin` and `my-provider`, which
/// is the template.
///
/// # Panics
/// Where it has not been built.
pub fn component_of(package: &str) -> Vec<u8> {
    let path = format!("{COMPONENTS}/{package}.wasm");
    std::fs::read(path).expect("run `cargo xtask component` first")
}

/// A component that does what the provider's does, and says that it is that version: `describe` gives it.
///
/// # Panics
/// Where the text is too long for a version.
pub fn component_of_version(version: &str) -> Vec<u8> {
    let written = format!("{version:width$}", width = OWN_VERSION.len());
    written_over(component_of("mngr-wrong-plugin"), &written, OWN_VERSION)
}

/// The provider's component, with one text of its data written over another of that length.
///
/// # Panics
/// Where it is of another length or not there.
pub fn component_with(text: &str, in_place_of: &str) -> Vec<u8> {
    written_over(component(), text, in_place_of)
}

/// Another component, with one text of its data written over another of that length.
///
/// # Panics
/// Where it is of another length or not there.
pub fn written_over(mut bytes: Vec<u8>, text: &str, in_place_of: &str) -> Vec<u8> {
    assert_eq!(text.len(), in_place_of.len(), "it is written over the other");
    let found = in_place_of.as_bytes();
    let places: Vec<_> = (0..bytes.len() - found.len())
        .filter(|at| &bytes[*at..at + found.len()] == found)
        .collect();
    assert!(!places.is_empty(), "the component does not hold `{in_place_of}`");
    for at in places {
        bytes[at..at + found.len()].copy_from_slice(text.as_bytes());
    }
    bytes
}

/// The same component with another SHA-256: a custom section named `x` with this in it.
///
/// # Panics
/// Where `note` is too long for a section of one byte's length.
pub fn with_note(mut bytes: Vec<u8>, note: &str) -> Vec<u8> {
    let length = u8::try_from(note.len() + 2).expect("a short note");
    assert!(length < 0x80, "a short note");
    bytes.extend_from_slice(&[0, length, 1, b'x']);
    bytes.extend_from_slice(note.as_bytes());
    bytes
}

/// The provider as a dynamic library, as it is built with these tests.
///
/// # Panics
/// Where it was not.
pub fn library() -> PathBuf {
    built("libmngr_docker_plugin.so")
}

/// One of the libraries in `tests/native`.
///
/// # Panics
/// Where it was not built.
pub fn library_of(example: &str) -> Vec<u8> {
    std::fs::read(built(&format!("examples/lib{example}.so"))).expect("a library")
}

/// `XDG_CACHE_HOME` for programs that tests start, so that what one has compiled is there for all. `cargo xtask test` compiles what
/// most of them need before the first begins.
pub fn cache_home() -> &'static Path {
    Path::new(CACHE)
}

/// The same for a loader.
pub fn plugin_cache() -> ArtefactCache {
    ArtefactCache::at(cache_home().join("mngr-docker"))
}

/// The program `mngr-docker` that was built with these tests.
///
/// # Panics
/// Where it was not.
pub fn program() -> PathBuf {
    built("mngr-docker")
}

fn built(file: &str) -> PathBuf {
    let this = std::env::current_exe().expect("this program");
    let folders = this.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(file)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("test the whole workspace, so that `{file}` is built too"))
}
