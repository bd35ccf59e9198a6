//! Glue between the contract as a binding has it and [`Capabilities`](crate::Capabilities). Nothing is decided here.

#[cfg(not(target_family = "wasm"))]
pub mod native;
pub mod wasm;
