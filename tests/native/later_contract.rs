//! A library that was built against a later version of the contract.
#![allow(missing_docs, unsafe_code)]

use abi_stable::export_root_module;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::std_types::{RSlice, RStr};
use mngr_plugin_abi::{BoxedHost, Outcome, Plugin, PluginRef};

extern "C" fn call(_: RStr<'_>, _: RSlice<'_, u8>, _: BoxedHost) -> Outcome {
    // Whoever calls it has not looked.
    std::process::abort()
}

#[export_root_module]
pub fn plugin() -> PluginRef {
    Plugin {
        contract: RStr::from_str("0.2.0"),
        call,
    }
    .leak_into_prefix()
}
