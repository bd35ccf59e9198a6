//! The program `mngr-docker` as a person or a script meets it, on a real engine and on engines that are not there.
#![expect(clippy::disallowed_macros, reason = "a test prints for whoever runs it")]

mod bounds;
mod checking;
mod completing;
mod configuration;
mod conformance;
mod contained;
mod crash;
mod engines;
mod flags;
mod gpus;
mod hostile;
mod life;
mod logging;
mod logs;
mod machines;
mod moving;
mod native;
mod person;
mod plugins;
mod policy;
mod providers;
mod running;
mod snapshots;
mod soaking;
mod ssh;
mod terminal;
mod trust;
mod watching;
