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

pub mod bridge;
pub mod build;
pub mod check;
pub mod config;
pub mod conformance;
pub mod contract;
pub mod credentials;
pub mod discovery;
pub mod engine;
pub mod environment;
pub mod error;
pub mod failpoint;
pub mod gpu;
pub mod guard;
pub mod host;
pub mod journal;
pub mod json;
pub mod loader;
pub mod migrate;
pub mod policy;
pub mod provider;
pub mod registry;
pub mod sandbox;
pub mod streams;
pub mod template;
pub mod trace;
