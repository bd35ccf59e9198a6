//! Plugins written by hand: components that fulfil the contract's form, and in one function or another do as the test says.
//!
//! What no test says answers with nothing but zeros, which is a success: an agent without a name, an empty list.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Function, Resolve, WorldItem};

const WIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
const WORLD: &str = "provider-plugin";
/// Where in memory the answer to `describe` is.
const DESCRIPTION: u32 = 1024;
/// And that to `check-config`.
const REPORT: u32 = 2048;
/// A place in memory that nothing is written to: some 12 KB of zeros.
pub const ZEROS: u32 = 4096;
/// A place in memory for whatever a function has to put somewhere, as large.
pub const SCRATCH: u32 = 16_384;

/// A plugin to be.
pub struct Wat {
    bodies: BTreeMap<String, String>,
    more: String,
    pages: u32,
    /// A function that lacks the last of its arguments.
    lacking: Option<String>,
}

impl Default for Wat {
    fn default() -> Self {
        Self::new()
    }
}

impl Wat {
    /// One that does nothing wrong.
    pub fn new() -> Self {
        let mut bodies = BTreeMap::new();
        bodies.insert("describe".to_owned(), format!("i32.const {DESCRIPTION}"));
        bodies.insert("check-config".to_owned(), format!("i32.const {REPORT}"));
        Self {
            bodies,
            more: String::new(),
            pages: 4,
            lacking: None,
        }
    }

    /// The same, whose exported function of that name does this. It calls an import by its name, `$log`; by `$async.log` it
    /// does not wait for it.
    pub fn doing(mut self, export: &str, body: &str) -> Self {
        self.bodies.insert(export.to_owned(), body.to_owned());
        self
    }

    /// The same with more in its module.
    pub fn with(mut self, more: &str) -> Self {
        self.more.push_str(more);
        self
    }

    /// The same with that much memory, in pages of 64 KiB.
    pub fn pages(self, pages: u32) -> Self {
        Self { pages, ..self }
    }

    /// The same, whose exported function of that name lacks the last argument that the contract gives it.
    pub fn lacking_an_argument(self, export: &str) -> Self {
        Self {
            lacking: Some(export.to_owned()),
            ..self
        }
    }

    /// The component.
    ///
    /// # Panics
    /// Where what it is to do is no WebAssembly, with all of the text.
    pub fn build(self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(WIT).expect("the contract");
        let world = resolve.select_world(&[package], Some(WORLD)).expect("the world");
        for item in resolve.worlds[world].exports.values() {
            if let (WorldItem::Interface { id, .. }, Some(lacking)) = (item, &self.lacking)
                && let Some(function) = resolve.interfaces[*id].functions.get_mut(lacking)
            {
                function.params.pop();
            }
        }
        let text = self.module(&resolve, world);
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the world");
        let encoder = ComponentEncoder::default();
        let encoded = encoder
            .validate(true)
            .module(&module)
            .and_then(|mut encoder| encoder.encode());
        encoded.expect("a component")
    }

    fn module(&self, resolve: &Resolve, world: wit_parser::WorldId) -> String {
        let said: String = self.bodies.values().chain([&self.more]).map(String::as_str).collect();
        let calls = |name: &str| {
            let called = format!("call ${name}");
            said.match_indices(&called)
                .any(|(at, _)| !said[at + called.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        };
        let mut text = "(module\n".to_owned();
        for (interface, function) in functions(resolve, &resolve.worlds[world].imports) {
            for (prefix, lower, variant) in [
                ("", "", AbiVariant::GuestImport),
                ("async.", "[async-lower]", AbiVariant::GuestImportAsync),
            ] {
                let name = format!("{prefix}{}", function.name);
                if calls(&name) {
                    let signature = shown(&resolve.wasm_signature(variant, function));
                    let _ = writeln!(
                        text,
                        r#"(import "{interface}" "{lower}{}" (func ${name}{signature}))"#,
                        function.name
                    );
                }
            }
        }
        if calls("waitable-set.new") {
            text.push_str(r#"(import "$root" "[waitable-set-new]" (func $waitable-set.new (result i32)))"#);
        }
        let _ = writeln!(text, r#"(memory (export "memory") {})"#, self.pages);
        text.push_str(&data());
        text.push_str(&self.more);
        for (interface, function) in functions(resolve, &resolve.worlds[world].exports) {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let nothing = match signature.results.is_empty() {
                true => String::new(),
                false => format!("i32.const {ZEROS}"),
            };
            let body = self.bodies.get(&function.name).unwrap_or(&nothing);
            let _ = writeln!(
                text,
                "(func (export \"{interface}#{}\"){} {body})",
                function.name,
                shown(&signature)
            );
        }
        // What is passed in is never looked at, so that it may lie over what was passed before.
        text.push_str(
            r#"(global $next (mut i32) (i32.const 0))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $next (i32.and (i32.add (global.get $next) (i32.add (local.get 3) (i32.const 16))) (i32.const 0xfff0)))
                (i32.add (i32.const 0x20000) (global.get $next))))"#,
        );
        text
    }
}

/// The functions of a world's interfaces, with the names of those.
fn functions<'a>(
    resolve: &'a Resolve,
    items: impl IntoIterator<Item = (&'a wit_parser::WorldKey, &'a WorldItem)>,
) -> Vec<(String, &'a Function)> {
    let mut all = Vec::new();
    for (key, item) in items {
        if let WorldItem::Interface { id, .. } = item {
            let name = resolve.name_world_key(key);
            all.extend(
                resolve.interfaces[*id]
                    .functions
                    .values()
                    .map(|function| (name.clone(), function)),
            );
        }
    }
    all
}

fn shown(signature: &WasmSignature) -> String {
    let list = |kind: &str, types: &[WasmType]| {
        types.iter().fold(String::new(), |mut text, of| {
            let of = match of {
                WasmType::I64 | WasmType::PointerOrI64 => "i64",
                WasmType::F32 => "f32",
                WasmType::F64 => "f64",
                WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
            };
            let _ = write!(text, " ({kind} {of})");
            text
        })
    };
    list("param", &signature.params) + &list("result", &signature.results)
}

/// A segment of data at that place.
pub fn segment(at: u32, bytes: &[u8]) -> String {
    let escaped = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    });
    format!("(data (i32.const {at}) \"{escaped}\")\n")
}

/// What `describe` and `check-config` answer: a version, and settings as an empty object.
fn data() -> String {
    const TEXTS: u32 = 512;
    let texts = segment(TEXTS, b"0.1.0{}");
    let text = |at: u32, length: u32| [at.to_le_bytes(), length.to_le_bytes()].concat();
    // The name's place, then the version.
    let description = segment(DESCRIPTION, &[text(TEXTS, 0), text(TEXTS, 5)].concat());
    texts + &description + &segment(REPORT, &text(TEXTS + 5, 2))
}
