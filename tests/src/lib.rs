//! What behaviour tests stand on: the same test source on a real engine and on the sandbox engine, so that the two can not
//! drift apart.
//!
//! ```
//! use mngr_docker_tests::behaviours;
//! use mngr_host_shim::provider::NewAgent;
//!
//! behaviours! {
//!     async fn an_agent_keeps_its_name(bed) {
//!         let agent = bed.provider.create(NewAgent::named("a")).await.expect("created");
//!         assert_eq!(agent.name, "a");
//!     }
//!
//!     #[everywhere]
//!     async fn what_a_command_prints_arrives_whole(bed) {
//!         bed.agent("a").await;
//!         assert_eq!(bed.shell("a", "seq 3").await, (0, "1\n2\n3\n".to_owned()));
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Every test has a provider instance of its own, so that it sees only its own agents and others may use the engine at the
//! same time. What it made is removed by that provider's label when it ends, however it ends.

mod component;
mod docker_cli;
mod fault_proxy;
mod flood;
pub mod fuzz;
mod network_mount;
mod private_engine;
mod registry;
pub mod sshd;
mod tally;
mod testbed;
pub mod tls;
mod until;
pub mod wat;
pub mod wire;

pub use component::{
    cache_home, component, component_of, component_of_version, component_with, library, library_of, plugin_cache,
    program, with_note, written_over,
};
pub use docker_cli::DockerCli;
pub use fault_proxy::{Fault, FaultProxy};
pub use flood::{Flood, flood_server};
pub use mngr_conformance::remove_all;
pub use network_mount::NetworkMount;
pub use private_engine::{PrivateEngine, Setup};
pub use registry::Registry;
pub use tally::{Compared, Tally};
pub use testbed::{IMAGE, Kind, Testbed, argv, error_kind, output_of, run, run_private, tar_of};
pub use until::{until, until_asked};

/// Defines each test for every way in which the provider and its engine may be reached: as `sandbox::…`, as `native::…` with the
/// plugin as a dynamic library, as `real::…` and, with SSH between it and the real engine, as `remote::…`.
///
/// On the sandbox engine and on the real one each test always runs. By way of the library and by way of SSH, those marked with
/// `#[everywhere]` run always: they cover what can go wrong with that way and with no other, such as streams, half of a connection
/// that is closed, large archives, many calls at once, and cancellation. The others are `native_rest::…` and `remote_rest::…`,
/// which `cargo xtask test --all` runs as well.
#[macro_export]
macro_rules! behaviours {
    ($($tests:tt)*) => { $crate::sorted_behaviours! { [] [] $($tests)* } };
}

/// What [`behaviours!`] makes of its tests: those that run everywhere, and the others.
#[doc(hidden)]
#[macro_export]
macro_rules! sorted_behaviours {
    (
        [$($everywhere:ident)*] [$($other:ident)*]
        #[everywhere] $(#[$attribute:meta])* async fn $name:ident($bed:ident) $body:block
        $($tests:tt)*
    ) => {
        $(#[$attribute])* async fn $name($bed: &$crate::Testbed) $body
        $crate::sorted_behaviours! { [$($everywhere)* $name] [$($other)*] $($tests)* }
    };
    (
        [$($everywhere:ident)*] [$($other:ident)*]
        $(#[$attribute:meta])* async fn $name:ident($bed:ident) $body:block
        $($tests:tt)*
    ) => {
        $(#[$attribute])* async fn $name($bed: &$crate::Testbed) $body
        $crate::sorted_behaviours! { [$($everywhere)*] [$($other)* $name] $($tests)* }
    };
    ([$($everywhere:ident)*] [$($other:ident)*]) => {
        $crate::behaviours_on! { sandbox Sandbox $($everywhere)* $($other)* }
        $crate::behaviours_on! { real Real $($everywhere)* $($other)* }
        $crate::behaviours_on! { native Native $($everywhere)* }
        $crate::behaviours_on! { native_rest Native $($other)* }
        $crate::behaviours_on! { remote Remote $($everywhere)* }
        $crate::behaviours_on! { remote_rest Remote $($other)* }
    };
}

/// A module with these tests on that kind of engine.
#[doc(hidden)]
#[macro_export]
macro_rules! behaviours_on {
    ($module:ident $kind:ident $($name:ident)*) => {
        mod $module {
            $(#[test] fn $name() { $crate::run($crate::Kind::$kind, async |bed| super::$name(bed).await); })*
        }
    };
}
