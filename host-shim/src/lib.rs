//! Loads provider plugins and owns every connection they may ask for.

pub mod contract;
pub mod engine;
pub mod error;
pub mod streams;
