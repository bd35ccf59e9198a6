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
//! }
//! # fn main() {}
//! ```
//!
//! Every test has a provider instance of its own, so that it sees only its own agents and others may use the engine at the
//! same time. What it made is removed by that provider's label when it ends, however it ends.

mod component;
mod fault_proxy;
pub mod fuzz;
mod network_mount;
mod private_engine;
mod registry;
pub mod sshd;
mod testbed;
pub mod tls;
pub mod wat;
pub mod wire;

pub use component::{
    component, component_of, component_of_version, component_with, library, library_of, plugin_cache, program,
    with_note, written_over,
};
pub use fault_proxy::{Fault, FaultProxy};
pub use mngr_conformance::remove_all;
pub use network_mount::NetworkMount;
pub use private_engine::{PrivateEngine, Setup};
pub use registry::Registry;
pub use testbed::{IMAGE, Kind, Testbed, argv, error_kind, output_of, run, run_private, tar_of};

/// Defines each test four times: as `sandbox::…`, as `native::…` with the plugin as a dynamic library, as `real::…` and, with SSH
/// between it and the real engine, as `remote::…`.
#[macro_export]
macro_rules! behaviours {
    ($($(#[$attribute:meta])* async fn $name:ident($bed:ident) $body:block)*) => {
        $($(#[$attribute])* async fn $name($bed: &$crate::Testbed) $body)*

        mod sandbox {
            $(#[test] fn $name() { $crate::run($crate::Kind::Sandbox, async |bed| super::$name(bed).await); })*
        }

        mod native {
            $(#[test] fn $name() { $crate::run($crate::Kind::Native, async |bed| super::$name(bed).await); })*
        }

        mod real {
            $(#[test] fn $name() { $crate::run($crate::Kind::Real, async |bed| super::$name(bed).await); })*
        }

        mod remote {
            $(#[test] fn $name() { $crate::run($crate::Kind::Remote, async |bed| super::$name(bed).await); })*
        }
    };
}
