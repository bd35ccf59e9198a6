//! A library that panics before it has said what it is.
#![allow(missing_docs, unsafe_code)]

use abi_stable::export_root_module;
use mngr_plugin_abi::PluginRef;

#[export_root_module]
pub fn plugin() -> PluginRef {
    panic!("not today")
}
