//! x
#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod contract {
    wit_bindgen::generate!({ path: "../wit", world: "provider-plugin", pub_export_macro: true, generate_all });
}
