//! What every layer of the host-shim knows: the contract of `wit/` as Rust types, one module per published version, made by
//! the bindings generator; and beside it streams, errors, limits, names of labels, clean paths, the environment and tracing.
//!
//! [`types`], [`docker`], [`system`], [`backend`] and [`instance`] are the newest version's, which is what the rest of the
//! shim speaks. Nothing here opens a connection.

mod defaults;
pub mod directories;
pub mod environment;
pub mod error;
pub mod labels;
pub mod limits;
pub mod paths;
pub mod streams;
pub mod trace;
pub mod v0_1_0;
pub mod words;

pub use v0_1_0::ProviderPlugin;
pub use v0_1_0::exports::mngr::provider::{backend, instance};
pub use v0_1_0::mngr::provider::{docker, gpu, ssh, system, types};

pub use types::ProviderError;

/// What every operation of the contract returns.
pub type Result<T> = std::result::Result<T, ProviderError>;

/// The version of the contract this shim speaks, as WIT packages are versioned.
pub const VERSION: &str = "0.1.0";
