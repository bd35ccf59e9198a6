//! Bindings of `mngr:provider@0.1.0`. Never edited once released: a later version gets a module beside this one.
#![allow(missing_docs, unsafe_code, clippy::all)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "provider-plugin",
    exports: { default: async },
    additional_derives: [serde::Serialize, serde::Deserialize],
    with: {
        "mngr:provider/docker.exec-session": crate::streams::ExecSession,
        "mngr:provider/docker.log-stream": crate::streams::LogStream,
        "mngr:provider/docker.archive": crate::streams::Archive,
    },
});
