//! A library whose root module has the name of a plugin's, and other fields.
#![allow(missing_docs, unsafe_code)]

use abi_stable::StableAbi;
use abi_stable::export_root_module;
use abi_stable::library::RootModule;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::RStr;

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRef)))]
#[sabi(missing_field(panic))]
pub struct Plugin {
    pub contract: RStr<'static>,
    #[sabi(last_prefix_field)]
    pub call: extern "C" fn(u64) -> u64,
}

impl RootModule for PluginRef {
    abi_stable::declare_root_module_statics! {PluginRef}
    const BASE_NAME: &'static str = "mngr_plugin";
    const NAME: &'static str = "mngr_plugin";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

extern "C" fn call(_: u64) -> u64 {
    std::process::abort()
}

#[export_root_module]
pub fn plugin() -> PluginRef {
    // Whoever asks for it has not looked.
    std::process::abort();
    #[allow(unreachable_code)]
    Plugin {
        contract: RStr::from_str("0.1.0"),
        call,
    }
    .leak_into_prefix()
}
