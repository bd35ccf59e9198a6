//! Plugins as they come: what is no plugin, what is installed, and what takes over while calls are made.

mod compile;
mod damage;
mod files;
mod install;
mod limits;
mod native;
mod oci;
mod reload;
mod settings;
mod shelf;
mod signatures;
