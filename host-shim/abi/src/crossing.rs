//! The types whose layout both sides must agree on.
#![allow(
    missing_docs,
    unsafe_code,
    non_local_definitions,
    clippy::all,
    reason = "the macros of abi_stable write most of this"
)]

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_trait;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, ROption, RSlice, RStr, RString, RVec};

/// What a library exports, with `abi_stable`'s `#[export_root_module]`.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRef)))]
#[sabi(missing_field(panic))]
pub struct Plugin {
    /// The version of the contract that it was built against, semver.
    pub contract: RStr<'static>,
    /// Answers one call of an exported function: its name, its arguments, and what it may ask for meanwhile.
    ///
    /// It may be called from several threads at the same time, and keeps nothing from one call to the next.
    #[sabi(last_prefix_field)]
    pub call: extern "C" fn(operation: RStr<'_>, arguments: RSlice<'_, u8>, host: BoxedHost) -> Outcome,
}

impl RootModule for PluginRef {
    abi_stable::declare_root_module_statics! {PluginRef}
    const BASE_NAME: &'static str = "mngr_plugin";
    const NAME: &'static str = "mngr_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// How a call of a library ended.
#[repr(u8)]
#[derive(StableAbi, Debug, Clone)]
pub enum Outcome {
    /// With this result.
    Answered(RVec<u8>),
    /// It panicked, with this message.
    Panicked(RString),
    /// The host did not want it any more.
    Cancelled,
    /// It does not know that function, can not read the arguments, or can not write the result.
    Misunderstood(RString),
}

/// The result of a host call.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct Answer {
    /// What [`Host::submit`] returned for it.
    pub ticket: u64,
    pub result: RVec<u8>,
}

/// What a library is handed with a call: the functions that the contract imports.
///
/// Those that wait are submitted, as many at a time as the plugin likes, and then awaited together.
#[sabi_trait]
pub trait Host: Send + Sync {
    /// Begins a host call and returns its ticket.
    fn submit(&self, operation: RStr<'_>, arguments: RSlice<'_, u8>) -> u64;

    /// Waits for any call that was submitted. None: the call that this is made in is not wanted any more.
    fn wait(&self) -> ROption<Answer>;

    /// Gives a call up that was submitted; it is not answered any more.
    fn give_up(&self, ticket: u64);

    /// Calls a function that does not wait.
    fn ask(&self, operation: RStr<'_>, arguments: RSlice<'_, u8>) -> RVec<u8>;

    /// Gives a stream back that is not passed on.
    #[sabi(last_prefix_field)]
    fn release(&self, handle: u64);
}

/// [`Host`] as it crosses.
pub type BoxedHost = Host_TO<'static, RBox<()>>;
