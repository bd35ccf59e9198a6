//! x
#[allow(missing_docs)]
pub mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "provider-plugin", imports: { default: async | trappable }, exports: { default: async } });
}
