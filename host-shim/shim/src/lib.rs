//! Loads provider plugins and owns every connection they may ask for.
//!
//! [`Host`](host::Host) opens providers, a [`Provider`](provider::Provider) makes and finds agents:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mngr_host_shim::config::ProviderConfig;
//! use mngr_host_shim::host::Host;
//! use mngr_host_shim::provider::NewAgent;
//! use mngr_host_shim::sandbox::SandboxEngine;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> mngr_host_shim::contract::Result<()> {
//! let host = Host::new()?;
//! // `host.open(&config)` reaches the engine that the Docker CLI would; this one is in memory.
//! let engine = Arc::new(SandboxEngine::new().with_image("debian:bookworm-slim"));
//! let provider = host.open_on(&ProviderConfig::named("docker"), engine).await?;
//!
//! let agent = provider.create(NewAgent::named("worker").image("debian:bookworm-slim")).await?;
//! assert_eq!(agent.name, "worker");
//! # Ok(())
//! # }
//! ```
//!
//! The layers below are crates of their own. What of them an embedding program needs is here under one name.

pub mod arguments;
pub mod check;
pub mod config;
pub mod discovery;
pub mod host;
pub mod json;
pub mod migrate;
pub mod provider;
pub mod trust;

pub use mngr_contract as contract;
pub use mngr_contract::{environment, error, streams, trace, words};
pub use mngr_engine as engine;
pub use mngr_engine::failpoint;
pub use mngr_guard as guard;
pub use mngr_guard::policy;
pub use mngr_loader as loader;
pub use mngr_registry as registry;
pub use mngr_sandbox as sandbox;
