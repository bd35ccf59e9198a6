//! Loads provider plugins and owns every connection they may ask for.

pub mod bridge;
pub mod config;
pub mod contract;
pub mod engine;
pub mod environment;
pub mod error;
pub mod guard;
pub mod host;
pub mod journal;
pub mod loader;
pub mod policy;
pub mod provider;
pub mod sandbox;
pub mod streams;
