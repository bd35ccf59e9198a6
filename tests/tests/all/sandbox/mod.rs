//! The sandbox engine behaves as Docker does, seen through the `Engine` trait alone.
#![allow(clippy::unwrap_used)]

mod containers;
mod exec;
mod files;
mod fixture;
mod images;
mod observation;
mod processes;
