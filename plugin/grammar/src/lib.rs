//! How people write what the Docker provider reads: the spellings of the Docker CLI.
//!
//! The provider's plugin and the command line read the same words, and both must understand them alike. So each spelling is
//! read here, once. Nothing in this crate does I/O, and it builds for WebAssembly as the plugin does.
//!
//! What a flag is *for* is no part of a grammar: the plugin has the table of flags, and says what it makes of each.

#![forbid(unsafe_code)]

pub mod arguments;
pub mod flags;
pub mod size;
pub mod values;
pub mod words;
