//! Glue between the contract as a binding has it and [`Capabilities`](crate::Capabilities). Nothing is decided here.

pub mod wasm;
