//! The program `mngr-docker` as a person or a script meets it, on a real engine and on engines that are not there.

mod configuration;
mod crash;
mod engines;
mod life;
mod person;
mod snapshots;
mod ssh;
mod terminal;
mod watching;
